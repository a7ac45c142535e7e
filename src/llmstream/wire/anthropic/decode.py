"""From frames to events: a stream of the Messages API, or one whole message.

https://platform.claude.com/docs/en/build-with-claude/streaming

The wire says message_start, then for each content block start, deltas and stop, then message_delta with
the stop reason and the counts, then message_stop. Each block is a part of its own. A part is numbered when
it first has something to show, so a block that stays empty is none. A whole message goes through the same
steps: its blocks start complete.

The answer is complete with a stop reason or message_stop. Done is held until message_stop or the end of
the body; an error before that wins, and what follows it is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Final, TypeVar

import msgspec

from llmstream.errors import LLMStreamError, MalformedFrameError, TruncatedStreamError, WireError
from llmstream.jsontext import JSONError, JSONObject, dumps, loads, loads_object
from llmstream.values.events import (
    CitationOut,
    Done,
    Event,
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
from llmstream.wire.anthropic.blocks import (
    CALL_FIELDS,
    RESULT_FIELDS,
    BlockKind,
    citation_of,
    fallback_model,
    kind_of_block,
    result_error,
    result_name,
)
from llmstream.wire.anthropic.ending import DELTA_FIELDS, finish_of, rest_of, usage_of
from llmstream.wire.anthropic.error import error_event
from llmstream.wire.codec import Ids, counter
from llmstream.wire.framing import Frame
from llmstream.wire.typed import MisfitError, integer, items, mapping, name, string, text

_EXCERPT = 200

_ErrorT = TypeVar("_ErrorT", bound=LLMStreamError)


class _HotDelta(msgspec.Struct, gc=False):
    type: str = ""
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    # Deltas have these alone, and what else they may have is for the long way.
    signature: str = ""
    citation: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Hot(msgspec.Struct, gc=False):
    """A frame of the kinds that make up nearly all of a stream."""

    index: int = -1
    delta: _HotDelta | None = None


# Proxies and clouds may leave the frames without names: the framers then call them message, or nothing.
_HOT_NAMES: Final = frozenset({"content_block_delta", "message", ""})
_read_hot: Final = msgspec.json.Decoder(_Hot).decode


class _Block:
    """A content block that has started."""

    __slots__ = ("index", "kind", "pieces", "record", "texts")

    def __init__(self, kind: BlockKind, record: JSONObject) -> None:
        self.kind: BlockKind = kind
        self.record = record
        self.index = -1
        self.pieces: list[str] = []
        self.texts: dict[str, list[str]] = {}


class Decoder:
    """A stage from the frames of one response body to its events."""

    plain_head = b"event: content_block_delta\ndata: "

    def __init__(self, provider: str, *, ids: Ids | None = None, raw: bool = False) -> None:
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
        self._id: str | None = None
        self._model: str | None = None
        self._counts: JSONObject = {}
        self._usage: Usage | None = None
        self._rest: JSONObject = {}

    def feed(self, frame: Frame, /) -> Iterable[Event]:
        """Take one frame and give its events."""
        if frame.event in _HOT_NAMES:
            out: list[Event] = []
            if self.plain(frame.data, out):
                return out
        self._frames += 1
        return self._take(frame)

    def plain(self, data: bytes | str, out: list[Event], /) -> bool:
        """Take the data of a frame that lengthens a block; as `wire.plain.PlainDecoder`."""
        if self._raw:
            return False
        try:
            hot = _read_hot(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return False
        block, delta = self._open.get(hot.index), hot.delta
        if block is None or delta is None or delta.citation is not msgspec.UNSET:
            return False
        kind, type = block.kind, delta.type
        if kind == "text" and type == "text_delta":
            if delta.text:
                out.append(text_delta(self._at(block), delta.text))
        elif kind == "call" and type == "input_json_delta":
            out.extend(self._arguments(block, delta.partial_json))
        elif kind == "thinking" and type == "thinking_delta" and not delta.signature:
            if delta.thinking:
                out.append(ReasoningDelta(self._at(block), delta.thinking))
        else:
            return False
        self._frames += 1
        return True

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
        try:
            record = mapping(self._load(frame), "the top")
            if self._raw:
                yield Raw(record)
            type = self._type(record, frame)
            if type == "error":
                raise self._told(error_event(record, frame.data))
            # An event of a newer version of the wire is none of ours.
            yield from self._table.get(type, Decoder._ignore)(self, record)
        except MisfitError as misfit:
            raise self._malformed(str(misfit), frame) from misfit

    def _load(self, frame: Frame) -> object:
        try:
            return loads(frame.data)
        except JSONError as error:
            if frame.event == "error":
                raise self._told(error_event({}, frame.data)) from error
            # Frames without a name are whole bodies: what is no document was cut off.
            if not frame.event and frame.data.startswith("{"):
                raise self._truncated(f"got a document that ends early ({error})") from error
            raise self._malformed(f"expected JSON, got text that is none ({error})", frame) from error

    def _type(self, record: JSONObject, frame: Frame) -> str:
        if said := text(record.get("type"), "type"):
            return said
        if record.get("error"):
            return "error"
        # The standard's name for a frame without one is this wire's for a whole message, which says its type.
        return "" if frame.event == "message" else frame.event

    def _truncated(self, got: str) -> TruncatedStreamError:
        return self._told(TruncatedStreamError(f"expected a stop reason or message_stop, {got}"))

    def _malformed(self, reason: str, frame: Frame) -> WireError:
        text = f"{reason}, in frame {self._frames}: {frame.data[:_EXCERPT]!r}"
        return self._told(MalformedFrameError(text))

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

    # A proxy may repeat message_start or splice in that of another message: the later one counts, the blocks
    # that follow are more parts, and another message needs its own end
    # (corpus: anthropic/vercel-duplicate-message-start-0).
    def _message_start(self, record: JSONObject) -> Iterable[Event]:
        message = mapping(record.get("message"), "message")
        if message.get("id") != self._id:
            self._complete = False
            self._stop = None
        self._head(message)
        return ()

    def _head(self, message: JSONObject) -> None:
        self._id = name(message.get("id"), "message.id")
        self._model = name(message.get("model"), "message.model")
        self._count(message)
        self._rest.update(rest_of(message))

    def _count(self, record: JSONObject) -> None:
        """Take the counts, which are cumulative: per key the last one stands."""
        counts = mapping(record.get("usage"), "usage")
        self._counts.update({key: value for key, value in counts.items() if value is not None})
        self._usage = usage_of(self._counts)

    def _whole(self, message: JSONObject) -> Iterator[Event]:
        """Take a whole message as the stream that it would have been."""
        for number, block in enumerate(items(message.get("content"), "content")):
            yield from self._block_start({"index": number, "content_block": block})
            yield from self._block_stop({"index": number})
        self._head(message)
        self._stop = name(message.get("stop_reason"), "stop_reason")
        yield from self._finish()

    def _message_delta(self, record: JSONObject) -> Iterable[Event]:
        delta = mapping(record.get("delta"), "delta")
        stop = name(delta.get("stop_reason"), "delta.stop_reason")
        if stop is not None:
            self._stop = stop
            self._complete = True
        self._count(record)
        self._rest.update(rest_of(record) | {key: delta[key] for key in DELTA_FIELDS & delta.keys()})
        # Said by our own server half, which learns the id and the model when the answer ends.
        if "message" in record:
            late = mapping(record["message"], "message")
            self._id = name(late.get("id"), "message.id")
            self._model = name(late.get("model"), "message.model")
        return ()

    def _message_stop(self, record: JSONObject) -> Iterable[Event]:
        return self._finish()

    def _finish(self) -> Iterator[Event]:
        for index in tuple(self._open):
            yield from self._block_stop({"index": index})
        self._done = True
        yield self._ending()

    def _ending(self) -> Done:
        rest = {key: value for key, value in self._rest.items() if value is not None}
        return Done(
            finish_reason=finish_of(self._stop, called=self._called),
            raw_finish_reason=self._stop,
            usage=self._usage,
            id=self._id,
            model=self._model,
            provider_metadata={self._provider: rest} if rest else {},
        )

    def _block_start(self, record: JSONObject) -> Iterable[Event]:
        block = mapping(record.get("content_block"), "content_block")
        started = _Block(kind_of_block(block), dict(block))
        self._open[integer(record.get("index"), "index")] = started
        return self._starts[started.kind](self, started)

    def _block_delta(self, record: JSONObject) -> Iterable[Event]:
        index = integer(record.get("index"), "index")
        block = self._open.get(index)
        if block is None:
            raise MisfitError("a block that has started", f"index {index}", None)
        delta = mapping(record.get("delta"), "delta")
        return self._deltas.get(block.kind, Decoder._no_delta)(self, block, delta)

    def _block_stop(self, record: JSONObject) -> Iterable[Event]:
        block = self._open.pop(integer(record.get("index"), "index"), None)
        if block is None:
            return ()
        return self._stops.get(block.kind, Decoder._no_stop)(self, block)

    def _no_delta(self, block: _Block, delta: JSONObject) -> Iterable[Event]:
        return ()

    def _no_stop(self, block: _Block) -> Iterable[Event]:
        return ()

    def _text_start(self, block: _Block) -> Iterator[Event]:
        for citation in items(block.record.get("citations"), "content_block.citations"):
            yield self._cited(block, mapping(citation, "citation"))
        if said := text(block.record.get("text"), "content_block.text"):
            yield TextDelta(self._at(block), said)

    def _text_delta(self, block: _Block, delta: JSONObject) -> Iterator[Event]:
        if said := text(delta.get("text"), "delta.text"):
            yield TextDelta(self._at(block), said)
        if "citation" in delta:
            yield self._cited(block, mapping(delta["citation"], "delta.citation"))

    def _cited(self, block: _Block, record: JSONObject) -> Event:
        return CitationOut(self._at(block), citation_of(record, self._provider))

    def _thinking(self, block: _Block, record: JSONObject) -> Iterator[Event]:
        """Take what a start or a delta says: the wire uses the same words for both."""
        if said := text(record.get("thinking"), "thinking"):
            yield ReasoningDelta(self._at(block), said)
        if signature := text(record.get("signature"), "signature"):
            yield self._metadata(block, {"signature": signature}, "reasoning")

    def _thinking_start(self, block: _Block) -> Iterator[Event]:
        return self._thinking(block, block.record)

    def _redacted_start(self, block: _Block) -> Iterator[Event]:
        yield ReasoningDelta(self._at(block), "", redacted=True)
        yield self._metadata(block, {"data": string(block.record.get("data"), "content_block.data")})

    def _call_start(self, block: _Block) -> Iterator[Event]:
        record, type = block.record, block.record["type"]
        given = text(record.get("id"), "content_block.id")
        unique = given and given not in self._calls
        call = ToolCallStart(
            self._at(block),
            id=given if unique else self._ids(),
            name=string(record.get("name") or None, "content_block.name"),
            server_executed=type != "tool_use",
        )
        mapping(record.get("input"), "content_block.input")
        self._calls[call.id] = call
        self._called = self._called or not call.server_executed
        yield call
        data = {key: value for key, value in record.items() if key not in CALL_FIELDS}
        if call.server_executed:
            data = {"type": type, **data}
        if given and not unique:
            data["id"] = given
        if data:
            yield self._metadata(block, data)

    def _arguments(self, block: _Block, fragment: str) -> Iterable[Event]:
        if not fragment:
            return ()
        block.pieces.append(fragment)
        return (ToolCallArgsDelta(block.index, fragment),)

    def _call_delta(self, block: _Block, delta: JSONObject) -> Iterable[Event]:
        return self._arguments(block, text(delta.get("partial_json"), "delta.partial_json"))

    def _call_stop(self, block: _Block) -> Iterator[Event]:
        written = "".join(block.pieces)
        given: JSONObject = block.record.get("input") or {}
        if given and not written.strip():
            written = dumps(given)
            yield ToolCallArgsDelta(block.index, written)
        arguments = loads_object(written) if written.strip() else {}
        if arguments is not None:
            yield ToolCallEnd(block.index, arguments)

    def _result_start(self, block: _Block) -> Iterator[Event]:
        record = block.record
        call_id: str = record["tool_use_id"]
        call = self._calls.get(call_id)
        yield ToolResultOut(
            self._at(block),
            call_id,
            name=call.name if call else result_name(record["type"]),
            output=record.get("content"),
            error=result_error(record),
            server_executed=True,
        )
        yield self._metadata(block, {key: value for key, value in record.items() if key not in RESULT_FIELDS})

    def _opaque_start(self, block: _Block) -> Iterable[Event]:
        string(block.record.get("type"), "content_block.type")
        self._model = fallback_model(block.record) or self._model
        return ()

    def _opaque_delta(self, block: _Block, delta: JSONObject) -> Iterable[Event]:
        """Keep what a block of an unknown kind is given: text grows, the rest is replaced."""
        for key, value in delta.items():
            if key == "type" or value is None:
                continue
            if isinstance(value, str):
                known = block.record.get(key)
                block.texts.setdefault(key, [known] if isinstance(known, str) else []).append(value)
            else:
                block.record[key] = value
        return ()

    def _opaque_stop(self, block: _Block) -> Iterator[Event]:
        grown: JSONObject = {key: "".join(pieces) for key, pieces in block.texts.items()}
        if "partial_json" in grown:
            grown["input"] = loads_object(grown.pop("partial_json")) or {}
        data = block.record | grown
        yield OpaqueOut(self._at(block), self._provider, type=data["type"], data=data)

    _starts: ClassVar[dict[BlockKind, Callable[[Decoder, _Block], Iterable[Event]]]] = {
        "text": _text_start,
        "thinking": _thinking_start,
        "redacted": _redacted_start,
        "call": _call_start,
        "result": _result_start,
        "opaque": _opaque_start,
    }
    _deltas: ClassVar[dict[BlockKind, Callable[[Decoder, _Block, JSONObject], Iterable[Event]]]] = {
        "text": _text_delta,
        "thinking": _thinking,
        "call": _call_delta,
        "opaque": _opaque_delta,
    }
    _stops: ClassVar[dict[BlockKind, Callable[[Decoder, _Block], Iterable[Event]]]] = {
        "call": _call_stop,
        "opaque": _opaque_stop,
    }
    _table: ClassVar[dict[str, Callable[[Decoder, JSONObject], Iterable[Event]]]] = {
        "message_start": _message_start,
        "content_block_start": _block_start,
        "content_block_delta": _block_delta,
        "content_block_stop": _block_stop,
        "message_delta": _message_delta,
        "message_stop": _message_stop,
        "message": _whole,
    }
