"""The clocks of one call: what it may still wait for, read before each wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf

from llmstream.client.timeouts import Timeouts
from llmstream.errors import TimeoutExceeded
from llmstream.values.events import (
    AudioDelta,
    Event,
    PartMetadata,
    Raw,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolProgress,
)


class Clocks:
    """Deadlines of one call; `now` gives the event loop's time in seconds.

    `total` and `first_event` run from the start, `stall` from the last progress, `liveness` from the
    last byte.
    """

    def __init__(self, timeouts: Timeouts, now: Callable[[], float]) -> None:
        self._timeouts = timeouts
        self._now = now
        start = now()
        self._total = _after(start, timeouts.total)
        self._progress = _after(start, timeouts.first_event)
        self._bytes = _after(start, timeouts.liveness)
        self._begun = False

    @property
    def deadline(self) -> float:
        """When the first of the clocks runs out."""
        return min(self._total, self._progress, self._bytes)

    def received(self) -> None:
        """Note that bytes came."""
        if self._timeouts.liveness is not None:
            self._bytes = _after(self._now(), self._timeouts.liveness)

    def saw(self, events: Iterable[Event]) -> None:
        """Note the events that came; only progress counts (law 11)."""
        if any(map(is_progress, events)):
            self._begun = True
            self._progress = _after(self._now(), self._timeouts.stall)

    def exceeded(self) -> TimeoutExceeded:
        """The error for the clock that ran out."""
        limits, deadline = self._timeouts, self.deadline
        if deadline == self._total:
            return _error("total", limits.total, "the whole answer")
        if deadline == self._bytes:
            return _error("liveness", limits.liveness, "a byte")
        if self._begun:
            return _error("stall", limits.stall, "more of the answer")
        return _error("first_event", limits.first_event, "the first event")


def _after(start: float, seconds: float | None) -> float:
    return inf if seconds is None else start + seconds


def _error(clock: str, seconds: float | None, what: str) -> TimeoutExceeded:
    return TimeoutExceeded(
        f"expected {what} within {seconds} s ({clock})", clock=clock, seconds=seconds or 0.0
    )


def is_progress(event: Event) -> bool:
    """Whether an event brings the answer on; empty deltas and the wire's own events do not."""
    match event:
        case TextDelta(text=text) | ReasoningDelta(text=text) | ToolCallArgsDelta(json=text):
            return bool(text)
        case AudioDelta(data=data, transcript=transcript):
            return bool(data or transcript)
        case Raw() | PartMetadata() | ToolProgress():
            return False
        case _:
            return True
