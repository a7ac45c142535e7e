"""From events to the events of the wire, as JSON objects.

https://platform.openai.com/docs/api-reference/responses-streaming

An item is done when the next one begins; a call whose arguments are not complete then, when they are. What
comes for an item later is told all the same, and it is done once more at the end. The first metadata of a
call, or of a result, has its item's type and ids: it is waited for, until something else is to be said.

A server of ours learns the answer's id and model when it ends, but clients hold the response to the name in
which it began. So that stays, and where the answer's own is another, the last event has it too: as `answer`,
a field that other clients do not look at.

Lost, by the wire's nature:

- empty deltas of a part that has other ones, and which part of the audio came first;
- that reasoning was redacted; log probabilities of a refusal;
- metadata and opaque items of other providers; metadata of opaque items and of audio;
- the record of another provider's citation, and what text it cites;
- ids under which calls of the provider's own were known, where their items have others;
- a result of a tool of another provider's, which becomes the output of its call, an MCP server's;
- progress of tools of ours, ends of rounds, restarts, raw and unknown events;
- a finish reason that the calls and refusals of the answer belie; that there was none.
"""

from __future__ import annotations

from typing import Final, cast

import attrs

from llmstream.jsontext import JSON, JSONObject, as_object, dumps
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
    ToolProgress,
    ToolResultOut,
)
from llmstream.wire.dataurl import b64
from llmstream.wire.logprobs import logprobs_record
from llmstream.wire.openai_responses._items import (
    CALLS,
    CUSTOM,
    FUNCTION,
    IMAGE,
    MCP,
    MESSAGE,
    PART,
    REASONING,
    REASONING_TEXT,
    is_result,
    output_field,
    runs_at_server,
    unsaid,
)
from llmstream.wire.openai_responses._names import ANSWER, RESPONSE_METADATA, cannot, finish_of
from llmstream.wire.openai_responses._records import annotation, usage_record
from llmstream.wire.openai_responses.decode import EVENTS
from llmstream.wire.openai_responses.quirks import Quirks
from llmstream.wire.openai_responses.server.items import Content, Item, Out

_PREFIXES: Final = {MESSAGE: "msg", REASONING: "rs", FUNCTION: "fc", CUSTOM: "ctc", MCP: "mcp", IMAGE: "ig"}
_ENDINGS: Final = {"stop", "tool_calls", "refusal", None}


@attrs.define
class _Part:
    """A part: its item, and the content of it that is written to; without an item, what waits for one."""

    item: Item | None = None
    content: Content | None = None
    waiting: JSONObject = attrs.field(factory=JSONObject)


class Writer:
    """Writes the events of one answer. `ended`: Done was among them."""

    def __init__(self, provider: str, quirks: Quirks, *, id: str = "", model: str = "") -> None:
        self.ended = False
        self._provider = provider
        self._quirks = quirks
        self._id = id
        self._model = model
        self._out = Out(self._before)
        self._parts: dict[int, _Part] = {}
        self._items: list[Item] = []
        # Those that were not said to be done.
        self._live: list[Item] = []
        # Messages, reasoning and images by their ids: their other parts join them.
        self._known: dict[tuple[str, str], Item] = {}
        # Calls of the provider's by our ids, for results that come from elsewhere.
        self._calls: dict[str, Item] = {}
        # A call or a result whose item waits for its metadata.
        self._pending: ToolCallStart | ToolResultOut | None = None
        self._begun = False
        self._closing = False
        self._called = False
        self._refused = False

    def feed(self, event: Event, /) -> list[JSONObject]:
        """Write one event.

        Raises:
            UnsupportedError: when the wire cannot say it.
        """
        if not self._begun:
            self._begun = True
            response = self._response("in_progress", [])
            self._out.say("response.created", {"response": response})
            self._out.say("response.in_progress", {"response": response})
        if isinstance(event, Done):
            self._done(event)
        else:
            self._write(event)
        return self._out.taken()

    def _before(self, number: JSON) -> None:
        """Write what waits before something is said of the item of that number; calls that ended are done."""
        self._settle()
        if not self._closing:
            self._close([item for item in self._live if item.ended and item.number != number])

    def _close(self, items: list[Item], *, last: bool = False) -> None:
        """Say of items that they are done, in their order."""
        if not items:
            return
        self._closing = True
        for item in items:
            item.close(self._out, last=last)
        self._closing = False
        closed = {item.number for item in items}
        self._live = [item for item in self._live if item.number not in closed]

    def _settle(self) -> None:
        """Write the call, or the result, that waits: something else is about to be said."""
        pending, self._pending = self._pending, None
        if isinstance(pending, ToolCallStart):
            self._call(pending)
        elif pending is not None:
            self._result(pending)

    def _write(self, event: Event) -> None:
        match event:
            case TextDelta():
                self._text(event)
            case ReasoningDelta():
                self._reasoning(event)
            case ToolCallStart() | ToolResultOut():
                self._wait(event)
            case ToolCallArgsDelta(index=index, json=json) if json:
                self._called_item(index).write(json, self._out)
            case ToolCallEnd(index=index, arguments=arguments):
                self._called_item(index).end(arguments, self._out)
            case ToolProgress(index=index, data=data):
                self._progress(index, data)
            case ImageOut():
                self._image(event)
            case AudioDelta():
                self._audio(event)
            case CitationOut():
                content = self._content(event.index, MESSAGE, "output_text")
                content.cite(annotation(event.citation, self._provider), self._out)
            case PartMetadata(provider=self._provider):
                self._note(event)
            case OpaqueOut(provider=self._provider):
                self._opaque(event)
            case OpaqueOut() | PartMetadata():
                # The part is there, though nothing of it is.
                self._parts.setdefault(event.index, _Part())
            case _:
                pass

    def _open(self, record: JSONObject) -> Item:
        """Begin an item; those before it that can be are done."""
        self._settle()
        self._close([item for item in self._live if item.closable])
        item = Item(len(self._items), record)
        self._items.append(item)
        self._live.append(item)
        if isinstance(record.get("id"), str):
            self._known[item.type, record["id"]] = item
        item.begin(self._out)
        return item

    def _named(self, type: str, record: JSONObject) -> JSONObject:
        """The record of an item that has an id, be it one of ours."""
        prefix = _PREFIXES.get(type, "item")
        return {"type": type, "id": f"{prefix}_{len(self._items)}", **record}

    def _spoken_item(self, index: int, type: str, data: JSONObject) -> tuple[_Part, Item]:
        """The message or the reasoning that a part belongs to."""
        part = self._parts.setdefault(index, _Part())
        if part.item is None:
            record = {**part.waiting, **data}
            known = self._known.get((type, str(record.get("id")))) if record.get(PART) else None
            empty: JSONObject = {"role": "assistant", "content": []} if type == MESSAGE else {"summary": []}
            part.item = known or self._open({**self._named(type, unsaid(type, record)), **empty})
        if part.item.type != type:
            raise cannot(f"a {type} that goes on with a {part.item.type}")
        return part, part.item

    def _content(self, index: int, type: str, sort: str) -> Content:
        """The content that is about to be written to."""
        self._settle()
        part, item = self._spoken_item(index, type, {})
        if part.content is None or part.content.type != sort:
            part.content = item.content(sort, self._out)
        item.touch()
        return part.content

    def _text(self, event: TextDelta) -> None:
        if not event.text and not event.logprobs:
            self._spoken_item(event.index, MESSAGE, {})
            return
        self._refused = self._refused or (event.refusal and bool(event.text))
        likely = logprobs_record(event.logprobs, refusal=False)["content"]
        content = self._content(event.index, MESSAGE, "refusal" if event.refusal else "output_text")
        content.write(event.text, [] if event.refusal else likely, self._out)

    def _reasoning(self, event: ReasoningDelta) -> None:
        part, _ = self._spoken_item(event.index, REASONING, {})
        if event.text:
            sort = REASONING_TEXT if part.waiting.get("type") == REASONING_TEXT else "summary_text"
            self._content(event.index, REASONING, sort).write(event.text, None, self._out)

    def _note(self, event: PartMetadata) -> None:
        """Write metadata of this provider's."""
        part = self._parts.setdefault(event.index, _Part())
        data = {key: value for key, value in event.data.items() if key != "id" or _is_name(value)}
        part.waiting |= data
        if self._pending is not None and self._pending.index == event.index:
            self._settle()
            return
        if part.item is None:
            match event.kind:
                case "text":
                    self._spoken_item(event.index, MESSAGE, {})
                case "reasoning":
                    self._spoken_item(event.index, REASONING, {})
                case "attachment":
                    self._settle()
                    part.item = self._known.get((IMAGE, str(part.waiting.get("id"))))
                case _:
                    pass
        elif new := part.item.unknown(unsaid(part.item.type, data)):
            part.item.note(new)

    def _wait(self, event: ToolCallStart | ToolResultOut) -> None:
        self._settle()
        if isinstance(event, ToolCallStart) and not event.name:
            raise cannot("a tool call without a name")
        if isinstance(event, ToolResultOut) and (not event.server_executed or event.attachments):
            raise cannot("a tool's result that is not the provider's own, or holds files")
        self._parts[event.index] = _Part()
        self._pending = event

    def _called_item(self, index: int) -> Item:
        self._settle()
        part = self._parts.get(index)
        if part is None or part.item is None or part.item.type not in CALLS:
            raise cannot("more of a call that did not start")
        return part.item

    def _call(self, start: ToolCallStart) -> None:
        part = self._parts[start.index]
        given, type = part.waiting, part.waiting.get("type")
        if isinstance(type, str) and type in CALLS and type not in {FUNCTION, CUSTOM}:
            record = self._builtin(type, given, start)
        elif start.custom:
            if start.server_executed is not self._quirks.server_custom_calls:
                raise cannot("a call of free text that is not the client's")
            record = self._plain(CUSTOM, start, given)
        elif start.server_executed:
            about = {"id": start.id, "server_label": "", "output": None, "error": None}
            record = {**about, **unsaid(MCP, given), "type": MCP, "name": start.name, "arguments": ""}
        else:
            record = self._plain(FUNCTION, start, given)
        part.item = self._open(record)
        server = runs_at_server(part.item.type, record, custom=self._quirks.server_custom_calls)
        self._called = self._called or not server
        if start.server_executed:
            self._calls[start.id] = part.item

    def _plain(self, type: str, start: ToolCallStart, given: JSONObject) -> JSONObject:
        about = {"call_id": start.id, "name": start.name, CALLS[type].text: ""}
        return {**self._named(type, unsaid(type, given)), **about}

    def _builtin(self, type: str, given: JSONObject, start: ToolCallStart) -> JSONObject:
        """A call of a built-in tool: its item, and in it what the part says."""
        record = {**unsaid(type, given), "type": type}
        if not record.get("id") and not record.get("call_id"):
            record["id"] = start.id
        if CALLS[type].name is None:
            record["name"] = start.name
        return {**record, CALLS[type].text: ""} if CALLS[type].text else record

    def _result(self, event: ToolResultOut) -> None:
        part = self._parts[event.index]
        type = part.waiting.get("type")
        if isinstance(type, str) and is_result(type):
            record = {**part.waiting, output_field(type, part.waiting): event.output}
            if not record.get("call_id") and not record.get("id"):
                record["call_id"] = event.tool_call_id
            self._open(record).close(self._out)
            return
        call = self._calls.get(event.tool_call_id)
        if call is None or call.type != MCP:
            raise cannot("a result of a call that is not known, or has its result in itself")
        output = event.output if isinstance(event.output, str) else dumps(event.output)
        call.note({"output": output, "error": event.error})

    def _progress(self, index: int, data: JSON) -> None:
        """Write what the provider's decoder has read of a tool's work."""
        told = as_object(data)
        type = told.get("type")
        if isinstance(type, str) and type.startswith("response.") and type not in EVENTS:
            item = self._called_item(index)
            self._out.say(type, {**told, **item.where()})

    def _image(self, event: ImageOut) -> None:
        self._settle()
        part = self._parts.setdefault(event.index, _Part())
        if part.item is None:
            part.item = self._open(self._named(IMAGE, {**unsaid(IMAGE, part.waiting), "type": IMAGE}))
        if part.item.type != IMAGE:
            raise cannot(f"an image that goes on with a {part.item.type}")
        held, sort = _held(event.attachment), (event.attachment.media_type or "").partition("/")[2] or "png"
        part.item.show(held, sort, self._out, partial=event.partial)

    def _audio(self, event: AudioDelta) -> None:
        self._parts.setdefault(event.index, _Part())
        if event.data:
            self._out.say("response.audio.delta", {"delta": b64(event.data)})
        if event.transcript:
            self._out.say("response.audio.transcript.delta", {"delta": event.transcript})

    def _opaque(self, event: OpaqueOut) -> None:
        record = {"type": event.type, **event.data}
        type = record["type"]
        if not isinstance(type, str) or not type or type in {MESSAGE, REASONING, *CALLS} or is_result(type):
            raise cannot(f"an opaque item of the type {type!r}")
        self._parts[event.index] = _Part(self._open(record))
        self._items[-1].close(self._out)

    def _done(self, done: Done) -> None:
        self._settle()
        self._close(self._live)
        self._close(self._items, last=True)
        raw, reason = done.raw_finish_reason, done.finish_reason
        if finish_of("completed", calls=self._called, refused=self._refused) == reason or reason in _ENDINGS:
            status, why = "completed", None
            # A refusal that was not said in words has only its word.
            if reason == "refusal" and not self._refused:
                status, why = "incomplete", "refusal"
        else:
            told = raw is not None and finish_of(raw, calls=self._called, refused=self._refused) == reason
            status, why = "incomplete", raw if told else _WORDS.get(cast("str", reason), reason)
        # The decoder takes these for what they say.
        if why == "cancelled":
            status, why = "cancelled", None
        response = self._response(status, [item.record for item in self._items])
        response["incomplete_details"] = None if why is None else {"reason": why}
        response["usage"] = None if done.usage is None else usage_record(done.usage)
        own = as_object(done.provider_metadata.get(self._provider))
        response |= {name: own[name] for name in RESPONSE_METADATA if own.get(name)}
        last: JSONObject = {"response": response}
        if (done.id, done.model) != (self._id, self._model):
            last[ANSWER] = {"id": done.id, "model": done.model}
        self._out.say(f"response.{status}", last)
        self.ended = True

    def _response(self, status: str, output: list[JSONObject]) -> JSONObject:
        return {
            "id": self._id,
            "object": "response",
            # There is no clock here; clients need the field, not its value.
            "created_at": 0,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "model": self._model,
            "output": output,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "metadata": {},
            "temperature": None,
            "top_p": None,
            "usage": None,
        }


_WORDS: Final = {"length": "max_output_tokens"}


def _is_name(value: JSON) -> bool:
    return isinstance(value, str) and bool(value)


def _held(attachment: Attachment) -> bytes:
    if attachment.data is None:
        raise cannot("an image that is not bytes")
    return attachment.data
