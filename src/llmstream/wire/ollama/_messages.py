"""The messages of a request, as the wire has them.

A message has one text, one thinking, and lists of images and calls: their order among each other is not
said. Reasoning and ids of other providers' own are left out, as are calls that a provider ran itself and
their results: the wire has no place for them. Arguments go back as the object that they are.
"""

from __future__ import annotations

from collections.abc import Iterable

from llmstream.errors import ConfigError
from llmstream.jsontext import JSON, JSONObject, dumps
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
from llmstream.wire.dataurl import b64
from llmstream.wire.ollama._names import WIRE_ID, cannot


class History:
    """Writes messages, one after the other."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._written: list[JSONObject] = []
        # What calls were called: results name the tool, and the id that the wire knows the call by.
        self._calls: dict[str, tuple[str, str]] = {}

    def add(self, message: Message) -> None:
        """Write one message."""
        if message.cache is not None:
            raise cannot("the option cache of a message")
        match message.role:
            case "system" | "user":
                self._written.append(_said(message.role, message.parts))
            case "assistant":
                self._assistant(message.parts)
            case _:
                self._tool(message.parts)

    def finish(self) -> list[JSONObject]:
        """All messages."""
        return self._written

    def _tool(self, parts: Iterable[Part]) -> None:
        rest: list[Part] = []
        for part in parts:
            if isinstance(part, ToolResultPart):
                self._result(part)
            else:
                rest.append(part)
        if rest:
            self._written.append(_said("user", rest))

    def _result(self, part: ToolResultPart) -> None:
        name, wire_id = self._calls.get(part.tool_call_id, (part.name, part.tool_call_id))
        output = part.output if isinstance(part.output, str) else dumps(part.output)
        if part.error is not None:
            # The wire has no mark for a failure; the model reads it.
            output = f"{output}\n{part.error}" if output else part.error
        record: JSONObject = {"role": "tool", "content": output}
        if images := [_image(file) for file in part.attachments]:
            record["images"] = images
        record |= {"tool_name": part.name or name, "tool_call_id": wire_id}
        self._written.append(record)

    def _assistant(self, parts: Iterable[Part]) -> None:
        turn: list[Part] = []
        for part in parts:
            if isinstance(part, ToolResultPart) and not part.server_executed:
                # The answer of a chain holds its tools' results: they end the turn that called them.
                self._turn(turn)
                turn = []
                self._result(part)
            else:
                turn.append(part)
        self._turn(turn)

    def _turn(self, parts: list[Part]) -> None:
        thoughts = [p.text for p in parts if isinstance(p, ReasoningPart) and self._is_own(p)]
        calls = [self._call(p) for p in parts if isinstance(p, ToolCallPart) and not p.server_executed]
        said = [part for part in parts if isinstance(part, TextPart | AttachmentPart)]
        record = _said("assistant", said)
        if thinking := "".join(thoughts):
            record["thinking"] = thinking
        if calls:
            record["tool_calls"] = calls
        if said or len(record) > 2:
            self._written.append(record)

    def _is_own(self, part: ReasoningPart) -> bool:
        return not part.provider_metadata or self._provider in part.provider_metadata

    def _call(self, part: ToolCallPart) -> JSONObject:
        if part.custom:
            raise cannot(f"the custom call {part.id!r}: arguments are objects")
        if part.arguments is None:
            raise cannot(f"the call {part.id!r}, whose arguments are no JSON object")
        given = part.provider_metadata.get(self._provider, {}).get(WIRE_ID)
        wire_id = given if isinstance(given, str) else part.id
        self._calls[part.id] = part.name, wire_id
        return {"id": wire_id, "function": {"name": part.name, "arguments": part.arguments}}


def _said(role: str, parts: Iterable[Part]) -> JSONObject:
    texts: list[str] = []
    images: list[JSON] = []
    for part in parts:
        match part:
            case TextPart():
                texts.append(part.text)
            case AttachmentPart():
                images.append(_image(part.attachment))
            case _:
                raise cannot(f"{type(part).__name__} in a message of role {role}")
    record: JSONObject = {"role": role, "content": "".join(texts)}
    return {**record, "images": images} if images else record


def _image(attachment: Attachment) -> str:
    if attachment.path is not None:
        raise ConfigError(f"expected an attachment that was opened, got the path {attachment.path!r}")
    if attachment.data is None:
        raise cannot("a file that is not given by its bytes")
    if not (attachment.media_type or "").startswith("image/"):
        raise cannot(f"{attachment.media_type or 'a file without a media type'}: only images go in")
    return b64(attachment.data)
