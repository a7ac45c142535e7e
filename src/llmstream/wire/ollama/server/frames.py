"""From events to the lines of the wire, as JSON objects.

A call goes out whole when its arguments are complete, so it is held until then. Refusals are text: the
reason to finish says what they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast

import attrs

from llmstream.jsontext import JSON, JSONObject, as_object
from llmstream.values.events import (
    AudioDelta,
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
from llmstream.wire.dataurl import b64
from llmstream.wire.logprobs import logprobs_record
from llmstream.wire.ollama._names import END_METADATA, WIRE_ID, cannot, finish_of

# There is no clock here; clients need the field, not its value.
_CREATED: Final = "1970-01-01T00:00:00Z"


@attrs.define
class _Call:
    """A call that is held until its arguments are complete."""

    id: JSON
    name: str
    closed: bool = False


class LineWriter:
    """Writes the events of one answer; `model` stands in every line until Done gives another."""

    def __init__(self, provider: str, *, model: str = "") -> None:
        self._provider = provider
        self._model = model
        # By the index of their part.
        self._calls: dict[int, _Call] = {}

    def feed(self, event: Event) -> list[JSONObject]:
        """Write one event.

        Raises:
            UnsupportedError: when the wire cannot say it.
        """
        if isinstance(event, Done):
            return [self._done(event)]
        message = self._message(event)
        if message is None:
            return []
        line = self._line(message)
        if isinstance(event, TextDelta) and event.logprobs:
            line["logprobs"] = logprobs_record(event.logprobs, refusal=False)["content"]
        return [line]

    def _line(self, message: JSONObject, *, done: bool = False) -> JSONObject:
        told: JSONObject = {"role": "assistant", "content": "", **message}
        return {"model": self._model, "created_at": _CREATED, "message": told, "done": done}

    def _message(self, event: Event) -> JSONObject | None:
        match event:
            case TextDelta(text=text, logprobs=logprobs) if text or logprobs:
                return {"content": text}
            case ReasoningDelta(text=text) if text:
                return {"thinking": text}
            case ToolCallStart():
                self._start(event)
            case ToolCallArgsDelta(index=index) if index in self._calls and self._calls[index].closed:
                raise cannot("more arguments of a call after they were complete")
            case ToolCallEnd():
                return self._end(event)
            case PartMetadata(index=index, provider=self._provider, data=data) if index in self._calls:
                call = self._calls[index]
                call.id = data.get(WIRE_ID, call.id)
            case ImageOut(attachment=attachment, partial=False):
                if attachment.data is None:
                    raise cannot("an image that is not given by its bytes")
                return {"images": [b64(attachment.data)]}
            case ToolResultOut() | AudioDelta() | OpaqueOut():
                raise cannot(type(event).__name__)
            case _:
                pass
        return None

    def _start(self, event: ToolCallStart) -> None:
        if event.custom or event.server_executed:
            raise cannot(f"the call {event.id!r}, which is custom or run by the provider")
        if not event.name:
            raise cannot("a tool call without a name")
        self._calls[event.index] = _Call(event.id, event.name)

    def _end(self, event: ToolCallEnd) -> JSONObject:
        call = self._calls[event.index]
        number = sum(other.closed for other in self._calls.values())
        call.closed = True
        function = {"index": number, "name": call.name, "arguments": event.arguments}
        return {"tool_calls": [{"id": call.id, "function": function}]}

    def _done(self, done: Done) -> JSONObject:
        for call in self._calls.values():
            if not call.closed:
                raise cannot(f"the call of {call.name!r}, whose arguments are not complete")
        self._model = done.model or self._model
        line = self._line({}, done=True)
        if (reason := self._reason(done)) is not None:
            line["done_reason"] = reason
        about = as_object(done.provider_metadata.get(self._provider))
        line |= {name: value for name, value in about.items() if name in END_METADATA}
        if done.usage is not None:
            line |= {"prompt_eval_count": done.usage.input, "eval_count": done.usage.output}
        return line

    def _reason(self, done: Done) -> str | None:
        """The wire's own word, if it says here what it said there; else the unified one."""
        raw, reason = done.raw_finish_reason, done.finish_reason
        if raw is not None and finish_of(raw, calls=bool(self._calls)) == reason:
            return raw
        return "stop" if reason == "tool_calls" and self._calls else reason


def whole_body(lines: Iterable[JSONObject]) -> JSONObject:
    """Join lines into the body that says the same at once; the order of unlike parts is lost."""
    texts: dict[str, list[str]] = {"content": [], "thinking": []}
    lists: dict[str, list[JSON]] = {"images": [], "tool_calls": []}
    tokens: list[JSON] = []
    body: JSONObject = {}
    for line in lines:
        body = line
        tokens += line.get("logprobs", ())
        for name, value in line["message"].items():
            if name in texts:
                texts[name].append(value)
            elif name in lists:
                lists[name] += cast("list[JSON]", value)
    message: JSONObject = {"role": "assistant", "content": "".join(texts["content"])}
    if thinking := "".join(texts["thinking"]):
        message["thinking"] = thinking
    message |= {name: value for name, value in lists.items() if value}
    return {**body, "message": message, **({"logprobs": tokens} if tokens else {})}
