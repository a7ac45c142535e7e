"""Sources that are read by tasks, inside an `async with` that outlives none of them."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup

from llmstream.errors import ConfigError, TruncatedStreamError
from llmstream.stream.source import Source
from llmstream.values.events import Event

Take = Callable[[Event], Awaitable[None]]
End = Callable[[Exception | None], None]


class Reader:
    """One source, read to its end by one task, which opens it and closes it.

    Attributes:
        over: the source is closed.
    """

    def __init__(self, stream: AsyncIterable[Event], take: Take, end: End, /) -> None:
        self._stream = stream
        self._take = take
        self._end = end
        self._scope = anyio.CancelScope()
        self.over = anyio.Event()

    def stop(self) -> None:
        """End the task, wherever it waits."""
        self._scope.cancel()

    async def run(self) -> None:
        """Read; what goes wrong is told, not raised."""
        failure: Exception | None = TruncatedStreamError(
            "the stream was closed before the answer was complete", phase="consumer"
        )
        try:
            with self._scope:
                async with Source(self._stream) as source:
                    async for event in source:
                        await self._take(event)
                failure = None
        except Exception as error:  # noqa: BLE001 - raised again where the events are taken
            failure = error
        finally:
            self.over.set()
            self._end(failure)


def _check_stream(given: object, at: int) -> None:
    if not isinstance(given, AsyncIterable):
        raise ConfigError(f"expected a stream of events at position {at}, got {type(given).__name__}")


class Reading:
    """What reads sources by tasks: it is entered, for nothing else could be sure to end them."""

    def __init__(self, *streams: AsyncIterable[Event]) -> None:
        for at, stream in enumerate(streams):
            _check_stream(stream, at)
        self._streams = streams
        self._group: TaskGroup | None = None
        self._readers: list[Reader] = []

    async def __aenter__(self) -> Self:
        group = anyio.create_task_group()
        await group.__aenter__()
        self._group = group
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        group, self._group = self._group, None
        for reader in self._readers:
            reader.stop()
        try:
            if not self._readers:
                await self._close_unread()
        finally:
            if group is not None:
                # Not told of the error, which it would wrap; its tasks have ended when it returns.
                await group.__aexit__(None, None, None)

    async def aclose(self) -> None:
        """Close the sources now."""
        for reader in self._readers:
            reader.stop()
        for reader in self._readers:
            await reader.over.wait()
        if not self._readers:
            await self._close_unread()

    async def _close_unread(self) -> None:
        """Close sources of which nothing was asked: they may have been begun elsewhere."""
        for stream in self._streams:
            await Source(stream).aclose()

    def _read(self, stream: AsyncIterable[Event], take: Take, end: End) -> Reader:
        """Begin to read a source."""
        if self._group is None:
            name = type(self).__name__.lower()
            raise ConfigError(
                f"expected `async with {name}(...)` around what is read from it, for it reads in a task"
            )
        reader = Reader(stream, take, end)
        self._readers.append(reader)
        self._group.start_soon(reader.run)
        return reader
