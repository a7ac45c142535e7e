"""From a Request to the body of a call.

https://platform.openai.com/docs/api-reference/completions/create
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from llmstream.errors import ConfigError, UnsupportedError
from llmstream.jsontext import JSONObject, dump_bytes
from llmstream.values.content import TextPart
from llmstream.values.messages import Message
from llmstream.values.request import Request
from llmstream.wire.http import HttpRequest
from llmstream.wire.portable import set_aside

DIALECT: Final = "openai-completions"
PATH: Final = "/completions"

# What is sent under the option's own name; `stop` and `n` are looked at by hand.
PLAIN: Final = (
    "max_tokens",
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "logprobs",
    "user",
)
_TAKEN: Final = frozenset({*PLAIN, "stop", "n", "modalities", "headers", "extra", "raw"})


def encode_request(request: Request, provider: str) -> HttpRequest:
    """Write a request; `Options.extra` comes last and overrides.

    Raises:
        UnsupportedError: when the wire cannot say an option, a part or a tool.
        ConfigError: when there is no text to send.
    """
    options = request.options
    given = options.given()
    _refuse(request, given)
    texts = [text for message in set_aside(request.messages, provider) if (text := "".join(_texts(message)))]
    if not texts:
        raise ConfigError("expected a text to go on from, got none")
    body: JSONObject = {"model": request.model, "prompt": "\n\n".join(texts), "stream": True}
    body["stream_options"] = {"include_usage": True}
    body |= {name: given[name] for name in PLAIN if name in given}
    if options.stop:
        body["stop"] = list(options.stop)
    body |= options.extra
    headers = [("content-type", "application/json")]
    headers += [(name, str(value)) for name, value in options.headers.items()]
    return HttpRequest("POST", PATH, tuple(headers), dump_bytes(body))


def _refuse(request: Request, given: JSONObject) -> None:
    for name in given.keys() - _TAKEN:
        raise cannot(f"the option {name}")
    if given.get("n", 1) != 1:
        raise cannot(f"n={given['n']}: one call is one answer")
    if set(request.options.modalities) - {"text"}:
        raise cannot(f"modalities={list(request.options.modalities)}")
    if request.tools:
        raise cannot("tools")
    if request.schema is not None:
        raise cannot("a schema for the answer")


def _texts(message: Message) -> Iterator[str]:
    if message.cache is not None:
        raise cannot("the option cache of a message")
    for part in message.parts:
        if not isinstance(part, TextPart):
            raise cannot(f"{type(part).__name__} in a message")
        yield part.text


def cannot(what: str) -> UnsupportedError:
    """The error for what the dialect cannot say."""
    return UnsupportedError(f"expected what {DIALECT} can say, got {what}")
