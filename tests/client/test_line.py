"""What a call waits for, and how another task ends it."""

import anyio
import pytest

from llmstream import ConnectionLost, TimeoutExceeded
from llmstream.client.line import Line
from llmstream.testing import clock

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


async def soon() -> str:
    await anyio.sleep(1)
    return "ready"


def late() -> TimeoutExceeded:
    return TimeoutExceeded("late")


async def test_a_wait_gives_what_is_waited_for() -> None:
    assert await Line().wait(anyio.current_time() + 2, soon, late) == "ready"


async def test_a_wait_has_an_end() -> None:
    with pytest.raises(TimeoutExceeded, match="late"):
        await Line().wait(anyio.current_time() + 0.5, soon, late)


@pytest.mark.parametrize("how", ["wait", "pause"])
async def test_a_wait_is_ended_by_another_task_and_none_begins_after(how) -> None:
    line = Line()

    async def wait() -> None:
        if how == "wait":
            await line.wait(anyio.current_time() + 100, anyio.sleep_forever, late)
        else:
            await line.pause(anyio.current_time() + 100)

    async def end() -> None:
        await anyio.sleep(3)
        line.interrupt()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(end)
        with pytest.raises(ConnectionLost, match="closed"):
            await wait()
    assert anyio.current_time() == pytest.approx(3)
    with pytest.raises(ConnectionLost):
        await wait()
    assert anyio.current_time() == pytest.approx(3)


async def test_a_pause_ends_at_its_time() -> None:
    line = Line()
    await line.pause(anyio.current_time() + 4)
    assert anyio.current_time() == pytest.approx(4)
