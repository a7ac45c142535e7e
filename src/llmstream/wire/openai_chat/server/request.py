"""From the body of a call to a Request: the way back of `encode`."""

from __future__ import annotations

from typing import Literal, cast, get_args

from llmstream.errors import InvalidRequestError
from llmstream.jsontext import JSON, JSONError, JSONObject, as_object, loads, loads_object
from llmstream.values.messages import CacheTime
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
from llmstream.wire.fields import Fields, bad
from llmstream.wire.http import HttpRequest
from llmstream.wire.openai_chat.encode import PLAIN, WEB_SEARCH
from llmstream.wire.openai_chat.quirks import Quirks
from llmstream.wire.openai_chat.server.messages import MessageReader

_KINDS: dict[str, type] = {
    "temperature": float,
    "top_p": float,
    "presence_penalty": float,
    "frequency_penalty": float,
    "parallel_tool_calls": bool,
    "audio": dict,
    "metadata": dict,
    "store": bool,
}
_MODES = ("auto", "none", "required", "any")
_DEFAULT_EFFORT: Effort = "medium"


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
    body.object("stream_options")
    if body.array("messages") is None:
        raise bad("an array", None, "messages")
    messages = MessageReader(provider).read(body.each("messages"))
    tools, choice = _tools(body, quirks), _choice(body)
    schema = _schema(body)
    options = _Options(body, quirks).read()
    return Request(model, messages, tools=tools, tool_choice=choice, schema=schema, options=options)


def asks(http: HttpRequest, *path: str) -> JSON:
    """What stands at a path in a request's body; None if nothing does."""
    value: JSON = loads_object(http.body)
    for name in path:
        value = as_object(value).get(name)
    return value


def _tools(body: Fields, quirks: Quirks) -> list[AnyTool]:
    tools: list[AnyTool] = []
    for entry in body.each("tools"):
        match entry.need("type", str):
            case "function":
                tools.append(_function(entry.inner("function"), _mark(entry)))
            case "custom":
                custom = entry.inner("custom")
                name, about = custom.need("name", str), custom.get("description", str) or ""
                tools.append(
                    Tool(name, about, custom=True, format=custom.object("format"), cache=_mark(entry))
                )
            case kind:
                config = {name: value for name, value in entry.data.items() if name != "type"}
                tools.append(ServerSideTool(kind, config=config))
    tools += [_function(entry, None) for entry in body.each("functions")]
    if not quirks.server_tools and (search := body.object("web_search_options")) is not None:
        tools.append(ServerSideTool(WEB_SEARCH, config=search))
    return tools


def _function(function: Fields, cache: CacheTime | None) -> Tool:
    tool = Tool(function.need("name", str), function.get("description", str) or "", cache=cache)
    parameters, strict = function.object("parameters"), function.get("strict", bool)
    return Tool(
        tool.name,
        tool.description,
        parameters=tool.parameters if parameters is None else parameters,
        strict=strict,
        cache=cache,
    )


def _mark(entry: Fields) -> CacheTime | None:
    mark = entry.object("cache_control")
    return None if mark is None else "1h" if mark.get("ttl") == "1h" else "5m"


def _choice(body: Fields) -> ToolChoice | None:
    name = "tool_choice" if "tool_choice" in body.data else "function_call"
    value = body.data.get(name)
    if value is None:
        return None
    if isinstance(value, str):
        mode = body.choice(name, _MODES)
        return ToolChoice("required" if mode == "any" else cast("Literal['auto', 'none', 'required']", mode))
    told = body.inner(name)
    match told.get("type", str):
        case None:
            return ToolChoice("required", (told.need("name", str),))
        case "allowed_tools":
            allowed = told.inner("allowed_tools")
            allowed.need("mode", str)
            mode = cast("Literal['auto', 'required']", allowed.choice("mode", ("auto", "required")))
            return ToolChoice(mode, [_chosen(entry) for entry in allowed.each("tools")])
        case _:
            return ToolChoice("required", (_chosen(told),))


def _chosen(entry: Fields) -> str:
    entry.need("type", str)
    kind = entry.choice("type", ("function", "custom"))
    return entry.inner(kind or "function").need("name", str)


def _schema(body: Fields) -> OutputSchema | None:
    if "response_format" not in body.data:
        return None
    told = body.inner("response_format")
    told.need("type", str)
    match told.choice("type", ("text", "json_object", "json_schema")):
        case "json_schema":
            inner = told.inner("json_schema")
            return OutputSchema(
                inner.object("schema") or {},
                inner.need("name", str),
                description=inner.get("description", str) or "",
                strict=inner.get("strict", bool),
            )
        case "json_object":
            return OutputSchema()
        case _:
            return None


# Fields that become something other than an option, or are read by hand.
_TAKEN = {
    "model",
    "messages",
    "tools",
    "functions",
    "tool_choice",
    "function_call",
    "response_format",
    "stream",
    "stream_options",
}


class _Options:
    """Reads options; what it does not take is left over for `extra`."""

    def __init__(self, body: Fields, quirks: Quirks) -> None:
        self._body = body
        self._quirks = quirks
        self._left = {name: value for name, value in body.data.items() if name not in _TAKEN}
        self._given: JSONObject = {}

    def read(self) -> Options:
        body, given = self._body, self._given
        for option, field in PLAIN.items():
            kind: type = _KINDS.get(option, str)
            self._take(option, field, kind)
        for option in self._quirks.sampling:
            self._take(option, option, float)
        for field in ("max_tokens", "max_completion_tokens"):
            self._take("max_tokens", field, int)
        self._take("seed", self._quirks.seed, int)
        self._take("n", "n", int)
        self._stop()
        self._take("modalities", "modalities", list)
        self._logprobs()
        self._prediction()
        self._reasoning()
        if not self._quirks.server_tools:
            self._left.pop("web_search_options", None)
        if given.get("verbosity") is not None:
            body.choice("verbosity", ("low", "medium", "high"))
        return Options(**given, extra=self._left)

    def _take(self, option: str, field: str, kind: type) -> None:
        value = cast("JSON", self._body.get(field, kind))
        if value is not None:
            self._given[option] = value
            del self._left[field]

    def _stop(self) -> None:
        value = self._left.pop("stop", None)
        if value is None:
            return
        words = [value] if isinstance(value, str) else value
        if not isinstance(words, list) or not all(isinstance(w, str) for w in cast("list[JSON]", words)):
            raise bad("a string or an array of strings", value, "stop")
        self._given["stop"] = words

    def _logprobs(self) -> None:
        wanted, top = self._body.get("logprobs", bool), self._body.get("top_logprobs", int)
        if wanted is not None:
            for field in ("logprobs", "top_logprobs"):
                self._left.pop(field, None)
        if wanted:
            self._given["logprobs"] = top or 0

    def _prediction(self) -> None:
        prediction = self._body.object("prediction")
        if prediction is None:
            return
        told = self._body.inner("prediction")
        content = prediction.get("content")
        if not isinstance(content, str):
            content = "".join(part.need("text", str) for part in told.each("content"))
        self._given["prediction"] = content
        del self._left["prediction"]

    def _reasoning(self) -> None:
        style = self._quirks.reasoning
        if style == "object":
            told = self._body.object("reasoning") or {}
            if set(told) <= {"effort", "max_tokens", "exclude"} and told.get("exclude") is not False:
                fields = Fields(told, "reasoning")
                self._given["reasoning_effort"] = fields.choice("effort", get_args(Effort))
                self._given["reasoning_budget"] = fields.get("max_tokens", int)
                self._given["reasoning_summary"] = "none" if told.get("exclude") else None
                self._left.pop("reasoning", None)
            return
        effort = self._body.choice("reasoning_effort", get_args(Effort))
        thinking = self._left.get("thinking") if style != "effort" else None
        if thinking == {"type": "disabled"}:
            effort = "none"
        elif thinking == {"type": "enabled"} and style == "switch":
            effort = _DEFAULT_EFFORT
        elif thinking != {"type": "enabled"} and style != "effort":
            return
        if effort is not None:
            self._given["reasoning_effort"] = effort
            for field in ("reasoning_effort", "thinking") if style != "effort" else ("reasoning_effort",):
                self._left.pop(field, None)
