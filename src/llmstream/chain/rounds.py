"""The events of one round, as events of the chain: numbered on, with calls that are told apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import attrs

from llmstream.values.content import Part, ToolCallPart, ToolResultPart
from llmstream.values.events import (
    Done,
    Event,
    RoundDone,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultOut,
    text_delta,
)
from llmstream.values.messages import Message


class CallIds:
    """The ids of a history's calls: each is one call's only."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        parts = (part for message in messages for part in message.parts)
        self._seen = {part.id for part in parts if isinstance(part, ToolCallPart)}
        self._numbers: dict[str, int] = {}

    def own(self, id: str, /) -> str:
        """The id, or where it is empty or another call's, one that is free."""
        base, own = id or "call", id
        while not own or own in self._seen:
            self._numbers[base] = number = self._numbers.get(base, 1) + 1
            own = f"{base}_{number}"
        self._seen.add(own)
        return own


class Round:
    """What one call of the model says, from the index `first` on.

    Attributes:
        next: the index of the part that follows.
        complete: calls whose arguments were complete with the last events.
    """

    def __init__(self, first: int, ids: CallIds, *, eager: bool = False) -> None:
        self.first = self.next = first
        self.complete: list[tuple[int, ToolCallPart]] = []
        self._ids = ids
        self._eager = eager
        self._renamed: dict[int, str] = {}
        # Of the provider's own calls, whose results come in the same round: the id for the one it said.
        self._executed: dict[str, str] = {}
        self._starts: dict[int, ToolCallStart] = {}
        self._raw: dict[int, list[str]] = {}

    def take(self, events: Iterable[Event]) -> tuple[list[Event], Done | None]:
        """The chain's events for those of a call, without its Done, which is given beside them."""
        self.complete = []
        taken: list[Event] = []
        done = None
        for event in events:
            if type(event) is Done:
                done = event
            else:
                taken.append(self._here(event))
        return taken, done

    def named(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """The parts of the round with the ids under which its calls were told of."""
        if not self._renamed:
            return parts
        executed: dict[str, str] = {}
        named: list[Part] = []
        for at, part in enumerate(parts):
            if isinstance(part, ToolCallPart) and at in self._renamed:
                if part.server_executed:
                    executed[part.id] = self._renamed[at]
                named.append(attrs.evolve(part, id=self._renamed[at]))
            elif isinstance(part, ToolResultPart) and part.tool_call_id in executed:
                named.append(attrs.evolve(part, tool_call_id=executed[part.tool_call_id]))
            else:
                named.append(part)
        return tuple(named)

    def index_of(self, at: int) -> int:
        """The index in the chain of the part at a place in the round."""
        return self.first + at

    def _here(self, event: Event) -> Event:
        kind = type(event)
        if kind is ToolCallStart:
            event = self._start(cast("ToolCallStart", event))
        elif kind is ToolResultOut:
            result = cast("ToolResultOut", event)
            event = attrs.evolve(
                result, tool_call_id=self._executed.get(result.tool_call_id, result.tool_call_id)
            )
        elif kind is ToolCallArgsDelta and self._eager:
            delta = cast("ToolCallArgsDelta", event)
            self._raw.setdefault(delta.index, []).append(delta.json)
        elif kind is ToolCallEnd and self._eager:
            self._end(cast("ToolCallEnd", event))
        index: int | None = getattr(event, "index", None)
        if index is None:
            return event
        self.next = max(self.next, self.first + index + 1)
        return _moved(event, self.first + index) if self.first else event

    def _start(self, event: ToolCallStart) -> ToolCallStart:
        own = self._ids.own(event.id)
        if own != event.id:
            self._renamed[event.index] = own
            if event.server_executed:
                self._executed[event.id] = own
            event = attrs.evolve(event, id=own)
        self._starts[event.index] = event
        return event

    def _end(self, event: ToolCallEnd) -> None:
        start = self._starts.get(event.index)
        if start is not None and not start.server_executed:
            raw = "".join(self._raw.pop(event.index, ()))
            call = ToolCallPart(start.id, start.name, arguments=event.arguments, raw=raw, custom=start.custom)
            self.complete.append((event.index, call))


def _moved(event: Event, index: int) -> Event:
    if type(event) is TextDelta and not (event.logprobs or event.refusal):
        return text_delta(index, event.text)
    # Any: whoever has an index can be given another.
    return cast("Event", attrs.evolve(cast("Any", event), index=index))


def round_done(done: Done, /) -> RoundDone:
    """The end of a call as the end of a round."""
    return RoundDone(
        finish_reason=done.finish_reason,
        raw_finish_reason=done.raw_finish_reason,
        usage=done.usage,
        id=done.id,
        model=done.model,
        provider_metadata=done.provider_metadata,
    )
