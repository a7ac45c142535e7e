"""Exceptions in AWS event streams: the messages that end a stream which failed after it began.

https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

from typing import Final

from llmstream.errors import (
    AuthError,
    ContextLengthError,
    ForbiddenError,
    InvalidRequestError,
    LLMStreamError,
    NotFoundError,
    OverloadedError,
    ProviderError,
    QuotaError,
    RateLimitError,
)
from llmstream.jsontext import JSONObject, dump_bytes, loads_object
from llmstream.wire.failures import failure
from llmstream.wire.framing import Frame
from llmstream.wire.framing.eventstream import encode_message
from llmstream.wire.http import HttpResponse, ResponseHead

_EVENT: Final = "event"
_OTHER: Final = ("internalServerException", 500)
# The name and the status that a kind of error has here.
_NAMES: Final[dict[type[LLMStreamError], tuple[str, int]]] = {
    AuthError: ("unrecognizedClientException", 403),
    ForbiddenError: ("accessDeniedException", 403),
    NotFoundError: ("resourceNotFoundException", 404),
    RateLimitError: ("throttlingException", 429),
    QuotaError: ("serviceQuotaExceededException", 400),
    OverloadedError: ("serviceUnavailableException", 503),
    ContextLengthError: ("validationException", 400),
    InvalidRequestError: ("validationException", 400),
}
# The wire has one name for all that is wrong with a request; a reader knows this kind by its words only.
_TOO_LONG: Final = "input is too long"


def exception_of(frame: Frame, /) -> ProviderError | None:
    """Read an exception; None for a frame that is none.

    Its status is the one that the frame says a model behind the service gave.
    """
    headers = frame.headers or {}
    kind = headers.get(":message-type", _EVENT)
    if kind == _EVENT:
        return None
    if kind == "exception":
        record = loads_object(frame.data) or {"message": frame.data}
        told = {**record, "type": frame.event, "status": record.get("originalStatusCode")}
        return failure(told, frame.data, phase="stream")
    # An error that the service did not model: code and message are in headers.
    message = str(headers.get(":error-message") or frame.data)
    return failure({"message": message, "type": headers.get(":error-code")}, message, phase="stream")


def exception_message(error: LLMStreamError, /) -> bytes:
    """Write the message that ends a stream."""
    headers = {
        ":message-type": "exception",
        ":exception-type": _NAMES.get(type(error), _OTHER)[0],
        ":content-type": "application/json",
    }
    return encode_message(headers, dump_bytes(_words(error)))


def refusal_of(error: ProviderError, /) -> HttpResponse:
    """Write the answer that says that a call is refused: the type stands in a header."""
    name, usual = _NAMES.get(type(error), _OTHER)
    status = error.status if error.status is not None and error.status >= 400 else usual
    headers = {"content-type": "application/json", "x-amzn-errortype": name[0].upper() + name[1:]}
    if error.request_id is not None:
        headers["x-amzn-requestid"] = error.request_id
    if error.retry_after is not None:
        headers["retry-after"] = f"{error.retry_after:g}"
    return HttpResponse(ResponseHead(status, headers), dump_bytes(_words(error)))


def _words(error: LLMStreamError) -> JSONObject:
    message = str(error)
    if isinstance(error, ContextLengthError) and _TOO_LONG not in message.lower():
        message = f"{_TOO_LONG}: {message}"
    return {"message": message}
