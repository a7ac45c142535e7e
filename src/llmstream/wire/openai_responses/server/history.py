"""From the input of a request to messages: the way back of `_history`.

The items of an answer are read as they are when they come: what the client half makes of them are the parts
of the assistant's message. Results of tools of the client's are a message of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from llmstream.errors import InvalidRequestError
from llmstream.jsontext import JSON, JSONObject, as_list
from llmstream.reduce import reduce
from llmstream.values.content import (
    Attachment,
    AttachmentPart,
    OpaquePart,
    Part,
    TextPart,
    ToolResultPart,
)
from llmstream.values.events import Event
from llmstream.values.messages import Message, Role
from llmstream.wire.codec import counter
from llmstream.wire.fields import Fields, bad
from llmstream.wire.openai_responses._answer import Answer, MisfitError
from llmstream.wire.openai_responses._files import attachment_in
from llmstream.wire.openai_responses._items import (
    CALLS,
    MESSAGE,
    TOOL_SEARCH,
    is_result,
    output_field,
    result_name,
    runs_at_server,
)
from llmstream.wire.openai_responses.quirks import Quirks

_ROLES: Final = ("system", "developer", "user", "assistant")
_FILES: Final = frozenset({"input_image", "input_file", "input_audio"})
_TEXTS: Final = frozenset({"input_text", "output_text", "text"})
# Items of the client's own that are no results.
_APPROVAL: Final = "mcp_approval_response"
_FOUND: Final = f"{TOOL_SEARCH.removesuffix('_call')}_output"


class HistoryReader:
    """Reads items in order: results are told the names of the calls before them."""

    def __init__(self, provider: str, quirks: Quirks) -> None:
        self._provider = provider
        self._quirks = quirks
        self._ids = counter()
        self._names: dict[str, str] = {}
        self._served: set[str] = set()
        self._messages: list[Message] = []
        # The items of the answer that is being read.
        self._answer: list[Fields] = []

    def read(self, items: Iterator[Fields]) -> list[Message]:
        """Read all items; neighbouring results are one message."""
        for item in items:
            self._item(item)
        self._flush()
        return self._messages

    def _item(self, item: Fields) -> None:
        type = item.get("type", str) or MESSAGE
        if type == MESSAGE:
            item.need("role", str)
            role = item.choice("role", _ROLES)
            if role == "assistant":
                self._answer.append(item)
            else:
                self._flush()
                parts = tuple(self._content(item, "content"))
                self._messages.append(Message("user" if role == "user" else "system", parts))
        elif type == _APPROVAL:
            self._flush()
            self._add("user", OpaquePart(self._provider, type, item.data))
        elif is_result(type) and not self._is_served(item, type):
            self._flush()
            self._add("tool", self._result(item, type))
        else:
            self._learn(item, type)
            self._answer.append(item)

    def _is_served(self, item: Fields, type: str) -> bool:
        """Whether a result is one of the provider's own tool."""
        if type == _FOUND:
            return item.get("execution", str) != "client"
        return type == "program_output" or item.get("call_id", str) in self._served

    def _learn(self, item: Fields, type: str) -> None:
        """Remember a call, for the results that answer it."""
        name = item.data.get("call_id") or item.data.get("id")
        if type in CALLS and isinstance(name, str):
            self._names[name] = CALLS[type].name or str(item.data.get("name"))
            if runs_at_server(type, item.data, custom=self._quirks.server_custom_calls):
                self._served.add(name)

    def _add(self, role: Role, part: Part) -> None:
        last = self._messages[-1] if self._messages else None
        if last is not None and last.role == role == "tool":
            self._messages[-1] = Message(role, (*last.parts, part))
        else:
            self._messages.append(Message(role, (part,)))

    def _flush(self) -> None:
        if self._answer:
            self._messages.append(Message("assistant", self._parts()))
            self._answer = []

    def _parts(self) -> tuple[Part, ...]:
        answer, events = Answer(self._provider, self._quirks, self._ids), list[Event]()
        for number, item in enumerate(self._answer):
            record = _plain(item)
            try:
                answer.finish(answer.begin(number, record, events), record, events)
            except MisfitError as misfit:
                raise InvalidRequestError(
                    f"expected an item of an answer, got one where {misfit}, at {item.where}", status=400
                ) from misfit
        return reduce(events).parts

    def _result(self, item: Fields, type: str) -> Part:
        call_id = item.need("call_id", str)
        name = self._names.get(call_id, result_name(type))
        output: JSON = item.data.get(output_field(type, item.data))
        attachments: tuple[Attachment, ...] = ()
        if type in {"function_call_output", "custom_tool_call_output"}:
            content = tuple(self._content(item, "output"))
            output = "".join(part.text for part in content if isinstance(part, TextPart))
            attachments = tuple(part.attachment for part in content if isinstance(part, AttachmentPart))
        error = str(output) if item.data.get("status") == "failed" else None
        output = "" if error is not None or output is None else output
        return ToolResultPart(call_id, name, output=output, attachments=attachments, error=error)

    def _content(self, item: Fields, name: str) -> Iterator[Part]:
        content = item.data.get(name)
        if isinstance(content, str):
            yield TextPart(content)
        elif content is not None and not isinstance(content, list):
            raise bad("a string or an array", content, item.at(name))
        else:
            for part in item.each(name):
                yield self._part(part)

    def _part(self, part: Fields) -> Part:
        kind = part.need("type", str)
        if kind in _TEXTS:
            return TextPart(part.need("text", str))
        if kind not in _FILES:
            raise InvalidRequestError(
                f"expected a part of a type that is known, got {kind[:100]!r}, at {part.at('type')}",
                status=400,
            )
        detail = part.get("detail", str)
        metadata = {self._provider: {"detail": detail}} if detail not in {None, "auto"} else {}
        return AttachmentPart(attachment_in(part), provider_metadata=metadata)


def _plain(item: Fields) -> JSONObject:
    """An item in the form in which an answer has it: with its type, and a list for its content."""
    record = {"type": MESSAGE, **item.data}
    if record["type"] == MESSAGE and isinstance(record.get("content"), str):
        record["content"] = [{"type": "output_text", "text": record["content"]}]
    return record


def items_of(body: Fields) -> Iterable[Fields]:
    """The items of a request's input, which may be a text.

    Raises:
        InvalidRequestError: when it is neither.
    """
    given = body.data.get("input")
    if isinstance(given, str):
        return [Fields({"role": "user", "content": given}, "input")]
    if given is not None and not isinstance(given, list):
        raise bad("a string or an array", given, "input")
    return [Fields(item, f"input[{number}]") for number, item in enumerate(as_list(given))]
