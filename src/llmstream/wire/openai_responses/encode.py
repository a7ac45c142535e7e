"""From a Request to the body of a call.

https://platform.openai.com/docs/api-reference/responses/create

Unless it is asked for, nothing is stored at the provider: reasoning comes encrypted, and goes back so. What
needs a stored response (`previous_response_id`, `conversation`, `background`) is said by `Options.extra`;
then `store` is left to the provider. A tool, or a schema, that does not say whether it is strict is not:
here the provider's own default is the other way.
"""

from __future__ import annotations

from typing import Final

from llmstream.errors import ConfigError
from llmstream.jsontext import JSON, JSONObject, as_list, as_object, dump_bytes
from llmstream.values.request import AnyTool, Options, OutputSchema, Request, ServerSideTool, Tool, ToolChoice
from llmstream.wire.http import HttpRequest
from llmstream.wire.openai_responses._history import History
from llmstream.wire.openai_responses._names import ENCRYPTED, LOGPROBS, PATH, cannot
from llmstream.wire.openai_responses.quirks import Quirks
from llmstream.wire.portable import set_aside

# Options whose value is sent as it is, under the wire's name.
PLAIN: Final = {
    "max_tokens": "max_output_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "parallel_tool_calls": "parallel_tool_calls",
    "service_tier": "service_tier",
    "cache_key": "prompt_cache_key",
    "user": "safety_identifier",
    "metadata": "metadata",
}
_UNSUPPORTED: Final = (
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "stop",
    "seed",
    "reasoning_budget",
    "audio",
    "prediction",
)
# What the provider can only do with an answer, or an earlier one, that it keeps.
KEPT: Final = ("background", "conversation", "previous_response_id")


def encode_request(request: Request, provider: str, quirks: Quirks) -> HttpRequest:
    """Write a request; `Options.extra` comes last: objects and `include` are joined, the rest is overridden.

    Raises:
        UnsupportedError: when the wire cannot say an option, a part or a tool.
        ConfigError: when there is nothing to send, or an attachment is a path that was not opened, or has
            no media type.
    """
    options = request.options
    _refuse(options)
    history = History(provider, quirks)
    for message in set_aside(request.messages, provider):
        history.add(message)
    items = history.finish()
    if not items and not options.extra:
        raise ConfigError("expected a message to send, got none")
    body: JSONObject = {"model": request.model, "input": items, "stream": True}
    if quirks.instructions:
        body["instructions"] = history.instructions
    _write_options(request, quirks, body)
    _write_tools(request, body)
    headers = [("content-type", "application/json")]
    headers += [(name, str(value)) for name, value in options.headers.items()]
    return HttpRequest("POST", PATH, tuple(headers), dump_bytes(_merged(body, options.extra)))


def _refuse(options: Options) -> None:
    given = options.given()
    if options.n is not None and options.n != 1:
        raise cannot(f"n={options.n}: one call is one answer")
    for name in _UNSUPPORTED:
        if name in given:
            raise cannot(f"the option {name}")
    if set(options.modalities) - {"text"}:
        raise cannot(f"the option modalities={list(options.modalities)}: images come of a tool")


def _write_options(request: Request, quirks: Quirks, body: JSONObject) -> None:
    options = request.options
    for option, field in PLAIN.items():
        value = getattr(options, option)
        if value is not None:
            body[field] = value
    include = _storage(request, quirks, body)
    if options.logprobs is not None:
        include.append(LOGPROBS)
        if options.logprobs:
            body["top_logprobs"] = options.logprobs
    if include:
        body["include"] = include
    reasoning: JSONObject = {"effort": options.reasoning_effort} if options.reasoning_effort else {}
    if options.reasoning_summary not in {None, "none"}:
        reasoning["summary"] = options.reasoning_summary
    if reasoning:
        body["reasoning"] = reasoning
    text: JSONObject = {} if request.schema is None else {"format": _format(request.schema)}
    if options.verbosity is not None:
        text["verbosity"] = options.verbosity
    if text:
        body["text"] = text


def _storage(request: Request, quirks: Quirks, body: JSONObject) -> list[JSON]:
    """Say whether the answer is kept, and ask for its reasoning where it is not."""
    store = request.options.store
    if store is None and quirks.stateless and not any(map(request.options.extra.get, KEPT)):
        store = False
    if store is not None:
        body["store"] = store
    model = request.model.rpartition("/")[2]
    return [ENCRYPTED] if store is False and not model.startswith(quirks.unreasoning) else []


def _format(schema: OutputSchema) -> JSONObject:
    if schema.schema is None:
        return {"type": "json_object"}
    record: JSONObject = {"type": "json_schema", "name": schema.name, "schema": schema.schema}
    if schema.description:
        record["description"] = schema.description
    return {**record, "strict": bool(schema.strict)}


def _write_tools(request: Request, body: JSONObject) -> None:
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.tool_choice is not None:
        body["tool_choice"] = _tool_choice(request.tool_choice, request.tools)


def _tool(tool: AnyTool) -> JSONObject:
    if isinstance(tool, ServerSideTool):
        return {"type": tool.type, **({} if tool.name is None else {"name": tool.name}), **tool.config}
    if tool.cache is not None:
        raise cannot(f"a cache mark on the tool {tool.name!r}")
    record: JSONObject = {"type": "custom" if tool.custom else "function", "name": tool.name}
    if tool.description:
        record["description"] = tool.description
    if tool.custom:
        return record if tool.format is None else {**record, "format": tool.format}
    return {**record, "parameters": tool.parameters, "strict": bool(tool.strict)}


def _tool_choice(choice: ToolChoice, tools: tuple[AnyTool, ...]) -> JSON:
    if not choice.names or choice.mode == "none":
        return choice.mode
    named = [_named(name, tools) for name in choice.names]
    if choice.mode == "required" and len(named) == 1:
        return named[0]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": named}


def _named(name: str, tools: tuple[AnyTool, ...]) -> JSONObject:
    for tool in tools:
        if isinstance(tool, Tool) and tool.name == name and tool.custom:
            return {"type": "custom", "name": name}
        if isinstance(tool, ServerSideTool) and name in {tool.type, tool.name}:
            return {"type": tool.type} if tool.name is None else {"type": tool.type, "name": tool.name}
    return {"type": "function", "name": name}


def _merged(body: JSONObject, extra: JSONObject) -> JSONObject:
    merged = dict(body)
    for name, value in extra.items():
        known = merged.get(name)
        if isinstance(known, dict) and isinstance(value, dict):
            merged[name] = {**as_object(known), **as_object(value)}
        elif name == "include" and isinstance(known, list) and isinstance(value, list):
            merged[name] = list(dict.fromkeys([*as_list(known), *as_list(value)]))
        else:
            merged[name] = value
    return merged
