"""The messages of a request, as the wire has them.

A message has one text, one thinking, and lists of images and calls: their order among each other is not
said. Reasoning and ids of other providers' own are left out, as are calls that a provider ran itself and
their results: the wire has no place for them. Arguments go back as the object that they are; a custom call
has its text under `input`, and a call whose text is no JSON object has it under INVALID_JSON.
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
from llmstream.wire.portable import CallIds
from llmstream.wire.shapes import arguments_of


class History:
    """Writes messages, one after the other."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._written: list[JSONObject] = []
        self._ids = CallIds(provider, given=WIRE_ID)
        # What calls were called: results name the tool.
        self._names: dict[str, str] = {}

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
        output = part.output if isinstance(part.output, str) else dumps(part.output)
        if part.error is not None:
            # The wire has no mark for a failure; the model reads it.
            output = f"{output}\n{part.error}" if output else part.error
        record: JSONObject = {"role": "tool", "content": output}
        if images := [_image(file) for file in part.attachments]:
            record["images"] = images
        record["tool_name"] = part.name or self._names.get(part.tool_call_id, "")
        self._written.append({**record, "tool_call_id": self._ids.result(part.tool_call_id)})

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
        self._names[part.id] = part.name
        return {"id": self._ids.call(part), "function": {"name": part.name, "arguments": arguments_of(part)}}


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
        raise cannot("a file that is not given by its bytes (fetch_attachment gets those of an address)")
    if not (attachment.media_type or "").startswith("image/"):
        raise cannot(f"{attachment.media_type or 'a file without a media type'}: only images go in")
    return b64(attachment.data)
