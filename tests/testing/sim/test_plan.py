"""Plans, and how the bytes of one come."""

from llmstream.testing.fakes import Pause
from llmstream.testing.sim.answers import answer, codec_of
from llmstream.testing.sim.plan import Break, Plan, dressed, planned
from llmstream.testing.sim.seed import Seed


def spoken(plan: Plan) -> bytes:
    return b"".join(step for step in plan.body() if isinstance(step, bytes))


def test_cuts_and_delays_change_no_byte() -> None:
    said = answer(Seed(0), codec_of("anthropic"))
    plan = planned(said, [*said.frames, Break("lost")])
    plans = [dressed(Seed(number), plan) for number in range(50)]
    assert {spoken(each) for each in plans} == {said.body}
    counts = {len(tuple(each.body())) for each in plans}
    assert len(counts) > 5
    assert any(isinstance(step, Pause) for each in plans for step in each.body())
    assert all(tuple(each.body()).count(Break("lost")) == 1 for each in plans)


def test_an_endless_plan_stays_as_it_is() -> None:
    said = answer(Seed(0), codec_of("anthropic"))
    plan = planned(said, (), endless=True)
    assert dressed(Seed(1), plan) is plan
