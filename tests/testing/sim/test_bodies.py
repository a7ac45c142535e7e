"""Faults of a body."""

import pytest

from llmstream.testing.sim import bodies
from llmstream.testing.sim.answers import answer, codec_of
from llmstream.testing.sim.plan import Break, Plan
from llmstream.testing.sim.seed import Seed

SAID = answer(Seed(3), codec_of("anthropic"))


def spoken(plan: Plan) -> bytes:
    return b"".join(step for step in plan.body() if isinstance(step, bytes))


@pytest.mark.parametrize(
    "make", [bodies.end_between, bodies.end_inside, bodies.lost_between, bodies.lost_inside, bodies.stall]
)
def test_what_is_cut_is_the_beginning_and_fails_before_the_ending(make) -> None:
    for number in range(50):
        plan = make(Seed(number), SAID)
        assert SAID.body.startswith(spoken(plan))
        assert (plan.outcome.whole is False) is (len(spoken(plan)) <= SAID.ends_at)


def test_what_changes_nothing_must_be_a_whole_answer() -> None:
    for make in (bodies.line_ends, bodies.byte_order_mark, bodies.comments, bodies.stall_after_end):
        assert make(Seed(0), SAID).outcome.whole
    plan = bodies.lost_after_end(Seed(0), SAID)
    assert spoken(plan) == SAID.body
    assert tuple(plan.body())[-1] == Break("lost")


def test_what_changes_the_words_says_so() -> None:
    for make in (bodies.byte_changed, bodies.no_utf8, bodies.wrong_shape, bodies.frame_twice):
        plans = [make(Seed(number), SAID) for number in range(20)]
        assert all(plan.outcome.foreign for plan in plans)
        assert any(spoken(plan) != SAID.body for plan in plans)


def test_what_is_endless_says_so() -> None:
    assert bodies.keep_alives(Seed(0), SAID).endless
    assert bodies.endless_deltas(Seed(0), SAID).total is not None
