"""The Converse codec as a whole, and against recorded answers."""

from pathlib import Path

import attrs
import pytest

from llmstream import Request, ToolCallPart, reduce
from llmstream.jsontext import dump_bytes, loads
from llmstream.testing import corpus, laws
from llmstream.testing.corpus import Case
from llmstream.values.content import Part
from llmstream.wire.bedrock import CODEC, BedrockCodec
from llmstream.wire.framing.eventstream import EventStreamFramer
from llmstream.wire.framing.whole import WholeFramer
from llmstream.wire.http import HttpRequest, ResponseHead


def test_the_codec_says_what_it_is() -> None:
    assert (CODEC.name, CODEC.provider) == ("bedrock", "bedrock")
    assert BedrockCodec("other").server.provider == "other"


def test_a_body_is_framed_by_its_type() -> None:
    for kind, framer in (
        ("application/json", WholeFramer),
        ("application/vnd.amazon.eventstream", EventStreamFramer),
    ):
        assert isinstance(CODEC.framer(ResponseHead(200, {"content-type": kind})), framer)


@pytest.fixture(scope="module")
def cases(shared: Path) -> list[Case]:
    """The recorded cases."""
    found = list(corpus.cases(shared / "corpus", "bedrock"))
    assert len(found) >= 19
    return found


@pytest.fixture(scope="module")
def answers(cases: list[Case]) -> list[Case]:
    """The recorded answers, refusals apart."""
    return [case for case in cases if case.status < 400]


def test_recorded_answers_keep_the_laws(answers: list[Case]) -> None:
    for case in answers:
        laws.split(CODEC, case.body, head=case.head)
        decoded = laws.decode_all(CODEC, [case.body], head=case.head)
        laws.truncation(CODEC, case.body, head=case.head, offsets=range(0, len(case.body), 101))
        laws.grammar(decoded.events, complete=decoded.error is None)


def test_recorded_answers_are_canonical_and_come_back(answers: list[Case]) -> None:
    for case in answers:
        decoded = laws.decode_all(CODEC, [case.body], head=case.head)
        if decoded.error is None:
            assert CODEC.server.canonical(decoded.events) == tuple(decoded.events), case.name
            assert laws.round_trip(CODEC, decoded.events), case.name


def test_recorded_answers_can_be_given_whole(answers: list[Case]) -> None:
    for case in answers:
        decoded = laws.decode_all(CODEC, [case.body], head=case.head)
        if decoded.error is not None:
            continue
        response = reduce(decoded.events)
        http = CODEC.server.whole(Request("m"), response)
        again = reduce(laws.decode_all(CODEC, [http.body], head=http.head).events)
        assert list(map(plain, again.parts)) == list(map(plain, response.parts)), case.name
        assert attrs.evolve(again, parts=()) == attrs.evolve(response, parts=()), case.name


def plain(part: Part) -> Part:
    return attrs.evolve(part, raw="") if isinstance(part, ToolCallPart) else part


def test_recorded_requests_are_read_and_written_alike(cases: list[Case]) -> None:
    for case in cases:
        if case.request is None:
            continue
        http = HttpRequest("POST", "/model/m/converse-stream", (), dump_bytes(case.request))
        written = CODEC.encode(CODEC.server.request(http))
        assert CODEC.encode(CODEC.server.request(written)) == written, case.name
        assert said(loads(written.body)) == said(case.request), case.name


def said(body: dict) -> dict:
    """A body without the empty ways to say nothing."""
    config = {key: value for key, value in body.get("inferenceConfig", {}).items() if value != []}
    body = {**body, "inferenceConfig": config}
    return {key: value for key, value in body.items() if value not in ([], {})}
