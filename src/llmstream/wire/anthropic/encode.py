"""From a Request to an HTTP request of the Messages API; it always asks for a stream.

https://platform.claude.com/docs/en/api/messages/create

`max_tokens` is required on this wire: without one, `DEFAULT_MAX_TOKENS` are asked for, after those for
thinking. Reasoning: an effort asks for adaptive thinking with that effort ("minimal" is said as "low"), a
budget for thinking with that budget, "none" for no thinking. A schema's objects are closed, as the API
demands. An output schema's name and description have no place here. The container of an earlier answer is
in that answer's metadata, not in a Request: it is sent by `extra={"container": …}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from llmstream.errors import ConfigError, UnsupportedError
from llmstream.jsontext import JSONObject, dump_bytes, merged
from llmstream.values.content import AttachmentPart, ToolResultPart
from llmstream.values.request import AnyTool, Options, OutputSchema, Request, ServerSideTool, ToolChoice
from llmstream.wire.anthropic.quirks import Quirks
from llmstream.wire.anthropic.turns import cache_control, system_of, turns_of
from llmstream.wire.http import HttpRequest, segment
from llmstream.wire.portable import set_aside
from llmstream.wire.shapes import closed

VERSION: Final = "2023-06-01"
DEFAULT_MAX_TOKENS: Final = 8192

_UNSUPPORTED: Final = (
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "logprobs",
    "verbosity",
    "audio",
    "prediction",
    "cache_key",
    "store",
)
_BETAS: Final[Mapping[str, str]] = {
    "web_fetch_20250910": "web-fetch-2025-09-10",
    "code_execution_20250522": "code-execution-2025-05-22",
    "computer_20241022": "computer-use-2024-10-22",
    "computer_20250124": "computer-use-2025-01-24",
    "computer_20251124": "computer-use-2025-11-24",
    "advisor_20260301": "advisor-tool-2026-03-01",
    "mcp_toolset": "mcp-client-2025-11-20",
}
_BETA: Final = "anthropic-beta"
_FILES_BETA: Final = "files-api-2025-04-14"

_DATED: Final = re.compile(r"_\d{8}$")
_NAMES: Final[Mapping[str, str]] = {"text_editor": "str_replace_based_edit_tool"}


def encode(request: Request, provider: str, quirks: Quirks, /) -> HttpRequest:
    """Write a request.

    Raises:
        UnsupportedError: when the dialect cannot say an option, a part or a tool.
        ConfigError: when there is no message to send, options contradict each other, or an attachment
            cannot be sent as it is.
    """
    _refuse(request.options)
    options = request.options
    body: JSONObject = {"model": request.model} if "{model}" not in quirks.path else {}
    body["max_tokens"] = _max_tokens(options)
    messages = set_aside(request.messages, provider)
    if system := system_of(messages, provider):
        body["system"] = system
    body["messages"] = turns_of(messages, provider)
    if not body["messages"]:
        raise ConfigError("expected a message of the user's to send, got none that says anything")
    body |= _tools(request) | _output(options, request.schema) | _sampling(options)
    if quirks.says_stream:
        body["stream"] = True
    if quirks.version:
        body["anthropic_version"] = quirks.version
    headers = _headers(request, quirks)
    if quirks.betas == "body" and _BETA in headers:
        body["anthropic_beta"] = headers.pop(_BETA).split(",")
    path = quirks.path
    if "{model}" in path:
        path = path.replace("{model}", segment(request.model, safe="@"))
    return HttpRequest("POST", path, headers.items(), dump_bytes(merged(body, options.extra)))


def _refuse(options: Options) -> None:
    given = options.given()
    wrong: list[str] = [name for name in _UNSUPPORTED if name in given]
    if options.n is not None and options.n != 1:
        wrong.append("n")
    if set(options.modalities) - {"text"}:
        wrong.append("modalities")
    if wrong:
        said = ", ".join(f"{name}={given[name]!r}" for name in wrong)
        raise UnsupportedError(f"expected options that the anthropic dialect has, got {said}")


def _max_tokens(options: Options) -> int:
    if options.max_tokens is not None:
        return options.max_tokens
    return DEFAULT_MAX_TOKENS + (options.reasoning_budget or 0)


def _sampling(options: Options) -> JSONObject:
    body: JSONObject = {"stop_sequences": list(options.stop)} if options.stop else {}
    for name in ("temperature", "top_p", "top_k", "service_tier"):
        if (value := getattr(options, name)) is not None:
            body[name] = value
    metadata = dict(options.metadata or {})
    if options.user is not None:
        metadata["user_id"] = options.user
    return {**body, "metadata": metadata} if metadata else body


def _output(options: Options, schema: OutputSchema | None) -> JSONObject:
    body = thinking(options)
    if schema is None:
        return body
    if schema.schema is None:
        raise UnsupportedError(
            "expected a schema for the output, got none: the anthropic dialect has no form that is just JSON"
        )
    form = {"type": "json_schema", "schema": closed(schema.schema)}
    return merged(body, {"output_config": {"format": form}})


def thinking(options: Options, /) -> JSONObject:
    """The fields that say how to think.

    Raises:
        ConfigError: when no effort and a budget are asked for together.
    """
    effort, budget = options.reasoning_effort, options.reasoning_budget
    if effort == "none" or budget == 0:
        if budget or effort not in {None, "none"}:
            raise ConfigError(
                f"expected an effort or none of it, got {effort!r} with a reasoning budget of {budget}"
            )
        return {"thinking": {"type": "disabled"}}
    if effort is None and budget is None and options.reasoning_summary is None:
        return {}
    how: JSONObject = {"type": "adaptive"} if budget is None else {"type": "enabled", "budget_tokens": budget}
    if options.reasoning_summary is not None:
        how["display"] = "omitted" if options.reasoning_summary == "none" else "summarized"
    if effort is None:
        return {"thinking": how}
    return {"thinking": how, "output_config": {"effort": "low" if effort == "minimal" else effort}}


def _tools(request: Request) -> JSONObject:
    body: JSONObject = {"tools": [_tool(tool) for tool in request.tools]} if request.tools else {}
    choice, parallel = request.tool_choice, request.options.parallel_tool_calls
    if parallel is not None and choice is None and request.tools:
        choice = ToolChoice()
    if choice is not None:
        body["tool_choice"] = said = _choice(choice)
        if parallel is not None and choice.mode != "none":
            said["disable_parallel_tool_use"] = not parallel
    return body


def _tool(tool: AnyTool) -> JSONObject:
    if isinstance(tool, ServerSideTool):
        name = tool.name or _usual_name(tool.type)
        return {"type": tool.type, **({"name": name} if name else {}), **tool.config}
    if tool.custom:
        raise UnsupportedError(
            f"expected tools that take JSON, got {tool.name!r}: the anthropic dialect has no custom tools"
        )
    body: JSONObject = {"name": tool.name}
    if tool.description:
        body["description"] = tool.description
    body["input_schema"] = closed(tool.parameters) if tool.strict else tool.parameters
    if tool.strict is not None:
        body["strict"] = tool.strict
    if tool.cache is not None:
        body["cache_control"] = cache_control(tool.cache)
    return body


def _usual_name(type: str) -> str | None:
    """The name that the wire demands for a tool of a dated type."""
    bare = _DATED.sub("", type)
    return None if bare == type else _NAMES.get(bare, bare)


def _choice(choice: ToolChoice) -> JSONObject:
    match choice:
        case ToolChoice(mode="required", names=(name,)):
            return {"type": "tool", "name": name}
        case ToolChoice(names=()):
            return {"type": "any" if choice.mode == "required" else choice.mode}
        case _:
            raise UnsupportedError(
                f"expected one tool that must be called, got {choice.mode} of {', '.join(choice.names)}: "
                "the anthropic dialect cannot choose among several"
            )


def _headers(request: Request, quirks: Quirks) -> dict[str, str]:
    headers = {"content-type": "application/json"}
    if not quirks.version:
        headers["anthropic-version"] = VERSION
    given = {name.lower(): str(value) for name, value in request.options.headers.items()}
    betas = dict.fromkeys([*_betas(request), *_listed(given.pop(_BETA, ""))])
    if betas:
        headers[_BETA] = ",".join(betas)
    return headers | given


def _listed(header: str) -> Iterable[str]:
    return (value.strip() for value in header.split(",") if value.strip())


def _betas(request: Request) -> Iterable[str]:
    """The betas that the request's features need."""
    for tool in request.tools:
        if isinstance(tool, ServerSideTool) and tool.type in _BETAS:
            yield _BETAS[tool.type]
    for part in (part for message in request.messages for part in message.parts):
        files = part.attachments if isinstance(part, ToolResultPart) else ()
        if isinstance(part, AttachmentPart):
            files = (part.attachment,)
        if any(file.file_id is not None for file in files):
            yield _FILES_BETA
