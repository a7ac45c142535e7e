"""Callers, and the ways in which they leave."""

import anyio
import pytest

from llmstream.testing import clock
from llmstream.testing.fakes import Pause, ScriptedModel
from llmstream.testing.sim import consumers
from llmstream.testing.sim.consumers import Act, BodyError, Countdown, Seen, drawn
from llmstream.testing.sim.seed import Seed
from llmstream.values.events import Done, TextDelta

pytestmark = pytest.mark.anyio
EVENTS = [TextDelta(0, "a"), Pause(3), TextDelta(0, "b"), Done(finish_reason="stop")]
SAID = [event for event in EVENTS if not isinstance(event, Pause)]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


@pytest.mark.parametrize("name", ["iterate", "plain", "batches", "slowly", "two_readers"])
async def test_who_reads_to_the_end_sees_all(name: str) -> None:
    seen, run = Seen(), getattr(consumers, name)
    await run(ScriptedModel([EVENTS]).prompt("hi"), Act(name, run, seconds=1.0), seen)
    assert (seen.events, seen.left) == (SAID, False)


async def test_who_awaits_has_the_response() -> None:
    seen = Seen()
    await consumers.whole(ScriptedModel([EVENTS]).prompt("hi"), consumers.READ, seen)
    assert seen.response is not None
    assert seen.response.text() == "ab"


async def test_who_breaks_or_fails_has_left() -> None:
    for run in (consumers.leave, consumers.fail):
        model, seen = ScriptedModel([EVENTS]), Seen()
        try:
            await run(model.prompt("hi"), Act("leave", run, after=0), seen)
        except BodyError:
            assert run is consumers.fail
        assert (seen.events, seen.left, model.closed) == (SAID[:1], True, 1)


async def test_another_task_closes() -> None:
    seen = Seen()
    await consumers.close(
        ScriptedModel([EVENTS]).prompt("hi"), Act("close", consumers.close, seconds=1.0), seen
    )
    assert seen.left
    assert seen.events == SAID[:1]


async def test_a_countdown_cancels_at_each_await() -> None:
    async def awaits() -> None:
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
            done.append(1)

    counts = []
    for at in range(1, 30):
        done: list[int] = []
        with anyio.CancelScope() as scope:
            await Countdown(awaits(), {at: scope})
        counts.append(len(done))
        if not scope.cancel_called:
            break
    assert counts == sorted(counts)
    assert set(counts) == {0, 1, 2, 3, 4, 5}


def test_all_kinds_of_callers_are_drawn() -> None:
    assert len({drawn(Seed(number)).name for number in range(200)}) == 10
