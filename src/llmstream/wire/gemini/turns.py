"""Messages as the wire's system instruction and its contents.

https://ai.google.dev/gemini-api/docs/thought-signatures

- All system messages go into the system instruction, in their order, wherever they stand.
- Neighbouring messages of one side are one content. One of the user's begins with its results, in the order
  of the calls that they answer.
- What came from this provider goes back as it was: thoughts, signatures, server-side calls and their
  results, opaque items; its calls have the ids that the wire gave, or none. What came from another is left
  out: reasoning, server-side calls and their results, opaque items. Citations do not go back.
- The first call of a turn that came from elsewhere has the signature that the vendor's page gives for just
  that: newer models refuse a call without one.
- A call whose text is no JSON object goes back with that text under the key INVALID_JSON, a custom call
  with its text under `input`. A result is under `result`, what went wrong under `error`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple, TypeAlias, assert_never

from llmstream.errors import UnsupportedError
from llmstream.jsontext import JSON, JSONObject, as_object
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
from llmstream.values.messages import Message
from llmstream.wire.gemini.files import file_part
from llmstream.wire.gemini.parts import (
    CALL,
    CODE,
    CODE_RESULT,
    RESPONSE,
    SERVER_CALL,
    SERVER_RESULT,
    beside_of,
)
from llmstream.wire.gemini.quirks import Quirks
from llmstream.wire.shapes import arguments_of

SIGNATURE: Final = "thoughtSignature"
FOREIGN_SIGNATURE: Final = "skip_thought_signature_validator"

_Side: TypeAlias = Literal["user", "model"]


class _Said(NamedTuple):
    """A part, and who says it; `answers`: the number of the call that it is the result of."""

    side: _Side
    part: JSONObject
    answers: int | None = None


def cannot(what: str) -> UnsupportedError:
    """The error for what the dialect cannot say."""
    return UnsupportedError(f"expected what the gemini dialect can say, got {what}")


def system_of(messages: Iterable[Message], /) -> list[JSONObject]:
    """The parts of the system instruction.

    Raises:
        UnsupportedError: when a system message holds something other than text.
    """
    parts = [part for message in messages if message.role == "system" for part in message.parts]
    return [_system_text(part) for part in parts if not (isinstance(part, TextPart) and not part.text)]


def _system_text(part: Part) -> JSONObject:
    if isinstance(part, TextPart):
        return {"text": part.text}
    raise cannot(f"{type(part).__name__} in a system message")


def contents_of(messages: Iterable[Message], provider: str, quirks: Quirks, /) -> list[JSONObject]:
    """The contents.

    Raises:
        UnsupportedError: when a message holds what its side cannot say on this wire.
        ConfigError: when an attachment cannot be sent as it is.
    """
    turns = _Turns(provider, quirks)
    grouped: list[tuple[_Side, list[_Said]]] = []
    for message in messages:
        for said in turns.of(message):
            if not grouped or grouped[-1][0] != said.side:
                grouped.append((said.side, []))
            grouped[-1][1].append(said)
    return [{"role": side, "parts": _in_order(parts)} for side, parts in grouped]


def _in_order(said: list[_Said]) -> list[JSONObject]:
    rest = [one.part for one in said if one.answers is None]
    results = sorted((one for one in said if one.answers is not None), key=lambda one: one.answers or 0)
    return [*(one.part for one in results), *rest]


class _Turns:
    """The parts of messages; calls are known by their ids, for the results that answer them."""

    def __init__(self, provider: str, quirks: Quirks) -> None:
        self._provider = provider
        self._quirks = quirks
        # A result is of the last call before it: two providers may give the same id.
        self._calls: dict[str, tuple[int, ToolCallPart]] = {}
        self._count = 0

    def of(self, message: Message) -> list[_Said]:
        """What a message says, and on which side; nothing of a system message."""
        if message.cache is not None:
            raise cannot("a cache mark on a message: it keeps prefixes by itself")
        if message.role == "system":
            return []
        make = self._assistant if message.role == "assistant" else self._user
        said = [one for part in message.parts for one in make(part)]
        if message.role == "assistant":
            self._sign(message, said)
        return said

    def _sign(self, message: Message, said: list[_Said]) -> None:
        """Sign the first call of a turn, if it is not this provider's."""
        calls = (part for part in message.parts if isinstance(part, ToolCallPart))
        call = next((part for part in calls if not part.server_executed), None)
        first = next((one.part for one in said if CALL in one.part), None)
        if call is not None and first is not None and self._provider not in call.provider_metadata:
            first[SIGNATURE] = FOREIGN_SIGNATURE

    def _own(self, part: Part) -> JSONObject:
        return dict(part.provider_metadata.get(self._provider, {}))

    def _beside(self, part: Part) -> JSONObject:
        """What stands beside the data of a part."""
        return beside_of(self._own(part))

    def _user(self, part: Part) -> Iterator[_Said]:
        match part:
            case TextPart(text=text):
                if text:
                    yield _Said("user", {"text": text, **self._beside(part)})
            case AttachmentPart(attachment=attachment):
                yield _Said("user", self._file(part, attachment))
            case ToolResultPart():
                yield from self._result(part)
            case OpaquePart():
                yield from self._opaque(part, "user")
            case ReasoningPart() | ToolCallPart():
                raise cannot(f"{type(part).__name__} in a message of the user's")
            case _:
                assert_never(part)

    def _assistant(self, part: Part) -> Iterator[_Said]:
        match part:
            case TextPart(text=text):
                beside = self._beside(part)
                if text or beside:
                    yield _Said("model", {"text": text, **beside})
            case ReasoningPart(text=text):
                beside = self._beside(part)
                if beside:
                    yield _Said("model", {"text": text, **beside})
            case ToolCallPart():
                yield from self._call(part)
            case ToolResultPart():
                yield from self._result(part)
            case AttachmentPart(attachment=attachment):
                yield _Said("model", self._file(part, attachment))
            case OpaquePart():
                yield from self._opaque(part, "model")
            case _:
                assert_never(part)

    def _call(self, part: ToolCallPart) -> Iterator[_Said]:
        self._calls[part.id] = self._count, part
        self._count += 1
        if not part.server_executed:
            call: JSONObject = {"name": part.name, "args": arguments_of(part)}
            yield _Said("model", self._data(part, CALL, {**call, **self._id(part.id)}))
            return
        match self._own(part).get("type"):
            case "executableCode":
                code = {**(part.arguments or {}), **self._id(part.id)}
                yield _Said("model", self._data(part, CODE, code))
            case "toolCall":
                record = {"toolType": part.name, "args": part.arguments or {}, **self._id(part.id)}
                yield _Said("model", self._data(part, SERVER_CALL, record))
            case _:
                return

    def _file(self, part: Part, attachment: Attachment) -> JSONObject:
        ((kind, data),) = file_part(attachment).items()
        return self._data(part, kind, data)

    def _data(self, part: Part, kind: str, data: JSONObject) -> JSONObject:
        """A part of the wire: its data, what the wire's had beyond ours, and what stands beside it."""
        return {kind: {**data, **as_object(self._own(part).get(kind))}, **self._beside(part)}

    def _id(self, id: str, own: JSONObject | None = None) -> JSONObject:
        """The id of a call, or of its result, as the wire gave it."""
        if own is None:
            known = self._calls.get(id)
            own = self._own(known[1]) if known else {}
        given: JSON = own.get("id", id if self._quirks.call_ids else None)
        return {"id": given} if isinstance(given, str) else {}

    def _result(self, part: ToolResultPart) -> Iterator[_Said]:
        own = self._own(part)
        if not part.server_executed:
            yield self._response(part)
            return
        named = self._id(part.tool_call_id, own)
        match own.get("type"):
            case "codeExecutionResult":
                yield _Said("model", self._data(part, CODE_RESULT, {**as_object(part.output), **named}))
            case "toolResponse":
                record: JSONObject = {"toolType": part.name, "response": part.output, **named}
                yield _Said("model", self._data(part, SERVER_RESULT, record))
            case _:
                return

    def _response(self, part: ToolResultPart) -> _Said:
        number, call = self._calls.get(part.tool_call_id, (self._count, None))
        named = self._id(part.tool_call_id)
        name = part.name or (call.name if call else "")
        record: JSONObject = {"name": name, "response": _outcome(part), **named}
        if part.attachments:
            record["parts"] = [file_part(attachment) for attachment in part.attachments]
        return _Said("user", self._data(part, RESPONSE, record), number)

    def _opaque(self, part: OpaquePart, side: _Side) -> Iterator[_Said]:
        if part.provider == self._provider:
            yield _Said(side, part.data)


def _outcome(part: ToolResultPart) -> JSONObject:
    """A result as the wire takes it: an object in any case."""
    output: JSON = part.output
    if part.error is not None:
        return {"error": part.error} if output in ("", None) else {"error": part.error, "result": output}
    return as_object(output) if isinstance(output, dict) else {"result": output}
