"""The messages of a request, as the wire has them: a list of items.

https://platform.openai.com/docs/guides/conversation-state

An answer of this provider goes back item by item, in order, with all that came with it: ids, ciphertexts,
phases, outputs of built-in tools. Of another provider's answer go back what it said and the calls that the
client made; its reasoning, its tools' calls and results, and its opaque items are left out.
"""

from __future__ import annotations

from typing import cast

from llmstream.jsontext import JSON, JSONObject, as_object, dumps
from llmstream.values.content import (
    AttachmentPart,
    OpaquePart,
    Part,
    ProviderMetadata,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.values.messages import Message
from llmstream.wire.dataurl import b64
from llmstream.wire.openai_responses._files import file_part
from llmstream.wire.openai_responses._items import (
    CALLS,
    CUSTOM,
    FUNCTION,
    IMAGE,
    MESSAGE,
    PART,
    REASONING,
    REASONING_TEXT,
    is_result,
    output_field,
)
from llmstream.wire.openai_responses._names import cannot
from llmstream.wire.openai_responses._records import annotation
from llmstream.wire.openai_responses._results import result_item
from llmstream.wire.openai_responses.quirks import Quirks
from llmstream.wire.portable import CallIds


class History:
    """Writes messages, one after the other.

    Attributes:
        instructions: the system's messages, where the provider wants them apart from the others.
    """

    def __init__(self, provider: str, quirks: Quirks) -> None:
        self.instructions = ""
        self._provider = provider
        self._quirks = quirks
        self._written: list[JSONObject] = []
        # An item's own id is another than its call's.
        self._ids = CallIds(provider, quirks.call_ids, given=None)
        # The items of calls, by our ids; results know their call.
        self._calls: dict[str, JSONObject] = {}
        # The items of the turn that is being written, the last of each type and id: other parts join them.
        self._turn: dict[tuple[str, str], JSONObject] = {}

    def add(self, message: Message) -> None:
        """Write one message."""
        if message.cache is not None:
            raise cannot("the option cache of a message")
        match message.role:
            case "system":
                self._system(message)
            case "assistant":
                self._assistant(message)
            case _:
                self._user(message)

    def finish(self) -> list[JSONObject]:
        """All items."""
        return self._written

    def _system(self, message: Message) -> None:
        for part in message.parts:
            if not isinstance(part, TextPart):
                raise cannot(f"{_named(part)} in a system message")
        if self._quirks.instructions:
            said = [text for text in (self.instructions, message.text()) if text]
            self.instructions = "\n\n".join(said)
        else:
            content = [_input_text(part.text) for part in message.parts if isinstance(part, TextPart)]
            self._written.append({"role": "system", "content": _text_or_list(content)})

    def _user(self, message: Message) -> None:
        """Write a message of the user's or of tools: items of their own, then what is left to say."""
        content: list[JSONObject] = []
        for part in message.parts:
            match part:
                case TextPart():
                    content.append(_input_text(part.text))
                case AttachmentPart():
                    content.append(file_part(part.attachment, _own(part.provider_metadata, self._provider)))
                case ToolResultPart(server_executed=False) if message.role == "tool":
                    self._result(part)
                case OpaquePart():
                    self._opaque(part)
                case _:
                    raise cannot(f"{_named(part)} in a {message.role} message")
        if content or not message.parts:
            self._written.append({"role": "user", "content": _text_or_list(content)})

    def _opaque(self, part: OpaquePart) -> None:
        if part.provider == self._provider:
            self._written.append({"type": part.type, **part.data})

    def _result(self, part: ToolResultPart) -> None:
        call = self._calls.get(part.tool_call_id)
        self._written.append(result_item(part, call, self._ids.result(part.tool_call_id)))

    def _assistant(self, message: Message) -> None:
        self._turn = {}
        for part in message.parts:
            match part:
                case TextPart():
                    self._text(part)
                case ReasoningPart():
                    self._reasoning(part)
                case ToolCallPart():
                    self._call(part)
                case ToolResultPart():
                    self._given(part)
                case AttachmentPart():
                    self._image(part)
                case OpaquePart():
                    self._opaque(part)

    def _joined(self, own: JSONObject, type: str) -> JSONObject | None:
        """The item that a part is one of several of."""
        return self._turn.get((type, str(own.get("id")))) if own.get(PART) or type == IMAGE else None

    def _open(self, item: JSONObject) -> JSONObject:
        self._written.append(item)
        self._turn[str(item["type"]), str(item.get("id"))] = item
        return item

    def _text(self, part: TextPart) -> None:
        own = _own(part.provider_metadata, self._provider)
        said = {key: value for key, value in own.items() if key != PART}
        item = self._joined(own, MESSAGE)
        if item is None:
            new: JSONObject = {"type": MESSAGE, "role": "assistant", "content": []}
            new |= {"status": "completed", **said} if own.get("id") else said
            last = self._written[-1] if self._written else {}
            joins = not own and last.get("role") == "assistant" and not last.get("id")
            item = last if joins else self._open(new)
        # What was said of nothing is an empty message.
        if part.text or part.refusal or part.citations or not own:
            item["content"].append(self._said(part))

    def _said(self, part: TextPart) -> JSONObject:
        if part.refusal:
            return {"type": "refusal", "refusal": part.text}
        sources = [c for c in part.citations if c.provider == self._provider and c.data]
        notes = [annotation(source, self._provider) for source in sources]
        return {"type": "output_text", "text": part.text, "annotations": notes}

    def _reasoning(self, part: ReasoningPart) -> None:
        own = dict(_own(part.provider_metadata, self._provider))
        if not own:
            return
        item, plain = self._joined(own, REASONING), own.pop("type", None) == REASONING_TEXT
        own.pop(PART, None)
        item = item or self._open({"type": REASONING, "summary": [], **own})
        if plain:
            item.setdefault("content", []).append({"type": REASONING_TEXT, "text": part.text})
        elif part.text:
            item["summary"].append({"type": "summary_text", "text": part.text})

    def _call(self, part: ToolCallPart) -> None:
        own, wire_id = _own(part.provider_metadata, self._provider), self._ids.call(part)
        if own.get("type") in CALLS:
            item = self._builtin(part, own)
        elif part.custom and (not part.server_executed or self._quirks.server_custom_calls):
            item = {"type": CUSTOM, "call_id": wire_id, "name": part.name, "input": part.raw, **own}
        elif part.server_executed:
            return
        else:
            text = part.raw if part.raw.strip() else dumps(part.arguments or {})
            item = {"type": FUNCTION, "call_id": wire_id, "name": part.name, "arguments": text, **own}
        self._calls[part.id] = self._open(item)

    def _builtin(self, part: ToolCallPart, own: JSONObject) -> JSONObject:
        """A call of a built-in tool, as it came."""
        about, item = CALLS[own["type"]], {"status": "completed", **own}
        if about.name is None:
            item["name"] = part.name
        if about.text:
            item[about.text] = part.raw
        return item

    def _given(self, part: ToolResultPart) -> None:
        """Write a result that stands in an answer: a built-in tool's, or a chain's."""
        own = _own(part.provider_metadata, self._provider)
        type = own.get("type")
        if not part.server_executed:
            self._result(part)
        elif isinstance(type, str) and is_result(type):
            self._open({**own, output_field(type, own): part.output})

    def _image(self, part: AttachmentPart) -> None:
        """Give back an image inside its call, and audio as what was said."""
        own = _own(part.provider_metadata, self._provider)
        item = self._joined(own, IMAGE)
        if item is not None and part.attachment.data is not None:
            item["result"] = b64(part.attachment.data)
        elif part.transcript:
            self._text(TextPart(part.transcript))
        else:
            raise cannot(f"{part.attachment.media_type or 'a file'} in an assistant message")


def _own(metadata: ProviderMetadata, provider: str) -> JSONObject:
    return as_object(metadata.get(provider))


def _input_text(text: str) -> JSONObject:
    return {"type": "input_text", "text": text}


def _text_or_list(content: list[JSONObject]) -> JSON:
    """One text as a string, which every server takes; a list otherwise."""
    if not content:
        return ""
    if len(content) == 1 and content[0]["type"] == "input_text":
        return cast("str", content[0]["text"])
    return content


def _named(part: Part) -> str:
    return type(part).__name__
