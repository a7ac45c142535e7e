"""Several sources as one: merge and race."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, Iterable
from functools import partial
from typing import Self

from llmstream.errors import ConfigError
from llmstream.stream.mailbox import Mailbox
from llmstream.stream.reading import Reader, Reading
from llmstream.values.events import Event

# How far a source may be ahead of the reader.
_AHEAD = 16


class Merge(Reading):
    """The events of several sources, each with its source's position; see `merge`."""

    def __init__(self, *streams: AsyncIterable[Event]) -> None:
        super().__init__(*streams)
        self._box = Mailbox[tuple[int, Event]](deque(), _AHEAD)
        self._open = len(streams)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[int, Event]:
        if not self._readers:
            for position, stream in enumerate(self._streams):
                self._read(stream, partial(self._take, position), self._end)
        return await self._box.take()

    async def _take(self, position: int, event: Event) -> None:
        await self._box.put((position, event))

    def _end(self, failure: Exception | None) -> None:
        self._open -= 1
        if failure is not None:
            for reader in self._readers:
                reader.stop()
        if failure is not None or not self._open:
            self._box.end(failure)


def merge(*streams: AsyncIterable[Event]) -> Merge:
    """Give the events of all streams as they come, as pairs of the stream's position and the event.

    The order inside each stream is kept. The first failure ends them all, after what came before it. A
    slow reader holds the sources back. It is read inside `async with merge(...) as events:`, which closes
    the sources.
    """
    if not streams:
        raise ConfigError("expected at least one stream to merge, got none")
    return Merge(*streams)


class Race(Reading):
    """The events of the source that is first to bring one; see `race`.

    Attributes:
        winner: the position of the source that won, once one has.
    """

    def __init__(self, *streams: AsyncIterable[Event]) -> None:
        super().__init__(*streams)
        self.winner: int | None = None
        self._box = Mailbox[Event](deque(), _AHEAD)
        self._open = len(streams)
        self._failure: Exception | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if not self._readers:
            for position, stream in enumerate(self._streams):
                self._read(stream, partial(self._take, position), partial(self._end, position))
        return await self._box.take()

    async def _take(self, position: int, event: Event) -> None:
        if self.winner is None:
            self.winner = position
            await self._close(reader for at, reader in enumerate(self._readers) if at != position)
        if position == self.winner:
            await self._box.put(event)

    async def _close(self, losers: Iterable[Reader]) -> None:
        waiting = tuple(losers)
        for reader in waiting:
            reader.stop()
        for reader in waiting:
            await reader.over.wait()

    def _end(self, position: int, failure: Exception | None) -> None:
        self._open -= 1
        self._failure = self._failure or failure
        if position == self.winner:
            self._box.end(failure)
        elif self.winner is None and not self._open:
            self._box.end(self._failure)


def race(*streams: AsyncIterable[Event]) -> Race:
    """Give the events of the stream that is first to bring one; the others are closed before it is given.

    A stream that fails or ends before its first event has lost; when all have, the first failure is
    raised. It is read inside `async with race(...) as events:`, which closes the sources.
    """
    if not streams:
        raise ConfigError("expected at least one stream to race, got none")
    return Race(*streams)
