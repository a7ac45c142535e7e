"""Events as the wire's frames, each with one part: what a client will make of them, the decoder tells.

https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse

Text goes out as it comes. A call is whole on this wire: it waits for its end and for its metadata, which
end when another part goes on, and what comes behind it waits too, so that parts keep their order. Metadata
that opens a part waits for what it stands beside. Citations wait for the end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from llmstream.errors import WireError
from llmstream.jsontext import JSON, JSONObject, as_object, loads_object
from llmstream.values.content import Logprob
from llmstream.values.events import (
    AudioDelta,
    CitationOut,
    Done,
    Event,
    ImageOut,
    OpaqueOut,
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
from llmstream.wire.dataurl import b64
from llmstream.wire.gemini import parts as wire
from llmstream.wire.gemini.decode import CANDIDATE_METADATA, FRAME_METADATA
from llmstream.wire.gemini.ending import counts_of, reason_of
from llmstream.wire.gemini.grounding import Citing
from llmstream.wire.gemini.logprobs import logprobs_record
from llmstream.wire.gemini.turns import cannot

_PartEvent: TypeAlias = (
    TextDelta
    | ReasoningDelta
    | ToolCallStart
    | ToolCallArgsDelta
    | ToolCallEnd
    | ToolResultOut
    | ImageOut
    | AudioDelta
    | CitationOut
    | PartMetadata
    | OpaqueOut
)


class _Part:
    """A part that is complete; `said` is the index of the part of ours whose visible text it is."""

    closed = True

    def __init__(self, part: JSONObject, *, said: int = -1, logprobs: tuple[Logprob, ...] = ()) -> None:
        self.part = part
        self.said = said
        self.logprobs = logprobs


class _Held:
    """A part that waits: a call, or a server-side tool's result."""

    said = -1
    logprobs: tuple[Logprob, ...] = ()

    def __init__(self, index: int) -> None:
        self.index = index
        self.own: JSONObject = {}
        self.ended = False
        self.closed = False

    @property
    def part(self) -> JSONObject:
        raise NotImplementedError

    def close(self, *, cut: bool = False) -> None:
        """Take no more; `cut`: the answer was cut off, perhaps before a call's first argument."""
        self.closed = True

    def named(self, id: str) -> JSONObject:
        """The id that the wire gave, else ours."""
        given: JSON = self.own.get("id", id)
        return {"id": given} if isinstance(given, str) and given else {}

    def data(self, kind: str, data: JSONObject) -> JSONObject:
        """The part of the wire: its data and what stands beside it."""
        more = {key: value for key, value in as_object(self.own.get(kind)).items() if key not in data}
        fields = wire.FIELDS.get(kind, frozenset())
        more = {key: value for key, value in more.items() if key not in fields and value is not None}
        return {kind: {**data, **(more if kind in wire.FIELDS else {})}, **wire.beside_of(self.own)}


class _Call(_Held):
    """A call, which waits for its end."""

    def __init__(self, start: ToolCallStart) -> None:
        super().__init__(start.index)
        self.start = start
        self.pieces: list[str] = []
        self.arguments: JSONObject | None = None

    def close(self, *, cut: bool = False) -> None:
        text = "".join(self.pieces)
        if self.arguments is None:
            self.arguments = loads_object(text) if cut or text.strip() else {}
        super().close(cut=cut)

    @property
    def part(self) -> JSONObject:
        start = self.start
        name, named = start.name, self.named(start.id)
        if not start.server_executed:
            if self.arguments is None:
                # A call that never ends: its client sees that it is not complete.
                return self.data(wire.CALL, {"name": name, **named, "willContinue": True})
            return self.data(wire.CALL, {"name": name, "args": self.arguments, **named})
        if self.arguments is None:
            raise cannot(f"a call of the server-side tool {name!r} whose arguments are no object")
        if self.own.get("type") == wire.CODE and name == wire.CODE_TOOL:
            code = {key: value for key, value in self.arguments.items() if key != "id"}
            return self.data(wire.CODE, {**code, **named})
        return self.data(wire.SERVER_CALL, {"toolType": name, "args": self.arguments, **named})


class _Result(_Held):
    """A result of a server-side tool, which waits for its metadata."""

    def __init__(self, event: ToolResultOut, name: str) -> None:
        super().__init__(event.index)
        self._event = event
        self._name = name
        self.ended = True

    @property
    def part(self) -> JSONObject:
        event, named = self._event, self.named(self._event.tool_call_id)
        output: JSON = event.output
        if self.own.get("type") == wire.CODE_RESULT and self._name == wire.CODE_TOOL:
            if not isinstance(output, dict):
                outcome = wire.CODE_OK if event.error is None else "OUTCOME_FAILED"
                output = {"outcome": outcome, "output": event.error or output}
            result = {key: value for key, value in as_object(output).items() if key != "id"}
            return self.data(wire.CODE_RESULT, {**result, **named})
        if event.error is not None:
            output = {"error": event.error, "result": output}
        return self.data(wire.SERVER_RESULT, {"toolType": self._name, "response": output, **named})


class FrameWriter:
    """A stage from events to frames, as JSON; `id` and `model` stand in each until Done gives others."""

    def __init__(self, provider: str, *, id: str = "", model: str = "") -> None:
        self._provider = provider
        self._id = id
        self._model = model
        self._queue: deque[_Part | _Held] = deque()
        self._held: dict[int, _Held] = {}
        # The one that has ended and whose metadata may still come.
        self._waiting: _Held | None = None
        # Metadata that came before what it stands beside.
        self._pending: tuple[int, JSONObject] | None = None
        self._kinds: dict[int, str] = {}
        self._names: dict[str, str] = {}
        self._called = False
        self._citing = Citing(provider)

    def feed(self, event: Event, /) -> Iterator[JSONObject]:
        """Write one event.

        Raises:
            UnsupportedError: when the wire cannot say it.
        """
        match event:
            case Done():
                self._flush()
                self._end(cut=event.finish_reason == "length")
                yield from self._drain()
                yield self._last(event)
            case Raw() | RoundDone() | Restarted() | ToolProgress() | UnknownEvent():
                pass
            case _:
                self._take(event)
                yield from self._drain()

    def feed_eof(self) -> Iterator[JSONObject]:
        """Give nothing: Done was the end, and without it there is none."""
        return iter(())

    def _take(self, event: _PartEvent) -> None:
        if self._waiting is not None and self._waiting.index != event.index:
            self._waiting.close()
            self._waiting = None
        if self._pending is not None and self._pending[0] != event.index:
            self._flush()
        match event:
            case PartMetadata():
                self._note(event)
            case TextDelta(index=index, text=text, logprobs=logprobs):
                self._kinds.setdefault(index, "text")
                if text or logprobs:
                    beside = self._beside(index)
                    self._queue.append(_Part({"text": text, **beside}, said=index, logprobs=logprobs))
            case ReasoningDelta(index=index, text=text):
                self._kinds.setdefault(index, "reasoning")
                if text:
                    self._queue.append(_Part({"text": text, **self._beside(index), "thought": True}))
            case CitationOut(index=index):
                self._kinds.setdefault(index, "text")
                self._citing.cite(event)
            case ImageOut() | AudioDelta():
                self._file(event)
            case OpaqueOut():
                self._opaque(event)
            case ToolResultOut():
                self._result(event)
            case ToolCallStart():
                self._start(event)
            case ToolCallArgsDelta() | ToolCallEnd():
                self._more(event)

    def _note(self, event: PartMetadata) -> None:
        if event.kind is not None:
            self._kinds.setdefault(event.index, event.kind)
        if event.provider != self._provider:
            return
        held = self._held.get(event.index)
        if held is not None:
            # What comes for a call that went out already, the wire cannot say.
            held.own |= event.data
        elif event.index in self._kinds:
            known = self._pending[1] if self._pending else {}
            self._pending = event.index, {**known, **event.data}

    def _flush(self) -> None:
        """Write metadata that nothing came for: an empty part."""
        if self._pending is None:
            return
        index, kind = self._pending[0], self._kinds[self._pending[0]]
        beside = self._beside(index)
        if beside and kind in {"text", "reasoning"}:
            thought: JSONObject = {"thought": True} if kind == "reasoning" else {}
            self._queue.append(_Part({"text": "", **beside, **thought}))

    def _beside(self, index: int, kind: str = "") -> JSONObject:
        """What waits to stand beside a part; also what its data of a kind holds beyond ours."""
        if self._pending is None or self._pending[0] != index:
            return {}
        own, self._pending = self._pending[1], None
        beside = wire.beside_of(own)
        if self._kinds[index] in {"text", "reasoning"}:
            beside.pop("thought", None)
        return {**beside, **(wire.beyond(as_object(own.get(kind)), kind) if kind else {})}

    def _file(self, event: ImageOut | AudioDelta) -> None:
        self._kinds.setdefault(event.index, "attachment")
        attachment = event.attachment if isinstance(event, ImageOut) else None
        if isinstance(event, AudioDelta):
            if not event.data:
                return
            kind, data = wire.INLINE, {"mimeType": event.media_type, "data": b64(event.data)}
        elif attachment is None or event.partial:
            return
        elif attachment.data is not None:
            kind, data = wire.INLINE, {"mimeType": attachment.media_type or "", "data": b64(attachment.data)}
        elif (address := attachment.url or attachment.file_id) is not None:
            kind, data = wire.FILE, {"mimeType": attachment.media_type or "", "fileUri": address}
        else:
            raise cannot("an image that is neither bytes nor a link")
        if attachment is not None and attachment.name is not None:
            data["displayName"] = attachment.name
        beside = self._beside(event.index, kind)
        more = as_object(beside.pop(kind, None))
        self._queue.append(_Part({kind: {**data, **more}, **beside}))

    def _opaque(self, event: OpaqueOut) -> None:
        if event.provider != self._provider:
            return
        part: JSONObject = event.data if wire.is_opaque(event.data) else {event.type: event.data}
        if not wire.is_opaque(part):
            raise cannot(f"an opaque item of the type {event.type!r}")
        self._queue.append(_Part(part))

    def _result(self, event: ToolResultOut) -> None:
        if not event.server_executed or event.attachments:
            raise cannot("a tool's result that is not the provider's own, or holds files")
        name = event.name or self._names.get(event.tool_call_id, "")
        self._hold(_Result(event, name))

    def _start(self, event: ToolCallStart) -> None:
        if event.custom or not event.name or not event.id or event.id in self._names:
            raise cannot(f"a call that is custom, or without a name or an id of its own: {event.name!r}")
        self._names[event.id] = event.name
        self._called = self._called or not event.server_executed
        self._hold(_Call(event))

    def _hold(self, held: _Held) -> None:
        self._held[held.index] = held
        self._queue.append(held)
        if held.ended:
            self._waiting = held

    def _more(self, event: ToolCallArgsDelta | ToolCallEnd) -> None:
        call = self._held.get(event.index)
        if not isinstance(call, _Call) or call.ended:
            raise WireError(f"expected an open call at index {event.index}, got {type(event).__name__}")
        if isinstance(event, ToolCallArgsDelta):
            call.pieces.append(event.json)
        else:
            call.arguments = event.arguments
            call.ended = True
            self._waiting = call

    def _end(self, *, cut: bool) -> None:
        """Close what is open. Only the last call can be one that is not complete."""
        for held in self._held.values():
            if not held.closed:
                held.close(cut=cut)
        held_calls = [held for held in self._held.values() if isinstance(held, _Call)]
        calls = [call for call in held_calls if not call.start.server_executed]
        if any(call.arguments is None for call in calls[:-1]):
            raise cannot("a call whose arguments are no object, with another call behind it")

    def _drain(self) -> Iterator[JSONObject]:
        queue = self._queue
        while queue and queue[0].closed:
            one = queue.popleft()
            if one.said >= 0:
                self._citing.say(one.said, one.part["text"])
            candidate: JSONObject = {"content": {"parts": [one.part], "role": "model"}, "index": 0}
            if one.logprobs:
                candidate["logprobsResult"] = logprobs_record(one.logprobs)
            yield self._frame(candidate)

    def _frame(self, candidate: JSONObject) -> JSONObject:
        head = {"modelVersion": self._model, "responseId": self._id}
        return {"candidates": [candidate], **{name: value for name, value in head.items() if value}}

    def _last(self, done: Done) -> JSONObject:
        """The frame with all that is said at the end."""
        self._id, self._model = done.id or "", done.model or ""
        own = as_object(done.provider_metadata.get(self._provider))
        feedback = as_object(own.get("promptFeedback"))
        blocked: JSON = feedback.get("blockReason")
        candidate: JSONObject = {"index": 0}
        if not (isinstance(blocked, str) and blocked and blocked == done.raw_finish_reason):
            candidate["finishReason"] = reason_of(done, called=self._called)
        candidate |= _said(own, CANDIDATE_METADATA)
        for name, record in self._citing.write().items():
            candidate[name] = {**as_object(candidate.get(name)), **record}
        frame = self._frame(candidate)
        if candidate.keys() == {"index"}:
            del frame["candidates"]
        frame |= _said(own, FRAME_METADATA)
        return frame if done.usage is None else {**frame, "usageMetadata": counts_of(done.usage)}


# Metadata that the wire has as objects only.
_OBJECTS: Final = frozenset({"promptFeedback", "groundingMetadata", "citationMetadata"})


def _said(own: JSONObject, names: Iterable[str]) -> JSONObject:
    """What of the answer's metadata has its place under these names."""
    given = {name: own[name] for name in names if own.get(name) not in (None, {}, [])}
    return {name: value for name, value in given.items() if isinstance(value, dict) or name not in _OBJECTS}
