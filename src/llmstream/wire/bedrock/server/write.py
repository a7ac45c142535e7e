"""Events as the wire's events: each block begun, continued and stopped before the next.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html

A part that opens while a call is open waits for the call's end; the next part ends text and reasoning. Text
or reasoning that comes for a part that has ended becomes a block of its own. A call, a result and an image
have a start, which waits for their metadata.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple, TypeAlias

from llmstream.errors import UnsupportedError, WireError
from llmstream.jsontext import JSON, JSONObject, dumps
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
from llmstream.wire.bedrock.blocks import (
    CALL_FIELDS,
    KNOWN,
    RESULT_FIELDS,
    SERVER_CALL,
    citation_record,
    result_content,
    result_type,
)
from llmstream.wire.bedrock.ending import metadata_record, stop_record
from llmstream.wire.bedrock.files import image_format, source_of

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


class Record(NamedTuple):
    """One event of the wire."""

    type: str
    data: JSONObject


class _Block:
    """A block in the making: what it has to say so far, and what its stop says."""

    is_call: ClassVar[bool] = False

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.ended = False

    def take(self, event: _PartEvent) -> Iterator[JSONObject]:
        """Take an event of this part and give its deltas; one under "start" is the block's start."""
        if isinstance(event, PartMetadata):
            if event.provider == self.provider:
                self.note(event.data)
        else:
            raise WireError(f"expected more of the part at {event.index}, got {type(event).__name__}")
        return iter(())

    def note(self, data: JSONObject) -> None:
        """Take metadata of this provider."""

    def stop(self) -> Iterator[JSONObject]:
        """Give what was held back."""
        return iter(())


class _Text(_Block):
    def take(self, event: _PartEvent) -> Iterator[JSONObject]:
        match event:
            case TextDelta(text=text):
                if text:
                    yield {"delta": {"text": text}}
            case CitationOut(citation=citation):
                yield {"delta": {"citation": citation_record(citation, self.provider)}}
            case _:
                yield from super().take(event)


class _Reasoning(_Block):
    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self._last: JSONObject = {}

    def take(self, event: _PartEvent) -> Iterator[JSONObject]:
        match event:
            case ReasoningDelta(text=text):
                if text and not event.redacted:
                    yield {"delta": {"reasoningContent": {"text": text}}}
            case _:
                yield from super().take(event)

    def note(self, data: JSONObject) -> None:
        self._last |= {
            key: value
            for key, value in data.items()
            if key in {"signature", "redactedContent"} and isinstance(value, str) and value
        }

    def stop(self) -> Iterator[JSONObject]:
        for key, value in self._last.items():
            yield {"delta": {"reasoningContent": {key: value}}}


class _Call(_Block):
    is_call = True

    def __init__(self, provider: str, start: ToolCallStart) -> None:
        super().__init__(provider)
        self._start: JSONObject | None = {"toolUseId": start.id, "name": start.name}
        if start.server_executed:
            self._start["type"] = SERVER_CALL
        self._blank = True

    def take(self, event: _PartEvent) -> Iterator[JSONObject]:
        match event:
            case ToolCallStart():
                pass
            case ToolCallArgsDelta(json=json):
                yield from self._write(json)
            case ToolCallEnd(arguments=arguments):
                if arguments and self._blank:
                    yield from self._write(dumps(arguments))
                self.ended = True
            case _:
                yield from super().take(event)

    def note(self, data: JSONObject) -> None:
        if self._start is not None:
            unsaid = CALL_FIELDS | {"id", "type"}
            self._start |= {key: value for key, value in data.items() if key not in unsaid}

    def stop(self) -> Iterator[JSONObject]:
        yield from self._begin()

    def _begin(self) -> Iterator[JSONObject]:
        if self._start is not None:
            start, self._start = self._start, None
            yield {"start": {"toolUse": start}}

    def _write(self, json: str) -> Iterator[JSONObject]:
        if json:
            self._blank = self._blank and not json.strip()
            yield from self._begin()
            yield {"delta": {"toolUse": {"input": json}}}


class _Result(_Block):
    def __init__(self, provider: str, event: ToolResultOut, call: str | None) -> None:
        super().__init__(provider)
        self._event = event
        self._extra: JSONObject = {"type": result_type(event.name or call or "server")}

    def take(self, event: _PartEvent) -> Iterator[JSONObject]:
        return iter(()) if event is self._event else super().take(event)

    def note(self, data: JSONObject) -> None:
        self._extra |= {key: value for key, value in data.items() if key not in RESULT_FIELDS}

    def stop(self) -> Iterator[JSONObject]:
        event, extra = self._event, self._extra
        if not isinstance(extra.get("type"), str):
            extra.pop("type")
        if event.error is not None:
            extra["status"] = "error"
        elif extra.get("status") == "error":
            extra.pop("status")
        output: JSON = event.output
        if event.error is not None and output in ("", None, []):
            output = event.error
        yield {"start": {"toolResult": {"toolUseId": event.tool_call_id, **extra}}}
        yield {"delta": {"toolResult": result_content(output)}}


class _Image(_Block):
    """An image: the last that came counts, for previews have no place here."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self._last: ImageOut | None = None

    def take(self, event: _PartEvent) -> Iterator[JSONObject]:
        if isinstance(event, AudioDelta):
            raise _no_audio()
        if not isinstance(event, ImageOut):
            return super().take(event)
        if not event.partial:
            image_format(event.attachment)
            source_of(event.attachment)
            self._last = event
        return iter(())

    def stop(self) -> Iterator[JSONObject]:
        if self._last is not None:
            image = self._last.attachment
            yield {"start": {"image": {"format": image_format(image)}}}
            yield {"delta": {"image": {"source": source_of(image)}}}


class _Opaque(_Block):
    def __init__(self, provider: str, event: OpaqueOut) -> None:
        super().__init__(provider)
        self._event = event
        if event.provider == provider and (event.type in KNOWN or not event.type):
            raise _refused("an opaque item", f"one of the type {event.type!r}")

    def take(self, event: _PartEvent) -> Iterator[JSONObject]:
        return iter(()) if event is self._event else super().take(event)

    def stop(self) -> Iterator[JSONObject]:
        if self._event.provider == self.provider:
            yield {"start": {self._event.type: self._event.data}}


class Writer:
    """A stage from events of any kind to those of the wire, in its order."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._started = False
        self._live: tuple[int, _Block] | None = None
        self._begun = False
        self._number = 0
        self._waiting: dict[int, list[_PartEvent]] = {}
        self._seen: set[int] = set()
        self._calls: dict[str, str] = {}

    def feed(self, event: Event, /) -> Iterator[Record]:
        """Take one event and give what the wire says for it."""
        if not self._started:
            self._started = True
            yield Record("messageStart", {"role": "assistant"})
        match event:
            case Done():
                yield from self.feed_eof()
                yield Record("messageStop", stop_record(event, self._provider))
                yield Record("metadata", metadata_record(event, self._provider))
            case Raw() | RoundDone() | Restarted() | ToolProgress() | UnknownEvent():
                pass
            case _:
                yield from self._part(event)

    def feed_eof(self) -> Iterator[Record]:
        """End all blocks; without Done there is no messageStop."""
        yield from self._stop()
        while self._waiting:
            yield from self._next()
            yield from self._stop()

    def _part(self, event: _PartEvent) -> Iterator[Record]:
        index = event.index
        if self._live is not None and self._live[0] == index:
            yield from self._say(self._live[1], event)
        elif index in self._waiting:
            self._waiting[index].append(event)
        elif self._live is not None and self._live[1].is_call:
            self._waiting[index] = [event]
        else:
            yield from self._open(event)
        while self._waiting and not (self._live and self._live[1].is_call):
            yield from self._next()

    def _next(self) -> Iterator[Record]:
        """Say what has waited longest."""
        index = next(iter(self._waiting))
        first, *rest = self._waiting.pop(index)
        yield from self._open(first)
        for event in rest:
            if self._live is not None and self._live[0] == index:
                yield from self._say(self._live[1], event)
            else:
                yield from self._open(event)

    def _open(self, event: _PartEvent) -> Iterator[Record]:
        if event.index in self._seen and not _reopens(event):
            return
        block = self._block(event)
        yield from self._stop()
        self._seen.add(event.index)
        self._live = event.index, block
        yield from self._say(block, event)

    def _say(self, block: _Block, event: _PartEvent) -> Iterator[Record]:
        yield from self._placed(block.take(event))
        if block.ended:
            yield from self._stop()

    def _stop(self) -> Iterator[Record]:
        if self._live is None:
            return
        (_, block), self._live = self._live, None
        yield from self._placed(block.stop())
        if self._begun:
            yield Record("contentBlockStop", {"contentBlockIndex": self._number})
            self._number += 1
            self._begun = False

    def _placed(self, said: Iterable[JSONObject]) -> Iterator[Record]:
        for record in said:
            self._begun = True
            type = "contentBlockStart" if "start" in record else "contentBlockDelta"
            yield Record(type, {"contentBlockIndex": self._number, **record})

    def _block(self, event: _PartEvent) -> _Block:
        match event:
            case TextDelta() | CitationOut() | PartMetadata(kind="text"):
                return _Text(self._provider)
            case ReasoningDelta() | PartMetadata(kind="reasoning"):
                return _Reasoning(self._provider)
            case ToolCallStart():
                return self._call(event)
            case ToolResultOut():
                return self._result(event)
            case OpaqueOut():
                return _Opaque(self._provider, event)
            case ImageOut() | PartMetadata(kind="attachment"):
                return _Image(self._provider)
            case AudioDelta():
                raise _no_audio()
            case _:
                raise WireError(f"expected an open part at {event.index}, got {type(event).__name__}")

    def _call(self, start: ToolCallStart) -> _Block:
        if start.custom:
            raise _refused("calls that take JSON", f"the custom call {start.name!r}")
        if not start.name or not start.id or start.id in self._calls:
            raise _refused("a name and an id of its own for each call", f"{start.name!r} and {start.id!r}")
        self._calls[start.id] = start.name
        return _Call(self._provider, start)

    def _result(self, event: ToolResultOut) -> _Block:
        whose = event.name or event.tool_call_id
        if not event.server_executed:
            raise _refused("results of the server's own tools", f"one of {whose!r}")
        if event.attachments:
            raise _refused("results without attachments", f"one of {whose!r}")
        return _Result(self._provider, event, self._calls.get(event.tool_call_id))


def _reopens(event: _PartEvent) -> bool:
    """Whether an event for a part that has ended makes a new block; metadata have no place any more.

    Raises:
        WireError: when it continues what cannot be continued.
    """
    match event:
        case TextDelta(text=text) | ReasoningDelta(text=text):
            return bool(text)
        case ImageOut(partial=partial):
            return not partial
        case AudioDelta():
            return True
        case PartMetadata() | CitationOut():
            return False
        case _:
            raise WireError(f"expected no more of the part at {event.index}, got {type(event).__name__}")


def _no_audio() -> UnsupportedError:
    return _refused("text, images and calls", "audio")


def _refused(expected: str, got: str) -> UnsupportedError:
    return UnsupportedError(f"expected {expected} in an answer, got {got}: the bedrock dialect has no other")
