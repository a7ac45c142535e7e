"""Refusals: an HTTP status of 400 or more with its body, and error events inside a stream.

https://platform.claude.com/docs/en/api/errors
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from llmstream.errors import (
    AuthError,
    ContentBlockedError,
    ContextLengthError,
    ForbiddenError,
    InvalidRequestError,
    LLMStreamError,
    NotFoundError,
    OverloadedError,
    ProviderError,
    QuotaError,
    RateLimitError,
    ServerError,
)
from llmstream.jsontext import JSON, JSONError, JSONObject, as_list, as_object, loads
from llmstream.wire.http import ResponseHead
from llmstream.wire.limits import note

MAX_BODY = 64 * 1024
_EXCERPT = 300

_BY_TYPE: Final[Mapping[str, type[ProviderError]]] = {
    "invalid_request_error": InvalidRequestError,
    "authentication_error": AuthError,
    "billing_error": QuotaError,
    "permission_error": ForbiddenError,
    "not_found_error": NotFoundError,
    "request_too_large": InvalidRequestError,
    "rate_limit_error": RateLimitError,
    "api_error": ServerError,
    "timeout_error": ServerError,
    "overloaded_error": OverloadedError,
}
# For what stands before the API (proxies, clouds) and has words of its own.
_BY_STATUS: Final[Mapping[int, type[ProviderError]]] = {
    401: AuthError,
    402: QuotaError,
    403: ForbiddenError,
    404: NotFoundError,
    408: ServerError,
    409: ServerError,
    429: RateLimitError,
    503: OverloadedError,
    529: OverloadedError,
}
_STATUS: Final[Mapping[type[ProviderError], int]] = {
    AuthError: 401,
    QuotaError: 402,
    ForbiddenError: 403,
    NotFoundError: 404,
    RateLimitError: 429,
    OverloadedError: 529,
    ContextLengthError: 400,
    InvalidRequestError: 400,
    ContentBlockedError: 400,
}
# The wire has one type for all that is wrong with a request; only the words tell these apart.
_BY_WORDS: Final[tuple[tuple[str, type[ProviderError]], ...]] = (
    ("prompt is too long", ContextLengthError),
    ("exceed context limit", ContextLengthError),
    ("exceeds the context window", ContextLengthError),
    ("credit balance is too low", QuotaError),
    ("content filtering policy", ContentBlockedError),
)


def error_of(head: ResponseHead, body: bytes, /) -> ProviderError:
    """Read a refusal; never raises."""
    text = body[:MAX_BODY].decode("utf-8", "replace")
    record = _record(text)
    type, message = _words(record)
    error = _class(type, message, head.status)(
        message or _excerpt(head, text),
        status=head.status,
        request_id=head.headers.get("request-id") or _string(record.get("request_id")) or None,
        body=text,
    )
    note(error, head)
    return error


def error_event(record: JSONObject, text: str, /) -> ProviderError:
    """Read an error inside a stream; it has no status, for the one that was sent was 200."""
    type, message = _words(record)
    return _class(type, message, None)(
        message or type or text[:_EXCERPT],
        request_id=_string(record.get("request_id")) or None,
        body=text[:MAX_BODY],
        phase="stream",
    )


def _record(text: str) -> JSONObject:
    # anthropic-vertex: google puts the refusals of what streams into an array
    try:
        value = loads(text)
    except JSONError:
        return {}
    return as_object(as_list(value)[0] if as_list(value) else value)


def _words(record: JSONObject) -> tuple[str, str]:
    """The type and the message, wherever they are."""
    error: JSON = record.get("error")
    if isinstance(error, dict):
        record = cast("JSONObject", error)
        return _string(record.get("type")), _string(record.get("message"))
    return "", _string(error) or _string(record.get("message")) or _string(record.get("detail"))


def _string(value: JSON) -> str:
    return value if isinstance(value, str) else ""


def _class(type: str, message: str, status: int | None) -> type[ProviderError]:
    found = _BY_TYPE.get(type) or _BY_STATUS.get(status or 0)
    if found is None:
        found = ServerError if status is None or status >= 500 else InvalidRequestError
    if found in {InvalidRequestError, ServerError}:
        lowered = message.lower()
        found = next((cls for words, cls in _BY_WORDS if words in lowered), found)
    return found


def _excerpt(head: ResponseHead, text: str) -> str:
    """What to say when the provider said nothing that can be read."""
    got = " ".join(text[:_EXCERPT].split()) or "an empty body"
    shown = "".join(char if char.isprintable() else "\ufffd" for char in got)
    return f"expected an error of the wire with status {head.status}, got {shown}"


def words_of(error: LLMStreamError, /) -> JSONObject:
    """Write an error in the wire's form; a message that its reader would not know the error by is led in."""
    message = str(error)
    led = next((words for words, cls in _BY_WORDS if type(error) is cls), None)
    type_name = next((name for name, cls in _BY_TYPE.items() if type(error) is cls), None)
    if led is not None and type_name is None and led not in message.lower():
        message = f"{led}: {message}"
    if type_name is None:
        type_name = "api_error" if led is None else "invalid_request_error"
    body: JSONObject = {"type": "error", "error": {"type": type_name, "message": message}}
    request_id = error.request_id if isinstance(error, ProviderError) else None
    return body if request_id is None else {**body, "request_id": request_id}


def status_of(error: ProviderError, /) -> int:
    """The status of a refusal: its own, or the one that its kind has here."""
    if error.status is not None and error.status >= 400:
        return error.status
    return _STATUS.get(type(error), 500)
