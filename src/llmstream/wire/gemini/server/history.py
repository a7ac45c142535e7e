"""The wire's contents as messages: the inverse of `turns`.

https://ai.google.dev/api/caching#Content

Names of fields may have either case on this wire. A call without an id gets one; a result without an id
answers the first call of its name that has none yet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from llmstream.jsontext import JSON, JSONObject, as_list, as_object, dumps
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
from llmstream.values.messages import Message, Role
from llmstream.wire.codec import counter
from llmstream.wire.gemini import parts as wire
from llmstream.wire.gemini.files import attachment_of
from llmstream.wire.gemini.frames import Blob, FunctionCall, FunctionResponse, ServerCall, camel
from llmstream.wire.gemini.turns import FOREIGN_SIGNATURE, SIGNATURE

_StructT = TypeVar("_StructT", bound=msgspec.Struct)
_ROLES: dict[str | None, Role] = {
    None: "user",
    "": "user",
    "user": "user",
    "function": "tool",
    "model": "assistant",
}


class History:
    """Reads the contents in order; calls are known by their names, for results without ids."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._ids = counter()
        self._given: set[str] = set()
        # The ids of calls that have no result yet, by name.
        self._open: dict[str, list[str]] = {}

    def messages(self, contents: list[tuple[str | None, list[JSONObject]]]) -> list[Message]:
        """Read the contents; results of tools become messages of their own.

        Raises:
            ValueError: when a part is not of this wire; it says which.
        """
        self._given = {id for _, parts in contents for part in parts if (id := _call_id(part))}
        found: list[Message] = []
        for number, (name, parts) in enumerate(contents):
            if name not in _ROLES:
                raise ValueError(f"expected user or model at contents[{number}].role, got {name!r}")
            role = _ROLES[name]
            read = [self._part(part, role, f"contents[{number}].parts[{n}]") for n, part in enumerate(parts)]
            if role == "assistant":
                found.append(Message(role, read))
                continue
            results = [part for part in read if isinstance(part, ToolResultPart)]
            rest = [part for part in read if not isinstance(part, ToolResultPart)]
            if results:
                found.append(Message("tool", results))
            if rest or not results:
                found.append(Message("user", rest))
        return found

    def _part(self, given: JSONObject, role: Role, where: str) -> Part:
        part = camel(given)
        kind = wire.RESPONSE if part.get(wire.RESPONSE) is not None else wire.kind_of(part)
        make = self._table.get(kind, History._opaque)
        try:
            return make(self, part, role == "assistant")
        except (msgspec.ValidationError, ValueError) as error:
            raise ValueError(f"{error} at {where}") from error

    def _own(self, part: JSONObject, kind: str, more: JSONObject | None = None) -> dict[str, JSONObject]:
        """What a part says beyond the fields of ours, as its metadata."""
        own = {**wire.beside(part, kind), **(more or {})}
        return {self._provider: own} if own else {}

    def _beyond(self, part: JSONObject, kind: str) -> JSONObject:
        return wire.beyond(camel(as_object(part[kind])), kind) if kind in wire.FIELDS else {}

    def _text(self, part: JSONObject, answered: bool) -> Part:
        text = part.get("text")
        if text is not None and not isinstance(text, str):
            raise ValueError(f"expected text, got {type(text).__name__}")
        own = self._own(part, wire.TEXT)
        if part.get("thought") is True and answered:
            return ReasoningPart(text or "", provider_metadata=own)
        return TextPart(text or "", provider_metadata=own)

    def _call(self, part: JSONObject, answered: bool) -> Part:
        call = _read(part, wire.CALL, FunctionCall)
        if not call.name:
            raise ValueError("expected a name of a call, got none")
        id = call.id or self._fresh()
        self._open.setdefault(call.name, []).append(id)
        more = {**self._beyond(part, wire.CALL), "id": call.id or None}
        own = self._own(part, wire.CALL, more)
        if own[self._provider] == {SIGNATURE: FOREIGN_SIGNATURE, "id": id}:
            # A call that our other half brought from elsewhere.
            own = {}
        arguments = call.args or {}
        return ToolCallPart(id, call.name, arguments=arguments, raw=dumps(arguments), provider_metadata=own)

    def _fresh(self) -> str:
        id = self._ids()
        while id in self._given:
            id = self._ids()
        return id

    def _result(self, part: JSONObject, answered: bool) -> Part:
        result = _read(part, wire.RESPONSE, FunctionResponse)
        waiting = self._open.get(result.name or "", [])
        id = result.id or (waiting[0] if waiting else self._fresh())
        if id in waiting:
            waiting.remove(id)
        output, error = _outcome(result.response or {})
        return ToolResultPart(
            id,
            result.name or "",
            output=output,
            error=error,
            attachments=[_attachment(one) for one in result.parts or ()],
            provider_metadata=self._own(
                part, wire.RESPONSE, wire.beyond(camel(as_object(part[wire.RESPONSE])), wire.RESPONSE)
            ),
        )

    def _server_call(self, part: JSONObject, answered: bool) -> Part:
        call = _read(part, wire.SERVER_CALL, ServerCall)
        more = {**self._beyond(part, wire.SERVER_CALL), "type": wire.SERVER_CALL}
        return self._executed(
            call.tool_type, call.id, call.args or {}, self._own(part, wire.SERVER_CALL, more)
        )

    def _code(self, part: JSONObject, answered: bool) -> Part:
        code = camel(as_object(part[wire.CODE]))
        id = code.pop("id", None)
        own = self._own(part, wire.CODE, {"type": wire.CODE})
        return self._executed(wire.CODE_TOOL, id if isinstance(id, str) else None, code, own)

    def _executed(self, name: str, id: str | None, arguments: JSONObject, own: dict[str, JSONObject]) -> Part:
        ours = id or self._fresh()
        self._open.setdefault(f"{name} of the server's", []).append(ours)
        own[self._provider]["id"] = id or None
        raw = dumps(arguments)
        return ToolCallPart(
            ours, name, arguments=arguments, raw=raw, server_executed=True, provider_metadata=own
        )

    def _server_result(self, part: JSONObject, answered: bool) -> Part:
        result = _read(part, wire.SERVER_RESULT, ServerCall)
        more = {**self._beyond(part, wire.SERVER_RESULT), "type": wire.SERVER_RESULT}
        own = self._own(part, wire.SERVER_RESULT, more)
        return self._answered(result.tool_type, result.id, result.response, own)

    def _code_result(self, part: JSONObject, answered: bool) -> Part:
        output = camel(as_object(part[wire.CODE_RESULT]))
        id = output.pop("id", None)
        own = self._own(part, wire.CODE_RESULT, {"type": wire.CODE_RESULT})
        return self._answered(wire.CODE_TOOL, id if isinstance(id, str) else None, output, own)

    def _answered(self, name: str, id: str | None, output: JSON, own: dict[str, JSONObject]) -> Part:
        waiting = self._open.get(f"{name} of the server's", [])
        ours = id or (waiting[0] if waiting else self._fresh())
        if ours in waiting:
            waiting.remove(ours)
        own[self._provider]["id"] = id or None
        error = wire.code_error(as_object(output)) if name == wire.CODE_TOOL else None
        return ToolResultPart(
            ours, name, output=output, error=error, server_executed=True, provider_metadata=own
        )

    def _inline(self, part: JSONObject, answered: bool) -> Part:
        own = self._own(part, wire.INLINE, self._beyond(part, wire.INLINE))
        return AttachmentPart(attachment_of(_read(part, wire.INLINE, Blob)), provider_metadata=own)

    def _file(self, part: JSONObject, answered: bool) -> Part:
        own = self._own(part, wire.FILE, self._beyond(part, wire.FILE))
        return AttachmentPart(attachment_of(_read(part, wire.FILE, Blob)), provider_metadata=own)

    def _opaque(self, part: JSONObject, answered: bool) -> Part:
        return OpaquePart(self._provider, wire.kind_of(part), part)

    _table: dict[str, Callable[[History, JSONObject, bool], Part]] = {
        wire.TEXT: _text,
        wire.CALL: _call,
        wire.RESPONSE: _result,
        wire.SERVER_CALL: _server_call,
        wire.SERVER_RESULT: _server_result,
        wire.CODE: _code,
        wire.CODE_RESULT: _code_result,
        wire.INLINE: _inline,
        wire.FILE: _file,
    }


def _read(part: JSONObject, kind: str, shape: type[_StructT]) -> _StructT:
    data = part[kind]
    return msgspec.convert(camel(as_object(data)) if isinstance(data, dict) else data, shape)


def _call_id(part: JSONObject) -> str | None:
    id = as_object(part.get("functionCall") or part.get("function_call")).get("id")
    return id if isinstance(id, str) else None


def _outcome(response: JSONObject) -> tuple[JSON, str | None]:
    """What a result gave, and what went wrong: `turns` says how each is written."""
    match response:
        case {"result": result, **rest} if not rest and not isinstance(result, dict):
            return result, None
        case {"error": str(error), **rest} if not rest:
            return "", error
        case {"error": str(error), "result": result, **rest} if not rest:
            return result, error
        case _:
            return response, None


def _attachment(given: JSONObject) -> Attachment:
    part = camel(given)
    for kind in (wire.INLINE, wire.FILE):
        if part.get(kind) is not None:
            return attachment_of(_read(part, kind, Blob))
    raise ValueError(f"expected a file in a result, got {sorted(as_list(list(part)))}")
