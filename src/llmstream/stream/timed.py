"""Combinators that need a clock: timeout, throttle, smooth."""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import AsyncIterable
from math import inf
from typing import Self

import anyio
import attrs

from llmstream.errors import ConfigError, TimeoutExceeded
from llmstream.stream.mailbox import Mailbox
from llmstream.stream.piped import Piped
from llmstream.stream.pure import Filter, Pending
from llmstream.stream.reading import Reading
from llmstream.values.events import Event, ReasoningDelta, TextDelta

# How many events that cannot be joined may wait before the source is read no further.
_MOST_WAITING = 1024
# How often evenly flowing text moves on: as often as a screen shows it.
_TICK = 1 / 30
_ZERO_WIDTH_JOINER = "\u200d"


class _Timeout(Piped):
    def __init__(self, stream: AsyncIterable[Event], between: float | None, total: float | None) -> None:
        super().__init__(stream, Filter(lambda _: True))
        self._between = between
        self._total = total
        self._end: float | None = None

    async def _read(self) -> tuple[Event, ...]:
        now = anyio.current_time()
        if self._end is None:
            self._end = inf if self._total is None else now + self._total
        next_by = inf if self._between is None else now + self._between
        with anyio.CancelScope(deadline=min(next_by, self._end)):
            return tuple(await super()._read())
        raise self._exceeded("total" if self._end <= next_by else "between")

    def _exceeded(self, clock: str) -> TimeoutExceeded:
        seconds = (self._total if clock == "total" else self._between) or 0.0
        what = "the end of the events" if clock == "total" else "the next event"
        error = TimeoutExceeded(f"expected {what} within {seconds} s", clock=clock, seconds=seconds)
        error.partial = self._source.partial()
        error.retryable = error.partial is None
        return error


def timeout(
    stream: AsyncIterable[Event], /, between: float | None = None, *, total: float | None = None
) -> Piped:
    """Raise when the next event, or the end, does not come in time; the source is closed then.

    Args:
        between: seconds to wait for each event; the time between two askings does not count.
        total: seconds from the first asking to the end.

    Raises:
        TimeoutExceeded: its clock is "between" or "total".
    """
    if between is None and total is None:
        raise ConfigError("expected between or total, or both, got neither")
    return _Timeout(stream, between, total)


class Throttle(Reading):
    """Events in batches, of which at most one comes in an interval; see `throttle`."""

    def __init__(self, stream: AsyncIterable[Event], seconds: float, /) -> None:
        super().__init__(stream)
        self._stream = stream
        self._seconds = seconds
        self._box = Mailbox[Event](Pending(), _MOST_WAITING)
        self._batch = 0
        self._next = -inf

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if not self._readers:
            self._read(self._stream, self._box.put, self._box.end)
        if not self._batch:
            await self._due()
        self._batch -= 1
        return await self._box.take()

    async def _due(self) -> None:
        """Wait for events, and until their batch may be given."""
        await self._box.filled()
        if anyio.current_time() < self._next:
            with anyio.CancelScope(deadline=self._next):
                await self._box.ended()
        self._next = anyio.current_time() + self._seconds
        self._batch = max(len(self._box), 1)


def throttle(stream: AsyncIterable[Event], /, seconds: float) -> Throttle:
    """Give events in batches, at most one in so many seconds, with the deltas of a part joined.

    The end, be it Done or a failure, is not held back. The fold is unchanged. It is read inside
    `async with throttle(...) as events:`, which closes the source.
    """
    return Throttle(stream, seconds)


class Smooth(Reading):
    """Text in even pieces; see `smooth`."""

    def __init__(self, stream: AsyncIterable[Event], rate: float, /, *, lag: float = 1.0) -> None:
        super().__init__(stream)
        self._stream = stream
        self._rate = rate
        self._lag = lag
        self._box = Mailbox[Event](deque(), _MOST_WAITING)
        # The delta that is being given, and how much of it was.
        self._delta: TextDelta | ReasoningDelta | None = None
        self._at: int = 0
        self._waiting: int = 0
        self._next = -inf

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if not self._readers:
            self._read(self._stream, self._take, self._box.end)
        if self._delta is None:
            event = await self._box.take()
            if not isinstance(event, TextDelta | ReasoningDelta) or not event.text:
                return event
            self._delta, self._at = event, 0
        await anyio.sleep_until(self._next)
        return self._piece(self._delta, anyio.current_time())

    async def _take(self, event: Event) -> None:
        await self._box.put(event)
        if isinstance(event, TextDelta | ReasoningDelta):
            self._waiting += len(event.text)

    def _piece(self, delta: TextDelta | ReasoningDelta, now: float) -> Event:
        speed = max(self._rate, self._waiting / self._lag)
        start, end = self._at, _cut(delta.text, self._at + max(round(speed * _TICK), 1))
        self._at, self._waiting = end, self._waiting - (end - start)
        self._next = max(now, self._next) + (end - start) / speed
        if end < len(delta.text):
            # What belongs to the delta as a whole comes with its end.
            bare = attrs.evolve(delta, logprobs=()) if isinstance(delta, TextDelta) else delta
            return attrs.evolve(bare, text=delta.text[start:end])
        self._delta = None
        return attrs.evolve(delta, text=delta.text[start:]) if start else delta


def smooth(stream: AsyncIterable[Event], /, rate: float, *, lag: float = 1.0) -> Smooth:
    """Cut the deltas of text and reasoning so that they flow evenly, at `rate` characters a second.

    When more waits than that brings in `lag` seconds, it flows as much faster. What one sees as a
    character is not cut: marks stay with their letters, joined emojis with each other. The fold is
    unchanged. It is read inside `async with smooth(...) as events:`, which closes the source.
    """
    if not rate > 0 or not lag > 0:
        raise ConfigError(f"expected a rate and a lag above 0, got {rate} and {lag}")
    return Smooth(stream, rate, lag=lag)


def _cut(text: str, at: int) -> int:
    """The first place from `at` on where a new character begins, as a reader sees it."""
    while at < len(text) and (_goes_on(text[at]) or text[at - 1] == _ZERO_WIDTH_JOINER):
        at += 1
    return min(at, len(text))


def _goes_on(character: str) -> bool:
    """Whether it belongs to the one before: marks, joiners, skin tones, the low half of a surrogate pair."""
    return (
        unicodedata.category(character) in {"Mn", "Me", "Mc"}
        or character == _ZERO_WIDTH_JOINER
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\udc00" <= character <= "\udfff"
    )
