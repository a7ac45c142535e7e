"""From the messages of a request to ours."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator
from typing import cast

from llmstream.errors import InvalidRequestError
from llmstream.jsontext import JSON, JSONObject, loads_object
from llmstream.values.content import (
    Attachment,
    AttachmentPart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.values.messages import CacheTime, Message
from llmstream.wire.dataurl import attachment_of
from llmstream.wire.fields import Fields, bad
from llmstream.wire.openai_chat._names import DETAIL, EXTRA, THINKING
from llmstream.wire.openai_chat._parts import detail_text
from llmstream.wire.openai_chat._records import AUDIO_FORMATS

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_AUDIO_TYPES = {sort: media_type for media_type, sort in AUDIO_FORMATS.items() if sort != "wav"}


class MessageReader:
    """Reads messages in order: results are told the names of the calls before them."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._names: dict[str, str] = {}

    def read(self, entries: Iterator[Fields]) -> list[Message]:
        """Read all messages; neighbouring results are one message."""
        messages: list[Message] = []
        for entry in entries:
            message = self._message(entry)
            last = messages[-1] if messages else None
            if last is not None and message.role == last.role == "tool" and last.cache is None:
                messages[-1] = Message("tool", (*last.parts, *message.parts), cache=message.cache)
            else:
                messages.append(message)
        return messages

    def _message(self, entry: Fields) -> Message:
        entry.need("role", str)
        role, cache = entry.choice("role", _ROLES), _cache(entry)
        match role:
            case "system" | "developer":
                return Message("system", tuple(self._content(entry)), cache=cache)
            case "user":
                return Message("user", tuple(self._content(entry)), cache=cache)
            case "assistant":
                return Message("assistant", tuple(self._assistant(entry)), cache=cache)
            case "function":
                return Message("tool", (self._result(entry, entry.need("name", str)),), cache=cache)
            case _:
                return Message("tool", (self._result(entry, entry.need("tool_call_id", str)),), cache=cache)

    def _result(self, entry: Fields, call_id: str) -> Part:
        output = "".join(part.text for part in self._content(entry) if isinstance(part, TextPart))
        return ToolResultPart(call_id, self._names.get(call_id, ""), output=output)

    def _content(self, entry: Fields) -> Iterator[Part]:
        content = entry.data.get("content")
        if isinstance(content, str):
            yield TextPart(content)
        elif content is not None and not isinstance(content, list):
            raise bad("a string or an array", content, entry.at("content"))
        else:
            for part in entry.each("content"):
                yield self._part(part)

    def _part(self, part: Fields) -> Part:
        match part.need("type", str):
            case "text":
                return TextPart(part.need("text", str))
            case "refusal":
                return TextPart(part.need("refusal", str), refusal=True)
            case "image_url":
                return self._image(part)
            case "input_audio":
                return AttachmentPart(_audio(part))
            case "file":
                return AttachmentPart(_file(part.inner("file")))
            case "document_url":
                return AttachmentPart(Attachment("application/pdf", url=part.need("document_url", str)))
            case "thinking":
                return self._thinking(part)
            case kind:
                raise InvalidRequestError(
                    f"expected a part of a type that is known, got {kind[:100]!r}, at {part.at('type')}",
                    status=400,
                )

    def _image(self, part: Fields) -> Part:
        link = part.inner("image_url")
        detail = link.get("detail", str)
        metadata = {self._provider: {"detail": detail}} if detail is not None else {}
        return AttachmentPart(_linked(link, "url"), provider_metadata=metadata)

    def _thinking(self, part: Fields) -> Part:
        words = "".join(word.get("text", str) or "" for word in part.each("thinking"))
        rest = {
            k: v for k, v in part.data.items() if k not in {"type", "thinking", "closed", "cache_control"}
        }
        return ReasoningPart(words, provider_metadata={self._provider: {THINKING: rest}} if rest else {})

    def _assistant(self, entry: Fields) -> Iterator[Part]:
        yield from self._reasoning(entry)
        yield from self._content(entry)
        refusal = entry.get("refusal", str)
        if refusal:
            yield TextPart(refusal, refusal=True)
        for image in entry.each("images"):
            yield self._image(image)
        if entry.data.get("audio") is not None:
            given = {"id": entry.inner("audio").need("id", str)}
            yield AttachmentPart(Attachment(data=b""), provider_metadata={self._provider: given})
        for call in entry.each("tool_calls"):
            yield self._call(call)
        if entry.data.get("function_call") is not None:
            function = entry.inner("function_call")
            yield self._called(function.need("name", str), function, {})

    def _reasoning(self, entry: Fields) -> Iterator[Part]:
        details = list(entry.each("reasoning_details"))
        for detail in details:
            text = detail_text(detail.data)
            kept = {name: value for name, value in detail.data.items() if value != text or not text}
            yield ReasoningPart(text, provider_metadata={self._provider: {DETAIL: kept}})
        if not details:
            plain = entry.get("reasoning_content", str) or entry.get("reasoning", str)
            if plain:
                yield ReasoningPart(plain)

    def _call(self, call: Fields) -> Part:
        name = call.need("id", str)
        extra = call.data.get(EXTRA)
        if call.get("type", str) == "custom":
            custom = call.inner("custom")
            self._names[name] = custom.need("name", str)
            return ToolCallPart(name, self._names[name], raw=custom.need("input", str), custom=True)
        return self._called(name, call.inner("function"), {} if extra is None else {EXTRA: extra})

    def _called(self, call_id: str, function: Fields, kept: JSONObject) -> Part:
        raw = function.get("arguments", str) or ""
        arguments = loads_object(raw) if raw.strip() else {}
        self._names[call_id] = function.need("name", str)
        return ToolCallPart(
            call_id,
            self._names[call_id],
            arguments=arguments,
            raw=raw,
            error=None
            if arguments is not None
            else "expected a JSON object as arguments, got text that is none",
            provider_metadata={self._provider: kept} if kept else {},
        )


def _linked(fields: Fields, name: str) -> Attachment:
    url = fields.need(name, str)
    attachment = attachment_of(url)
    if attachment is None:
        raise InvalidRequestError(f"expected base64, got {url[:40]!r}, at {fields.at(name)}", status=400)
    return attachment


def _audio(part: Fields) -> Attachment:
    given = part.data.get("input_audio")
    fields = Fields({"data": given}, part.where) if isinstance(given, str) else part.inner("input_audio")
    sort = fields.get("format", str) or "wav"
    try:
        data = b64decode(fields.need("data", str), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequestError(
            f"expected base64, got other text, at {fields.at('data')}", status=400
        ) from None
    return Attachment(_AUDIO_TYPES.get(sort, f"audio/{sort}"), data=data)


def _file(file: Fields) -> Attachment:
    name, file_id = file.get("filename", str), file.get("file_id", str)
    if file_id is not None:
        return Attachment(file_id=file_id, name=name)
    attachment = _linked(file, "file_data")
    return Attachment(attachment.media_type, data=attachment.data, url=attachment.url, name=name)


def _cache(entry: Fields) -> CacheTime | None:
    """Where a prefix ends: the mark on the last part that has one counts for the message."""
    content = entry.data.get("content")
    parts = cast("list[JSON]", content) if isinstance(content, list) else []
    marks = [cast("JSONObject", part).get("cache_control") for part in parts if isinstance(part, dict)]
    for mark in reversed(marks):
        if isinstance(mark, dict):
            return "1h" if cast("JSONObject", mark).get("ttl") == "1h" else "5m"
    return None
