"""From a Request to an HTTP request for an interaction; it always asks for a stream.

https://ai.google.dev/gemini-api/docs/interactions

The whole history goes along as steps; an interaction that the provider keeps is gone on with by
`extra={"previous_interaction_id": …}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, assert_never

from llmstream.errors import ConfigError, UnsupportedError
from llmstream.jsontext import JSON, JSONObject, as_object, dump_bytes, merged
from llmstream.values.content import (
    Attachment,
    AttachmentPart,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.values.messages import Message
from llmstream.values.request import AnyTool, Options, Request, Tool, ToolChoice
from llmstream.wire.dataurl import b64
from llmstream.wire.gemini_interactions.steps import FUNCTION, without
from llmstream.wire.http import HttpRequest
from llmstream.wire.portable import CallIds, set_aside
from llmstream.wire.shapes import arguments_of

PATH: Final = "/v1beta/interactions"

# Options whose value is sent as it is, under the wire's name.
_PLAIN: Final = {
    "max_tokens": "max_output_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "audio": "speech_config",
}
_UNSUPPORTED: Final = (
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "reasoning_budget",
    "verbosity",
    "prediction",
    "cache_key",
    "user",
    "metadata",
)
_LEVELS: Final = {"minimal": "minimal", "low": "low", "medium": "medium"}


def encode(request: Request, provider: str, /) -> HttpRequest:
    """Write a request; `Options.extra` is merged in last.

    Raises:
        UnsupportedError: when the dialect cannot say an option, a part or a tool.
        ConfigError: when there is no message to send, or an attachment cannot be sent as it is.
    """
    options = request.options
    _refuse(options)
    messages, ids = set_aside(request.messages, provider), CallIds(provider)
    steps = [step for message in messages for step in _steps(message, provider, ids)]
    if not steps:
        raise ConfigError("expected a message of the user's to send, got none that says anything")
    body: JSONObject = {"model": request.model, "input": steps, "stream": True}
    if system := "\n\n".join(m.text() for m in messages if m.role == "system" and m.text()):
        body["system_instruction"] = system
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if config := _config(options, request.tool_choice):
        body["generation_config"] = config
    if request.schema is not None:
        schema = request.schema.schema
        form = {"type": "text", "mime_type": "application/json"}
        body["response_format"] = form if schema is None else {**form, "schema": schema}
    if options.modalities:
        body["response_modalities"] = list(options.modalities)
    for name in ("store", "service_tier"):
        if (value := getattr(options, name)) is not None:
            body[name] = value
    headers = [("content-type", "application/json")]
    headers += [(name, str(value)) for name, value in options.headers.items()]
    return HttpRequest("POST", PATH, headers, dump_bytes(merged(body, options.extra)))


def cannot(what: str) -> UnsupportedError:
    """The error for what the dialect cannot say."""
    return UnsupportedError(f"expected what the gemini-interactions dialect can say, got {what}")


def _refuse(options: Options) -> None:
    given = options.given()
    wrong: list[str] = [name for name in _UNSUPPORTED if name in given]
    if options.n is not None and options.n != 1:
        wrong.append("n")
    if options.parallel_tool_calls is False:
        wrong.append("parallel_tool_calls")
    if options.reasoning_effort == "none":
        wrong.append("reasoning_effort")
    if wrong:
        raise cannot(", ".join(f"{name}={given[name]!r}" for name in wrong))


def _config(options: Options, choice: ToolChoice | None) -> JSONObject:
    values = {field: getattr(options, option) for option, field in _PLAIN.items()}
    config: JSONObject = {field: value for field, value in values.items() if value is not None}
    if options.stop:
        config["stop_sequences"] = list(options.stop)
    if options.reasoning_effort is not None:
        config["thinking_level"] = _LEVELS.get(options.reasoning_effort, "high")
    if options.reasoning_summary is not None:
        config["thinking_summaries"] = "none" if options.reasoning_summary == "none" else "auto"
    if choice is not None:
        config["tool_choice"] = _choice(choice)
    return config


def _choice(choice: ToolChoice) -> JSON:
    mode = "any" if choice.mode == "required" else choice.mode
    if not choice.names or mode == "none":
        return mode
    return {"allowed_tools": {"mode": "validated" if mode == "auto" else mode, "tools": list(choice.names)}}


def _tool(tool: AnyTool) -> JSONObject:
    if not isinstance(tool, Tool):
        named = {} if tool.name is None else {"name": tool.name}
        return {"type": tool.type, **named, **tool.config}
    if tool.custom or tool.cache is not None:
        raise cannot(f"a custom tool, or one with a cache mark: {tool.name!r}")
    record: JSONObject = {"type": "function", "name": tool.name}
    if tool.description:
        record["description"] = tool.description
    return {**record, "parameters": tool.parameters}


def _steps(message: Message, provider: str, ids: CallIds) -> Iterator[JSONObject]:
    """The steps of a message; what came from another provider and has no meaning here is left out."""
    if message.cache is not None:
        raise cannot("a cache mark on a message")
    if message.role == "system":
        if not all(isinstance(part, TextPart) for part in message.parts):
            raise cannot("a system message with something other than text")
        return
    side = "model_output" if message.role == "assistant" else "user_input"
    content: list[JSONObject] = []
    for part in message.parts:
        match part:
            case TextPart(text=text):
                content += [{"type": "text", "text": text}] if text else []
            case AttachmentPart(attachment=attachment):
                content.append(_file(attachment))
            case _:
                steps = list(_own_step(part, provider, ids))
                if steps and content:
                    yield {"type": side, "content": content}
                    content = []
                yield from steps
    if content:
        yield {"type": side, "content": content}


def _own_step(part: Part, provider: str, ids: CallIds) -> Iterator[JSONObject]:
    own = dict(as_object(part.provider_metadata.get(provider)))
    type = own.pop("type", "")
    match part:
        case ReasoningPart(text=text):
            if own:
                summary = {"summary": [{"type": "text", "text": text}]} if text else {}
                yield {"type": "thought", **summary, **own}
        case ToolCallPart(server_executed=False):
            call = {
                "type": FUNCTION,
                "id": ids.call(part),
                "name": part.name,
                "arguments": arguments_of(part),
            }
            yield without({**call, **own}, frozenset())
        case ToolCallPart():
            if type:
                call = {"type": type, "id": ids.call(part), "arguments": part.arguments or {}}
                yield without({**call, **own}, frozenset())
        case ToolResultPart(server_executed=True):
            if type:
                yield {"type": type, "call_id": part.tool_call_id, "result": part.output, **own}
        case ToolResultPart():
            yield {**_result(part, ids.result(part.tool_call_id)), **own}
        case OpaquePart():
            if part.provider == provider:
                yield part.data
        case TextPart() | AttachmentPart():
            pass
        case _:
            assert_never(part)


def _result(part: ToolResultPart, call_id: str) -> JSONObject:
    output: JSON = part.output
    if part.error is not None and output in ("", None):
        output = part.error
    record: JSONObject = {"type": "function_result", "call_id": call_id, "name": part.name}
    if part.attachments:
        said = [{"type": "text", "text": output}] if isinstance(output, str) and output else []
        output = [*said, *_files(part.attachments)]
    record["result"] = output
    return record if part.error is None else {**record, "is_error": True}


def _files(attachments: Iterable[Attachment]) -> list[JSONObject]:
    return [_file(attachment) for attachment in attachments]


def _file(attachment: Attachment) -> JSONObject:
    media_type = attachment.media_type or ""
    if attachment.path is not None:
        raise ConfigError(f"expected an attachment that was opened, got the path {attachment.path!r}")
    kind = media_type.partition("/")[0]
    record: JSONObject = {"type": kind if kind in {"image", "audio", "video"} else "document"}
    if media_type:
        record["mime_type"] = media_type
    if attachment.data is None:
        return {**record, "uri": attachment.url or attachment.file_id}
    if not media_type:
        raise ConfigError("expected a media type for each attachment that is sent as bytes, got one without")
    return {**record, "data": b64(attachment.data)}
