"""From the body of a call to a Request: the way back of `encode`.

What a request does not keep of its answer is the wire's default for us: `store` false is not kept, nor that
a tool or a schema is not strict.
"""

from __future__ import annotations

from typing import Final, Literal, cast, get_args

from llmstream.errors import InvalidRequestError
from llmstream.jsontext import JSON, JSONError, JSONObject, loads, loads_object
from llmstream.values.messages import Message, system
from llmstream.values.request import (
    AnyTool,
    Effort,
    Options,
    OutputSchema,
    Request,
    ServerSideTool,
    Tool,
    ToolChoice,
)
from llmstream.wire.fields import Fields
from llmstream.wire.http import HttpRequest
from llmstream.wire.openai_responses._names import ENCRYPTED, LOGPROBS
from llmstream.wire.openai_responses.encode import KEPT, PLAIN
from llmstream.wire.openai_responses.quirks import Quirks
from llmstream.wire.openai_responses.server.history import HistoryReader, items_of

_KINDS: Final[dict[str, type]] = {
    "max_tokens": int,
    "temperature": float,
    "top_p": float,
    "parallel_tool_calls": bool,
    "metadata": dict,
}
_MODES: Final = ("auto", "none", "required")
_SUMMARIES: Final = ("auto", "concise", "detailed")
_VERBOSITIES: Final = ("low", "medium", "high")
# Fields that become something other than an option, or are read by hand.
_TAKEN: Final = {"model", "input", "instructions", "tools", "tool_choice", "stream"}


def streams(http: HttpRequest, /) -> bool:
    """Whether a request asks for a stream; this wire's default is one response."""
    body = loads_object(http.body) or {}
    return body.get("stream") is True


def read_request(http: HttpRequest, provider: str, quirks: Quirks) -> Request:
    """Read a request.

    Raises:
        InvalidRequestError: when the body is not one; it names the field.
    """
    try:
        value = loads(http.body)
    except JSONError as error:
        raise InvalidRequestError(f"expected a JSON body, got other text: {error}", status=400) from error
    body = Fields(value, "")
    body.data = {name: value for name, value in body.data.items() if value is not None}
    model = body.need("model", str)
    body.get("stream", bool)
    told = body.get("instructions", str)
    messages: list[Message] = [system(told)] if told else []
    messages += HistoryReader(provider, quirks).read(iter(items_of(body)))
    options = _Options(body)
    schema = options.schema()
    return Request(
        model,
        messages,
        tools=[_tool(entry) for entry in body.each("tools")],
        tool_choice=_choice(body),
        schema=schema,
        options=options.read(),
    )


def _tool(entry: Fields) -> AnyTool:
    kind = entry.need("type", str)
    known = {"type", "name", "description"}
    known |= {"format"} if kind == "custom" else {"parameters", "strict"}
    if kind not in {"function", "custom"} or set(entry.data) - known:
        name = entry.get("name", str)
        return ServerSideTool(
            kind, name, config={k: v for k, v in entry.data.items() if k not in {"type", "name"}}
        )
    name, about = entry.need("name", str), entry.get("description", str) or ""
    if kind == "custom":
        return Tool(name, about, custom=True, format=entry.object("format"))
    parameters, strict = entry.object("parameters"), entry.get("strict", bool)
    plain = Tool(name, about, strict=True if strict else None)
    if parameters is None:
        return plain
    return Tool(name, about, parameters=parameters, strict=plain.strict)


def _choice(body: Fields) -> ToolChoice | None:
    value = body.data.get("tool_choice")
    if value is None:
        return None
    if isinstance(value, str):
        mode = body.choice("tool_choice", _MODES)
        return ToolChoice(cast("Literal['auto', 'none', 'required']", mode))
    told = body.inner("tool_choice")
    if told.need("type", str) != "allowed_tools":
        return ToolChoice("required", [_chosen(told)])
    told.need("mode", str)
    mode = told.choice("mode", ("auto", "required"))
    names = [_chosen(entry) for entry in told.each("tools")]
    return ToolChoice(cast("Literal['auto', 'required']", mode), names)


def _chosen(entry: Fields) -> str:
    kind = entry.need("type", str)
    return entry.need("name", str) if kind in {"function", "custom"} else entry.get("name", str) or kind


class _Options:
    """Reads options; what it does not take is left over for `extra`."""

    def __init__(self, body: Fields) -> None:
        self._body = body
        self._left = {name: value for name, value in body.data.items() if name not in _TAKEN}
        self._given: JSONObject = {}

    def read(self) -> Options:
        """The options; `schema` is read before."""
        for option, field in PLAIN.items():
            kind: type = _KINDS.get(option, str)
            value = cast("JSON", self._body.get(field, kind))
            if value is not None:
                self._given[option] = value
                del self._left[field]
        self._store()
        self._included()
        self._reasoning()
        return Options(**self._given, extra=self._left)

    def schema(self) -> OutputSchema | None:
        """The form of the answer, out of `text`, where its verbosity stands too."""
        if "text" not in self._left:
            return None
        text = self._body.inner("text")
        rest = dict(text.data)
        verbosity = text.choice("verbosity", _VERBOSITIES)
        if verbosity is not None:
            self._given["verbosity"] = rest.pop("verbosity")
        schema = None
        if rest.get("format") is not None:
            schema = _format(text.inner("format"))
            del rest["format"]
        self._keep("text", {name: value for name, value in rest.items() if value is not None})
        return schema

    def _keep(self, name: str, rest: JSONObject) -> None:
        if rest:
            self._left[name] = rest
        else:
            self._left.pop(name, None)

    def _store(self) -> None:
        store = self._body.get("store", bool)
        if store is None:
            return
        del self._left["store"]
        if store or any(map(self._left.get, KEPT)):
            self._given["store"] = store

    def _included(self) -> None:
        include, top = self._body.array("include") or [], self._body.get("top_logprobs", int)
        dropped = {LOGPROBS} if self._given.get("store") else {LOGPROBS, ENCRYPTED}
        if LOGPROBS in include:
            self._given["logprobs"] = top or 0
            self._left.pop("top_logprobs", None)
        self._left.pop("include", None)
        if rest := [name for name in include if not isinstance(name, str) or name not in dropped]:
            self._left["include"] = rest

    def _reasoning(self) -> None:
        if "reasoning" not in self._left:
            return
        told = self._body.inner("reasoning")
        rest = {name: value for name, value in told.data.items() if value is not None}
        effort = told.choice("effort", get_args(Effort))
        if effort is not None:
            self._given["reasoning_effort"] = rest.pop("effort")
        if told.choice("summary", _SUMMARIES) is not None:
            self._given["reasoning_summary"] = rest.pop("summary")
        self._keep("reasoning", rest)


def _format(told: Fields) -> OutputSchema | None:
    told.need("type", str)
    match told.choice("type", ("text", "json_object", "json_schema")):
        case "json_schema":
            strict = told.get("strict", bool)
            return OutputSchema(
                told.object("schema") or {},
                told.need("name", str),
                description=told.get("description", str) or "",
                strict=True if strict else None,
            )
        case "json_object":
            return OutputSchema()
        case _:
            return None
