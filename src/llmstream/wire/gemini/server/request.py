"""From an HTTP request to a Request: what `encode` writes, and what other clients send.

https://ai.google.dev/api/generate-content

A field that no part of a Request has a place for is kept in `Options.extra`; in a part it is kept in the
part's metadata, where it goes back to the same provider. Schemas in the wire's older form are turned into
JSON Schema. The path says the model, and whether a stream is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, Literal, cast
from urllib.parse import parse_qs, unquote

import msgspec

from llmstream.errors import InvalidRequestError
from llmstream.jsontext import JSONError, JSONObject, as_list, as_object, loads
from llmstream.values.content import TextPart
from llmstream.values.messages import Message
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
from llmstream.wire.gemini.encode import METHOD, PLAIN, thinking
from llmstream.wire.gemini.frames import camel
from llmstream.wire.gemini.server.history import History
from llmstream.wire.gemini.server.schemas import json_schema
from llmstream.wire.http import HttpRequest

_PATH: Final = re.compile(r".*/(?P<collection>models|tunedModels|endpoints)/(?P<name>[^/?]+):\w+")
_MODES: Final[dict[str, Literal["auto", "none", "required"]]] = {
    "AUTO": "auto",
    "MODE_UNSPECIFIED": "auto",
    "VALIDATED": "auto",
    "ANY": "required",
    "NONE": "none",
}


class _Content(msgspec.Struct, gc=False):
    role: str | None = None
    parts: list[JSONObject] | JSONObject | None = None


class _Config(msgspec.Struct, rename="camel", gc=False):
    """The fields of a generationConfig that options say; their types are checked here."""

    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    speech_config: JSONObject | None = None
    stop_sequences: list[str] | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    response_modalities: list[str] | None = None
    candidate_count: int | None = None
    thinking_config: JSONObject | None = None
    response_mime_type: str | None = None
    response_json_schema: JSONObject | None = None
    response_schema: JSONObject | None = None


class _Body(msgspec.Struct, rename="camel", gc=False):
    contents: list[_Content] | _Content | None = None
    system_instruction: _Content | str | None = None
    tools: list[JSONObject] | None = None
    tool_config: JSONObject | None = None
    generation_config: JSONObject | None = None
    service_tier: str | None = None


_TAKEN: Final = frozenset(
    {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "serviceTier", "model"}
)


def streams(http: HttpRequest, /) -> bool:
    """Whether a request asks for a stream."""
    return METHOD in http.path


def wants_array(http: HttpRequest, /) -> bool:
    """Whether a request asks for its stream as a JSON array."""
    return streams(http) and parse_qs(http.path.partition("?")[2]).get("alt", [""])[-1] != "sse"


def request_of(http: HttpRequest, provider: str, /) -> Request:
    """Read a request.

    Raises:
        InvalidRequestError: when the body is not one; it names the field.
    """
    try:
        value = loads(http.body)
        if not isinstance(value, dict):
            raise ValueError(f"expected an object as the body, got {type(value).__name__}")
        return _Reader(camel(as_object(value))).request(http, provider)
    except JSONError as error:
        raise InvalidRequestError(
            f"expected JSON as the body, got text that is none ({error})", status=400
        ) from error
    except (msgspec.ValidationError, ValueError) as error:
        raise InvalidRequestError(
            f"expected a request for generated content, got {error}", status=400
        ) from error


class _Reader:
    """Takes the known fields out of a body; the rest is what is left."""

    def __init__(self, body: JSONObject) -> None:
        self._given = body
        self._body = msgspec.convert(body, _Body)
        self._config = camel(self._body.generation_config or {})
        self._extra = {
            name: value for name, value in body.items() if name not in _TAKEN and value is not None
        }

    def request(self, http: HttpRequest, provider: str) -> Request:
        found = _PATH.match(http.path)
        if found is None:
            raise ValueError(f"expected a path with a model in it, got {http.path!r}")
        model = unquote(found["name"])
        if found["collection"] != "models":
            model = f"{found['collection']}/{model}"
        contents = self._contents()
        tools, choice = self._tools()
        history = History(provider)
        return Request(
            model,
            [*self._system(), *history.messages(contents)],
            tools=tools,
            tool_choice=choice,
            schema=self._schema(),
            options=self._options(model),
        )

    def _contents(self) -> list[tuple[str | None, list[JSONObject]]]:
        given = self._body.contents
        if not given:
            raise ValueError("no contents")
        return [(one.role, _parts(one)) for one in ([given] if isinstance(given, _Content) else given)]

    def _system(self) -> Iterator[Message]:
        given = self._body.system_instruction
        parts: list[JSONObject] = []
        if isinstance(given, str):
            parts = [{"text": given}]
        elif given is not None:
            parts = _parts(given)
        texts = [part.get("text") for part in parts]
        said = [TextPart(text) for text in texts if isinstance(text, str) and text]
        if said:
            yield Message("system", said)

    def _tools(self) -> tuple[list[AnyTool], ToolChoice | None]:
        config = camel(self._body.tool_config or {})
        calling = camel(as_object(config.pop("functionCallingConfig", None)))
        mode, names = (
            calling.pop("mode", None),
            [str(n) for n in as_list(calling.pop("allowedFunctionNames", None))],
        )
        strict = mode == "VALIDATED" and not names
        tools = [
            tool
            for given in self._body.tools or ()
            for tool in _tools_of(camel(given), strict=strict or None)
        ]
        kinds = {isinstance(tool, Tool) for tool in tools}
        if len(kinds) == 2 and config.get("includeServerSideToolInvocations") is True:
            # The other half says it by itself.
            del config["includeServerSideToolInvocations"]
        left = {**config, **({"functionCallingConfig": calling} if calling else {})}
        left = {name: value for name, value in left.items() if value is not None}
        if left:
            self._extra["toolConfig"] = left
        if mode is None or strict:
            return tools, None
        if mode not in _MODES:
            raise ValueError(f"the mode {mode!r} at toolConfig.functionCallingConfig.mode")
        return tools, ToolChoice(_MODES[mode], names)

    def _schema(self) -> OutputSchema | None:
        config = self._config
        if config.get("responseMimeType") != "application/json":
            return None
        read = msgspec.convert(config, _Config)
        del config["responseMimeType"]
        if read.response_json_schema is not None:
            return OutputSchema(config.pop("responseJsonSchema"))
        if read.response_schema is not None:
            return OutputSchema(json_schema(config.pop("responseSchema")))
        return OutputSchema()

    def _options(self, model: str) -> Options:
        config = self._config
        read = msgspec.convert(config, _Config)
        given: dict[str, Any] = {"service_tier": self._body.service_tier}
        for option, field in PLAIN.items():
            given[option] = config.pop(field, None)
        given["stop"] = tuple(read.stop_sequences or ())
        given["modalities"] = tuple(name.lower() for name in read.response_modalities or ())
        # One is what an answer has.
        given["n"] = None if read.candidate_count == 1 else read.candidate_count
        for field in ("stopSequences", "responseModalities", "candidateCount"):
            config.pop(field, None)
        if read.response_logprobs:
            given["logprobs"] = read.logprobs or 0
            config.pop("logprobs", None)
            del config["responseLogprobs"]
        given |= self._thinking(camel(read.thinking_config or {}), model)
        left = {name: value for name, value in config.items() if value is not None}
        if left:
            self._extra["generationConfig"] = left
        return Options(**given, extra=self._extra)

    def _thinking(self, config: JSONObject, model: str) -> JSONObject:
        """The options that `encode` says this field for; a field that it would say otherwise is left."""
        shown = config.get("includeThoughts")
        level, budget = config.get("thinkingLevel"), config.get("thinkingBudget")
        options: JSONObject = {"reasoning_summary": None if shown is None else "auto" if shown else "none"}
        if isinstance(level, str) and level.lower() in _LEVELS:
            config["thinkingLevel"] = level.lower()
            options["reasoning_effort"] = cast("Effort", level.lower())
        elif budget == 0:
            options["reasoning_effort"] = "none"
        elif isinstance(budget, int):
            options["reasoning_budget"] = budget
        if config and thinking(Options(**options), model) != config:
            return {}
        self._config.pop("thinkingConfig", None)
        return options


_LEVELS: Final = frozenset({"minimal", "low", "medium", "high"})


def _parts(content: _Content) -> list[JSONObject]:
    given = content.parts
    return [given] if isinstance(given, dict) else given or []


def _tools_of(given: JSONObject, *, strict: bool | None) -> Iterator[AnyTool]:
    for name, value in given.items():
        if name == "functionDeclarations":
            yield from (_tool(camel(as_object(one)), strict=strict) for one in as_list(value))
        elif value is not None:
            yield ServerSideTool(name, config=as_object(value))


def _tool(given: JSONObject, *, strict: bool | None) -> Tool:
    name, about = given.get("name"), given.get("description")
    if not isinstance(name, str) or not name:
        raise ValueError("a function without a name at tools")
    tool = Tool(name, about if isinstance(about, str) else "", strict=strict)
    if isinstance(given.get("parametersJsonSchema"), dict):
        return Tool(name, tool.description, parameters=given["parametersJsonSchema"], strict=strict)
    if isinstance(given.get("parameters"), dict):
        return Tool(name, tool.description, parameters=json_schema(given["parameters"]), strict=strict)
    return tool
