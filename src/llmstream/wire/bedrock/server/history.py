"""The wire's system blocks and turns as messages: the inverse of `turns`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from llmstream.jsontext import JSON, JSONObject, dumps
from llmstream.values.content import (
    Attachment,
    AttachmentPart,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.values.messages import CacheTime, Message, Role
from llmstream.wire.bedrock.blocks import (
    SERVER_CALL,
    citation_of,
    extra_of_call,
    result_error,
    result_name,
)
from llmstream.wire.bedrock.files import attachment_of, is_file
from llmstream.wire.typed import MisfitError, items, mapping, string, text

_TIMES: dict[str, CacheTime] = {"5m": "5m", "1h": "1h"}


class _Placed(NamedTuple):
    """A block by its kind, and where it stands."""

    kind: str
    value: JSON
    where: str


_Make: TypeAlias = Callable[[_Placed], Part]


class History:
    """Reads the turns in order; calls are known by their ids, for the names of their results."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._names: dict[str, str] = {}

    def system(self, value: JSON) -> Iterator[Message]:
        """Read the system blocks; a cache point ends a message.

        Raises:
            MisfitError: when a field is not of its type.
        """
        return self._messages("system", _blocks(value, "system"), self._said)

    def turns(self, value: JSON) -> Iterator[Message]:
        """Read the turns; results of tools become messages of their own, and a cache point ends a message.

        Raises:
            MisfitError: when a field is not of its type.
        """
        for number, turn in enumerate(items(value, "messages")):
            where = f"messages[{number}]"
            record = mapping(turn, where)
            blocks = _blocks(record.get("content"), f"{where}.content")
            match record.get("role"):
                case "assistant":
                    yield from self._messages("assistant", blocks, self._answered)
                case "user":
                    count = _results(blocks)
                    yield from self._messages("tool", blocks[:count], self._result)
                    yield from self._messages("user", blocks[count:], self._said)
                case "system":
                    yield from self._messages("system", blocks, self._said)
                case role:
                    raise MisfitError("user or assistant", f"{where}.role", role)

    def _messages(self, role: Role, blocks: Iterable[_Placed], make: _Make) -> Iterator[Message]:
        parts: list[Part] = []
        for block in blocks:
            time = cache_time(block)
            if time is not None and parts:
                yield Message(role, parts, cache=time)
                parts = []
            else:
                parts.append(make(block))
        if parts:
            yield Message(role, parts)

    def _own(self, rest: JSONObject) -> dict[str, JSONObject]:
        """What a block says beyond the part's own fields, as its metadata."""
        return {self._provider: rest} if rest else {}

    def _opaque(self, block: _Placed) -> Part:
        return OpaquePart(self._provider, block.kind, mapping(block.value, block.where))

    def _said(self, block: _Placed) -> Part:
        if block.kind == "text":
            return TextPart(string(block.value, f"{block.where}.text"))
        return self._file(block) if is_file(block.kind) else self._opaque(block)

    def _file(self, block: _Placed) -> Part:
        record = mapping(block.value, block.where)
        attachment = attachment_of(block.kind, record, block.where)
        if attachment is None:
            return self._opaque(block)
        rest = {key: value for key, value in record.items() if key not in {"format", "name", "source"}}
        return AttachmentPart(attachment, provider_metadata=self._own(rest))

    def _answered(self, block: _Placed) -> Part:
        match block.kind:
            case "citationsContent":
                return self._cited(block)
            case "reasoningContent":
                return self._reasoning(block)
            case "toolUse":
                return self._call(block)
            case "toolResult":
                return self._result(block)
            case _:
                return self._said(block)

    def _cited(self, block: _Placed) -> Part:
        record = mapping(block.value, block.where)
        content = [mapping(item, block.where) for item in items(record.get("content"), block.where)]
        citations = [mapping(item, block.where) for item in items(record.get("citations"), block.where)]
        return TextPart(
            "".join(text(item.get("text"), f"{block.where}.content.text") for item in content),
            citations=[citation_of(item, self._provider) for item in citations],
        )

    def _reasoning(self, block: _Placed) -> Part:
        record = mapping(block.value, block.where)
        if "redactedContent" in record:
            withheld = {
                "redactedContent": string(record["redactedContent"], f"{block.where}.redactedContent")
            }
            return ReasoningPart(redacted=True, provider_metadata=self._own(withheld))
        thought = mapping(record.get("reasoningText"), f"{block.where}.reasoningText")
        signature = text(thought.get("signature"), f"{block.where}.reasoningText.signature")
        return ReasoningPart(
            text(thought.get("text"), f"{block.where}.reasoningText.text"),
            provider_metadata=self._own({"signature": signature} if signature else {}),
        )

    def _call(self, block: _Placed) -> Part:
        record, where = mapping(block.value, block.where), block.where
        id = string(record.get("toolUseId"), f"{where}.toolUseId")
        name = self._names[id] = string(record.get("name"), f"{where}.name")
        arguments = mapping(record.get("input"), f"{where}.input")
        extra = extra_of_call(record)
        return ToolCallPart(
            id,
            name,
            arguments=arguments,
            raw=dumps(arguments),
            server_executed=extra.get("type") == SERVER_CALL,
            provider_metadata=self._own(extra),
        )

    def _result(self, block: _Placed) -> Part:
        if block.kind != "toolResult":
            return self._opaque(block)
        record, where = mapping(block.value, block.where), block.where
        id = string(record.get("toolUseId"), f"{where}.toolUseId")
        content = items(record.get("content"), f"{where}.content")
        rest = {key: value for key, value in record.items() if key not in {"toolUseId", "content"}}
        if "type" in rest:
            name = self._names.get(id) or result_name(text(rest["type"], f"{where}.type"))
            error = result_error(record, content)
            return ToolResultPart(
                id, name, output=content, error=error, server_executed=True, provider_metadata=self._own(rest)
            )
        output, attachments = _plain(content, f"{where}.content")
        error = result_error(rest, content)
        if error is not None:
            rest.pop("status")
        return ToolResultPart(
            id,
            self._names.get(id, ""),
            output=output,
            attachments=attachments,
            error=error,
            provider_metadata=self._own(rest),
        )


def _blocks(value: JSON, where: str) -> list[_Placed]:
    found: list[_Placed] = []
    for number, item in enumerate(items(value, where)):
        place = f"{where}[{number}]"
        record = mapping(item, place)
        if len(record) != 1:
            raise MisfitError("an object with one key", place, record)
        found += [_Placed(kind, content, place) for kind, content in record.items()]
    return found


def _results(blocks: list[_Placed]) -> int:
    """How many blocks the results at the beginning of a turn take, with the cache points among them."""
    for number, block in enumerate(blocks):
        if block.kind != "toolResult" and (cache_time(block) is None or number == 0):
            return number
    return len(blocks)


def cache_time(block: tuple[str, JSON, str], /) -> CacheTime | None:
    """How long a cache point keeps what is before it; None for another block, or one that says more."""
    match block:
        case ("cachePoint", {"type": "default", "ttl": str(ttl), **rest}, _) if not rest:
            return _TIMES.get(ttl)
        case ("cachePoint", {"type": "default", **rest}, _) if not rest:
            return "5m"
        case _:
            return None


def _plain(content: list[JSON], where: str) -> tuple[JSON, tuple[Attachment, ...]]:
    """A result's output and files; content of another kind stays as it is, a list."""
    files: list[Attachment] = []
    said: list[JSONObject] = []
    for kind, value, place in _blocks(content, where):
        attachment = attachment_of(kind, mapping(value, place), place) if is_file(kind) else None
        if attachment is not None:
            files.append(attachment)
        else:
            said.append({kind: value})
    match said:
        case []:
            return "", tuple(files)
        case [{"text": str(output)}]:
            return output, tuple(files)
        case [{"json": dict()}]:
            return said[0]["json"], tuple(files)
        case _:
            return said, tuple(files)
