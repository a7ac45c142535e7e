"""From an HTTP request of the Messages API to a Request: what `encode` writes, and what other clients send.

https://platform.claude.com/docs/en/api/messages/create

A field that no part of a Request has a place for is kept in `Options.extra`; in a block it is kept in the
part's metadata, where it goes back to the same provider. A tool with fields that `Tool` has no place for is
a `ServerSideTool` of the type "custom". `stream` is not kept: `streams` tells it.
"""

from __future__ import annotations

from typing import Any, Final, cast
from urllib.parse import unquote

from llmstream.errors import InvalidRequestError
from llmstream.jsontext import JSON, JSONError, JSONObject, loads, loads_object
from llmstream.values.request import AnyTool, Options, OutputSchema, Request, ServerSideTool, Tool, ToolChoice
from llmstream.wire.anthropic.encode import VERSION, thinking
from llmstream.wire.anthropic.quirks import Quirks
from llmstream.wire.anthropic.server.history import History, cache_time
from llmstream.wire.http import HttpRequest
from llmstream.wire.typed import MisfitError, integer, items, mapping, string, text

_CHOICES: Final[dict[str, ToolChoice]] = {
    "auto": ToolChoice("auto"),
    "any": ToolChoice("required"),
    "none": ToolChoice("none"),
}
_EFFORTS: Final = frozenset({"low", "medium", "high", "xhigh", "max"})
_SUMMARIES: Final = {"omitted": "none", "summarized": "auto"}
_TOOL_FIELDS: Final = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})


def streams(http: HttpRequest, quirks: Quirks, /) -> bool:
    """Whether a request asks for a stream; this wire's default is one message."""
    if not quirks.says_stream:
        return http.path.endswith(quirks.path.rpartition("/")[2])
    body = loads_object(http.body) or {}
    return body.get("stream") is True


def request_of(http: HttpRequest, provider: str, quirks: Quirks, /) -> Request:
    """Read a request.

    Raises:
        InvalidRequestError: when the body is not one; it names the field.
    """
    try:
        body = loads(http.body)
        if not isinstance(body, dict):
            raise MisfitError("an object", "the top of the body", body)
        return _Reader(cast("JSONObject", body)).request(http, provider, quirks)
    except JSONError as error:
        raise InvalidRequestError(
            f"expected JSON as the body, got text that is none ({error})", status=400
        ) from error
    except MisfitError as misfit:
        raise InvalidRequestError(str(misfit), status=400) from misfit


class _Reader:
    """Takes the known fields out of a body; the rest is what is left."""

    def __init__(self, body: JSONObject) -> None:
        self._rest = dict(body)
        for unkept in ("stream", "anthropic_version"):
            self._rest.pop(unkept, None)

    def request(self, http: HttpRequest, provider: str, quirks: Quirks) -> Request:
        model = self._model(http, quirks)
        history = History(provider)
        turns = self._rest.pop("messages", None)
        if not turns:
            raise MisfitError("an array with a message", "messages", turns)
        messages = [*history.system(self._rest.pop("system", None)), *history.turns(turns)]
        choice, parallel = self._choice()
        tools = [
            _tool(tool, f"tools[{n}]") for n, tool in enumerate(items(self._rest.pop("tools", None), "tools"))
        ]
        return Request(
            model,
            messages,
            tools=tools,
            tool_choice=choice,
            schema=self._schema(),
            options=self._options(parallel, self._headers(http, quirks)),
        )

    def _model(self, http: HttpRequest, quirks: Quirks) -> str:
        before, named, after = quirks.path.partition("{model}")
        if not named:
            return string(self._rest.pop("model", None), "model")
        if not http.path.startswith(before) or not http.path.endswith(after):
            raise MisfitError(f"a path like {quirks.path}", "the path", http.path)
        return unquote(http.path.removeprefix(before).removesuffix(after))

    def _choice(self) -> tuple[ToolChoice | None, bool | None]:
        said = mapping(self._rest.pop("tool_choice", None), "tool_choice")
        single = said.get("disable_parallel_tool_use")
        parallel = not single if isinstance(single, bool) else None
        if said.get("type") == "tool":
            return ToolChoice("required", [string(said.get("name"), "tool_choice.name")]), parallel
        if not said:
            return None, parallel
        choice = _CHOICES.get(text(said.get("type"), "tool_choice.type"))
        if choice is None:
            raise MisfitError("auto, any, tool or none", "tool_choice.type", said.get("type"))
        return choice, parallel

    def _headers(self, http: HttpRequest, quirks: Quirks) -> JSONObject:
        """The headers that say which version of the wire is spoken, where it is not the usual one."""
        given = {name.lower(): value for name, value in http.headers}
        headers: JSONObject = {}
        if given.get("anthropic-version", VERSION) != VERSION:
            headers["anthropic-version"] = given["anthropic-version"]
        betas = given.get("anthropic-beta")
        if quirks.betas == "body":
            listed = items(self._rest.pop("anthropic_beta", None), "anthropic_beta")
            betas = ",".join(string(beta, f"anthropic_beta[{n}]") for n, beta in enumerate(listed))
        if betas:
            headers["anthropic-beta"] = betas
        return headers

    def _schema(self) -> OutputSchema | None:
        config = dict(mapping(self._rest.get("output_config"), "output_config"))
        form = mapping(config.pop("format", None), "output_config.format")
        if form.get("type") != "json_schema":
            return None
        self._keep("output_config", config)
        return OutputSchema(mapping(form.get("schema"), "output_config.format.schema"))

    def _options(self, parallel: bool | None, headers: JSONObject) -> Options:
        given: dict[str, Any] = {
            "max_tokens": integer(self._rest.pop("max_tokens", None), "max_tokens"),
            "parallel_tool_calls": parallel,
            "headers": headers,
            **self._numbers(),
            **self._thinking(),
            **self._user(),
        }
        stops = items(self._rest.pop("stop_sequences", None), "stop_sequences")
        given["stop"] = tuple(string(stop, f"stop_sequences[{n}]") for n, stop in enumerate(stops))
        given["service_tier"] = text(self._rest.pop("service_tier", None), "service_tier") or None
        return Options(**given, extra=self._rest)

    def _numbers(self) -> JSONObject:
        found: JSONObject = {}
        for name in ("temperature", "top_p", "top_k"):
            value = found[name] = self._rest.pop(name, None)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise MisfitError("a number", name, value)
        return found

    def _user(self) -> JSONObject:
        metadata = dict(mapping(self._rest.pop("metadata", None), "metadata"))
        user = text(metadata.pop("user_id", None), "metadata.user_id") or None
        return {"user": user, "metadata": metadata or None}

    def _thinking(self) -> JSONObject:
        """The options that `encode` says these fields for; fields that it would say otherwise are left."""
        how = mapping(self._rest.get("thinking"), "thinking")
        config = mapping(self._rest.get("output_config"), "output_config")
        said: JSONObject = {"thinking": how} if how else {}
        if "effort" in config:
            said["output_config"] = {"effort": config["effort"]}
        options = _thinking_options(how, config)
        if not said or thinking(Options(**options)) != said:
            return {}
        self._rest.pop("thinking", None)
        if "effort" in config:
            self._keep("output_config", {key: value for key, value in config.items() if key != "effort"})
        return options

    def _keep(self, name: str, record: JSONObject) -> None:
        if record:
            self._rest[name] = record
        else:
            del self._rest[name]


def _thinking_options(how: JSONObject, config: JSONObject) -> JSONObject:
    if how.get("type") == "disabled":
        return {"reasoning_effort": "none"}
    budget, effort = how.get("budget_tokens"), text(config.get("effort"), "output_config.effort")
    return {
        "reasoning_effort": effort if effort in _EFFORTS else None,
        "reasoning_budget": None if budget is None else integer(budget, "thinking.budget_tokens") or None,
        "reasoning_summary": _SUMMARIES.get(text(how.get("display"), "thinking.display")),
    }


def _tool(value: JSON, where: str) -> AnyTool:
    record = mapping(value, where)
    type = text(record.get("type"), f"{where}.type")
    name = text(record.get("name"), f"{where}.name") or None
    cache = cache_time(record.get("cache_control"))
    unsaid = record.keys() - _TOOL_FIELDS or (cache is None and "cache_control" in record)
    if type not in {"", "custom"} or unsaid:
        config = {key: value for key, value in record.items() if key not in {"type", "name"}}
        return ServerSideTool(type or "custom", name, config=config)
    strict = record.get("strict")
    return Tool(
        string(name, f"{where}.name"),
        text(record.get("description"), f"{where}.description"),
        parameters=mapping(record.get("input_schema"), f"{where}.input_schema"),
        strict=strict if isinstance(strict, bool) else None,
        cache=cache,
    )
