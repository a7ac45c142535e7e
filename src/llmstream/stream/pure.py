"""Steps on events that need no clock and no task: stages, and the joining of deltas.

Joining changes no fold: `reduce` of what comes out is `reduce` of what went in.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import TypeAlias, cast

import attrs

from llmstream.values.events import (
    AudioDelta,
    Event,
    ImageOut,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
)

Mapped: TypeAlias = Event | Iterable[Event] | None
_DELTAS = (TextDelta, ReasoningDelta, ToolCallArgsDelta, AudioDelta)


class Map:
    """Put what a function makes of each event in its place: an event, several, or None for nothing."""

    def __init__(self, function: Callable[[Event], Mapped], /) -> None:
        self._function = function

    def feed(self, event: Event, /) -> Iterable[Event]:
        """What the function makes of the event."""
        return several(self._function(event))

    def feed_eof(self) -> Iterable[Event]:
        """Nothing is held back."""
        return ()


def several(made: Mapped, /) -> Iterable[Event]:
    """What a function made of an event, as an iterable."""
    if made is None:
        return ()
    return made if isinstance(made, Iterable) else (made,)


class Filter:
    """Keep the events of which a predicate is true."""

    def __init__(self, wanted: Callable[[Event], bool], /) -> None:
        self._wanted = wanted

    def feed(self, event: Event, /) -> Iterable[Event]:
        """The event, or nothing."""
        return (event,) if self._wanted(event) else ()

    def feed_eof(self) -> Iterable[Event]:
        """Nothing is held back."""
        return ()


class Coalesce:
    """Join neighbouring deltas of one part until they have `characters`, or bytes of audio."""

    def __init__(self, characters: int, /) -> None:
        self._most = characters
        self._run: list[Event] = []
        self._length = 0

    def feed(self, event: Event, /) -> Iterable[Event]:
        """What is long enough, or is ended by this event."""
        held: list[Event] = []
        if self._run and not joins(self._run[-1], event):
            held += self.feed_eof()
        self._run.append(event)
        self._length += _length(event)
        if self._length >= self._most or not isinstance(event, _DELTAS):
            held += self.feed_eof()
        return tuple(held)

    def feed_eof(self) -> Iterable[Event]:
        """What was held back."""
        run, self._run, self._length = self._run, [], 0
        return (joined(run),) if run else ()


class Until:
    """End with the first event of which a predicate is true, or where the visible text matches a pattern.

    The text is cut behind the match, and a match ends the answer as soon as it is one. Of the text before a
    delta the last `window` characters are searched again with it, so that the cost is linear. No Done is
    made up: what was given folds to an incomplete Response, unless Done itself was reached.

    Attributes:
        over: nothing follows any more.
    """

    def __init__(
        self, found: Callable[[Event], bool] | str | re.Pattern[str], /, *, window: int = 256
    ) -> None:
        self._found = None if isinstance(found, str | re.Pattern) else found
        self._pattern = re.compile(found) if isinstance(found, str | re.Pattern) else None
        self._window = window
        self._tail = ""
        self.over = False

    def feed(self, event: Event, /) -> Iterable[Event]:
        """The event, cut if it is the last."""
        if self.over:
            return ()
        if self._found is not None:
            self.over = self._found(event)
        elif type(event) is TextDelta:
            return (self._searched(event),)
        return (event,)

    def feed_eof(self) -> Iterable[Event]:
        """Nothing is held back."""
        return ()

    def _searched(self, event: TextDelta) -> TextDelta:
        text = self._tail + event.text
        match = None if self._pattern is None else self._pattern.search(text)
        if match is None:
            self._tail = text[-self._window :]
            return event
        self.over = True
        end = match.end() - len(self._tail)
        return event if end >= len(event.text) else attrs.evolve(event, text=event.text[: max(end, 0)])


class Pending:
    """Events that wait, in which the deltas of a part become one, and a preview gives way to a later one.

    Events of other parts may lie between the deltas that are joined; the order inside each part, the order
    in which parts open, and the place of what belongs to no part stay as they were.
    """

    __slots__ = ("_last", "_runs")

    def __init__(self) -> None:
        self._runs: deque[list[Event]] = deque()
        self._last: dict[int, list[Event]] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def append(self, event: Event, /) -> None:
        """Let an event wait."""
        index = index_of(event)
        run = None if index is None else self._last.get(index)
        if run is not None and joins(run[-1], event):
            if type(event) is ImageOut:
                run.clear()
            run.append(event)
            return
        run = [event]
        self._runs.append(run)
        if index is None:
            self._last.clear()
        else:
            self._last[index] = run

    def popleft(self) -> Event:
        """Take the first, joined."""
        run = self._runs.popleft()
        index = index_of(run[0])
        if index is not None and self._last.get(index) is run:
            del self._last[index]
        return joined(run)


def index_of(event: Event, /) -> int | None:
    """The part that an event belongs to, if it belongs to one."""
    return getattr(event, "index", None)


def joins(first: Event, second: Event, /) -> bool:
    """Whether two events of one part can be one: deltas of a kind, or a preview and what replaces it."""
    if type(first) is not type(second) or index_of(first) != index_of(second):
        return False
    return isinstance(first, _DELTAS) or (isinstance(first, ImageOut) and first.partial)


def joined(run: Sequence[Event], /) -> Event:
    """Events that join, as one."""
    first = run[0]
    if len(run) == 1:
        return first
    match first:
        case TextDelta():
            texts = cast("Sequence[TextDelta]", run)
            logprobs = tuple(chain.from_iterable(delta.logprobs for delta in texts))
            refusal = any(delta.refusal for delta in texts)
            return TextDelta(first.index, "".join(delta.text for delta in texts), logprobs, refusal)
        case ReasoningDelta():
            thoughts = cast("Sequence[ReasoningDelta]", run)
            text = "".join(delta.text for delta in thoughts)
            return ReasoningDelta(first.index, text, any(delta.redacted for delta in thoughts))
        case ToolCallArgsDelta():
            fragments = cast("Sequence[ToolCallArgsDelta]", run)
            return ToolCallArgsDelta(first.index, "".join(delta.json for delta in fragments))
        case AudioDelta():
            return _sound(cast("Sequence[AudioDelta]", run))
        case _:
            return run[-1]


def _sound(run: Sequence[AudioDelta]) -> AudioDelta:
    return AudioDelta(
        run[0].index,
        b"".join(delta.data for delta in run),
        # The reducer goes by the first that says one.
        media_type=next((delta.media_type for delta in run if delta.media_type), ""),
        transcript="".join(delta.transcript for delta in run),
    )


def _length(event: Event) -> int:
    match event:
        case TextDelta(text=text) | ReasoningDelta(text=text) | ToolCallArgsDelta(json=text):
            return len(text)
        case AudioDelta(data=data, transcript=transcript):
            return len(data) + len(transcript)
        case _:
            return 0
