"""The wire's system text and turns as messages: the inverse of `turns`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

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
from llmstream.wire.anthropic.blocks import CALL_FIELDS, citation_of, kind_of_block, result_error
from llmstream.wire.anthropic.files import attachment_of
from llmstream.wire.typed import MisfitError, items, mapping, string, text

_Placed: TypeAlias = tuple[JSONObject, str]
_TIMES: dict[str, CacheTime] = {"5m": "5m", "1h": "1h"}


class History:
    """Reads the turns in order; calls are known by their ids, for the names of their results."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._names: dict[str, str] = {}

    def system(self, value: JSON) -> Iterator[Message]:
        """Read the system text.

        Raises:
            MisfitError: when a field is not of its type.
        """
        blocks = _blocks(value, "system")
        if blocks:
            yield self._message("system", blocks, self._said)

    def turns(self, value: JSON) -> Iterator[Message]:
        """Read the turns; results of tools become messages of their own.

        Raises:
            MisfitError: when a field is not of its type.
        """
        for number, turn in enumerate(items(value, "messages")):
            where = f"messages[{number}]"
            record = mapping(turn, where)
            blocks = _blocks(record.get("content"), f"{where}.content")
            match record.get("role"):
                case "assistant":
                    yield self._message("assistant", blocks, self._answered)
                case "user":
                    results = [placed for placed in blocks if placed[0].get("type") == "tool_result"]
                    rest = [placed for placed in blocks if placed[0].get("type") != "tool_result"]
                    if results:
                        yield self._message("tool", results, self._result)
                    if rest or not results:
                        yield self._message("user", rest, self._said)
                case "system":
                    yield self._message("system", blocks, self._said)
                case role:
                    raise MisfitError("user, assistant or system", f"{where}.role", role)

    def _message(self, role: Role, blocks: list[_Placed], make: Callable[[JSONObject, str], Part]) -> Message:
        cache = cache_time(blocks[-1][0].get("cache_control")) if blocks else None
        if cache is not None:
            blocks[-1][0].pop("cache_control")
        return Message(role, [make(block, where) for block, where in blocks], cache=cache)

    def _own(self, block: JSONObject, said: frozenset[str] | set[str]) -> dict[str, JSONObject]:
        """What a block says beyond the part's own fields, as its metadata."""
        rest = {key: value for key, value in block.items() if key not in said}
        return {self._provider: rest} if rest else {}

    def _opaque(self, block: JSONObject, where: str) -> Part:
        return OpaquePart(self._provider, string(block.get("type"), f"{where}.type"), block)

    def _said(self, block: JSONObject, where: str) -> Part:
        match block.get("type"):
            case "text":
                own = self._own(block, {"type", "text"})
                return TextPart(string(block.get("text"), f"{where}.text"), provider_metadata=own)
            case "image" | "document":
                attachment = attachment_of(block, where)
                if attachment is None:
                    return self._opaque(block, where)
                own = self._own(block, {"type", "source", "title"})
                return AttachmentPart(attachment, provider_metadata=own)
            case _:
                return self._opaque(block, where)

    def _answered(self, block: JSONObject, where: str) -> Part:
        match kind_of_block(block):
            case "text":
                citations = (mapping(record, where) for record in items(block.get("citations"), where))
                return TextPart(
                    string(block.get("text"), f"{where}.text"),
                    citations=[citation_of(record, self._provider) for record in citations],
                    provider_metadata=self._own(block, {"type", "text", "citations"}),
                )
            case "thinking":
                signature = text(block.get("signature"), f"{where}.signature")
                thought = text(block.get("thinking"), f"{where}.thinking")
                known = {self._provider: {"signature": signature}} if signature else {}
                return ReasoningPart(thought, provider_metadata=known)
            case "redacted":
                data = string(block.get("data"), f"{where}.data")
                return ReasoningPart(redacted=True, provider_metadata={self._provider: {"data": data}})
            case "call":
                return self._call(block, where)
            case "result":
                return self._server_result(block)
            case _:
                return self._opaque(block, where)

    def _call(self, block: JSONObject, where: str) -> Part:
        server_executed = block["type"] != "tool_use"
        id, name = string(block.get("id"), f"{where}.id"), string(block.get("name"), f"{where}.name")
        arguments = mapping(block.get("input"), f"{where}.input")
        self._names[id] = name
        return ToolCallPart(
            id,
            name,
            arguments=arguments,
            raw=dumps(arguments),
            server_executed=server_executed,
            provider_metadata=self._own(block, CALL_FIELDS - {"type"} if server_executed else CALL_FIELDS),
        )

    def _server_result(self, block: JSONObject) -> Part:
        id: str = block["tool_use_id"]
        return ToolResultPart(
            id,
            self._names.get(id, ""),
            output=block.get("content"),
            error=result_error(block),
            server_executed=True,
            provider_metadata=self._own(block, {"tool_use_id", "content"}),
        )

    def _result(self, block: JSONObject, where: str) -> Part:
        id = string(block.get("tool_use_id"), f"{where}.tool_use_id")
        said = {"type", "tool_use_id", "content", "is_error"}
        plain = _plain(block.get("content"), f"{where}.content")
        if plain is None:
            said.remove("content")
        output, attachments = plain or ("", ())
        return ToolResultPart(
            id,
            self._names.get(id, ""),
            output=output,
            attachments=attachments,
            error=output if block.get("is_error") is True else None,
            provider_metadata=self._own(block, said),
        )


def _blocks(value: JSON, where: str) -> list[_Placed]:
    if isinstance(value, str):
        return [({"type": "text", "text": value}, where)] if value else []
    places = ((block, f"{where}[{number}]") for number, block in enumerate(items(value, where)))
    return [(dict(mapping(block, place)), place) for block, place in places]


def cache_time(mark: JSON, /) -> CacheTime | None:
    """How long a mark keeps a prefix; None for one that says more than that."""
    match mark:
        case {"type": "ephemeral", "ttl": str(ttl), **rest} if not rest:
            return _TIMES.get(ttl)
        case {"type": "ephemeral", **rest} if not rest:
            return "5m"
        case _:
            return None


def _plain(content: JSON, where: str) -> tuple[str, tuple[Attachment, ...]] | None:
    """A result's text and files; None where it has content of another kind."""
    if content is None or isinstance(content, str):
        return content or "", ()
    said: list[str] = []
    files: list[Attachment] = []
    for block, place in _blocks(content, where):
        match block:
            case {"type": "text", "text": str(words), **rest} if not rest and not files:
                said.append(words)
            case {"type": "image" | "document", "source": _, **rest} if rest.keys() <= {"title"}:
                attachment = attachment_of(block, place)
                if attachment is None:
                    return None
                files.append(attachment)
            case _:
                return None
    return "".join(said), tuple(files)
