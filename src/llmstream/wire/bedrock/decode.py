"""From frames to events: a stream of ConverseStream, or one whole answer of Converse.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html

The wire says messageStart, then for each content block deltas and a stop, then messageStop with the stop
reason, then metadata with the counts. Only calls, results and images have a start: text and reasoning begin
with their first delta. Each block is a part of its own. What grows in pieces that mean nothing alone
(signatures, results, images) is given when its block stops.

The answer is complete with messageStop. Done is held until the metadata or the end of the body; an exception
before that wins, and what follows it is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Final, TypeVar

import msgspec

from llmstream.errors import LLMStreamError, MalformedFrameError, TruncatedStreamError, WireError
from llmstream.jsontext import JSON, JSONError, JSONObject, as_object, dumps, loads, loads_object
from llmstream.values.content import Attachment
from llmstream.values.events import (
    CitationOut,
    Done,
    Event,
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
    text_delta,
)
from llmstream.values.usage import Usage
from llmstream.wire.bedrock.blocks import (
    RESULT_FIELDS,
    SERVER_CALL,
    citation_of,
    extra_of_call,
    result_error,
    result_name,
)
from llmstream.wire.bedrock.ending import finish_of, rest_of, usage_of
from llmstream.wire.bedrock.files import attachment_of, bytes_of
from llmstream.wire.codec import Ids, counter
from llmstream.wire.exceptions import exception_of
from llmstream.wire.failures import failure
from llmstream.wire.framing import Frame
from llmstream.wire.typed import MisfitError, integer, items, mapping, name, string, text

_EXCERPT: Final = 200

_ErrorT = TypeVar("_ErrorT", bound=LLMStreamError)


class _HotReasoning(msgspec.Struct, gc=False):
    text: str = ""
    signature: str | None = None
    redacted: str | None = msgspec.field(default=None, name="redactedContent")

    def is_text(self) -> bool:
        return bool(self.text) and self.signature is None and self.redacted is None


class _HotCall(msgspec.Struct, gc=False):
    input: str = ""


class _HotDelta(msgspec.Struct, gc=False):
    text: str | None = None
    call: _HotCall | None = msgspec.field(default=None, name="toolUse")
    reasoning: _HotReasoning | None = msgspec.field(default=None, name="reasoningContent")


class _Hot(msgspec.Struct, gc=False):
    """A delta of the kinds that make up nearly all of a stream."""

    number: int = msgspec.field(default=-1, name="contentBlockIndex")
    delta: _HotDelta | None = None


_DELTA: Final = "contentBlockDelta"
_read_hot: Final = msgspec.json.Decoder(_Hot).decode


class _Block:
    """A content block, from its start or its first delta on."""

    __slots__ = ("grown", "index", "kind", "pieces", "record")

    def __init__(self, kind: str, record: JSONObject) -> None:
        self.kind = kind
        self.record = record
        self.index = -1
        self.pieces: list[str] = []
        self.grown: list[JSON] = []


class Decoder:
    """A stage from the frames of one response body to its events."""

    def __init__(
        self, provider: str, *, id: str | None = None, ids: Ids | None = None, raw: bool = False
    ) -> None:
        self._provider = provider
        self._ids = ids or counter()
        self._raw = raw
        self._frames = 0
        self._parts = 0
        self._open: dict[int, _Block] = {}
        self._calls: dict[str, ToolCallStart] = {}
        self._called = False
        self._done = False
        self._complete = False
        self._stop: str | None = None
        self._id = id
        self._model: str | None = None
        self._usage: Usage | None = None
        self._rest: JSONObject = {}

    def feed(self, frame: Frame, /) -> Iterable[Event]:
        """Take one frame and give its events."""
        self._frames += 1
        if frame.event == _DELTA and not self._raw:
            try:
                hot = _read_hot(frame.payload or frame.data)
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                return self._take(frame)
            block, delta = self._open.get(hot.number), hot.delta
            if block is not None and delta is not None:
                kind = block.kind
                if kind == "text" and delta.text:
                    index = block.index if block.index >= 0 else self._at(block)
                    return (text_delta(index, delta.text),)
                if kind == "toolUse" and delta.call is not None:
                    return self._arguments(block, delta.call.input)
                reasoning = delta.reasoning
                if kind == "reasoningContent" and reasoning is not None and reasoning.is_text():
                    return (ReasoningDelta(self._at(block), reasoning.text),)
        return self._take(frame)

    def feed_eof(self) -> Iterable[Event]:
        """Give Done if the answer is complete.

        Raises:
            TruncatedStreamError: when it is not.
        """
        if self._done:
            return ()
        if not self._complete:
            raise self._truncated(f"got the end of the body after {self._frames} frames")
        return self._finish()

    def _take(self, frame: Frame) -> Iterator[Event]:
        """Take a frame of any kind."""
        if self._done:
            return
        if (exception := exception_of(frame)) is not None:
            raise self._told(exception)
        try:
            record = mapping(self._load(frame), "the top")
            if self._raw:
                yield Raw({frame.event: record} if frame.event else record)
            if frame.event:
                yield from self.take(frame.event, record)
            else:
                yield from self._whole(record, frame)
        except MisfitError as misfit:
            raise self._malformed(str(misfit), frame) from misfit

    def take(self, type: str, record: JSONObject, /) -> Iterable[Event]:
        """Take one event of the stream; one of a newer version of the wire is none of ours.

        Raises:
            MisfitError: when a field is not of its type.
        """
        return self._table.get(type, Decoder._ignore)(self, record)

    def _load(self, frame: Frame) -> JSON:
        try:
            return loads(frame.data)
        except JSONError as error:
            # Frames without a name are whole bodies: what is no document was cut off.
            if not frame.event and frame.data.startswith("{"):
                raise self._truncated(f"got a document that ends early ({error})") from error
            raise self._malformed(f"expected JSON, got text that is none ({error})", frame) from error

    def _truncated(self, got: str) -> TruncatedStreamError:
        return self._told(TruncatedStreamError(f"expected messageStop, {got}"))

    def _malformed(self, reason: str, frame: Frame) -> WireError:
        shown = f"{reason}, in frame {self._frames}: {frame.data[:_EXCERPT]!r}"
        return self._told(MalformedFrameError(shown))

    def _told(self, error: _ErrorT) -> _ErrorT:
        """Put what is known of the answer as a whole on the error that ends it."""
        error.ending = self._ending()
        return error

    def _at(self, block: _Block) -> int:
        """The index of the block's part, which this opens."""
        if block.index < 0:
            block.index = self._parts
            self._parts += 1
        return block.index

    def _metadata(self, block: _Block, data: JSONObject, kind: PartKind | None = None) -> Event:
        opens = kind if block.index < 0 else None
        return PartMetadata(self._at(block), self._provider, data, kind=opens)

    def _ignore(self, record: JSONObject) -> Iterable[Event]:
        return ()

    def _whole(self, record: JSONObject, frame: Frame) -> Iterator[Event]:
        """Take a whole answer as the stream that it would have been."""
        if "output" not in record:
            raise self._told(failure(record, frame.data, phase="stream"))
        message = mapping(mapping(record["output"], "output").get("message"), "output.message")
        for number, value in enumerate(items(message.get("content"), "output.message.content")):
            yield from self._whole_block(number, mapping(value, f"output.message.content[{number}]"))
        self._message_stop(record)
        yield from self._metadata_event(record)

    def _whole_block(self, number: int, record: JSONObject) -> Iterator[Event]:
        """Take a block in the words of its stream: a start where there would be one, and deltas."""
        kind = next(iter(record), "")
        if not kind:
            raise MisfitError("a block of some kind", f"output.message.content[{number}]", record)
        content = as_object(record[kind])
        said: list[JSONObject] = []
        match kind:
            case "text":
                said = [record]
            case "reasoningContent":
                thought = mapping(content.get("reasoningText", content), "reasoningContent.reasoningText")
                said = [{kind: thought}]
            case "citationsContent":
                cited = [{"citation": item} for item in items(content.get("citations"), f"{kind}.citations")]
                said = [*cited, *(mapping(item, kind) for item in items(content.get("content"), kind))]
            case "toolResult":
                yield from self._begin(number, kind, content)
                said = [{kind: content.get("content")}]
            case _:
                yield from self._begin(number, kind, mapping(record[kind], kind))
        for delta in said:
            yield from self._block_delta({"contentBlockIndex": number, "delta": delta})
        yield from self._block_stop({"contentBlockIndex": number})

    def _block_start(self, record: JSONObject) -> Iterable[Event]:
        start = mapping(record.get("start"), "start")
        kind = next(iter(start), "")
        # Text and reasoning have no start; a server that gives one says nothing by it.
        if not kind or kind in self._growing:
            return ()
        return self._begin(
            integer(record.get("contentBlockIndex"), "contentBlockIndex"), kind, mapping(start[kind], kind)
        )

    def _begin(self, number: int, kind: str, record: JSONObject) -> Iterable[Event]:
        block = self._open[number] = _Block(kind, record)
        return self._call_start(block) if kind == "toolUse" else ()

    def _block_delta(self, record: JSONObject) -> Iterator[Event]:
        number = integer(record.get("contentBlockIndex"), "contentBlockIndex")
        for said, value in mapping(record.get("delta"), "delta").items():
            kind = "text" if said == "citation" else said
            block = self._open.get(number)
            if block is None or block.kind != kind:
                if kind == "toolUse":
                    raise MisfitError("a call that has started", f"contentBlockIndex {number}", None)
                yield from self._block_stop(record)
                block = self._open[number] = _Block(kind, {})
            yield from self._deltas.get(said, Decoder._other_delta)(self, block, value)

    def _block_stop(self, record: JSONObject) -> Iterable[Event]:
        block = self._open.pop(integer(record.get("contentBlockIndex"), "contentBlockIndex"), None)
        if block is None:
            return ()
        return self._stops.get(block.kind, Decoder._opaque_stop)(self, block)

    def _text_delta(self, block: _Block, value: JSON) -> Iterator[Event]:
        if said := text(value, "delta.text"):
            yield TextDelta(self._at(block), said)

    def _citation_delta(self, block: _Block, value: JSON) -> Iterator[Event]:
        yield CitationOut(self._at(block), citation_of(mapping(value, "delta.citation"), self._provider))

    def _reasoning_delta(self, block: _Block, value: JSON) -> Iterator[Event]:
        record = mapping(value, "delta.reasoningContent")
        if said := text(record.get("text"), "delta.reasoningContent.text"):
            yield ReasoningDelta(self._at(block), said)
        if signature := text(record.get("signature"), "delta.reasoningContent.signature"):
            block.pieces.append(signature)
        if redacted := text(record.get("redactedContent"), "delta.reasoningContent.redactedContent"):
            withheld = _Block(block.kind, {})
            yield ReasoningDelta(self._at(withheld), "", redacted=True)
            yield self._metadata(withheld, {"redactedContent": redacted})

    def _reasoning_stop(self, block: _Block) -> Iterator[Event]:
        if block.pieces:
            yield self._metadata(block, {"signature": "".join(block.pieces)}, "reasoning")

    def _call_start(self, block: _Block) -> Iterator[Event]:
        record = block.record
        given = name(record.get("toolUseId"), "toolUse.toolUseId")
        unique = given if given and given not in self._calls else None
        extra = extra_of_call(record)
        call = ToolCallStart(
            self._at(block),
            id=unique or self._ids(),
            name=string(record.get("name") or None, "toolUse.name"),
            server_executed=extra.get("type") == SERVER_CALL,
        )
        self._calls[call.id] = call
        self._called = self._called or not call.server_executed
        yield call
        if given and not unique:
            extra["id"] = given
        if extra:
            yield self._metadata(block, extra)

    def _call_delta(self, block: _Block, value: JSON) -> Iterable[Event]:
        return self._arguments(
            block, text(mapping(value, "delta.toolUse").get("input"), "delta.toolUse.input")
        )

    def _arguments(self, block: _Block, fragment: str) -> Iterable[Event]:
        if not fragment:
            return ()
        block.pieces.append(fragment)
        return (ToolCallArgsDelta(block.index, fragment),)

    def _call_stop(self, block: _Block) -> Iterator[Event]:
        written = "".join(block.pieces)
        given = mapping(block.record.get("input"), "toolUse.input")
        if given and not written.strip():
            written = dumps(given)
            yield ToolCallArgsDelta(block.index, written)
        arguments = loads_object(written) if written.strip() else {}
        if arguments is not None:
            yield ToolCallEnd(block.index, arguments)

    def _grow(self, block: _Block, value: JSON) -> Iterable[Event]:
        """Keep a piece of what is given when its block stops."""
        block.grown.extend([value] if isinstance(value, dict) else items(value, f"delta.{block.kind}"))
        return ()

    def _result_stop(self, block: _Block) -> Iterator[Event]:
        record = block.record
        call_id = string(record.get("toolUseId"), "toolResult.toolUseId")
        call = self._calls.get(call_id)
        yield ToolResultOut(
            self._at(block),
            call_id,
            name=call.name if call else result_name(text(record.get("type"), "toolResult.type")),
            output=block.grown,
            error=result_error(record, block.grown),
            server_executed=True,
        )
        if rest := {key: value for key, value in record.items() if key not in RESULT_FIELDS}:
            yield self._metadata(block, rest)

    def _image_stop(self, block: _Block) -> Iterator[Event]:
        attachment = self._joined(block)
        if attachment is None:
            yield from self._opaque_stop(block)
        else:
            yield ImageOut(self._at(block), attachment)

    def _joined(self, block: _Block) -> Attachment | None:
        """The image whose bytes came in pieces, or whole."""
        sources = [mapping(mapping(piece, "image").get("source"), "image.source") for piece in block.grown]
        pieces = [bytes_of(source["bytes"], "image.source.bytes") for source in sources if "bytes" in source]
        if not pieces:
            whole = {key: value for piece in block.grown for key, value in mapping(piece, "image").items()}
            return attachment_of("image", {**block.record, **whole}, "image")
        media_type = f"image/{text(block.record.get('format'), 'image.format') or '*'}"
        return Attachment(media_type, data=b"".join(pieces))

    def _other_delta(self, block: _Block, value: JSON) -> Iterable[Event]:
        block.grown.append(value)
        return ()

    def _opaque_stop(self, block: _Block) -> Iterator[Event]:
        data = dict(block.record)
        for piece in block.grown:
            data |= mapping(piece, "delta")
        yield OpaqueOut(self._at(block), self._provider, type=block.kind, data=data)

    def _no_stop(self, block: _Block) -> Iterable[Event]:
        return ()

    def _message_stop(self, record: JSONObject) -> Iterable[Event]:
        self._stop = name(record.get("stopReason"), "stopReason")
        self._complete = True
        self._rest.update(rest_of(record))
        return ()

    def _metadata_event(self, record: JSONObject) -> Iterable[Event]:
        self._usage = usage_of(mapping(record.get("usage"), "usage"))
        self._rest.update(rest_of(record))
        # Said by our own server half, which learns the id and the model when the answer ends.
        late = mapping(record.get("message"), "message")
        self._id = name(late.get("id"), "message.id") or self._id
        self._model = name(late.get("model"), "message.model")
        return self._finish() if self._complete else ()

    def _finish(self) -> Iterator[Event]:
        for number in tuple(self._open):
            yield from self._block_stop({"contentBlockIndex": number})
        self._done = True
        yield self._ending()

    def _ending(self) -> Done:
        return Done(
            finish_reason=finish_of(self._stop, called=self._called),
            raw_finish_reason=self._stop,
            usage=self._usage,
            id=self._id,
            model=self._model,
            provider_metadata={self._provider: dict(self._rest)} if self._rest else {},
        )

    _growing: ClassVar[frozenset[str]] = frozenset({"text", "reasoningContent", "citation"})
    _deltas: ClassVar[dict[str, Callable[[Decoder, _Block, JSON], Iterable[Event]]]] = {
        "text": _text_delta,
        "citation": _citation_delta,
        "reasoningContent": _reasoning_delta,
        "toolUse": _call_delta,
        "toolResult": _grow,
        "image": _grow,
    }
    _stops: ClassVar[dict[str, Callable[[Decoder, _Block], Iterable[Event]]]] = {
        "text": _no_stop,
        "reasoningContent": _reasoning_stop,
        "toolUse": _call_stop,
        "toolResult": _result_stop,
        "image": _image_stop,
    }
    _table: ClassVar[dict[str, Callable[[Decoder, JSONObject], Iterable[Event]]]] = {
        "contentBlockStart": _block_start,
        "contentBlockDelta": _block_delta,
        "contentBlockStop": _block_stop,
        "messageStop": _message_stop,
        "metadata": _metadata_event,
    }
