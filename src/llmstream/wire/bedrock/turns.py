"""Messages as the wire's system blocks and its turns.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html

- All system messages go into `system`, in their order, wherever they stand.
- Neighbouring messages of one side are one turn. A turn of the user's begins with its tool results.
- What came from this provider goes back as it was: signatures, withheld reasoning, server-side calls and
  their results, citations, opaque items. What came from another is left out: reasoning, server-side calls
  and their results, citations, opaque items.
- A message that ends a prefix to keep is followed by a cache point.
- A call whose text is no JSON object goes back with that text under the key INVALID_JSON, a custom call
  with its text under `input`. Ids in a form that the wire refuses are written in one that it takes.
- Blank text is left out, for the API refuses it; so is a turn that has nothing left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple, TypeAlias, assert_never

from llmstream.errors import UnsupportedError
from llmstream.jsontext import JSONObject
from llmstream.values.content import (
    AttachmentPart,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.values.messages import CacheTime, Message
from llmstream.wire.bedrock.blocks import own, result_content
from llmstream.wire.bedrock.files import Files
from llmstream.wire.portable import CallIds, IdShape
from llmstream.wire.shapes import arguments_of

_Side: TypeAlias = Literal["user", "assistant"]

IDS: Final = IdShape("[a-zA-Z0-9_.:-]{1,64}")
_POINT: Final = "cachePoint"


class _Said(NamedTuple):
    """A block, and who says it."""

    side: _Side
    block: JSONObject


def cache_point(time: CacheTime) -> JSONObject:
    """The block at the end of a prefix to keep; five minutes are the wire's default."""
    point: JSONObject = {"type": "default"}
    return {_POINT: point if time == "5m" else {**point, "ttl": time}}


def system_of(messages: Iterable[Message], provider: str, /) -> list[JSONObject]:
    """The system blocks.

    Raises:
        UnsupportedError: when a system message holds something other than text.
    """
    blocks: list[JSONObject] = []
    for message in messages:
        if message.role == "system":
            said = [block for part in message.parts for block in _system_block(part, provider)]
            blocks += _marked(said, message.cache)
    return blocks


def _system_block(part: Part, provider: str) -> Iterator[JSONObject]:
    match part:
        case TextPart(text=text):
            if text.strip():
                yield {"text": text}
        case OpaquePart():
            if part.provider == provider:
                yield {part.type: part.data}
        case _:
            raise _unsupported(part, "a system message")


def turns_of(messages: Iterable[Message], provider: str, /) -> list[JSONObject]:
    """The turns.

    Raises:
        UnsupportedError: when a message holds what its side cannot say on this wire.
        ConfigError: when an attachment cannot be sent as it is.
    """
    turns = _Turns(provider)
    said = [pair for message in messages if message.role != "system" for pair in turns.of(message)]
    return [{"role": side, "content": _results_first(blocks)} for side, blocks in _grouped(said)]


def _grouped(said: Iterable[_Said]) -> list[tuple[_Side, list[JSONObject]]]:
    turns: list[tuple[_Side, list[JSONObject]]] = []
    for side, block in said:
        if not turns or turns[-1][0] != side:
            turns.append((side, []))
        turns[-1][1].append(block)
    return turns


def _results_first(blocks: list[JSONObject]) -> list[JSONObject]:
    """The results of a turn, each with the cache point behind it, before what else the user says."""
    first: list[JSONObject] = []
    rest: list[JSONObject] = []
    place = rest
    for block in blocks:
        if _POINT not in block:
            place = first if "toolResult" in block and "type" not in block["toolResult"] else rest
        place.append(block)
    return first + rest


def _marked(blocks: list[JSONObject], time: CacheTime | None) -> list[JSONObject]:
    return blocks if time is None or not blocks else [*blocks, cache_point(time)]


def _unsupported(part: Part, where: str) -> UnsupportedError:
    return UnsupportedError(
        f"expected what the bedrock dialect can say in {where}, got {type(part).__name__}"
    )


class _Turns:
    """The blocks of messages; calls are known by their ids, for the results that answer them."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._files = Files()
        self._ids = CallIds(provider, IDS)

    def of(self, message: Message) -> list[_Said]:
        """What a message says, and on which side."""
        make = self._assistant if message.role == "assistant" else self._user
        said = [pair for part in message.parts for pair in make(part)]
        if message.cache is not None and said:
            said.append(_Said(said[-1].side, cache_point(message.cache)))
        return said

    def _user(self, part: Part) -> Iterator[_Said]:
        match part:
            case TextPart(text=text):
                if text.strip():
                    yield _Said("user", {"text": text})
            case AttachmentPart(attachment=attachment):
                yield _Said("user", self._files.block(attachment, own(part, self._provider)))
            case ToolResultPart():
                yield from self._result(part)
            case OpaquePart():
                yield from self._opaque(part, "user")
            case ReasoningPart() | ToolCallPart():
                raise _unsupported(part, "a message of the user's")
            case _:
                assert_never(part)

    def _assistant(self, part: Part) -> Iterator[_Said]:
        match part:
            case TextPart(text=text):
                if text.strip():
                    yield _Said("assistant", self._text(part))
            case ReasoningPart():
                yield from self._reasoning(part)
            case ToolCallPart():
                yield from self._call(part)
            case ToolResultPart():
                yield from self._result(part)
            case OpaquePart():
                yield from self._opaque(part, "assistant")
            case AttachmentPart(attachment=attachment):
                yield _Said("assistant", self._files.block(attachment, own(part, self._provider)))
            case _:
                assert_never(part)

    def _text(self, part: TextPart) -> JSONObject:
        records = [c.data for c in part.citations if c.provider == self._provider and c.data]
        if not records:
            return {"text": part.text}
        return {"citationsContent": {"content": [{"text": part.text}], "citations": records}}

    def _reasoning(self, part: ReasoningPart) -> Iterator[_Said]:
        match own(part, self._provider):
            case {"redactedContent": redacted}:
                yield _Said("assistant", {"reasoningContent": {"redactedContent": redacted}})
            case {"signature": signature}:
                said = {"text": part.text, "signature": signature}
                yield _Said("assistant", {"reasoningContent": {"reasoningText": said}})
            # Without its signature it may be anyone's, and the API refuses it.
            case _:
                return

    def _call(self, part: ToolCallPart) -> Iterator[_Said]:
        extra = own(part, self._provider)
        extra.pop("id", None)
        if part.server_executed and "type" not in extra:
            return
        block: JSONObject = {
            "toolUseId": self._ids.call(part),
            "name": part.name,
            "input": arguments_of(part),
        }
        yield _Said("assistant", {"toolUse": block | extra})

    def _result(self, part: ToolResultPart) -> Iterator[_Said]:
        extra = own(part, self._provider)
        block: JSONObject = {"toolUseId": self._ids.result(part.tool_call_id), "content": self._content(part)}
        if part.server_executed:
            if "type" in extra:
                yield _Said("assistant", {"toolResult": block | extra})
            return
        if part.error is not None:
            block["status"] = "error"
        yield _Said("user", {"toolResult": block | extra})

    def _content(self, part: ToolResultPart) -> list[JSONObject]:
        files = [self._files.block(attachment, {}) for attachment in part.attachments]
        if part.output in ("", None):
            said: list[JSONObject] = [] if files and not part.error else [{"text": part.error or ""}]
            return said + files
        return result_content(part.output) + files

    def _opaque(self, part: OpaquePart, side: _Side) -> Iterator[_Said]:
        if part.provider == self._provider:
            yield _Said(side, {part.type: part.data})
