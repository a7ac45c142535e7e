"""Functions in threads that can be abandoned."""

import threading
import time

import anyio
import pytest

from llmstream import ToolError
from llmstream.tools import threads
from llmstream.tools.threads import abandoned, in_thread

pytestmark = pytest.mark.anyio


async def test_a_value_and_every_exception_come_back() -> None:
    assert await in_thread(lambda: 3) == 3
    assert await in_thread(threading.get_ident) != threading.get_ident()
    for kind in (ValueError, StopIteration, SystemExit, KeyboardInterrupt, GeneratorExit):

        def fail(kind=kind):
            raise kind("x")

        # Python itself makes a StopIteration that leaves a coroutine a RuntimeError.
        with pytest.raises(RuntimeError if kind is StopIteration else kind):
            await in_thread(fail)


async def test_a_thread_that_hangs_is_left_and_counted(monkeypatch) -> None:
    go = threading.Event()
    before = abandoned()
    with anyio.move_on_after(0.02):
        await in_thread(go.wait)
    assert abandoned() == before + 1
    monkeypatch.setattr(threads, "MOST_ABANDONED", before + 1)
    with pytest.raises(ToolError, match="hang"):
        await in_thread(lambda: 1)
    go.set()
    until = time.monotonic() + 5
    while abandoned() > before and time.monotonic() < until:
        await anyio.sleep(0.005)
    assert abandoned() == before


async def test_what_nobody_waits_for_is_not_begun_and_not_counted() -> None:
    before, ran = abandoned(), []
    with anyio.CancelScope() as scope:
        scope.cancel()
        await in_thread(lambda: ran.append(1))
    assert (abandoned(), ran) == (before, [])
