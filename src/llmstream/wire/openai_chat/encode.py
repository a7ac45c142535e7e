"""From a Request to the body of a call.

https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from llmstream.jsontext import JSON, JSONObject, dump_bytes
from llmstream.values.messages import CacheTime
from llmstream.values.request import AnyTool, Options, OutputSchema, Request, Tool, ToolChoice
from llmstream.wire.http import HttpRequest
from llmstream.wire.openai_chat._messages import History, cache_mark
from llmstream.wire.openai_chat._names import PATH, cannot
from llmstream.wire.openai_chat.quirks import Quirks
from llmstream.wire.portable import set_aside

# Options whose value is sent as it is, under the wire's name.
PLAIN = {
    "temperature": "temperature",
    "top_p": "top_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "verbosity": "verbosity",
    "parallel_tool_calls": "parallel_tool_calls",
    "audio": "audio",
    "service_tier": "service_tier",
    "cache_key": "prompt_cache_key",
    "user": "user",
    "metadata": "metadata",
    "store": "store",
}
WEB_SEARCH = "web_search"


def encode_request(request: Request, provider: str, quirks: Quirks) -> HttpRequest:
    """Write a request; `Options.extra` comes last and overrides.

    Raises:
        UnsupportedError: when the wire cannot say an option, a part or a tool.
        ConfigError: when an attachment is a path that was not opened, or has no media type.
    """
    options = request.options
    history = History(provider, quirks)
    for message in set_aside(request.messages, provider):
        history.add(message)
    body: JSONObject = {"model": request.model, "messages": history.finish(), "stream": True}
    if quirks.stream_usage:
        body["stream_options"] = {"include_usage": True}
    _write_tools(request, quirks, body)
    if request.schema is not None:
        body["response_format"] = _response_format(request.schema)
    _write_options(options, quirks, body)
    _write_reasoning(options, quirks, body)
    body.update(options.extra)
    headers = [("content-type", "application/json")]
    headers += [(name, str(value)) for name, value in options.headers.items()]
    return HttpRequest("POST", PATH, tuple(headers), dump_bytes(body))


def _write_options(options: Options, quirks: Quirks, body: JSONObject) -> None:
    if options.n is not None and options.n != 1:
        raise cannot(f"n={options.n}: one call is one answer")
    for option, field in PLAIN.items():
        value = getattr(options, option)
        if value is not None:
            body[field] = value
    for option in ("top_k", "min_p"):
        value = getattr(options, option)
        if value is not None:
            if option not in quirks.sampling:
                raise cannot(f"the option {option}")
            body[option] = value
    if options.max_tokens is not None:
        body[quirks.max_tokens] = options.max_tokens
    if options.seed is not None:
        body[quirks.seed] = options.seed
    if options.stop:
        body["stop"] = list(options.stop)
    if options.modalities:
        body["modalities"] = list(options.modalities)
    if options.prediction is not None:
        body["prediction"] = {"type": "content", "content": options.prediction}
    if options.logprobs is not None:
        body["logprobs"] = True
        if options.logprobs:
            body["top_logprobs"] = options.logprobs


def _write_reasoning(options: Options, quirks: Quirks, body: JSONObject) -> None:
    effort, budget, summary = options.reasoning_effort, options.reasoning_budget, options.reasoning_summary
    if quirks.reasoning == "object":
        told: JSONObject = {}
        if effort is not None:
            told["effort"] = effort
        if budget is not None:
            told["max_tokens"] = budget
        if summary == "none":
            told["exclude"] = True
        if told:
            body["reasoning"] = told
    elif budget is not None:
        raise cannot("the option reasoning_budget")
    elif effort is not None:
        if quirks.reasoning != "effort":
            body["thinking"] = {"type": "disabled" if effort == "none" else "enabled"}
        if quirks.reasoning == "effort" or (quirks.reasoning == "switch and effort" and effort != "none"):
            body["reasoning_effort"] = effort
    if summary not in {None, "none"}:
        raise cannot(f"the option reasoning_summary={summary!r}")


def _write_tools(request: Request, quirks: Quirks, body: JSONObject) -> None:
    tools: list[JSONObject] = []
    for tool in request.tools:
        if isinstance(tool, Tool):
            tools.append(_tool(tool, quirks))
        elif quirks.server_tools:
            tools.append({"type": tool.type, **tool.config})
        elif tool.type == WEB_SEARCH:
            body["web_search_options"] = tool.config
        else:
            raise cannot(f"the server-side tool {tool.type!r}")
    if tools:
        body["tools"] = tools
    if request.tool_choice is not None:
        body["tool_choice"] = _tool_choice(request.tool_choice, request.tools, quirks)


def _tool(tool: Tool, quirks: Quirks) -> JSONObject:
    inner: JSONObject = {"name": tool.name}
    if tool.description:
        inner["description"] = tool.description
    if tool.custom:
        if tool.format is not None:
            inner["format"] = tool.format
        record: JSONObject = {"type": "custom", "custom": inner}
    else:
        inner["parameters"] = tool.parameters
        if tool.strict is not None:
            inner["strict"] = tool.strict
        record = {"type": "function", "function": inner}
    return {**record, **_cached(tool.cache, quirks, f"a cache mark on the tool {tool.name!r}")}


def _cached(cache: CacheTime | None, quirks: Quirks, what: str) -> JSONObject:
    return {} if cache is None else {"cache_control": cache_mark(cache, quirks, what)}


def _tool_choice(choice: ToolChoice, tools: tuple[AnyTool, ...], quirks: Quirks) -> JSON:
    if not choice.names or choice.mode == "none":
        return quirks.required if choice.mode == "required" else choice.mode
    custom = {tool.name for tool in tools if isinstance(tool, Tool) and tool.custom}
    named: list[JSONObject] = []
    for name in choice.names:
        kind = "custom" if name in custom else "function"
        named.append({"type": kind, kind: {"name": name}})
    if choice.mode == "required" and len(named) == 1:
        return named[0]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": named}}


def _response_format(schema: OutputSchema) -> JSONObject:
    if schema.schema is None:
        return {"type": "json_object"}
    record: JSONObject = {"name": schema.name, "schema": schema.schema}
    if schema.description:
        record["description"] = schema.description
    if schema.strict is not None:
        record["strict"] = schema.strict
    return {"type": "json_schema", "json_schema": record}
