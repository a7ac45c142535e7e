"""Event loops on virtual time."""

import time

import anyio
import anyio.to_thread
import pytest

from llmstream.testing import clock

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


async def test_an_hour_takes_no_time() -> None:
    began, really = anyio.current_time(), time.perf_counter()
    await anyio.sleep(3600)
    assert anyio.current_time() - began == pytest.approx(3600)
    assert time.perf_counter() - really < 1


async def test_what_is_due_first_comes_first() -> None:
    async def note(seconds: float) -> None:
        await anyio.sleep(seconds)
        order.append((seconds, round(anyio.current_time() - began, 6)))

    order: list[tuple[float, float]] = []
    began = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        for seconds in (30, 10, 0.001, 20):
            tasks.start_soon(note, seconds)
    assert order == [(0.001, 0.001), (10, 10), (20, 20), (30, 30)]


async def test_a_limit_runs_out_exactly() -> None:
    began = anyio.current_time()
    with anyio.move_on_after(5) as scope:
        await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert anyio.current_time() - began == pytest.approx(5)


async def test_time_stands_still_while_there_is_something_to_do() -> None:
    began = anyio.current_time()
    with anyio.move_on_after(1) as scope:
        for _ in range(1000):
            await anyio.lowlevel.checkpoint()
    assert not scope.cancel_called
    assert anyio.current_time() == began


async def test_without_a_deadline_a_thread_is_waited_for() -> None:
    assert await anyio.to_thread.run_sync(lambda: 5) == 5


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_it_serves_runs_too(backend) -> None:
    async def main() -> float:
        began = anyio.current_time()
        await anyio.sleep(100)
        return anyio.current_time() - began

    for _ in range(2):
        name, options = clock.virtual(backend)
        assert anyio.run(main, backend=name, backend_options=options) == pytest.approx(100)
