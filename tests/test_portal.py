"""The thread behind the sync face, by itself; tests/test_sync.py has what is said through it."""

import threading

import anyio
import pytest

from llmstream import (
    Attachment,
    AudioDelta,
    Done,
    Event,
    ImageOut,
    Raw,
    ReasoningDelta,
    ServerError,
    TextDelta,
    ToolCallArgsDelta,
)
from llmstream.portal import Channel, Task, Thread, pump, thread, weight


def test_a_task_gives_what_its_function_gives_or_raises() -> None:
    async def where() -> str:
        return threading.current_thread().name

    async def fail() -> None:
        raise ServerError("gone")

    assert Task(where).result() == "llmstream"
    with pytest.raises(ServerError, match="gone"):
        Task(fail).result()


def test_a_task_is_cancelled_before_the_next_line() -> None:
    started, closed = threading.Event(), threading.Event()

    async def wait() -> None:
        started.set()
        try:
            await anyio.sleep_forever()
        finally:
            closed.set()

    task = Task(wait)
    task.start()
    started.wait(5)
    task.cancel()
    assert closed.is_set()


@pytest.mark.parametrize("error", [None, ServerError("gone")])
def test_a_channel_gives_what_was_put_and_then_the_end(error: Exception | None) -> None:
    channel = Channel[int](2)

    async def read(channel: Channel[int]) -> None:
        for number in range(9):
            await channel.put((number,))
        if error is not None:
            raise error

    Task(lambda: pump(read, channel)).start()
    got: list[int] = []
    while batch := next_batch(channel):
        assert len(batch) <= 2
        got += batch
    assert got == list(range(9))
    assert channel.drained()


def test_a_channel_is_bounded_in_bytes() -> None:
    channel, put = Channel[Event](1000, most_bytes=100, weigh=weight), list[int]()

    async def read(channel: Channel[Event]) -> None:
        for number in range(9):
            put.append(number)
            await channel.put([TextDelta(0, "x" * 60)])

    Task(lambda: pump(read, channel)).start()
    first = channel.take()
    got = len(first)
    while batch := channel.take():
        assert len(batch) <= 2
        got += len(batch)
    assert (got, put) == (9, list(range(9)))


@pytest.mark.parametrize(
    ("batch", "least", "most"),
    [
        ([TextDelta(0, "abc"), ReasoningDelta(0, "de"), ToolCallArgsDelta(0, "{}")], 7, 7),
        ([AudioDelta(0, b"12345"), ImageOut(1, Attachment("image/png", data=b"123"))], 8, 8),
        ([Raw({"a": "x" * 100}), Done()], 100, 120),
        ([TextDelta(0, "x" * 1000), *[TextDelta(0, "y")] * 500], 1000, 70_000),
    ],
)
def test_a_batch_is_weighed(batch: list[Event], least: int, most: int) -> None:
    assert least <= weight(batch) <= most


def next_batch(channel: Channel[int]) -> list[int]:
    try:
        return channel.take()
    except ServerError:
        return []


def test_a_thread_that_was_stopped_takes_no_calls() -> None:
    stopped = Thread()
    stopped.stop()
    with pytest.raises(ValueError, match="shuts down"):
        stopped.portal()
    assert thread.portal() is thread.portal()
