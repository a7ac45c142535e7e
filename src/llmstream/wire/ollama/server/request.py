"""From the body of a call to a Request: the way back of `encode`."""

from __future__ import annotations

from typing import Final, cast

from llmstream.errors import InvalidRequestError
from llmstream.jsontext import JSON, JSONError, JSONObject, loads, loads_object
from llmstream.values.request import Effort, Options, OutputSchema, Request, Tool
from llmstream.wire.fields import Fields, bad
from llmstream.wire.http import HttpRequest
from llmstream.wire.ollama.encode import PLAIN, THINK
from llmstream.wire.ollama.server.messages import MessageReader

_KINDS: Final[dict[str, type]] = {"max_tokens": int, "top_k": int, "seed": int}
# Fields that become something other than an option, or are read by hand.
_TAKEN: Final = {
    "model", "messages", "tools", "format", "stream", "options", "think", "logprobs", "top_logprobs",
}  # fmt: skip


def read_request(http: HttpRequest) -> Request:
    """Read a request; what no field of ours says is in `Options.extra`.

    Raises:
        InvalidRequestError: when the body is not one; it names the field.
    """
    try:
        value = loads(http.body)
    except JSONError as error:
        raise InvalidRequestError(f"expected a JSON body, got other text: {error}", status=400) from error
    body = Fields(value, "")
    body.get("stream", bool)
    return Request(
        body.need("model", str),
        MessageReader().read(body.each("messages")),
        tools=[_tool(entry.inner("function")) for entry in body.each("tools")],
        schema=_schema(body),
        options=_options(body),
    )


def streams(http: HttpRequest) -> bool:
    """Whether a request asks for a stream: on this wire, one that does not say so does."""
    return (loads_object(http.body) or {}).get("stream") is not False


def _tool(function: Fields) -> Tool:
    tool = Tool(function.need("name", str), function.get("description", str) or "")
    parameters = function.object("parameters")
    return tool if parameters is None else Tool(tool.name, tool.description, parameters=parameters)


def _schema(body: Fields) -> OutputSchema | None:
    told: JSON = body.data.get("format")
    match told:
        case None | "":
            return None
        case "json":
            return OutputSchema()
        case _:
            return OutputSchema(body.object("format"))


def _options(body: Fields) -> Options:
    left = {name: value for name, value in body.data.items() if name not in _TAKEN and value is not None}
    told = Fields(body.object("options") or {}, "options")
    more = dict(told.data)
    given: JSONObject = {}
    for option, field in PLAIN.items():
        kind: type = _KINDS.get(option, float)
        value = cast("JSON", told.get(field, kind))
        more.pop(field, None)
        if value is not None:
            given[option] = value
    if (stop := _stop(told, more)) is not None:
        given["stop"] = stop
    if more:
        left["options"] = more
    if body.get("logprobs", bool):
        given["logprobs"] = body.get("top_logprobs", int) or 0
    if (effort := _effort(body)) is not None:
        given["reasoning_effort"] = effort
    return Options(**given, extra=left)


def _effort(body: Fields) -> Effort | None:
    think: JSON = body.data.get("think")
    if think is None:
        return None
    words: dict[JSON, Effort] = {word: effort for effort, word in THINK.items()}
    words["medium"] = "medium"
    if not isinstance(think, bool | str) or think not in words:
        raise bad('true, false, "low", "medium", "high" or "max"', think, "think")
    return words[think]


def _stop(told: Fields, more: JSONObject) -> JSON:
    stop = more.pop("stop", None)
    if stop is None or isinstance(stop, str):
        return stop
    words = told.array("stop") or []
    if not all(isinstance(word, str) for word in words):
        raise bad("an array of strings", stop, told.at("stop"))
    return words
