"""Responses that are no stream."""

import pytest

from llmstream.testing.sim import refusals
from llmstream.testing.sim.answers import DIALECTS, answer, codec_of
from llmstream.testing.sim.plan import SENTINEL
from llmstream.testing.sim.seed import Seed


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_refusal_is_one_of_the_wire(dialect: str) -> None:
    said = answer(Seed(0), codec_of(dialect))
    for number in range(20):
        plan = refusals.status(Seed(number), said)
        assert plan.head.status >= 400
        body = b"".join(step for step in plan.body() if isinstance(step, bytes))
        assert said.codec.error(plan.head, body).status == plan.outcome.status


def test_the_key_is_echoed() -> None:
    said = answer(Seed(0), codec_of("anthropic"))
    for number in range(5):
        (body,) = refusals.echo(Seed(number), said).body()
        assert isinstance(body, bytes)
        assert SENTINEL.encode() in body


def test_a_wait_is_said_in_a_header() -> None:
    said = answer(Seed(0), codec_of("anthropic"))
    names = {next(reversed(refusals.retry_after(Seed(n), said).head.headers)) for n in range(20)}
    assert names == {"retry-after", "retry-after-ms"}


def test_bodies_of_another_kind_have_a_good_status() -> None:
    said = answer(Seed(0), codec_of("ollama"))
    makers = (refusals.page, refusals.error_document, refusals.whole_document, refusals.empty)
    assert {make(Seed(0), said).head.status // 100 for make in makers} == {2}
