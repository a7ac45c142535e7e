"""Events put into the order and the words that the wire has: what a client will make of them.

Blocks never overlap on this wire. So events are passed on one block at a time. The first block that is open
is live: what comes for it goes out at once, and blocks that open meanwhile wait with what they have. The
next block closes text and thinking; a call is closed by its end; Done closes what is still open. Text or
thinking that comes for a closed block becomes a block of its own.

Lost, by the wire's nature:

- empty deltas, and parts with nothing else; log probabilities; that a text is a refusal;
- redacted reasoning without this provider's data;
- metadata and opaque items of other providers; a foreign citation becomes a search result's, without span;
- metadata and citations that come for a closed block, and metadata that its kind of block has no place for;
- the name of a result where its call has another; the end of a call whose text is no JSON object;
- progress, ends of other rounds, restarts, raw and unknown events;
- finish reasons without a word here: `content_filter` becomes `refusal`, `error` and `budget` `other`;
- a usage of zeros, nulls in its details, and an input that is less than its cached parts.

Refused: images, audio, custom calls, calls without a name or an id of their own, results of the caller's
own tools, results with attachments, opaque items that a client would read as something else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeAlias, cast

import attrs

from llmstream.errors import UnsupportedError, WireError
from llmstream.jsontext import JSON, JSONObject, dumps, loads_object
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
from llmstream.wire.anthropic.blocks import (
    CALL_FIELDS,
    RESULT_FIELDS,
    citation_of,
    citation_record,
    error_content,
    kind_of_block,
    result_error,
    result_name,
    result_type,
)
from llmstream.wire.anthropic.ending import canonical_done

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


class _Block:
    """A block in the making: `ready` is what may go out when its turn comes."""

    def __init__(self, provider: str, index: int) -> None:
        self.provider = provider
        self.index = index
        self.number = -1
        self.ready: list[_PartEvent] = []
        self.begun = False
        self.closed = False

    def say(self, event: _PartEvent) -> None:
        self.ready.append(event)
        self.begun = True

    def take(self, event: _PartEvent) -> None:
        """Take an event of this part."""
        if not isinstance(event, PartMetadata):
            raise WireError(f"expected more of the part at index {self.index}, got {type(event).__name__}")
        if event.provider == self.provider:
            self.note(event.data)

    def note(self, data: JSONObject) -> None:
        """Take metadata of this provider."""

    def overtake(self) -> None:
        """Learn that another block has opened."""
        self.close()

    def close(self) -> None:
        self.closed = True


class _Text(_Block):
    def take(self, event: _PartEvent) -> None:
        match event:
            case TextDelta(text=text):
                if text:
                    self.say(TextDelta(self.index, text))
            case CitationOut(citation=citation):
                record = citation_record(citation, self.provider)
                self.say(CitationOut(self.index, citation_of(record, self.provider)))
            case _:
                super().take(event)


class _Thinking(_Block):
    """Thinking or redacted thinking: which of them, the first text, signature or data tells."""

    def take(self, event: _PartEvent) -> None:
        match event:
            case ReasoningDelta(text=text):
                if text and not event.redacted:
                    self.say(ReasoningDelta(self.index, text))
            case _:
                super().take(event)

    def note(self, data: JSONObject) -> None:
        signature, redacted = data.get("signature"), data.get("data")
        if isinstance(redacted, str) and not self.begun:
            self.say(ReasoningDelta(self.index, "", redacted=True))
            self.say(PartMetadata(self.index, self.provider, {"data": redacted}))
            self.closed = True
        elif isinstance(signature, str) and signature:
            opens: PartKind | None = None if self.begun else "reasoning"
            self.say(PartMetadata(self.index, self.provider, {"signature": signature}, kind=opens))


class _Call(_Block):
    """A call. Its start waits for its metadata, and where the server runs the call, all of it does."""

    def __init__(self, provider: str, start: ToolCallStart) -> None:
        super().__init__(provider, start.index)
        self._start = start
        self._data: JSONObject = {"type": "server_tool_use"} if start.server_executed else {}
        self._text: list[str] = []
        self._held: list[_PartEvent] = []
        self._ended = False
        self._overtaken = False

    def take(self, event: _PartEvent) -> None:
        match event:
            case ToolCallStart():
                pass
            case ToolCallArgsDelta(json=json):
                self._write(json)
            case ToolCallEnd(arguments=arguments):
                if arguments and not "".join(self._text).strip():
                    self._write(dumps(arguments))
                self._end()
                if self._overtaken or not self._start.server_executed:
                    self.close()
            case _:
                super().take(event)

    def note(self, data: JSONObject) -> None:
        if not self.begun:
            self._data |= {key: value for key, value in data.items() if key not in CALL_FIELDS}
            type: JSON = data.get("type")
            if self._start.server_executed and _is_call(type):
                self._data["type"] = type

    def overtake(self) -> None:
        self._overtaken = True
        if self._ended:
            self.close()

    def close(self) -> None:
        if not self._ended:
            self._end()
        self._release()
        super().close()

    def _write(self, json: str) -> None:
        if json:
            self._text.append(json)
            self._hold(ToolCallArgsDelta(self.index, json))

    def _end(self) -> None:
        self._ended = True
        text = "".join(self._text)
        arguments = loads_object(text) if text.strip() else {}
        if arguments is not None:
            self._hold(ToolCallEnd(self.index, arguments))

    def _hold(self, event: _PartEvent) -> None:
        self._held.append(event)
        if not self._start.server_executed:
            self._release()

    def _release(self) -> None:
        if not self.begun:
            self.say(self._start)
            if self._data:
                self.say(PartMetadata(self.index, self.provider, self._data))
        self.ready += self._held
        self._held.clear()


def _is_call(type: JSON) -> bool:
    return type != "tool_use" and kind_of_block({"type": type, "name": ""}) == "call"


class _Result(_Block):
    def __init__(self, provider: str, event: ToolResultOut, call: str | None) -> None:
        super().__init__(provider, event.index)
        self._event = event
        self._call = call
        self._data: JSONObject = {"type": result_type(event.name or call or "server")}

    def take(self, event: _PartEvent) -> None:
        if event is not self._event:
            super().take(event)

    def note(self, data: JSONObject) -> None:
        self._data |= {key: value for key, value in data.items() if key not in RESULT_FIELDS | {"type"}}
        block = {"type": data.get("type"), "tool_use_id": ""}
        if kind_of_block(block) == "result":
            self._data["type"] = block["type"]

    def close(self) -> None:
        event, type = self._event, str(self._data["type"])
        content: JSON = event.output
        if event.error is not None and result_error({**self._data, "content": content}) is None:
            content = error_content(type, event.error, content)
        self.say(
            ToolResultOut(
                event.index,
                event.tool_call_id,
                name=self._call or result_name(type),
                output=content,
                error=result_error({**self._data, "content": content}),
                server_executed=True,
            )
        )
        self.say(PartMetadata(event.index, self.provider, self._data))
        super().close()


class _Opaque(_Block):
    def __init__(self, provider: str, event: OpaqueOut) -> None:
        super().__init__(provider, event.index)
        if event.provider == provider:
            data: JSONObject = {"type": event.type, **event.data}
            if not isinstance(data["type"], str) or kind_of_block(data) != "opaque":
                raise UnsupportedError(f"expected an opaque item, got one of the type {data['type']!r}")
            self.say(OpaqueOut(event.index, provider, type=data["type"], data=data))
        self.closed = True


class Canonical:
    """A stage from events of any kind to those that the wire can say, in its order."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._blocks: dict[int, _Block] = {}
        self._queue: deque[_Block] = deque()
        self._count = 0
        self._calls: dict[str, str] = {}
        self._called = False

    def feed(self, event: Event, /) -> Iterator[Event]:
        """Take one event and give what may go out."""
        match event:
            case Done():
                yield from self.feed_eof()
                yield canonical_done(event, self._provider, called=self._called)
            case Raw() | RoundDone() | Restarted() | ToolProgress() | UnknownEvent():
                pass
            case _:
                self._take(event)
                yield from self._drain()

    def feed_eof(self) -> Iterator[Event]:
        """Give what waits for blocks that are still open."""
        for block in self._queue:
            if not block.closed:
                block.close()
        yield from self._drain()

    def _take(self, event: _PartEvent) -> None:
        block = self._blocks.get(event.index)
        if block is None or (block.closed and isinstance(event, TextDelta | ReasoningDelta) and event.text):
            block = self._open(event)
            if self._queue and not self._queue[-1].closed:
                self._queue[-1].overtake()
            self._blocks[event.index] = block
            self._queue.append(block)
        if not block.closed:
            block.take(event)
        elif isinstance(event, ToolCallArgsDelta | ToolCallEnd):
            raise WireError(
                f"expected no more of the call at index {event.index}, got {type(event).__name__}"
            )

    def _open(self, event: _PartEvent) -> _Block:
        match event:
            case TextDelta() | CitationOut() | PartMetadata(kind="text"):
                return _Text(self._provider, event.index)
            case ReasoningDelta() | PartMetadata(kind="reasoning"):
                return _Thinking(self._provider, event.index)
            case ToolCallStart():
                return self._call(event)
            case ToolResultOut():
                return self._result(event)
            case OpaqueOut():
                return _Opaque(self._provider, event)
            case ImageOut() | AudioDelta() | PartMetadata(kind="attachment"):
                raise _refused("text, reasoning and calls", type(event).__name__)
            case _:
                raise WireError(f"expected an open part at index {event.index}, got {type(event).__name__}")

    def _call(self, start: ToolCallStart) -> _Block:
        if start.custom:
            raise _refused("calls that take JSON", f"the custom call {start.name!r}")
        if not start.name or not start.id or start.id in self._calls:
            raise _refused("a name and an id of its own for each call", f"{start.name!r} and {start.id!r}")
        self._calls[start.id] = start.name
        self._called = self._called or not start.server_executed
        return _Call(self._provider, start)

    def _result(self, event: ToolResultOut) -> _Block:
        if not event.server_executed:
            raise _refused(
                "results of the server's own tools", f"one of {event.name or event.tool_call_id!r}"
            )
        if event.attachments:
            raise _refused("results without attachments", f"one of {event.name or event.tool_call_id!r}")
        return _Result(self._provider, event, self._calls.get(event.tool_call_id))

    def _drain(self) -> Iterator[Event]:
        queue = self._queue
        while queue:
            block = queue[0]
            if block.ready:
                yield from self._numbered(block)
            if not block.closed:
                return
            queue.popleft()

    def _numbered(self, block: _Block) -> Iterable[Event]:
        """What a block has ready, under the number that it has on the wire."""
        if block.number < 0:
            block.number = self._count
            self._count += 1
        ready, block.ready = block.ready, []
        if block.number == block.index:
            return ready
        return [cast("Event", attrs.evolve(event, index=block.number)) for event in ready]


def _refused(expected: str, got: str) -> UnsupportedError:
    return UnsupportedError(
        f"expected {expected} in an answer, got {got}: the anthropic dialect has no other"
    )
