"""Events folded into a Response: `step` by step, or all at once.

`Fold` is the working fold: it is fed in place and keeps parts, not events; text is joined once, when it
is asked for, so that the cost is linear. `Draft` is the pure one: `step` gives a new draft and leaves the
old one valid. Drafts of one line share a growing log and the fold at its tip, so a step costs what an
event costs; stepping twice from the same old draft copies the log up to there.

The grammar that is enforced (a break of it is a WireError): indices appear in the order 0, 1, 2, …; the
first event of an index opens its part and fixes its kind; a call is started before its arguments come;
nothing follows Done.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeVar, cast

import attrs

from llmstream.errors import WireError
from llmstream.jsontext import JSONObject, loads_object
from llmstream.values.content import (
    Attachment,
    AttachmentPart,
    Citation,
    Logprob,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.values.events import (
    AudioDelta,
    CitationOut,
    Done,
    Event,
    ImageOut,
    OpaqueOut,
    PartKind,
    PartMetadata,
    Raw,
    ReasoningDelta,
    Restarted,
    RoundDone,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolProgress,
    ToolResultOut,
    UnknownEvent,
)
from llmstream.values.request import Request
from llmstream.values.response import Response, State


class _Slot(ABC):
    """One part in the making; subclasses know their kind."""

    __slots__ = ("metadata",)
    kind: PartKind

    def __init__(self) -> None:
        self.metadata: dict[str, JSONObject] | None = None

    def note(self, provider: str, data: JSONObject) -> None:
        if self.metadata is None:
            self.metadata = {}
        self.metadata.setdefault(provider, {}).update(data)

    def known(self) -> dict[str, JSONObject]:
        return {provider: dict(data) for provider, data in self.metadata.items()} if self.metadata else {}

    @abstractmethod
    def part(self, finished: bool, /) -> Part: ...


# A short string takes 50 bytes beside its characters.
_MOST_PIECES = 32


class _Spoken(_Slot):
    """A part whose text comes in pieces, of which only the last few are kept apart."""

    __slots__ = ("blocks", "pieces")

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.blocks: list[str] = []

    def say(self, text: str) -> None:
        self.pieces.append(text)
        if len(self.pieces) >= _MOST_PIECES:
            self.pack()

    def pack(self) -> None:
        self.blocks.append("".join(self.pieces))
        self.pieces.clear()

    def text(self) -> str:
        return "".join(self.blocks) + "".join(self.pieces)


class _Text(_Spoken):
    __slots__ = ("citations", "logprobs", "refusal")
    kind: PartKind = "text"

    def __init__(self) -> None:
        super().__init__()
        self.citations: list[Citation] = []
        self.logprobs: list[Logprob] = []
        self.refusal = False

    def part(self, finished: bool, /) -> Part:
        return TextPart(
            self.text(),
            citations=tuple(self.citations),
            logprobs=tuple(self.logprobs),
            refusal=self.refusal,
            provider_metadata=self.known(),
        )


class _Reasoning(_Spoken):
    __slots__ = ("redacted",)
    kind: PartKind = "reasoning"

    def __init__(self) -> None:
        super().__init__()
        self.redacted = False

    def part(self, finished: bool, /) -> Part:
        return ReasoningPart(self.text(), redacted=self.redacted, provider_metadata=self.known())


# What models write for a call without arguments.
_NO_ARGUMENTS = frozenset({"", "null"})


class _Call(_Spoken):
    __slots__ = ("arguments", "finished", "start")
    kind: PartKind = "tool_call"

    def __init__(self, start: ToolCallStart) -> None:
        super().__init__()
        self.start = start
        self.arguments: JSONObject | None = None
        # Its round ended, though the answer goes on.
        self.finished = False

    def part(self, finished: bool, /) -> Part:
        start, raw = self.start, self.text()
        arguments = self.arguments
        if arguments is None and not start.custom:
            finished = finished or self.finished
            arguments = {} if finished and raw.strip() in _NO_ARGUMENTS else loads_object(raw)
        missing = arguments is None and not start.custom
        return ToolCallPart(
            start.id,
            start.name,
            arguments=arguments,
            raw=raw,
            server_executed=start.server_executed,
            custom=start.custom,
            error="expected a JSON object as arguments, got text that is none or not complete"
            if missing
            else None,
            provider_metadata=self.known(),
        )


class _Result(_Slot):
    __slots__ = ("event",)
    kind: PartKind = "tool_result"

    def __init__(self, event: ToolResultOut) -> None:
        super().__init__()
        self.event = event

    def part(self, finished: bool, /) -> Part:
        event = self.event
        return ToolResultPart(
            event.tool_call_id,
            event.name,
            output=event.output,
            attachments=event.attachments,
            error=event.error,
            server_executed=event.server_executed,
            provider_metadata=self.known(),
        )


class _File(_Slot):
    """An image, replaced by each later one, or audio, joined."""

    __slots__ = ("attachment", "audio", "media_type", "transcript")
    kind: PartKind = "attachment"

    def __init__(self) -> None:
        super().__init__()
        self.attachment: Attachment | None = None
        self.audio: list[bytes] = []
        self.media_type = ""
        self.transcript: list[str] = []

    def part(self, finished: bool, /) -> Part:
        attachment = self.attachment or Attachment(self.media_type or None, data=b"".join(self.audio))
        return AttachmentPart(attachment, transcript="".join(self.transcript), provider_metadata=self.known())


class _Opaque(_Slot):
    __slots__ = ("event",)
    kind: PartKind = "opaque"

    def __init__(self, event: OpaqueOut) -> None:
        super().__init__()
        self.event = event

    def part(self, finished: bool, /) -> Part:
        event = self.event
        return OpaquePart(event.provider, event.type, event.data, provider_metadata=self.known())


_SlotT = TypeVar("_SlotT", _Text, _Reasoning, _File)

_NONE = -1
_NOTHING_SAID = _Text()

_EMPTY: dict[PartKind, Callable[[], _Slot]] = {"text": _Text, "reasoning": _Reasoning, "attachment": _File}


class Fold:
    """A fold in place: `add` events, ask for the `response` at any time.

    Attributes:
        closed: of a chain, the rounds that ended: how many parts there were then, and how it ended.
    """

    __slots__ = ("_done", "_index", "_slots", "_spoken", "closed")

    def __init__(self) -> None:
        self.closed: list[tuple[int, RoundDone]] = []
        self._slots: list[_Slot] = []
        self._done: Done | None = None
        # The text that was lengthened last, and its index: nearly always the next event lengthens it too.
        self._index = _NONE
        self._spoken = _NOTHING_SAID

    def add(self, event: Event) -> None:
        """Take one event.

        Raises:
            WireError: when the event breaks the grammar; the fold stays as it was.
        """
        if self._done is not None:
            raise WireError(f"expected nothing after Done, got {type(event).__name__}")
        kind = type(event)
        # The two that make up nearly all of a stream, before the table: 0.1 microseconds an event.
        if kind is TextDelta:
            self._text(cast("TextDelta", event))
        elif kind is ToolCallArgsDelta:
            self._args(cast("ToolCallArgsDelta", event))
        else:
            self._table[kind](self, event)

    def extend(self, events: Iterable[Event]) -> None:
        """Take events as `add` does, at half its price where text follows text.

        Raises:
            WireError: when an event breaks the grammar; those before it are taken.
        """
        index, pieces = self._index, self._spoken.pieces
        for event in events:
            if type(event) is TextDelta and event.index == index and not (event.logprobs or event.refusal):
                pieces.append(event.text)
                continue
            self.add(event)
            index, pieces = self._index, self._spoken.pieces
        if len(pieces) >= _MOST_PIECES:
            self._spoken.pack()

    def response(self, *, request: Request | None = None, state: State | None = None) -> Response:
        """The Response so far; `state` is by default complete if Done came, else incomplete."""
        done = self._done
        # An answer that was cut off may have been cut before the first of a call's arguments.
        finished = done is not None and done.finish_reason not in {"length", "budget"}
        parts = tuple(slot.part(finished) for slot in self._slots)
        if done is None:
            return Response(request=request, parts=parts, state=state or "incomplete")
        return Response(
            request=request,
            parts=parts,
            state=state or ("budget" if done.finish_reason == "budget" else "complete"),
            finish_reason=done.finish_reason,
            raw_finish_reason=done.raw_finish_reason,
            usage=done.usage,
            id=done.id,
            model=done.model,
            provider_metadata=done.provider_metadata,
        )

    def _open(self, index: int, slot: _Slot) -> None:
        if index != len(self._slots):
            expected = f"a new part at index {len(self._slots)}"
            raise WireError(f"expected {expected}, got a {slot.kind} part at index {index}")
        self._slots.append(slot)

    def _at(self, index: int, event: Event) -> _Slot:
        if not 0 <= index < len(self._slots):
            raise WireError(f"expected a part that is open, got {type(event).__name__} at index {index}")
        return self._slots[index]

    def _slot_for(self, index: int, make: type[_SlotT], event: Event) -> _SlotT:
        if index == len(self._slots):
            slot = make()
            self._slots.append(slot)
            return slot
        found = self._at(index, event)
        if type(found) is not make:
            raise WireError(f"expected more {found.kind} at index {index}, got {type(event).__name__}")
        return found

    def _text(self, event: TextDelta) -> None:
        slot = self._slot_for(event.index, _Text, event)
        slot.say(event.text)
        if event.logprobs:
            slot.logprobs.extend(event.logprobs)
        if event.refusal:
            slot.refusal = True
        self._index, self._spoken = event.index, slot

    def _reasoning(self, event: ReasoningDelta) -> None:
        slot = self._slot_for(event.index, _Reasoning, event)
        slot.say(event.text)
        if event.redacted:
            slot.redacted = True

    def _start(self, event: ToolCallStart) -> None:
        self._open(event.index, _Call(event))

    def _call(self, event: ToolCallArgsDelta | ToolCallEnd) -> _Call:
        slot = self._at(event.index, event)
        if not isinstance(slot, _Call):
            raise WireError(f"expected more {slot.kind} at index {event.index}, got {type(event).__name__}")
        if slot.arguments is not None:
            raise WireError(
                f"expected no more of the call at index {event.index}, got {type(event).__name__}"
            )
        return slot

    def _args(self, event: ToolCallArgsDelta) -> None:
        self._call(event).say(event.json)

    def _end(self, event: ToolCallEnd) -> None:
        self._call(event).arguments = event.arguments

    def _result(self, event: ToolResultOut) -> None:
        self._open(event.index, _Result(event))

    def _progress(self, event: ToolProgress) -> None:
        self._at(event.index, event)

    def _image(self, event: ImageOut) -> None:
        slot = self._slot_for(event.index, _File, event)
        if slot.audio or slot.transcript:
            raise WireError(f"expected more audio at index {event.index}, got ImageOut")
        slot.attachment = event.attachment

    def _audio(self, event: AudioDelta) -> None:
        slot = self._slot_for(event.index, _File, event)
        if slot.attachment is not None:
            raise WireError(f"expected an image at index {event.index}, got AudioDelta")
        slot.media_type = slot.media_type or event.media_type
        slot.audio.append(event.data)
        slot.transcript.append(event.transcript)

    def _citation(self, event: CitationOut) -> None:
        self._slot_for(event.index, _Text, event).citations.append(event.citation)

    def _opaque(self, event: OpaqueOut) -> None:
        self._open(event.index, _Opaque(event))

    def _metadata(self, event: PartMetadata) -> None:
        if event.index == len(self._slots):
            make = _EMPTY.get(event.kind) if event.kind else None
            if make is None:
                expected = f"a kind that can be empty for the new part at index {event.index}"
                raise WireError(f"expected {expected}, got {event.kind}")
            self._slots.append(make())
        self._at(event.index, event).note(event.provider, event.data)

    def _round(self, event: RoundDone) -> None:
        if event.finish_reason != "length":
            for slot in self._slots[self.closed[-1][0] if self.closed else 0 :]:
                if isinstance(slot, _Call):
                    slot.finished = True
        self.closed.append((len(self._slots), event))

    def _finish(self, event: Done) -> None:
        self._done = event
        self._index = _NONE

    def _ignore(self, event: Event) -> None:
        pass

    _table: ClassVar[dict[type, Callable[[Fold, Any], None]]] = {
        TextDelta: _text,
        ReasoningDelta: _reasoning,
        ToolCallStart: _start,
        ToolCallArgsDelta: _args,
        ToolCallEnd: _end,
        ToolResultOut: _result,
        ToolProgress: _progress,
        ImageOut: _image,
        AudioDelta: _audio,
        CitationOut: _citation,
        PartMetadata: _metadata,
        OpaqueOut: _opaque,
        Raw: _ignore,
        RoundDone: _round,
        Restarted: _ignore,
        UnknownEvent: _ignore,
        Done: _finish,
    }


@attrs.frozen(eq=False)
class Draft:
    """A fold that can be kept: what the first `count` events of a log came to."""

    _log: list[Event] = attrs.field(factory=list[Event], repr=False)
    _tip: Fold = attrs.field(factory=Fold, repr=False)
    count: int = 0

    def response(self, *, request: Request | None = None) -> Response:
        """The Response so far."""
        own = self._own()
        return own._tip.response(request=request)

    def step(self, event: Event) -> Draft:
        """The draft that follows; this one stays valid."""
        own = self._own()
        own._tip.add(event)
        own._log.append(event)
        return Draft(own._log, own._tip, own.count + 1)

    def _own(self) -> Draft:
        """This draft, or a copy of it with a log of its own if others have gone on from here."""
        if self.count == len(self._log):
            return self
        log, tip = self._log[: self.count], Fold()
        for event in log:
            tip.add(event)
        return Draft(log, tip, self.count)


def step(draft: Draft, event: Event, /) -> Draft:
    """Fold one event more; the old draft stays valid.

    Raises:
        WireError: when the event breaks the grammar.
    """
    return draft.step(event)


def reduce(events: Iterable[Event], /) -> Response:
    """Fold events into the Response that they make; without a Done it is incomplete.

    Raises:
        WireError: when the events break the grammar.
    """
    fold = Fold()
    fold.extend(events)
    return fold.response()
