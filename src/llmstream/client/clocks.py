"""The clocks of one call: what it may still wait for, read before each wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from llmstream.client.timeouts import Timeouts
from llmstream.errors import Phase, TimeoutExceeded
from llmstream.values.events import (
    AudioDelta,
    Event,
    PartMetadata,
    Raw,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
)


class Clocks:
    """Deadlines of one call; `now` gives the event loop's time in seconds.

    `total` runs from `began`, which is the start unless an attempt went before; `first_event` from the
    start, `stall` from the last progress, `liveness` from the last byte. While the consumer holds what was
    given to it, all but `total` stand still.

    Attributes:
        deadline: when the first of the clocks runs out.
    """

    __slots__ = ("_begun", "_bytes", "_held", "_late", "_now", "_progress", "_timeouts", "_total", "deadline")

    def __init__(self, timeouts: Timeouts, now: Callable[[], float], began: float | None = None) -> None:
        self._timeouts = timeouts
        self._now = now
        start = now()
        self._total = _after(start if began is None else began, timeouts.total)
        self._progress = _after(start, timeouts.first_event)
        self._bytes = _after(start, timeouts.liveness)
        self._begun = self._late = False
        self._held = start
        self.deadline = min(self._total, self._progress, self._bytes)

    def read(self, chunk: bytes, events: Sequence[Event]) -> None:
        """Note what a read brought: bytes, and events of which only progress counts (law 11).

        Raises:
            TimeoutExceeded: when the time was over before the read, though a flood kept it from waiting.
        """
        self._held = now = self._now()
        if chunk:
            if self._late:
                raise self.exceeded()
            self._bytes = _after(now, self._timeouts.liveness)
        # Nearly always the first says it.
        if events and (is_progress(events[0]) or any(map(is_progress, events))):
            self._begun = True
            self._progress = _after(now, self._timeouts.stall)
        self.deadline = min(self._total, self._progress, self._bytes)
        self._late = now >= self.deadline

    def resume(self) -> None:
        """Note that the consumer wants more: since the last read the time was his own."""
        seconds = self._now() - self._held
        self._progress += seconds
        self._bytes += seconds
        self.deadline = min(self._total, self._progress, self._bytes)

    def exceeded(self, phase: Phase = "stream") -> TimeoutExceeded:
        """The error for the clock that ran out."""
        limits, deadline = self._timeouts, self.deadline
        if deadline == self._total:
            clock, seconds, what = "total", limits.total, "the whole answer"
        elif deadline == self._bytes:
            clock, seconds, what = "liveness", limits.liveness, "a byte"
        elif self._begun:
            clock, seconds, what = "stall", limits.stall, "more of the answer"
        else:
            clock, seconds, what = "first_event", limits.first_event, "the first event"
        message = f"expected {what} within {seconds} s ({clock})"
        return TimeoutExceeded(message, clock=clock, seconds=seconds or 0.0, phase=phase)


def _after(start: float, seconds: float | None) -> float:
    return inf if seconds is None else start + seconds


def is_progress(event: Event) -> bool:
    """Whether an event brings the answer on; empty deltas and the wire's own events do not."""
    match event:
        case TextDelta(text=text) | ReasoningDelta(text=text) | ToolCallArgsDelta(json=text):
            return bool(text)
        case AudioDelta(data=data, transcript=transcript):
            return bool(data or transcript)
        # What comes off a wire as progress of a tool is told of the provider's own.
        case Raw() | PartMetadata():
            return False
        case _:
            return True
