"""One answer that several models make, one after the other.

Calls of tools are held back until they are complete, so that a call that was cut is none of the answer, and
all that comes behind them with them, so that the order stays. What another model says again is left out:
the end of the text before, and calls that were made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias, cast

import attrs

from llmstream.errors import LLMStreamError
from llmstream.jsontext import JSONObject, dumps
from llmstream.model.overlap import Overlap
from llmstream.reduce import Fold
from llmstream.values.content import ToolCallPart
from llmstream.values.events import (
    CitationOut,
    Done,
    Event,
    PartMetadata,
    Restarted,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
)
from llmstream.values.messages import Message, assistant, user
from llmstream.values.request import Request
from llmstream.values.response import Response
from llmstream.values.usage import Usage

How: TypeAlias = Literal["instruction", "prefill"]
_Call: TypeAlias = tuple[str, str | None, JSONObject | None]

_GO_ON = (
    "Your answer above was cut off before its end. Go on from exactly where it stops: write only what is "
    "missing, repeat nothing of it, and do not mention the interruption."
)
_MADE = (
    "You have made these calls of tools already, and their results will follow; do not make them again: {}"
)


class Continued:
    """The events of an answer as they come, from whichever model.

    Attributes:
        begun: whether there was any event.
    """

    def __init__(self, how: How) -> None:
        self.begun = False
        self._how: How = how
        self._fold = Fold()
        self._given: Sequence[Event] = ()
        self._usage: Usage | None = None
        self._restarted: Restarted | None = None
        self._strand = _Strand(0)

    def take(self, batch: Iterable[Event]) -> list[Event]:
        """What is to be given of a model's events."""
        events = [out for event in batch for out in self._strand.feed(event)]
        if not events:
            return events
        if self._restarted is not None:
            events.insert(0, self._restarted)
            self._restarted = None
        if isinstance(last := events[-1], Done):
            events[-1] = self._ended(last)
        # Folded later: what breaks the grammar is the stream's to refuse.
        self._fold.extend(self._given)
        self._given, self.begun = events, True
        return events

    def may_go_on(self, request: Request) -> bool:
        """Whether another model can continue: text that has to fit a schema cannot be begun by one alone."""
        return request.schema is None or not self.so_far().text()

    def so_far(self) -> Response:
        """The answer as far as it was given."""
        self._fold.extend(self._given)
        self._given = ()
        return self._fold.response()

    def restart(self, error: LLMStreamError, reason: str) -> None:
        """Go on with another model's events; what was held back of the last one is dropped."""
        said = self.so_far()
        ending = error.ending
        self._usage = _sum(self._usage, None if ending is None else ending.usage)
        self._restarted = Restarted(reason) if self.begun else None
        self._strand = _Strand(len(said.parts), Overlap(said.text()), _made(said))

    def request(self, request: Request) -> Request:
        """The request that has a model go on with the answer."""
        said = self.so_far()
        text, calls = said.text(), _complete(said)
        choice = None if calls else request.tool_choice
        return attrs.evolve(
            request, messages=(*request.messages, *self._added(text, calls)), tool_choice=choice
        )

    def _added(self, text: str, calls: Sequence[ToolCallPart]) -> Iterator[Message]:
        if text and self._how == "prefill" and not calls:
            # A last message that ends in a space is refused.
            yield assistant(text.rstrip())
            return
        if text:
            yield assistant(text)
        made = ", ".join(f"{call.name}({call.raw or dumps(call.arguments)})" for call in calls)
        asked = [_GO_ON] if text else []
        if made:
            asked.append(_MADE.format(made))
        if asked:
            yield user("\n".join(asked))

    def _ended(self, done: Done) -> Done:
        usage, reason = _sum(self._usage, done.usage), done.finish_reason
        if reason == "stop" and self._strand.made:
            reason = "tool_calls"
        return attrs.evolve(done, usage=usage, finish_reason=reason)


def _sum(before: Usage | None, usage: Usage | None) -> Usage | None:
    return usage if before is None else before if usage is None else before + usage


def _complete(said: Response) -> list[ToolCallPart]:
    return [call for call in said.tool_calls() if call.custom or call.arguments is not None]


def _made(said: Response) -> tuple[_Call, ...]:
    return tuple((call.name, call.raw, call.arguments) for call in _complete(said))


def _same(call: _Call, other: _Call) -> bool:
    (name, raw, arguments), (other_name, other_raw, other_arguments) = call, other
    said_alike = raw == other_raw if arguments is None else arguments == other_arguments
    return name == other_name and said_alike


class _Strand:
    """One model's events, made to follow those before.

    `base` is the index of its first part, `said` what its text may begin with again, `made` the calls that
    it may make again.
    """

    def __init__(self, base: int, said: Overlap | None = None, made: tuple[_Call, ...] = ()) -> None:
        self.made = made
        self._base = base
        self._held: list[Event] = []
        self._open: set[int] = set()
        self._repeated = _Repeated(said)
        self._dropped: set[int] = set()
        self._indices: dict[int, int] = {}

    def feed(self, event: Event) -> Iterator[Event]:
        match event:
            case ToolCallStart(index=index):
                self._open.add(index)
            case ToolCallEnd(index=index):
                self._open.discard(index)
            case Done():
                self._open.clear()
            case _:
                pass
        self._held.append(event)
        if self._open:
            return
        held, self._held = self._held, []
        if self.made:
            self._dropped |= _again(held, self.made)
        for kept in held:
            for out in self._repeated.feed(kept):
                yield from self._placed(out)

    def _placed(self, event: Event) -> Iterator[Event]:
        """The event at the index that its part has in the whole answer."""
        index: int | None = getattr(event, "index", None)
        if index is None:
            yield event
        elif index not in self._dropped and not self._is_of_nothing(event, index):
            place = self._indices.setdefault(index, self._base + len(self._indices))
            # Any: all events of a part have an index, and the union as a whole has not.
            yield event if place == index else attrs.evolve(cast("Any", event), index=place)

    def _is_of_nothing(self, event: Event, index: int) -> bool:
        """Whether an event says something of a text of which nothing was left."""
        said_again = index == self._repeated.index and index not in self._indices
        return said_again and isinstance(event, CitationOut | PartMetadata)


def _again(events: Sequence[Event], made: tuple[_Call, ...]) -> set[int]:
    """The indices of calls that were made before."""
    starts = {event.index: event for event in events if isinstance(event, ToolCallStart)}
    arguments = {event.index: event.arguments for event in events if isinstance(event, ToolCallEnd)}
    raw = dict.fromkeys(starts, "")
    for event in events:
        if isinstance(event, ToolCallArgsDelta) and event.index in raw:
            raw[event.index] += event.json
    return {
        index
        for index, start in starts.items()
        if not start.server_executed
        and any(_same((start.name, raw[index], arguments.get(index)), call) for call in made)
    }


class _Repeated:
    """Leaves out of a model's first text what was said before it.

    Attributes:
        index: of that text, once it has come.
    """

    def __init__(self, said: Overlap | None) -> None:
        self.index: int | None = None
        self._said = said
        self._waiting: list[Event] = []
        self._cut = 0

    def feed(self, event: Event) -> Iterable[Event]:
        if self._said is None:
            return (self._shifted(event),) if self._cut else (event,)
        if isinstance(event, TextDelta) and self.index in {None, event.index}:
            self.index = event.index
            self._waiting.append(event)
            repeated = self._said.feed(event.text)
            return () if repeated is None else self._decided(repeated)
        if self.index is None and not isinstance(event, Done):
            return (event,)
        self._waiting.append(event)
        ended = isinstance(event, TextDelta | ToolCallStart | Done)
        return self._decided(self._said.feed_eof()) if ended else ()

    def _decided(self, repeated: int) -> list[Event]:
        """What was waited with, without the characters that are a repetition."""
        waiting, self._waiting = self._waiting, []
        self._said, self._cut, left = None, repeated, repeated
        events: list[Event] = []
        for event in waiting:
            if left and isinstance(event, TextDelta) and event.index == self.index:
                rest, left = event.text[left:], max(0, left - len(event.text))
                events += [TextDelta(event.index, rest, refusal=event.refusal)] if rest else []
            else:
                events.append(self._shifted(event))
        return events

    def _shifted(self, event: Event) -> Event:
        """A citation counts the characters of its part, which has lost some."""
        if not isinstance(event, CitationOut) or event.index != self.index:
            return event
        start, end = (
            None if place is None else max(0, place - self._cut)
            for place in (event.citation.start, event.citation.end)
        )
        return CitationOut(event.index, attrs.evolve(event.citation, start=start, end=end))
