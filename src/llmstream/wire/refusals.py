"""Errors in the words of the wire."""

from __future__ import annotations

from llmstream.errors import LLMStreamError, ProviderError
from llmstream.jsontext import JSONObject, dump_bytes
from llmstream.wire.http import HttpResponse, ResponseHead

# By the kind of the error: its status where it has none, its type and its code.
_WORDS: dict[str, tuple[int, str, str | None]] = {
    "auth": (401, "invalid_request_error", "invalid_api_key"),
    "permission": (403, "invalid_request_error", "permission_denied"),
    "not_found": (404, "invalid_request_error", "model_not_found"),
    "rate_limit": (429, "rate_limit_error", "rate_limit_exceeded"),
    "quota": (429, "insufficient_quota", "insufficient_quota"),
    "overloaded": (503, "server_error", "service_unavailable"),
    "context_length": (400, "invalid_request_error", "context_length_exceeded"),
    "invalid_request": (400, "invalid_request_error", None),
    "content_blocked": (400, "invalid_request_error", "content_filter"),
}
_OTHER: tuple[int, str, str | None] = (500, "server_error", None)


def refusal_record(error: LLMStreamError) -> JSONObject:
    """Write an error as a body, or as a frame of a stream; one that is no provider's is the server's."""
    _, kind, code = _WORDS.get(error.kind, _OTHER) if isinstance(error, ProviderError) else _OTHER
    return {"error": {"message": str(error), "type": kind, "param": None, "code": code}}


def refuse(error: ProviderError) -> HttpResponse:
    """Write an error as a whole answer, with the status that it has or one of its kind's."""
    usual, _, _ = _WORDS.get(error.kind, _OTHER)
    status = error.status if error.status is not None and error.status >= 400 else usual
    headers = {"content-type": "application/json"}
    if error.request_id is not None:
        headers["x-request-id"] = error.request_id
    if error.retry_after is not None:
        headers["retry-after"] = f"{error.retry_after:g}"
    return HttpResponse(ResponseHead(status, headers), dump_bytes(refusal_record(error)))
