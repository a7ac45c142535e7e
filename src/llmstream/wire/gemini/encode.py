"""From a Request to an HTTP request for generated content; it always asks for server-sent events.

https://ai.google.dev/api/generate-content

Reasoning: an effort asks for a level of thinking ("xhigh" and "max" are said as "high"), of the models that
have no levels for the budget that the vendor's page gives for it; "none" for a budget of zero. A summary is
asked for or not; how long it is, the wire does not say. Of an output schema, the name and description have
no place here, of a server-side tool neither its name. A strict tool asks for calls that fit the schemas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from llmstream.errors import ConfigError
from llmstream.jsontext import JSONObject, dump_bytes, merged
from llmstream.values.request import AnyTool, Effort, Options, OutputSchema, Request, Tool, ToolChoice
from llmstream.wire.gemini.quirks import Quirks
from llmstream.wire.gemini.turns import cannot, contents_of, system_of
from llmstream.wire.http import HttpRequest, segment
from llmstream.wire.portable import set_aside

METHOD: Final = ":streamGenerateContent"

# Options whose value is sent as it is, under the wire's name.
PLAIN: Final = {
    "max_tokens": "maxOutputTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "seed": "seed",
    "audio": "speechConfig",
}
_UNSUPPORTED: Final = (
    "min_p",
    "verbosity",
    "prediction",
    "cache_key",
    "user",
    "metadata",
    "store",
)
_LEVELS: Final[Mapping[Effort, str]] = {
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
# https://ai.google.dev/gemini-api/docs/openai#thinking
_BUDGETS: Final[Mapping[str, int]] = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
_WITHOUT_LEVELS: Final = re.compile(r"gemini-(1|2)\b")
_MODES: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY"}


def encode(request: Request, provider: str, quirks: Quirks, /) -> HttpRequest:
    """Write a request; `Options.extra` is merged in last.

    Raises:
        UnsupportedError: when the dialect cannot say an option, a part or a tool.
        ConfigError: when there is no message to send, or an attachment cannot be sent as it is.
    """
    options = request.options
    _refuse(options)
    messages = set_aside(request.messages, provider)
    body: JSONObject = {"contents": contents_of(messages, provider, quirks)}
    if not body["contents"]:
        raise ConfigError("expected a message of the user's to send, got none that says anything")
    if system := system_of(messages):
        body["systemInstruction"] = {"parts": system}
    body |= _tools(request)
    if config := _config(request):
        body["generationConfig"] = config
    if options.service_tier is not None:
        body["serviceTier"] = options.service_tier
    headers = [("content-type", "application/json")]
    headers += [(name, str(value)) for name, value in options.headers.items()]
    return HttpRequest(
        "POST", path_of(request.model, quirks), headers, dump_bytes(merged(body, options.extra))
    )


def path_of(model: str, quirks: Quirks, /) -> str:
    """Where a model is; one with a slash is named with its collection."""
    collection, slash, name = model.rpartition("/")
    path = quirks.path
    if slash and collection != "models":
        path = path.removesuffix("models/") + "".join(
            f"{segment(word, safe='@')}/" for word in collection.split("/")
        )
    return f"{path}{segment(name, safe='@')}{METHOD}?alt=sse"


def _refuse(options: Options) -> None:
    given = options.given()
    wrong: list[str] = [name for name in _UNSUPPORTED if name in given]
    if options.n is not None and options.n != 1:
        wrong.append("n")
    # The wire has calls in parallel, and no word against them.
    if options.parallel_tool_calls is False:
        wrong.append("parallel_tool_calls")
    if wrong:
        raise cannot(", ".join(f"{name}={given[name]!r}" for name in wrong))


def _config(request: Request) -> JSONObject:
    options = request.options
    config: JSONObject = {}
    for option, field in PLAIN.items():
        value = getattr(options, option)
        if value is not None:
            config[field] = value
    if options.stop:
        config["stopSequences"] = list(options.stop)
    if options.logprobs is not None:
        config["responseLogprobs"] = True
        if options.logprobs:
            config["logprobs"] = options.logprobs
    if options.modalities:
        config["responseModalities"] = [name.upper() for name in options.modalities]
    if thought := thinking(options, request.model):
        config["thinkingConfig"] = thought
    return config | _form(request.schema)


def _form(schema: OutputSchema | None) -> JSONObject:
    if schema is None:
        return {}
    form: JSONObject = {"responseMimeType": "application/json"}
    return form if schema.schema is None else {**form, "responseJsonSchema": schema.schema}


def thinking(options: Options, model: str, /) -> JSONObject:
    """How to think.

    Raises:
        UnsupportedError: when an effort and a budget are asked for together.
    """
    effort, budget, summary = options.reasoning_effort, options.reasoning_budget, options.reasoning_summary
    config: JSONObject = {}
    if effort is not None and budget is not None:
        raise cannot(f"reasoning_effort={effort!r} with reasoning_budget={budget}: it takes one of them")
    if budget is not None or effort == "none":
        config["thinkingBudget"] = budget or 0
    elif effort is not None:
        level = _LEVELS[effort]
        without = _WITHOUT_LEVELS.search(model)
        config |= {"thinkingBudget": _BUDGETS[level]} if without else {"thinkingLevel": level}
    if summary is not None:
        config["includeThoughts"] = summary != "none"
    return config


def _tools(request: Request) -> JSONObject:
    own = [tool for tool in request.tools if isinstance(tool, Tool)]
    tools: list[JSONObject] = [
        {tool.type: tool.config} for tool in request.tools if not isinstance(tool, Tool)
    ]
    mixed = bool(own and tools)
    if own:
        tools.append({"functionDeclarations": [_declaration(tool) for tool in own]})
    body: JSONObject = {"tools": tools} if tools else {}
    config: JSONObject = {}
    if calling := _calling(request.tool_choice, request.tools):
        config["functionCallingConfig"] = calling
    if mixed:
        # Without it, tools of both kinds are refused
        # (corpus: gemini/chatlas-test_google_mixed_tools_end_to_end-1).
        config["includeServerSideToolInvocations"] = True
    return {**body, "toolConfig": config} if config else body


def _declaration(tool: Tool) -> JSONObject:
    if tool.custom:
        raise cannot(f"the custom tool {tool.name!r}")
    if tool.cache is not None:
        raise cannot(f"a cache mark on the tool {tool.name!r}: it keeps prefixes by itself")
    record: JSONObject = {"name": tool.name}
    if tool.description:
        record["description"] = tool.description
    return {**record, "parametersJsonSchema": tool.parameters}


def _calling(choice: ToolChoice | None, tools: tuple[AnyTool, ...]) -> JSONObject:
    strict = any(isinstance(tool, Tool) and tool.strict for tool in tools)
    if choice is None:
        return {"mode": "VALIDATED"} if strict else {}
    if choice.mode == "auto" and (strict or choice.names):
        return {"mode": "VALIDATED", **_allowed(choice)}
    allowed = _allowed(choice) if choice.mode == "required" else {}
    return {"mode": _MODES[choice.mode], **allowed}


def _allowed(choice: ToolChoice) -> JSONObject:
    return {"allowedFunctionNames": list(choice.names)} if choice.names else {}
