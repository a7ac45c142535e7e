"""Combinators that work while they are read, and need no task: map, filter, coalesce, until."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator
from inspect import isawaitable
from types import TracebackType
from typing import Self

from llmstream.stage import Stage
from llmstream.stream.pure import Coalesce, Filter, Map, Mapped, Until, several
from llmstream.stream.source import Source
from llmstream.values.events import Event


class Piped:
    """Events that go through a step while they are read.

    `async with` and `aclose` close the source; so do its end, a failure of it and one of the step.
    """

    def __init__(self, stream: AsyncIterable[Event], stage: Stage[Event, Event], /) -> None:
        self._source = Source(stream)
        self._stage = stage
        self._outs: Iterator[Event] = iter(())
        self._over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        try:
            while True:
                for event in self._outs:
                    return event
                if self._over:
                    raise StopAsyncIteration
                self._outs = iter(await self._read())
        except BaseException:
            self._over = True
            await self._source.aclose()
            raise

    async def __aenter__(self) -> Self:
        await self._source.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the source; what was not given is not given any more."""
        self._over, self._outs = True, iter(())
        await self._source.aclose()

    async def _read(self) -> Iterable[Event]:
        """What follows from the source's next event, or from its end."""
        try:
            event = await anext(self._source)
        except StopAsyncIteration:
            self._over = True
            return self._stage.feed_eof()
        return await self._fed(event)

    async def _fed(self, event: Event) -> Iterable[Event]:
        return self._stage.feed(event)


class _Mapped(Piped):
    """Events that go through a function which may be asynchronous."""

    def __init__(
        self, stream: AsyncIterable[Event], function: Callable[[Event], Mapped | Awaitable[Mapped]]
    ) -> None:
        super().__init__(stream, Map(_nothing))
        self._function = function

    async def _fed(self, event: Event) -> Iterable[Event]:
        made = self._function(event)
        return several(await made if isawaitable(made) else made)


def _nothing(_: Event) -> None:
    """At its end a mapped stream has nothing more."""


class _Ended(Piped):
    """Events up to one, before which the source is closed."""

    def __init__(self, stream: AsyncIterable[Event], stage: Until) -> None:
        super().__init__(stream, stage)
        self._until = stage

    async def _fed(self, event: Event) -> Iterable[Event]:
        events = await super()._fed(event)
        if self._until.over:
            self._over = True
            await self._source.aclose()
        return events


def map(stream: AsyncIterable[Event], function: Callable[[Event], Mapped | Awaitable[Mapped]], /) -> Piped:
    """Put what a function makes of each event in its place: an event, several, or None for nothing.

    The function may be asynchronous.
    """
    return _Mapped(stream, function)


def filter(stream: AsyncIterable[Event], wanted: Callable[[Event], bool], /) -> Piped:
    """Keep the events of which a predicate is true."""
    return Piped(stream, Filter(wanted))


def coalesce(stream: AsyncIterable[Event], characters: int, /) -> Piped:
    """Join neighbouring deltas of one part until they have so many characters; the fold is unchanged."""
    return Piped(stream, Coalesce(characters))


def until(
    stream: AsyncIterable[Event],
    found: Callable[[Event], bool] | str | re.Pattern[str],
    /,
    *,
    window: int = 256,
) -> Piped:
    """End with the first event of which a predicate is true, or where the visible text matches a pattern.

    The source is closed before the last event is given; `Until` says how a pattern is looked for.
    """
    return _Ended(stream, Until(found, window=window))
