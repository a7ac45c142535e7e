"""From a Request to an HTTP request of ConverseStream.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html

The wire itself knows few options. `top_k`, budgets for reasoning and whether it is shown are said in
`additionalModelRequestFields`, in the words of Claude; other models have words of their own, to be given by
`extra={"additionalModelRequestFields": {…}}`. An effort is the wire's own, and asks Claude for adaptive
thinking too ("minimal" is said as "low"); "none" asks for no thinking. A schema is always strict, and its
objects are closed, as the API demands. Guardrails, performance and prompt variables go by `extra`.
"""

from __future__ import annotations

from typing import Final

from llmstream.errors import ConfigError, UnsupportedError
from llmstream.jsontext import JSONObject, dump_bytes, dumps, merged
from llmstream.values.request import AnyTool, Options, OutputSchema, Request, ServerSideTool, ToolChoice
from llmstream.wire.bedrock.turns import cache_point, system_of, turns_of
from llmstream.wire.http import HttpRequest, segment
from llmstream.wire.portable import set_aside
from llmstream.wire.shapes import closed

PREFIX: Final = "/model/"
STREAM: Final = "/converse-stream"
# A tool of the caller's with fields that `Tool` has no place for is a server-side one of this type.
TOOL_SPEC: Final = "toolSpec"

_UNSUPPORTED: Final = (
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "logprobs",
    "verbosity",
    "parallel_tool_calls",
    "audio",
    "prediction",
    "cache_key",
    "user",
    "store",
)
# Options whose value is sent as it is, under the wire's name.
INFERENCE: Final = {"max_tokens": "maxTokens", "temperature": "temperature", "top_p": "topP"}


def encode(request: Request, provider: str, /) -> HttpRequest:
    """Write a request.

    Raises:
        UnsupportedError: when the dialect cannot say an option, a part or a tool.
        ConfigError: when there is no message to send, options contradict each other, or an attachment
            cannot be sent as it is.
    """
    options = request.options
    _refuse(options)
    messages = set_aside(request.messages, provider)
    body: JSONObject = {"messages": turns_of(messages, provider)}
    if not body["messages"]:
        raise ConfigError("expected a message of the user's to send, got none that says anything")
    if system := system_of(messages, provider):
        body["system"] = system
    if inference := _inference(options):
        body["inferenceConfig"] = inference
    if tools := _tools(request):
        body["toolConfig"] = tools
    body = merged(body, reasoning(options))
    if options.top_k is not None:
        body = merged(body, {"additionalModelRequestFields": {"top_k": options.top_k}})
    if request.schema is not None:
        body = merged(body, {"outputConfig": {"textFormat": _format(request.schema)}})
    if options.service_tier is not None:
        body["serviceTier"] = {"type": options.service_tier}
    if options.metadata is not None:
        body["requestMetadata"] = options.metadata
    headers = {"content-type": "application/json"}
    headers |= {name.lower(): str(value) for name, value in options.headers.items()}
    path = f"{PREFIX}{segment(request.model)}{STREAM}"
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
        raise UnsupportedError(f"expected options that the bedrock dialect has, got {said}")


def _inference(options: Options) -> JSONObject:
    values = {field: getattr(options, name) for name, field in INFERENCE.items()}
    body: JSONObject = {field: value for field, value in values.items() if value is not None}
    return {**body, "stopSequences": list(options.stop)} if options.stop else body


def reasoning(options: Options, /) -> JSONObject:
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
        return _thinking({"type": "disabled"})
    if effort is None and budget is None and options.reasoning_summary is None:
        return {}
    how: JSONObject = {"type": "adaptive"} if budget is None else {"type": "enabled", "budget_tokens": budget}
    if options.reasoning_summary is not None:
        how["display"] = "omitted" if options.reasoning_summary == "none" else "summarized"
    if effort is None:
        return _thinking(how)
    return {**_thinking(how), "outputConfig": {"effort": "low" if effort == "minimal" else effort}}


def _thinking(how: JSONObject) -> JSONObject:
    return {"additionalModelRequestFields": {"thinking": how}}


def _format(schema: OutputSchema) -> JSONObject:
    if schema.schema is None:
        raise UnsupportedError(
            "expected a schema for the output, got none: the bedrock dialect has no form that is just JSON"
        )
    form: JSONObject = {"name": schema.name, "schema": dumps(closed(schema.schema))}
    if schema.description:
        form["description"] = schema.description
    return {"type": "json_schema", "structure": {"jsonSchema": form}}


def _tools(request: Request) -> JSONObject:
    body: JSONObject = {}
    if request.tools:
        body["tools"] = [block for tool in request.tools for block in _tool(tool)]
    if request.tool_choice is not None:
        body["toolChoice"] = _choice(request.tool_choice)
    return body


def _tool(tool: AnyTool) -> list[JSONObject]:
    if isinstance(tool, ServerSideTool):
        kind = TOOL_SPEC if tool.type == TOOL_SPEC else "systemTool"
        return [{kind: {"name": tool.name or tool.type, **tool.config}}]
    if tool.custom:
        raise UnsupportedError(
            f"expected tools that take JSON, got {tool.name!r}: the bedrock dialect has no custom tools"
        )
    spec: JSONObject = {"name": tool.name}
    if tool.description:
        spec["description"] = tool.description
    spec["inputSchema"] = {"json": closed(tool.parameters) if tool.strict else tool.parameters}
    if tool.strict is not None:
        spec["strict"] = tool.strict
    return [{"toolSpec": spec}] if tool.cache is None else [{"toolSpec": spec}, cache_point(tool.cache)]


def _choice(choice: ToolChoice) -> JSONObject:
    match choice:
        case ToolChoice(mode="required", names=(name,)):
            return {"tool": {"name": name}}
        case ToolChoice(mode="auto", names=()):
            return {"auto": {}}
        case ToolChoice(mode="required", names=()):
            return {"any": {}}
        case ToolChoice(mode="none"):
            raise UnsupportedError(
                "expected auto or required as tool_choice, got none: the bedrock dialect cannot forbid calls"
            )
        case _:
            raise UnsupportedError(
                f"expected one tool that must be called, got {choice.mode} of {', '.join(choice.names)}: "
                "the bedrock dialect cannot choose among several"
            )
