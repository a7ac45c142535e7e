"""From an HTTP request of the Converse API to a Request: what `encode` writes, and what other clients send.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html

The model is in the path. A field that no part of a Request has a place for is kept in `Options.extra`; in a
block it is kept in the part's metadata, where it goes back to the same provider.
"""

from __future__ import annotations

import re
from typing import Any, Final, cast
from urllib.parse import unquote

import attrs

from llmstream.errors import ConfigError, InvalidRequestError
from llmstream.jsontext import JSON, JSONError, JSONObject, as_object, loads, loads_object
from llmstream.values.request import AnyTool, Options, OutputSchema, Request, ServerSideTool, Tool, ToolChoice
from llmstream.wire.bedrock.encode import INFERENCE, STREAM, TOOL_SPEC, reasoning
from llmstream.wire.bedrock.server.history import History, cache_time
from llmstream.wire.http import HttpRequest
from llmstream.wire.typed import MisfitError, integer, items, mapping, string, text

_PATH: Final = re.compile(r".*/model/(?P<model>[^/]+)/converse(-stream)?")
_SPEC_FIELDS: Final = frozenset({"name", "description", "inputSchema", "strict"})
_EFFORTS: Final = frozenset({"low", "medium", "high", "xhigh", "max"})
_SUMMARIES: Final = {"omitted": "none", "summarized": "auto"}


def streams(http: HttpRequest, /) -> bool:
    """Whether a request asks for a stream: its path says so."""
    return http.path.partition("?")[0].endswith(STREAM)


def request_of(http: HttpRequest, provider: str, /) -> Request:
    """Read a request.

    Raises:
        InvalidRequestError: when the path or the body is not one; it names the field.
    """
    try:
        body = loads(http.body)
        if not isinstance(body, dict):
            raise MisfitError("an object", "the top of the body", body)
        return _Reader(cast("JSONObject", body)).request(_model(http), provider)
    except JSONError as error:
        raise InvalidRequestError(
            f"expected JSON as the body, got text that is none ({error})", status=400
        ) from error
    except MisfitError as misfit:
        raise InvalidRequestError(str(misfit), status=400) from misfit


def _model(http: HttpRequest) -> str:
    found = _PATH.fullmatch(http.path.partition("?")[0])
    if found is None:
        raise MisfitError("a path like /model/{id}/converse-stream", "the path", http.path)
    return unquote(found["model"])


class _Reader:
    """Takes the known fields out of a body; the rest is what is left."""

    def __init__(self, body: JSONObject) -> None:
        self._rest = dict(body)

    def request(self, model: str, provider: str) -> Request:
        history = History(provider)
        turns = self._rest.pop("messages", None)
        if not turns:
            raise MisfitError("an array with a message", "messages", turns)
        messages = [*history.system(self._rest.pop("system", None)), *history.turns(turns)]
        config = dict(mapping(self._rest.pop("toolConfig", None), "toolConfig"))
        tools = _tools(config.pop("tools", None))
        choice = _choice(config.pop("toolChoice", None))
        self._keep("toolConfig", config)
        return Request(
            model, messages, tools=tools, tool_choice=choice, schema=self._schema(), options=self._options()
        )

    def _schema(self) -> OutputSchema | None:
        config = dict(mapping(self._rest.get("outputConfig"), "outputConfig"))
        where = "outputConfig.textFormat"
        form = mapping(config.pop("textFormat", None), where)
        if form.get("type") != "json_schema":
            return None
        self._keep("outputConfig", config)
        where = f"{where}.structure.jsonSchema"
        record = mapping(mapping(form.get("structure"), where).get("jsonSchema"), where)
        schema = loads_object(string(record.get("schema"), f"{where}.schema"))
        if schema is None:
            raise MisfitError("the text of a JSON object", f"{where}.schema", record["schema"])
        name = text(record.get("name"), f"{where}.name") or "output"
        return OutputSchema(schema, name, description=text(record.get("description"), f"{where}.description"))

    def _options(self) -> Options:
        given: dict[str, Any] = {**self._inference(), **self._reasoning()}
        more = dict(mapping(self._rest.get("additionalModelRequestFields"), "additionalModelRequestFields"))
        if _is_count(more.get("top_k")):
            given["top_k"] = more.pop("top_k")
            self._keep("additionalModelRequestFields", more)
        tier = mapping(self._rest.get("serviceTier"), "serviceTier")
        if tier.keys() == {"type"}:
            given["service_tier"] = string(tier["type"], "serviceTier.type")
            del self._rest["serviceTier"]
        if "requestMetadata" in self._rest:
            given["metadata"] = mapping(self._rest.pop("requestMetadata"), "requestMetadata")
        return Options(**given, extra=self._rest)

    def _inference(self) -> JSONObject:
        config = dict(mapping(self._rest.pop("inferenceConfig", None), "inferenceConfig"))
        found: JSONObject = {}
        for option, field in INFERENCE.items():
            value = found[option] = config.pop(field, None)
            if value is not None and not _is_number(value):
                raise MisfitError("a number", f"inferenceConfig.{field}", value)
        if found["max_tokens"] is not None:
            found["max_tokens"] = integer(found["max_tokens"], "inferenceConfig.maxTokens")
        where = "inferenceConfig.stopSequences"
        stops = items(config.pop("stopSequences", None), where)
        found["stop"] = tuple(string(stop, f"{where}[{number}]") for number, stop in enumerate(stops))
        self._keep("inferenceConfig", config)
        return found

    def _reasoning(self) -> JSONObject:
        """The options that `encode` says these fields for; fields that it would say otherwise are left."""
        more = as_object(self._rest.get("additionalModelRequestFields"))
        config = as_object(self._rest.get("outputConfig"))
        said: JSONObject = {}
        if "thinking" in more:
            said["additionalModelRequestFields"] = {"thinking": more["thinking"]}
        if "effort" in config:
            said["outputConfig"] = {"effort": config["effort"]}
        options = _reasoning_options(as_object(more.get("thinking")), config.get("effort"))
        if not said or not _says(options, said):
            return {}
        for field, record in said.items():
            rest = {key: value for key, value in self._rest[field].items() if key not in record}
            self._keep(field, rest)
        return options

    def _keep(self, name: str, record: JSONObject) -> None:
        if record:
            self._rest[name] = record
        else:
            self._rest.pop(name, None)


def _says(options: JSONObject, said: JSONObject) -> bool:
    try:
        return reasoning(Options(**options)) == said
    except ConfigError:
        return False


def _reasoning_options(how: JSONObject, effort: JSON) -> JSONObject:
    if how.get("type") == "disabled":
        return {"reasoning_effort": "none"}
    budget, display = how.get("budget_tokens"), how.get("display")
    return {
        "reasoning_effort": effort if isinstance(effort, str) and effort in _EFFORTS else None,
        "reasoning_budget": budget if _is_count(budget) else None,
        "reasoning_summary": _SUMMARIES.get(display) if isinstance(display, str) else None,
    }


def _is_number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: JSON) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _tools(value: JSON) -> list[AnyTool]:
    tools: list[AnyTool] = []
    for number, item in enumerate(items(value, "toolConfig.tools")):
        where = f"toolConfig.tools[{number}]"
        for kind, record in mapping(item, where).items():
            time = cache_time((kind, record, where))
            last = tools[-1] if tools else None
            if time is not None and isinstance(last, Tool) and last.cache is None:
                tools[-1] = attrs.evolve(last, cache=time)
            else:
                tools.append(_tool(kind, mapping(record, where), where))
    return tools


def _tool(kind: str, record: JSONObject, where: str) -> AnyTool:
    name = string(record.get("name"), f"{where}.name")
    if kind == "systemTool":
        return ServerSideTool(name, config={key: value for key, value in record.items() if key != "name"})
    if kind != TOOL_SPEC:
        raise MisfitError("a toolSpec or a systemTool", where, record)
    if record.keys() - _SPEC_FIELDS:
        return ServerSideTool(
            TOOL_SPEC, name, config={key: value for key, value in record.items() if key != "name"}
        )
    schema = mapping(record.get("inputSchema"), f"{where}.inputSchema")
    strict = record.get("strict")
    return Tool(
        name,
        text(record.get("description"), f"{where}.description"),
        parameters=mapping(schema.get("json"), f"{where}.inputSchema.json"),
        strict=strict if isinstance(strict, bool) else None,
    )


def _choice(value: JSON) -> ToolChoice | None:
    said = mapping(value, "toolConfig.toolChoice")
    match said:
        case {"tool": tool}:
            where = "toolConfig.toolChoice.tool"
            return ToolChoice("required", [string(mapping(tool, where).get("name"), f"{where}.name")])
        case {"any": _}:
            return ToolChoice("required")
        case {"auto": _}:
            return ToolChoice("auto")
        case _ if said:
            raise MisfitError("auto, any or tool", "toolConfig.toolChoice", value)
        case _:
            return None
