"""Messages as the wire's system text and its turns.

https://platform.claude.com/docs/en/build-with-claude/working-with-messages

- All system messages go into `system`, in their order, wherever they stand, and equal ones once: only some
  models take them between the turns.
- Neighbouring messages of one side are one turn. A turn of the user's begins with its tool results.
- What came from this provider goes back as it was: signatures, redacted data, server-side calls and their
  results, citations, opaque items. What came from another is left out: reasoning, server-side calls and
  their results, citations, opaque items.
- A call whose text is no JSON object goes back with that text under the key INVALID_JSON, a custom call
  with its text under `input`. Ids in a form that the wire refuses are written in one that it takes.
- Empty text is left out, and blank text where its turn has no other; so is a turn that has nothing left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple, TypeAlias, assert_never

from llmstream.errors import UnsupportedError
from llmstream.jsontext import JSON, JSONObject, dumps
from llmstream.values.content import (
    AttachmentPart,
    Citation,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.values.messages import CacheTime, Message
from llmstream.wire.anthropic.files import file_block
from llmstream.wire.portable import CallIds, IdShape
from llmstream.wire.shapes import arguments_of

_Side: TypeAlias = Literal["user", "assistant"]

IDS: Final = IdShape("[a-zA-Z0-9_-]+")
_NOT_CACHEABLE: Final = frozenset({"thinking", "redacted_thinking"})


class _Said(NamedTuple):
    """A block, and who says it."""

    side: _Side
    block: JSONObject


def cache_control(time: CacheTime) -> JSONObject:
    """The mark at the end of a prefix to keep; five minutes are the wire's default."""
    return {"type": "ephemeral"} if time == "5m" else {"type": "ephemeral", "ttl": time}


def system_of(messages: Iterable[Message], provider: str, /) -> str | list[JSONObject]:
    """The system text: a string where it is one plain text, empty if there is none.

    Raises:
        UnsupportedError: when a system message holds something other than text.
    """
    blocks: list[JSONObject] = []
    for message in messages:
        if message.role == "system":
            said = [_system_text(part, provider) for part in message.parts]
            new = [block for block in said if block["text"].strip() and block not in blocks]
            _mark(new, message.cache)
            blocks += new
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        text: str = blocks[0]["text"]
        return text
    return blocks


def _system_text(part: Part, provider: str) -> JSONObject:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text, **_own(part, provider)}
    raise _unsupported(part, "a system message")


def turns_of(messages: Iterable[Message], provider: str, /) -> list[JSONObject]:
    """The turns.

    Raises:
        UnsupportedError: when a message holds what its side cannot say on this wire.
        ConfigError: when an attachment cannot be sent as it is.
    """
    turns = _Turns(provider)
    said = [pair for message in messages if message.role != "system" for pair in turns.of(message)]
    # A turn that is dropped brings its neighbours together.
    kept = [_Said(side, block) for side, blocks in _grouped(said) for block in _without_blanks(blocks)]
    return [{"role": side, "content": _results_first(blocks)} for side, blocks in _grouped(kept)]


def _grouped(said: Iterable[_Said]) -> list[tuple[_Side, list[JSONObject]]]:
    turns: list[tuple[_Side, list[JSONObject]]] = []
    for side, block in said:
        if not turns or turns[-1][0] != side:
            turns.append((side, []))
        turns[-1][1].append(block)
    return turns


def _is_blank(block: JSONObject) -> bool:
    return block["type"] == "text" and not block["text"].strip()


def _without_blanks(blocks: list[JSONObject]) -> list[JSONObject]:
    # The API takes blank text beside other text: an answer with citations is full of it.
    if any(block["type"] == "text" and not _is_blank(block) for block in blocks):
        return blocks
    return [block for block in blocks if not _is_blank(block)]


def _results_first(blocks: list[JSONObject]) -> list[JSONObject]:
    return sorted(blocks, key=lambda block: block["type"] != "tool_result")


def _mark(blocks: list[JSONObject], time: CacheTime | None) -> None:
    if time is None:
        return
    for block in reversed(blocks):
        if block["type"] not in _NOT_CACHEABLE and not _is_blank(block):
            block["cache_control"] = cache_control(time)
            return


def _own(part: Part, provider: str) -> JSONObject:
    """The part's metadata of this provider: keys of its block."""
    return dict(part.provider_metadata.get(provider, {}))


def _unsupported(part: Part, where: str) -> UnsupportedError:
    return UnsupportedError(
        f"expected what the anthropic dialect can say in {where}, got {type(part).__name__}"
    )


class _Turns:
    """The blocks of messages; calls are known by their ids, for the results that answer them."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._calls: dict[str, JSONObject] = {}
        self._ids = CallIds(provider, IDS)

    def of(self, message: Message) -> list[_Said]:
        """What a message says, and on which side."""
        make = self._assistant if message.role == "assistant" else self._user
        said = [pair for part in message.parts for pair in make(part)]
        _mark([block for _, block in said], message.cache)
        return said

    def _user(self, part: Part) -> Iterator[_Said]:
        match part:
            case TextPart(text=text):
                if text:
                    yield _Said("user", {"type": "text", "text": text, **_own(part, self._provider)})
            case AttachmentPart(attachment=attachment):
                yield _Said("user", {**file_block(attachment), **_own(part, self._provider)})
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
                if text:
                    yield _Said("assistant", self._text(part))
            case ReasoningPart():
                yield from self._reasoning(part)
            case ToolCallPart():
                yield from self._call(part)
            case ToolResultPart():
                yield from self._result(part)
            case OpaquePart():
                yield from self._opaque(part, "assistant")
            case AttachmentPart():
                raise _unsupported(part, "a message of the assistant's")
            case _:
                assert_never(part)

    def _text(self, part: TextPart) -> JSONObject:
        block: JSONObject = {"type": "text", "text": part.text}
        records = [_sent_back(c) for c in part.citations if c.provider == self._provider and c.data]
        if records:
            block["citations"] = records
        return {**block, **_own(part, self._provider)}

    def _reasoning(self, part: ReasoningPart) -> Iterator[_Said]:
        match _own(part, self._provider):
            case {"data": data}:
                yield _Said("assistant", {"type": "redacted_thinking", "data": data})
            case {"signature": signature}:
                yield _Said("assistant", {"type": "thinking", "thinking": part.text, "signature": signature})
            # Without its signature the API refuses it.
            case _:
                return

    def _call(self, part: ToolCallPart) -> Iterator[_Said]:
        own = self._calls[part.id] = _own(part, self._provider)
        if part.server_executed and "type" not in own:
            return
        block: JSONObject = {
            "type": "tool_use",
            "id": self._ids.call(part),
            "name": part.name,
            "input": arguments_of(part),
        }
        yield _Said("assistant", {**block, **own})

    def _result(self, part: ToolResultPart) -> Iterator[_Said]:
        own = _own(part, self._provider)
        if part.server_executed:
            if "type" in own:
                yield _Said("assistant", {"tool_use_id": part.tool_call_id, "content": part.output, **own})
            return
        block: JSONObject = {"type": "tool_result", "tool_use_id": self._ids.result(part.tool_call_id)}
        # A tool of a set is answered in the name of its set.
        if toolset := self._calls.get(part.tool_call_id, {}).get("toolset_name"):
            block["toolset_name"] = toolset
        block["content"] = _result_content(part)
        if part.error is not None:
            block["is_error"] = True
        yield _Said("user", {**block, **own})

    def _opaque(self, part: OpaquePart, side: _Side) -> Iterator[_Said]:
        if part.provider == self._provider:
            yield _Said(side, {"type": part.type, **part.data})


def _result_content(part: ToolResultPart) -> str | list[JSONObject]:
    output: JSON = part.output
    text = output if isinstance(output, str) else dumps(output)
    text = text or part.error or ""
    if not part.attachments:
        return text
    said: list[JSONObject] = [{"type": "text", "text": text}] if text.strip() else []
    return said + [file_block(attachment) for attachment in part.attachments]


def _sent_back(citation: Citation) -> JSONObject:
    """A citation's record as the API takes it back: it refuses the empty file id that it gave."""
    return {key: value for key, value in citation.data.items() if key != "file_id" or value is not None}
