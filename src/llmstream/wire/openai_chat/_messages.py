"""The messages of a request, as the wire has them.

An assistant's turn goes back with what this provider itself gave with it: the entries of
`reasoning_details` in order, its own ids of calls, signatures. Reasoning and opaque state of other
providers are left out, as are calls that a provider ran itself and their results: the wire has no place
for them. Text around a tool call is joined. Files that a tool returned follow in a user's message, since
tool messages hold text alone.
"""

from __future__ import annotations

from typing import cast

from llmstream.errors import ConfigError
from llmstream.jsontext import JSON, JSONObject, dumps
from llmstream.values.content import (
    Attachment,
    AttachmentPart,
    Part,
    ProviderMetadata,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.values.messages import CacheTime, Message
from llmstream.wire.dataurl import b64, data_url
from llmstream.wire.openai_chat._names import DETAIL, EXTRA, THINKING, WIRE_ID, cannot
from llmstream.wire.openai_chat._parts import spoken_field
from llmstream.wire.openai_chat._records import AUDIO_FORMATS
from llmstream.wire.openai_chat.quirks import Quirks
from llmstream.wire.portable import CallIds


def cache_mark(cache: CacheTime, quirks: Quirks, what: str) -> JSONObject:
    """The mark that ends a cached prefix.

    Raises:
        UnsupportedError: when the provider takes none.
    """
    if not quirks.cache_control:
        raise cannot(what)
    return {"type": "ephemeral"} if cache == "5m" else {"type": "ephemeral", "ttl": cache}


class History:
    """Writes messages, one after the other."""

    def __init__(self, provider: str, quirks: Quirks) -> None:
        self._provider = provider
        self._quirks = quirks
        self._written: list[JSONObject] = []
        self._instructions: tuple[JSON, CacheTime | None] | None = None
        self._ids = CallIds(provider, quirks.call_ids, given=WIRE_ID)
        # Files that tools gave: they wait until the last result of the turn is written.
        self._files: list[JSONObject] = []

    def add(self, message: Message) -> None:
        """Write one message."""
        if message.role != "tool":
            self._flush()
        start = len(self._written)
        match message.role:
            case "system":
                content = self._system(message)
                # A turn repeats the instructions that still hold; the model is told once.
                if (content, message.cache) == self._instructions:
                    return
                self._instructions = content, message.cache
                self._written.append({"role": "system", "content": content})
            case "user":
                self._written.append({"role": "user", "content": self._user(message)})
            case "assistant":
                self._assistant(message)
            case _:
                self._tool(message)
        if message.cache is not None and len(self._written) > start:
            self._mark(self._written[-1], message.cache)

    def finish(self) -> list[JSONObject]:
        """All messages."""
        self._flush()
        return self._written

    def _flush(self) -> None:
        if self._files:
            self._written.append({"role": "user", "content": _text_or_list(self._files)})
            self._files = []

    def _mark(self, written: JSONObject, cache: CacheTime) -> None:
        mark = cache_mark(cache, self._quirks, "the option cache of a message")
        content: JSON = written.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) and content else content
        if not isinstance(parts, list) or not parts:
            raise cannot("a cache mark on a message without content")
        listed = cast("list[JSONObject]", parts)
        written["content"] = [*listed[:-1], {**listed[-1], "cache_control": mark}]

    def _system(self, message: Message) -> JSON:
        for part in message.parts:
            if not isinstance(part, TextPart):
                raise cannot(f"{_named(part)} in a system message")
        return _text_or_list([_text_part(part) for part in message.parts if isinstance(part, TextPart)])

    def _user(self, message: Message) -> JSON:
        content: list[JSONObject] = []
        for part in message.parts:
            match part:
                case TextPart():
                    content.append(_text_part(part))
                case AttachmentPart():
                    content.append(self._file(part.attachment, part.provider_metadata))
                case _:
                    raise cannot(f"{_named(part)} in a user message")
        return _text_or_list(content)

    def _file(self, attachment: Attachment, metadata: ProviderMetadata) -> JSONObject:
        if attachment.path is not None:
            raise ConfigError(f"expected an attachment that was opened, got the path {attachment.path!r}")
        if attachment.file_id is not None:
            return {"type": "file", "file": {"file_id": attachment.file_id}}
        media_type = attachment.media_type or ("image/*" if attachment.url is not None else "")
        family = media_type.partition("/")[0]
        if not family:
            raise ConfigError("expected a media type for an attachment, got none")
        if family == "image":
            link: JSONObject = {"url": attachment.url or data_url(attachment)}
            detail = metadata.get(self._provider, {}).get("detail")
            if detail is not None:
                link["detail"] = detail
            return {"type": "image_url", "image_url": link}
        if attachment.url is not None:
            if self._quirks.document_url:
                return {"type": "document_url", "document_url": attachment.url}
            raise cannot(f"a link to {media_type}; give the bytes instead, which fetch_attachment gets")
        if family == "audio":
            return self._audio(attachment, media_type)
        file: JSONObject = {"file_data": data_url(attachment)}
        if attachment.name is not None:
            file["filename"] = attachment.name
        return {"type": "file", "file": file}

    def _audio(self, attachment: Attachment, media_type: str) -> JSONObject:
        data = b64(attachment.data or b"")
        if self._quirks.audio_as_text:
            return {"type": "input_audio", "input_audio": data}
        sort = AUDIO_FORMATS.get(media_type) or media_type.partition("/")[2]
        return {"type": "input_audio", "input_audio": {"data": data, "format": sort}}

    def _tool(self, message: Message) -> None:
        for part in message.parts:
            match part:
                case ToolResultPart():
                    self._result(part)
                case TextPart():
                    self._files.append(_text_part(part))
                case AttachmentPart():
                    self._files.append(self._file(part.attachment, part.provider_metadata))
                case _:
                    raise cannot(f"{_named(part)} in a tool message")

    def _result(self, part: ToolResultPart) -> None:
        wire_id = self._ids.result(part.tool_call_id)
        output = part.output if isinstance(part.output, str) else dumps(part.output)
        if part.error is not None:
            # The wire has no mark for a failure; the model reads it.
            output = f"{output}\n{part.error}" if output else part.error
        self._written.append({"role": "tool", "tool_call_id": wire_id, "content": output})
        for attachment in part.attachments:
            self._files.append(self._file(attachment, {}))

    def _assistant(self, message: Message) -> None:
        turn = _Turn(self._provider, self._quirks)
        for part in message.parts:
            match part:
                case ToolCallPart(server_executed=False):
                    turn.calls.append(self._call(part))
                case ToolResultPart(server_executed=False):
                    # The answer of a chain holds its tools' results: they end the turn that called them.
                    self._end(turn)
                    turn = _Turn(self._provider, self._quirks)
                    self._result(part)
                case _:
                    turn.add(part)
        self._end(turn)

    def _end(self, turn: _Turn) -> None:
        record = turn.record()
        if record is not None:
            self._flush()
            self._written.append(record)

    def _call(self, part: ToolCallPart) -> JSONObject:
        own = part.provider_metadata.get(self._provider, {})
        wire_id = self._ids.call(part)
        if part.custom:
            record: JSONObject = {
                "id": wire_id,
                "type": "custom",
                "custom": {"name": part.name, "input": part.raw},
            }
        else:
            text = part.raw if part.raw.strip() else dumps(part.arguments or {})
            record = {"id": wire_id, "type": "function", "function": {"name": part.name, "arguments": text}}
        if EXTRA in own:
            record[EXTRA] = own[EXTRA]
        return record


class _Turn:
    """One assistant's message in the making."""

    def __init__(self, provider: str, quirks: Quirks) -> None:
        self.calls: list[JSONObject] = []
        self._provider = provider
        self._quirks = quirks
        self._content: list[JSONObject] = []
        self._refusals: list[str] = []
        self._reasoning: list[str] = []
        self._details: list[JSONObject] = []
        self._images: list[JSONObject] = []
        self._audio_id: JSON = None

    def add(self, part: Part) -> None:
        match part:
            case TextPart(refusal=True):
                self._refusals.append(part.text)
            case TextPart():
                self._content.append(_text_part(part))
            case ReasoningPart():
                self._think(part)
            case AttachmentPart():
                self._show(part)
            case _:
                pass

    def record(self) -> JSONObject | None:
        """The message; None when nothing is left to say."""
        record: JSONObject = {"role": "assistant", "content": self._said()}
        given = {
            "refusal": "".join(self._refusals),
            "reasoning_details": self._details,
            "images": self._images,
            "audio": {"id": self._audio_id} if self._audio_id else None,
            "tool_calls": self.calls,
        }
        record.update({name: value for name, value in given.items() if value})
        if self._quirks.echo_reasoning is not None and self.calls:
            # Also where there was none: corpus: openai-chat/deepseek/nonstream/...capability_with_thinking-1
            record[self._quirks.echo_reasoning] = "".join(self._reasoning)
        if len(record) == 2 and not self._content:
            return None
        return record

    def _said(self) -> JSON:
        if any(part["type"] == THINKING for part in self._content):
            return self._content
        return "".join(part["text"] for part in self._content) if self._content else None

    def _think(self, part: ReasoningPart) -> None:
        own = part.provider_metadata.get(self._provider, {})
        if part.provider_metadata and not own:
            return
        detail = own.get(DETAIL)
        if isinstance(detail, dict):
            entry = cast("JSONObject", detail)
            name = spoken_field(entry)
            self._details.append({**entry, name: part.text} if name and part.text else entry)
        if part.text:
            self._reasoning.append(part.text)
        if self._quirks.thinking_parts:
            words: list[JSON] = [{"type": "text", "text": part.text}] if part.text else []
            block = {"type": THINKING, "thinking": words, "closed": True}
            self._content.append({**block, **own.get(THINKING, {})})

    def _show(self, part: AttachmentPart) -> None:
        """Give back what the model drew, or spoke: audio by the id that the provider gave it."""
        attachment = part.attachment
        spoken_as = part.provider_metadata.get(self._provider, {}).get("id")
        if spoken_as is not None:
            self._audio_id = spoken_as
        elif part.transcript:
            self._content.append({"type": "text", "text": part.transcript})
        elif self._quirks.assistant_images and (attachment.url or attachment.data is not None):
            url = attachment.url or data_url(attachment)
            self._images.append({"type": "image_url", "image_url": {"url": url}})
        else:
            raise cannot(f"{attachment.media_type or 'a file'} in an assistant message")


def _text_part(part: TextPart) -> JSONObject:
    return {"type": "text", "text": part.text}


def _text_or_list(content: list[JSONObject]) -> JSON:
    """One text as a string, which every server takes; a list otherwise."""
    if not content:
        return ""
    if len(content) == 1 and content[0]["type"] == "text":
        return content[0]["text"]
    return content


def _named(part: Part) -> str:
    return type(part).__name__
