"""From the frames of an interaction to events: a stream, or a whole interaction.

https://ai.google.dev/gemini-api/docs/interactions

Steps start, grow by deltas, and stop; each is a part of its own, an output with files in it several. A
whole interaction goes through the same: its steps start complete. The answer is complete when the
interaction has a status that is final; Done is held until `[DONE]` or the end of the body.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Final, TypeVar

import msgspec

from llmstream.errors import LLMStreamError, MalformedFrameError, TruncatedStreamError, WireError
from llmstream.jsontext import JSON, JSONError, JSONObject, as_list, as_object, dumps, loads, loads_object
from llmstream.values.content import Attachment, Citation
from llmstream.values.events import (
    AudioDelta,
    CitationOut,
    Done,
    Event,
    FinishReason,
    ImageOut,
    OpaqueOut,
    PartKind,
    PartMetadata,
    Raw,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultOut,
)
from llmstream.values.usage import Usage
from llmstream.wire.codec import Ids, counter
from llmstream.wire.failures import failure
from llmstream.wire.framing import Frame
from llmstream.wire.gemini_interactions.steps import (
    CALL,
    CALL_FIELDS,
    FUNCTION,
    RESULT,
    RESULT_FIELDS,
    StepKind,
    kind_of,
    spoken,
    without,
)
from llmstream.wire.spans import ByteText

_EXCERPT: Final = 200
_FINISH: Final[dict[str, FinishReason]] = {
    "completed": "stop",
    "requires_action": "tool_calls",
    "incomplete": "length",
    "failed": "error",
}
_UNFINISHED: Final = frozenset({"", "in_progress", "queued"})
# Fields of an interaction that Done has, or that repeat what the steps said.
_HEAD: Final = frozenset({"id", "model", "status", "usage", "steps", "object", "outputs", "error"})
_TOTALS: Final = (
    "total_input_tokens",
    "total_tool_use_tokens",
    "total_output_tokens",
    "total_thought_tokens",
    "total_cached_tokens",
    "total_tokens",
)

_ErrorT = TypeVar("_ErrorT", bound=LLMStreamError)


class _HotDelta(msgspec.Struct, gc=False):
    type: str = ""
    text: str = ""
    annotations: msgspec.Raw = msgspec.Raw()


class _Hot(msgspec.Struct, gc=False):
    """A frame of the kind that makes up nearly all of a stream."""

    index: int = -1
    event_type: str = ""
    delta: _HotDelta | None = None


_read_hot: Final = msgspec.json.Decoder(_Hot).decode


class _Step:
    """A step that has started; `index` is that of its part, -1 while it has none."""

    __slots__ = ("index", "kind", "notes", "open", "pieces", "record")

    def __init__(self, record: JSONObject) -> None:
        self.record = record
        self.kind: StepKind = kind_of(str(record.get("type")))
        self.index = -1
        self.open = ""
        # The text of the part so far, or of the arguments; and the sources of that text.
        self.pieces: list[str] = []
        self.notes: list[JSONObject] = []


class Decoder:
    """A stage from the frames of one response body to its events."""

    def __init__(self, provider: str, *, ids: Ids | None = None, raw: bool = False) -> None:
        self._provider = provider
        self._ids = ids or counter()
        self._raw = raw
        self._frames = 0
        self._parts = 0
        self._steps: dict[int, _Step] = {}
        self._names: dict[str, str] = {}
        self._called = False
        self._done = False
        self._head: JSONObject = {}

    def feed(self, frame: Frame, /) -> Iterable[Event]:
        """Take one frame."""
        self._frames += 1
        if not self._raw:
            try:
                hot = _read_hot(frame.data)
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                return self._take(frame)
            step, delta = self._steps.get(hot.index), hot.delta
            if step is None or delta is None or delta.annotations:
                return self._take(frame)
            if delta.type == "text" == step.open:
                step.pieces.append(delta.text)
                return (TextDelta(step.index, delta.text),) if delta.text else ()
        return self._take(frame)

    def feed_eof(self) -> Iterable[Event]:
        """Give Done if the answer is complete.

        Raises:
            TruncatedStreamError: when it is not.
        """
        if self._done:
            return ()
        if self._status() in _UNFINISHED:
            got = f"got the end of the body after {self._frames} frames"
            raise self._told(TruncatedStreamError(f"expected a final status of the interaction, {got}"))
        return self._finish()

    def _take(self, frame: Frame) -> Iterator[Event]:
        """Take a frame of any kind."""
        text = frame.data.strip()
        if self._done or not text:
            return
        if text == "[DONE]":
            yield from self.feed_eof()
            return
        try:
            record: JSON = loads(text)
        except JSONError as error:
            if not frame.event and text.startswith("{"):
                got = f"got a document that ends early ({error})"
                raise self._told(TruncatedStreamError(f"expected a whole interaction, {got}")) from error
            raise self._malformed(str(error), text) from error
        if not isinstance(record, dict):
            raise self._malformed("it is no object", text)
        if self._raw:
            yield Raw(record)
        out: list[Event] = []
        problem: ValueError | None = None
        try:
            self._record(as_object(record), text, out)
        except ValueError as error:
            problem = error
        yield from out
        if problem is not None:
            raise self._malformed(str(problem), text) from problem

    def _record(self, record: JSONObject, text: str, out: list[Event]) -> None:
        type: JSON = record.get("event_type")
        if record.get("error") and type in (None, "error"):
            raise self._told(failure(record, text, phase="stream"))
        if type is None:
            self._whole(record, out)
        elif isinstance(type, str) and type.startswith("interaction."):
            told = as_object(record.get("interaction"))
            self._told_of({"status": record.get("status"), **told}, text)
        elif isinstance(type, str) and type in self._events:
            self._events[type](self, _number(record.get("index")), record, out)

    def _told_of(self, interaction: JSONObject, text: str) -> None:
        """Take what is said of the interaction as a whole: the last of each stands."""
        self._head |= {key: value for key, value in interaction.items() if value is not None}
        if interaction.get("error"):
            raise self._told(failure(interaction, text, phase="stream"))

    def _whole(self, interaction: JSONObject, out: list[Event]) -> None:
        for number, step in enumerate(as_list(interaction.get("steps"))):
            self._start(number, {"step": step}, out)
            self._stop(number, {}, out)
        self._head |= interaction

    def _start(self, number: int, record: JSONObject, out: list[Event]) -> None:
        given = as_object(record.get("step"))
        step = self._steps[number] = _Step(dict(given))
        match step.kind:
            case "thought":
                for text in spoken(given.get("summary") or []):
                    self._summary(step, text, out)
                self._sign(step, given, out)
            case "output":
                for content in as_list(given.get("content")):
                    self._content(step, as_object(content), out)
            case "function" | "call":
                self._call(step, out)
            case _:
                pass

    def _delta(self, number: int, record: JSONObject, out: list[Event]) -> None:
        step, delta = self._steps.get(number), as_object(record.get("delta"))
        if step is None:
            raise ValueError(f"expected a step that has started, got index {number}")
        if delta.get("type") == "thought_summary":
            for text in spoken(delta.get("content")):
                self._summary(step, text, out)
        elif delta.get("type") == "thought_signature":
            self._sign(step, delta, out)
        elif step.kind == "output":
            self._content(step, delta, out)
        elif step.kind in {"function", "call"}:
            self._arguments(step, delta.get("arguments"), out)
            step.record |= without(delta, CALL_FIELDS)
        else:
            step.record |= without(delta, frozenset({"type"}))

    def _stop(self, number: int, record: JSONObject, out: list[Event]) -> None:
        step = self._steps.pop(number, None)
        if step is None:
            return
        self._cite(step, out)
        match step.kind:
            case "function" | "call":
                self._close(step, out)
            case "result":
                self._result(step, out)
            case "opaque":
                kind = str(step.record.get("type"))
                out.append(OpaqueOut(self._next(), self._provider, type=kind, data=step.record))
            case _:
                pass

    def _next(self) -> int:
        self._parts += 1
        return self._parts - 1

    def _meta(self, index: int, data: JSONObject, kind: PartKind | None = None) -> Event:
        return PartMetadata(index, self._provider, data, kind=kind)

    def _summary(self, step: _Step, text: str, out: list[Event]) -> None:
        if step.index < 0:
            step.index = self._next()
        if text:
            out.append(ReasoningDelta(step.index, text))

    def _sign(self, step: _Step, record: JSONObject, out: list[Event]) -> None:
        signature = record.get("signature")
        if signature is not None and step.kind == "thought":
            opens: PartKind | None = "reasoning" if step.index < 0 else None
            step.index = self._next() if step.index < 0 else step.index
            # It may come in pieces, as all that deltas bring.
            step.pieces.append(_string(signature))
            out.append(self._meta(step.index, {"signature": "".join(step.pieces)}, opens))
        elif signature is not None:
            step.record["signature"] = signature

    def _content(self, step: _Step, content: JSONObject, out: list[Event]) -> None:
        """Take more of an output: text goes on, files are parts of their own."""
        match content.get("type"):
            case "text":
                if step.open != "text":
                    step.index, step.open = self._next(), "text"
                if text := _string(content.get("text")):
                    step.pieces.append(text)
                    out.append(TextDelta(step.index, text))
                step.notes += map(as_object, as_list(content.get("annotations")))
            case "text_annotation" | "text_annotation_delta":
                step.notes += map(as_object, as_list(content.get("annotations")))
            case "image" | "audio" | "video" | "document":
                self._file(step, content, out)
            case _:
                self._cite(step, out)
                data: JSONObject = {"type": "model_output", "content": [content]}
                out.append(OpaqueOut(self._next(), self._provider, type="model_output", data=data))

    def _file(self, step: _Step, content: JSONObject, out: list[Event]) -> None:
        media_type, uri = _string(content.get("mime_type")), content.get("uri")
        kind = str(content["type"])
        if not (kind == "audio" == step.open):
            self._cite(step, out)
            step.index = self._next()
        if isinstance(uri, str):
            out.append(ImageOut(step.index, Attachment(media_type or f"{kind}/*", url=uri)))
            return
        data = b64decode(_string(content.get("data")), validate=True)
        if kind == "audio":
            step.open = "audio"
            out.append(AudioDelta(step.index, data, media_type=media_type or "audio/pcm"))
        else:
            out.append(ImageOut(step.index, Attachment(media_type or f"{kind}/*", data=data)))

    def _cite(self, step: _Step, out: list[Event]) -> None:
        """Close a text and give its sources, whose spans count bytes."""
        if step.kind == "output":
            text = ByteText("".join(step.pieces))
            out += [CitationOut(step.index, self._citation(note, text)) for note in step.notes]
            step.pieces, step.notes, step.open = [], [], ""

    def _citation(self, note: JSONObject, text: ByteText) -> Citation:
        start, end = (
            text.character(at) if isinstance(at, int) else None
            for at in (note.get("start_index") or 0, note.get("end_index"))
        )
        told = start is not None and end is not None and start < end
        url, title = note.get("url") or note.get("uri"), note.get("title")
        return Citation(
            url if isinstance(url, str) else None,
            title if isinstance(title, str) else None,
            start=start if told else None,
            end=end if told else None,
            provider=self._provider,
            data=note,
        )

    def _call(self, step: _Step, out: list[Event]) -> None:
        record, type = step.record, str(step.record["type"])
        given, server = _string(record.get("id")), type != FUNCTION
        id = given if given and given not in self._names else self._ids()
        name = type.removesuffix(CALL) if server else _string(record.get("name"))
        if not name:
            raise ValueError("expected a name of a call, got none")
        step.index = self._next()
        self._names[id] = name
        self._called = self._called or not server
        out.append(ToolCallStart(step.index, id=id, name=name, server_executed=server))
        self._arguments(step, record.get("arguments"), out)

    def _arguments(self, step: _Step, arguments: JSON, out: list[Event]) -> None:
        """Take arguments: an object at once, or more of their text."""
        if isinstance(arguments, dict):
            arguments = dumps(arguments) if arguments else ""
        if text := _string(arguments):
            step.pieces.append(text)
            out.append(ToolCallArgsDelta(step.index, text))

    def _close(self, step: _Step, out: list[Event]) -> None:
        record, type = step.record, str(step.record["type"])
        rest = without(record, CALL_FIELDS) | {"type": type, "id": record.get("id")}
        out.append(self._meta(step.index, rest))
        text = "".join(step.pieces)
        arguments = loads_object(text) if text.strip() else {}
        if arguments is not None:
            out.append(ToolCallEnd(step.index, arguments))

    def _result(self, step: _Step, out: list[Event]) -> None:
        record, type = step.record, str(step.record["type"])
        id, index = _string(record.get("call_id")), self._next()
        name = self._names.get(id) or type.removesuffix(RESULT)
        output: JSON = record.get("result")
        error = dumps(output) if record.get("is_error") is True else None
        out.append(ToolResultOut(index, id, name=name, output=output, error=error, server_executed=True))
        out.append(self._meta(index, {**without(record, RESULT_FIELDS), "type": type}))

    def _status(self) -> str:
        return str(self._head.get("status") or "")

    def _finish(self) -> Iterator[Event]:
        self._done = True
        out: list[Event] = []
        for number in tuple(self._steps):
            self._stop(number, {}, out)
        yield from out
        yield self._ending()

    def _ending(self) -> Done:
        status, head = self._status(), self._head
        finish = None if status in _UNFINISHED else _FINISH.get(status, "other")
        rest = without(head, _HEAD)
        id, model = head.get("id"), head.get("model")
        return Done(
            finish_reason="tool_calls" if finish == "stop" and self._called else finish,
            raw_finish_reason=None if status in _UNFINISHED else status,
            usage=_usage(as_object(head.get("usage"))),
            id=id if isinstance(id, str) else None,
            model=model if isinstance(model, str) else None,
            provider_metadata={self._provider: rest} if rest else {},
        )

    def _told(self, error: _ErrorT) -> _ErrorT:
        """Put what is known of the answer as a whole on the error that ends it."""
        error.ending = self._ending()
        return error

    def _malformed(self, why: str, text: str) -> WireError:
        got = f"got {text[:_EXCERPT]!r} in frame {self._frames}"
        return self._told(MalformedFrameError(f"expected an event of an interaction, {got}: {why}"))

    _events: ClassVar[dict[str, Callable[[Decoder, int, JSONObject, list[Event]], None]]] = {
        "step.start": _start,
        "step.delta": _delta,
        "step.stop": _stop,
    }


def _usage(counts: JSONObject) -> Usage | None:
    """Read token counts: those of tools count as input, those of thoughts as output."""
    if not any(name in counts for name in _TOTALS):
        return None
    total = {name: _count(counts.get(name)) for name in _TOTALS}
    return Usage(
        input=total["total_input_tokens"] + total["total_tool_use_tokens"],
        output=total["total_output_tokens"] + total["total_thought_tokens"],
        cached_input=total["total_cached_tokens"],
        reasoning=total["total_thought_tokens"],
        details=without(counts, frozenset(_TOTALS)),
    )


def _count(value: JSON) -> int:
    return int(value) if isinstance(value, int | float) and 0 <= value < 2**63 else 0


def _number(value: JSON) -> int:
    if isinstance(value, int):
        return value
    raise ValueError(f"expected a number at index, got {type(value).__name__}")


def _string(value: JSON) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    raise ValueError(f"expected text, got {type(value).__name__}")
