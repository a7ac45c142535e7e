"""From a Request to the body of a call.

https://docs.ollama.com/api/chat

Reasoning: "none" turns thinking off and "medium" turns it on, which every thinking model takes; other
efforts are levels, which only some take. "none" as tool choice sends no tools. A schema's name and
description and a tool's strictness have no place here. `extra={"options": {"num_ctx": 8192}}` goes among
the options.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llmstream.jsontext import JSONObject, dump_bytes, merged
from llmstream.values.request import AnyTool, Effort, Options, Request, ServerSideTool, ToolChoice
from llmstream.wire.http import HttpRequest
from llmstream.wire.ollama._messages import History
from llmstream.wire.ollama._names import PATH, cannot
from llmstream.wire.portable import set_aside

# Options whose value is sent as it is, under the wire's name.
PLAIN: Final = {
    "max_tokens": "num_predict",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "seed": "seed",
}
THINK: Final[Mapping[Effort, bool | str]] = {
    "none": False,
    "low": "low",
    "medium": True,
    "high": "high",
    "max": "max",
}
_UNSUPPORTED: Final = (
    "reasoning_budget",
    "verbosity",
    "parallel_tool_calls",
    "audio",
    "prediction",
    "service_tier",
    "cache_key",
    "user",
    "metadata",
    "store",
)


def encode_request(request: Request, provider: str) -> HttpRequest:
    """Write a request; `Options.extra` comes last and overrides.

    Raises:
        UnsupportedError: when the wire cannot say an option, a part or a tool.
        ConfigError: when an attachment is a path that was not opened.
    """
    options = request.options
    _refuse(options)
    history = History(provider)
    for message in set_aside(request.messages, provider):
        history.add(message)
    body: JSONObject = {"model": request.model, "messages": history.finish(), "stream": True}
    if tools := _tools(request):
        body["tools"] = tools
    if request.schema is not None:
        body["format"] = "json" if request.schema.schema is None else request.schema.schema
    body |= _thinking(options) | _logprobs(options)
    if sampling := _sampling(options):
        body["options"] = sampling
    headers = [("content-type", "application/json")]
    headers += [(name, str(value)) for name, value in options.headers.items()]
    return HttpRequest("POST", PATH, tuple(headers), dump_bytes(merged(body, options.extra)))


def _refuse(options: Options) -> None:
    given = options.given()
    for name in _UNSUPPORTED:
        if name in given:
            raise cannot(f"the option {name}")
    if options.n not in {None, 1}:
        raise cannot(f"n={options.n}: one call is one answer")
    if set(options.modalities) - {"text"}:
        raise cannot(f"modalities={list(options.modalities)}")
    if options.reasoning_summary not in {None, "none"}:
        raise cannot(f"the option reasoning_summary={options.reasoning_summary!r}")


def _sampling(options: Options) -> JSONObject:
    values = {field: getattr(options, option) for option, field in PLAIN.items()}
    body: JSONObject = {field: value for field, value in values.items() if value is not None}
    return {**body, "stop": list(options.stop)} if options.stop else body


def _thinking(options: Options) -> JSONObject:
    effort = options.reasoning_effort
    if effort is None:
        return {}
    if effort not in THINK:
        raise cannot(f"the option reasoning_effort={effort!r}")
    return {"think": THINK[effort]}


def _logprobs(options: Options) -> JSONObject:
    if options.logprobs is None:
        return {}
    return {"logprobs": True, "top_logprobs": options.logprobs} if options.logprobs else {"logprobs": True}


def _tools(request: Request) -> list[JSONObject]:
    choice = request.tool_choice or ToolChoice()
    if choice.mode == "none":
        return []
    if choice.mode == "required" or choice.names:
        raise cannot("a choice of tools: the model decides")
    return [_tool(tool) for tool in request.tools]


def _tool(tool: AnyTool) -> JSONObject:
    if isinstance(tool, ServerSideTool):
        raise cannot(f"the server-side tool {tool.type!r}")
    if tool.custom:
        raise cannot(f"the custom tool {tool.name!r}: arguments are objects")
    if tool.cache is not None:
        raise cannot(f"a cache mark on the tool {tool.name!r}")
    inner: JSONObject = {"name": tool.name}
    if tool.description:
        inner["description"] = tool.description
    return {"type": "function", "function": {**inner, "parameters": tool.parameters}}
