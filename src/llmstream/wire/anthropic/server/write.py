"""Canonical events as the wire's events: each block started, continued and stopped before the next.

https://platform.claude.com/docs/en/build-with-claude/streaming

A server of ours learns the answer's id, model and counts when it ends, but message_start comes first. So
message_start has the id and model that the encoder was made with and no counts, and message_delta has the
counts. Where the answer's own id or model is another, message_delta has them too, as `message`: a field
that other clients do not look at.
"""

from __future__ import annotations

from collections.abc import Iterator

from llmstream.jsontext import JSONObject, dump_bytes
from llmstream.values.events import (
    CitationOut,
    Done,
    Event,
    OpaqueOut,
    PartMetadata,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultOut,
)
from llmstream.wire.anthropic.blocks import citation_record, fallback_model
from llmstream.wire.anthropic.ending import DELTA_FIELDS, counts_of


def sse(event: JSONObject, /) -> bytes:
    """One event as a frame; JSON text has no line ends, so none can be forged."""
    return b"event: %s\ndata: %s\n\n" % (event["type"].encode(), dump_bytes(event))


class Writer:
    """A stage from canonical events to the wire's."""

    def __init__(self, provider: str, *, id: str, model: str) -> None:
        self._provider = provider
        self._id = id
        self._model = model
        self._started = False
        self._index = -1
        self._type = ""
        self._unsaid: JSONObject | None = None
        self._stopped = True

    def feed(self, event: Event, /) -> Iterator[JSONObject]:
        """Take one event and give what the wire says for it."""
        if not self._started:
            self._started = True
            yield self._start()
        if isinstance(event, Done):
            yield from self._stop()
            yield self._delta(event)
            yield {"type": "message_stop"}
        else:
            yield from self._part(event)

    def feed_eof(self) -> Iterator[JSONObject]:
        """End the block that is open; without Done there is no message_stop."""
        yield from self._stop()

    def _start(self) -> JSONObject:
        message: JSONObject = {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }
        return {"type": "message_start", "message": message}

    def _delta(self, done: Done) -> JSONObject:
        own: JSONObject = done.provider_metadata.get(self._provider, {})
        delta = {"stop_reason": done.raw_finish_reason, "stop_sequence": None}
        delta |= {key: own[key] for key in DELTA_FIELDS & own.keys()}
        event: JSONObject = {"type": "message_delta", "delta": delta, "usage": counts_of(done.usage)}
        event |= {key: value for key, value in own.items() if key not in DELTA_FIELDS}
        if (done.id, done.model) != (self._id, self._model):
            event["message"] = {"id": done.id, "model": done.model}
        return event

    def _part(self, event: Event) -> Iterator[JSONObject]:
        match event:
            case TextDelta(index=index, text=text):
                yield from self._open(index, {"type": "text", "text": ""})
                yield from self._say({"type": "text_delta", "text": text})
            case CitationOut(index=index, citation=citation):
                yield from self._open(index, {"type": "text", "text": "", "citations": []})
                record = citation_record(citation, self._provider)
                yield from self._say({"type": "citations_delta", "citation": record})
            case ReasoningDelta(index=index, redacted=True):
                yield from self._open(index, {"type": "redacted_thinking", "data": ""})
            case ReasoningDelta(index=index, text=text):
                yield from self._open(index, {"type": "thinking", "thinking": "", "signature": ""})
                yield from self._say({"type": "thinking_delta", "thinking": text})
            case PartMetadata(index=index, data=data):
                if index != self._index:
                    yield from self._open(index, {"type": "thinking", "thinking": "", "signature": ""})
                if self._type == "thinking":
                    yield from self._say({"type": "signature_delta", **data})
                elif self._unsaid is not None:
                    self._unsaid |= data
            case ToolCallStart(index=index, id=id, name=name):
                yield from self._open(index, {"type": "tool_use", "id": id, "name": name, "input": {}})
            case ToolCallArgsDelta(json=json):
                yield from self._say({"type": "input_json_delta", "partial_json": json})
            case ToolCallEnd():
                yield from self._stop()
            case ToolResultOut(index=index, tool_call_id=id, output=output):
                yield from self._open(index, {"type": "", "tool_use_id": id, "content": output})
            case OpaqueOut(index=index, data=data):
                yield from self._open(index, data)
                yield from self._stop()
                self._model = fallback_model(data) or self._model
            case _:
                pass

    def _open(self, index: int, block: JSONObject) -> Iterator[JSONObject]:
        """Begin a block if the part is new; its start waits for what else belongs into it."""
        if index != self._index:
            yield from self._stop()
            self._index, self._type, self._unsaid = index, block["type"], dict(block)
            self._stopped = False

    def _say(self, delta: JSONObject) -> Iterator[JSONObject]:
        yield from self._begin()
        yield {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _begin(self) -> Iterator[JSONObject]:
        if self._unsaid is not None:
            block, self._unsaid = self._unsaid, None
            yield {"type": "content_block_start", "index": self._index, "content_block": block}

    def _stop(self) -> Iterator[JSONObject]:
        if not self._stopped:
            yield from self._begin()
            yield {"type": "content_block_stop", "index": self._index}
            self._stopped = True
