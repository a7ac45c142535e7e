"""From the messages of a request to ours."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable, Iterator

from llmstream.errors import InvalidRequestError
from llmstream.jsontext import JSON, JSONObject, dumps, loads_object
from llmstream.values.content import (
    Attachment,
    AttachmentPart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.values.messages import Message
from llmstream.wire.codec import counter
from llmstream.wire.fields import Fields, bad

_ROLES = ("system", "user", "assistant", "tool")
_MAGIC = ((b"\xff\xd8\xff", "image/jpeg"), (b"RIFF", "image/webp"), (b"GIF8", "image/gif"))


class MessageReader:
    """Reads messages in order: calls that have no id get one, and results without one are matched to them.

    A result names its tool; it answers the first call of that name that has no result yet.
    """

    def __init__(self) -> None:
        self._ids = counter()
        self._waiting: list[ToolCallPart] = []

    def read(self, entries: Iterable[Fields]) -> list[Message]:
        """Read all messages; neighbouring results are one message."""
        messages: list[Message] = []
        for entry in entries:
            message = self._message(entry)
            if messages and message.role == messages[-1].role == "tool":
                message = Message("tool", (*messages.pop().parts, *message.parts))
            messages.append(message)
        return messages

    def _message(self, entry: Fields) -> Message:
        entry.need("role", str)
        match entry.choice("role", _ROLES):
            case "tool":
                return Message("tool", (self._result(entry),))
            case "assistant":
                return Message("assistant", tuple(self._assistant(entry)))
            case "system":
                return Message("system", tuple(_content(entry)))
            case _:
                return Message("user", tuple(_content(entry)))

    def _assistant(self, entry: Fields) -> Iterator[Part]:
        if thinking := entry.get("thinking", str):
            yield ReasoningPart(thinking)
        calls = [self._call(call) for call in entry.each("tool_calls")]
        if entry.get("content", str) or not calls:
            yield from _content(entry)
        yield from calls
        self._waiting += calls

    def _call(self, call: Fields) -> ToolCallPart:
        function = call.inner("function")
        arguments = _arguments(function)
        return ToolCallPart(
            call.get("id", str) or self._ids(),
            function.need("name", str),
            arguments=arguments,
            raw=dumps(arguments),
        )

    def _result(self, entry: Fields) -> Part:
        name, given = entry.get("tool_name", str) or "", entry.get("tool_call_id", str)
        call = next((call for call in self._waiting if _answers(call, given, name)), None)
        if call is not None:
            self._waiting.remove(call)
        return ToolResultPart(
            given or (call.id if call else self._ids()),
            name or (call.name if call else ""),
            output=entry.get("content", str) or "",
            attachments=tuple(_images(entry)),
        )


def _answers(call: ToolCallPart, given: str | None, name: str) -> bool:
    return call.id == given if given else name in {"", call.name}


def _content(entry: Fields) -> Iterator[Part]:
    images = [AttachmentPart(image) for image in _images(entry)]
    content = entry.get("content", str)
    if content or not images:
        yield TextPart(content or "")
    yield from images


def _images(entry: Fields) -> Iterator[Attachment]:
    for position, image in enumerate(entry.array("images") or ()):
        where = f"{entry.at('images')}[{position}]"
        if not isinstance(image, str):
            raise bad("a string", image, where)
        try:
            data = b64decode(image, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidRequestError(f"expected base64, got other text, at {where}", status=400) from None
        media_type = next((kind for magic, kind in _MAGIC if data.startswith(magic)), "image/png")
        yield Attachment(media_type, data=data)


def _arguments(function: Fields) -> JSONObject:
    given: JSON = function.data.get("arguments")
    arguments = loads_object(given) if isinstance(given, str) and given.strip() else None
    return function.object("arguments") or {} if arguments is None else arguments
