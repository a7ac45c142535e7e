"""From events to the frames of the wire, as JSON objects."""

from __future__ import annotations

from typing import TypeGuard

import attrs

from llmstream.jsontext import JSON, JSONObject, as_object, dumps, loads_object
from llmstream.values.content import Attachment
from llmstream.values.events import (
    AudioDelta,
    CitationOut,
    Done,
    Event,
    ImageOut,
    OpaqueOut,
    PartMetadata,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultOut,
)
from llmstream.wire.dataurl import b64, data_url
from llmstream.wire.logprobs import logprobs_record
from llmstream.wire.openai_chat._names import (
    CHOICE_METADATA,
    DELTA_METADATA,
    DETAIL,
    EXECUTED,
    EXTRA,
    FRAME_METADATA,
    THINKING,
    WIRE_ID,
    cannot,
    finish_of,
)
from llmstream.wire.openai_chat._parts import spoken_field
from llmstream.wire.openai_chat._records import annotation, usage_record
from llmstream.wire.openai_chat.quirks import Quirks


@attrs.define
class _Call:
    """A call of the client's: its number on the wire, and its text so far."""

    number: int
    custom: bool
    pieces: list[str] = attrs.field(factory=list[str])
    closed: bool = False


@attrs.define
class _Executed:
    """A call that the provider runs; the wire gives it whole, so it is held while its text grows."""

    entry: JSONObject
    pieces: list[str] = attrs.field(factory=list[str])

    def record(self) -> JSONObject:
        return {**self.entry, "arguments": "".join(self.pieces)}


class FrameWriter:
    """Writes the events of one answer; `id` and `model` stand in every frame until Done gives others."""

    def __init__(
        self, provider: str, quirks: Quirks, *, id: str = "", model: str = "", usage: bool = True
    ) -> None:
        self._provider = provider
        self._quirks = quirks
        self._id = id
        self._model = model
        self._usage = usage
        self._begun = False
        self._refused = False
        # All by the index of their part; results know their call.
        self._calls: dict[int, _Call] = {}
        self._last: _Call | None = None
        self._executed: dict[int, _Executed] = {}
        self._held: set[int] = set()
        self._audio: set[int] = set()

    def feed(self, event: Event) -> list[JSONObject]:
        """Write one event.

        Raises:
            UnsupportedError: when the wire cannot say it.
        """
        frames: list[JSONObject] = []
        if not self._begun:
            self._begun = True
            frames.append(self._frame({"role": "assistant", "content": ""}))
        if isinstance(event, Done):
            frames += [self._frame(self._whole(index)) for index in tuple(self._held)]
            return [*frames, *self._done(event)]
        delta = self._delta(event)
        if delta:
            beside = logprobs_record(event.logprobs, refusal=event.refusal) if _has_logprobs(event) else None
            frames.append(self._frame(delta, logprobs=beside))
        return frames

    def _frame(self, delta: JSONObject, *, logprobs: JSON = None, finish: str | None = None) -> JSONObject:
        choice: JSONObject = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return self._bare([choice])

    def _bare(self, choices: list[JSONObject]) -> JSONObject:
        # There is no clock here; clients need the field, not its value.
        head: JSONObject = {"id": self._id, "object": "chat.completion.chunk", "created": 0}
        return {**head, "model": self._model, "choices": choices}

    def _delta(self, event: Event) -> JSONObject | None:
        match event:
            case TextDelta(text=text, logprobs=logprobs, refusal=refusal) if text or logprobs:
                self._refused = self._refused or (refusal and bool(text))
                return {"refusal" if refusal else "content": text}
            case ReasoningDelta(text=text) if text:
                return {"reasoning_content": text}
            case ToolCallStart():
                return self._start(event)
            case ToolCallArgsDelta():
                return self._more(event.index, event.json)
            case ToolCallEnd():
                return self._end(event)
            case ToolResultOut():
                return self._result(event)
            case ImageOut(partial=False):
                return {"images": [{"type": "image_url", "image_url": {"url": _url(event.attachment)}}]}
            case AudioDelta():
                self._audio.add(event.index)
                told = {"data": b64(event.data) if event.data else "", "transcript": event.transcript}
                return {"audio": {name: value for name, value in told.items() if value}}
            case CitationOut():
                return {"annotations": [annotation(event.citation, self._provider)]}
            case PartMetadata():
                return self._metadata(event)
            case OpaqueOut():
                raise cannot(f"opaque data of {event.provider}")
            case _:
                return None

    def _start(self, event: ToolCallStart) -> JSONObject | None:
        if not event.name:
            raise cannot("a tool call without a name")
        if event.server_executed:
            entry: JSONObject = {"index": len(self._executed), "id": event.id, "type": event.name}
            self._executed[event.index] = _Executed(entry)
            self._held.add(event.index)
            return None
        if self._last is not None and not self._last.custom:
            self._last.closed = loads_object("".join(self._last.pieces)) is not None
        call = self._last = self._calls[event.index] = _Call(len(self._calls), event.custom)
        inner = {"name": event.name, "input" if event.custom else "arguments": ""}
        kind = "custom" if event.custom else "function"
        return {"tool_calls": [{"index": call.number, "id": event.id, "type": kind, kind: inner}]}

    def _more(self, index: int, text: str) -> JSONObject | None:
        if index in self._held:
            self._executed[index].pieces.append(text)
            return None
        call = self._calls.get(index)
        if call is None:
            raise cannot("more arguments of a call that the provider ran")
        if call.closed and text.strip():
            raise cannot("more arguments of a call after they were complete and another call began")
        call.pieces.append(text)
        if not text:
            return None
        inner: JSONObject = {"custom": {"input": text}} if call.custom else {"function": {"arguments": text}}
        return {"tool_calls": [{"index": call.number, **inner}]}

    def _end(self, event: ToolCallEnd) -> JSONObject | None:
        """Write arguments that came without their text, and a call that was held."""
        held = self._executed.get(event.index)
        call = self._calls.get(event.index)
        pieces = held.pieces if held is not None else call.pieces if call is not None else []
        delta: JSONObject | None = None
        if event.arguments and not any(piece.strip() for piece in pieces):
            delta = self._more(event.index, dumps(event.arguments))
        return self._whole(event.index) if event.index in self._held else delta

    def _whole(self, index: int) -> JSONObject:
        self._held.discard(index)
        return {"executed_tools": [self._executed[index].record()]}

    def _result(self, event: ToolResultOut) -> JSONObject:
        called = [i for i, call in self._executed.items() if call.entry["id"] == event.tool_call_id]
        if not (event.server_executed and called) or event.attachments:
            raise cannot("a tool's result that is not the provider's own, or holds files")
        self._held.discard(called[0])
        call = self._executed[event.index] = self._executed[called[0]]
        output = "" if event.output is None else event.output
        told: JSONObject = (
            {"output": output} if event.error is None else {"output": output, "error": event.error}
        )
        return {"executed_tools": [{**call.record(), **told}]}

    def _metadata(self, event: PartMetadata) -> JSONObject | None:
        """Write what this provider's own decoder would read; nothing of others."""
        if event.provider != self._provider:
            return None
        data, delta, index = event.data, JSONObject(), event.index
        if detail := as_object(data.get(DETAIL)):
            # An empty text says that the entry opens a part.
            name = spoken_field(detail) if event.kind is not None else None
            delta["reasoning_details"] = [{**detail, name: ""} if name else detail]
        if thinking := as_object(data.get(THINKING)):
            delta["content"] = [{"type": THINKING, "thinking": [], **thinking}]
        if (rest := as_object(data.get(EXECUTED))) and index in self._executed:
            delta["executed_tools"] = [{**rest, **self._executed[index].record()}]
        if index in self._calls:
            told = {name: data[name] for name in (WIRE_ID, EXTRA) if name in data}
            delta["tool_calls"] = [{"index": self._calls[index].number, **told}] if told else []
        elif index in self._audio or event.kind == "attachment":
            self._audio.add(index)
            delta["audio"] = {name: data[name] for name in ("id", "expires_at") if name in data}
        return {name: value for name, value in delta.items() if value} or None

    def _done(self, done: Done) -> list[JSONObject]:
        """Write the finish, then usage in a frame of its own; without a finish, all in one frame."""
        self._id, self._model = done.id or self._id, done.model or self._model
        finish = self._finish(done)
        ours = as_object(done.provider_metadata.get(self._provider))
        told = {name: value for name, value in ours.items() if name in FRAME_METADATA}
        usage: JSONObject = {}
        if done.usage is not None and self._usage:
            excludes = self._quirks.output_excludes_reasoning
            usage = {"usage": usage_record(done.usage, output_excludes_reasoning=excludes)}
        if finish is None and not usage:
            return [{**self._bare([]), **told}]
        delta = {name: value for name, value in ours.items() if name == DELTA_METADATA}
        frame = {**self._frame(delta, finish=finish), **told}
        about = {name: value for name, value in ours.items() if name in CHOICE_METADATA}
        frame["choices"][0].update(about)
        if finish is None:
            return [{**frame, **usage}]
        return [frame, {**self._bare([]), **usage}] if usage else [frame]

    def _finish(self, done: Done) -> str | None:
        """The wire's own word, if it says here what it said there; else the unified one."""
        raw, reason = done.raw_finish_reason, done.finish_reason
        if raw is not None and finish_of(raw, calls=bool(self._calls), refused=self._refused) == reason:
            return raw
        return "stop" if reason == "refusal" and self._refused else reason


def _has_logprobs(event: Event) -> TypeGuard[TextDelta]:
    return isinstance(event, TextDelta) and bool(event.logprobs)


def _url(attachment: Attachment) -> str:
    if attachment.url is not None:
        return attachment.url
    if attachment.data is None:
        raise cannot("an image that is neither bytes nor a link")
    return data_url(attachment)
