"""The clocks of one call: what it may still wait for, read before each wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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

    `total` and `first_event` run from the start, `stall` from the last progress, `liveness` from the
    last byte. While the consumer holds what was given to it, all but `total` stand still.
    """

    def __init__(self, timeouts: Timeouts, now: Callable[[], float]) -> None:
        self._timeouts = timeouts
        self._now = now
        start = now()
        self._total = _after(start, timeouts.total)
        self._progress = _after(start, timeouts.first_event)
        self._bytes = _after(start, timeouts.liveness)
        self._begun = False
        self._held = start

    @property
    def deadline(self) -> float:
        """When the first of the clocks runs out."""
        return min(self._total, self._progress, self._bytes)

    def left(self) -> float | None:
        """How many seconds may still be waited; None is no limit."""
        deadline = self.deadline
        return None if deadline == inf else max(deadline - self._now(), 0.0)

    def received(self) -> None:
        """Note that bytes came."""
        if self._timeouts.liveness is not None:
            self._bytes = _after(self._now(), self._timeouts.liveness)

    def saw(self, events: Iterable[Event]) -> None:
        """Note the events that came; only progress counts (law 11)."""
        if any(map(is_progress, events)):
            self._begun = True
            self._progress = _after(self._now(), self._timeouts.stall)

    def hold(self) -> None:
        """Note that the consumer was given something: its own time is not the peer's."""
        self._held = self._now()

    def resume(self) -> None:
        """Note that the consumer wants more."""
        seconds = self._now() - self._held
        self._progress += seconds
        self._bytes += seconds

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
