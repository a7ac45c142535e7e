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

    __slots__ = (
        "_begun", "_bytes", "_held", "_late", "_liveness", "_now", "_progress", "_stall", "_timeouts",
        "_total", "deadline",
    )  # fmt: skip

    def __init__(self, timeouts: Timeouts, now: Callable[[], float], began: float | None = None) -> None:
        self._timeouts = timeouts
        self._now = now
        start = now()
        self._liveness = _seconds(timeouts.liveness)
        self._stall = _seconds(timeouts.stall)
        self._total = (start if began is None else began) + _seconds(timeouts.total)
        self._progress = start + _seconds(timeouts.first_event)
        self._bytes = start + self._liveness
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
            self._bytes = now + self._liveness
        # Nearly always the first says it.
        if events and (is_progress(events[0]) or any(map(is_progress, events))):
            self._begun = True
            self._progress = now + self._stall
        # Without min: it is called for each read, and costs as much as all else here.
        deadline = self._bytes if self._bytes < self._progress else self._progress  # noqa: FURB136
        self.deadline = deadline = self._total if self._total < deadline else deadline  # noqa: FURB136
        self._late = now >= deadline

    def resume(self) -> None:
        """Note that the consumer wants more: since the last read the time was his own."""
        seconds = self._now() - self._held
        self._progress += seconds
        self._bytes += seconds
        deadline = self.deadline + seconds
        if deadline < self._total:
            self.deadline = deadline
        elif self.deadline < self._total:
            self.deadline = self._total

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


def _seconds(given: float | None) -> float:
    return inf if given is None else given


def is_progress(event: Event) -> bool:
    """Whether an event brings the answer on; empty deltas and the wire's own events do not."""
    # Nearly all events, at a third of the price.
    if type(event) is TextDelta:
        return bool(event.text)
    match event:
        case ReasoningDelta(text=text) | ToolCallArgsDelta(json=text):
            return bool(text)
        case AudioDelta(data=data, transcript=transcript):
            return bool(data or transcript)
        # What comes off a wire as progress of a tool is told of the provider's own.
        case Raw() | PartMetadata():
            return False
        case _:
            return True
