"""Errors in the words of the wire.

https://ai.google.dev/gemini-api/docs/troubleshooting
"""

from __future__ import annotations

from typing import Final

from llmstream.errors import LLMStreamError, ProviderError
from llmstream.jsontext import JSONObject, dump_bytes
from llmstream.wire.http import HttpResponse, ResponseHead

_TYPE: Final = "type.googleapis.com/google.rpc."

# By the kind of the error: its code, its status, and the reason that tells it from others of that status.
_WORDS: Final[dict[str, tuple[int, str, str | None]]] = {
    "auth": (401, "UNAUTHENTICATED", None),
    "permission": (403, "PERMISSION_DENIED", None),
    "not_found": (404, "NOT_FOUND", None),
    "rate_limit": (429, "RESOURCE_EXHAUSTED", None),
    "quota": (429, "RESOURCE_EXHAUSTED", "INSUFFICIENT_QUOTA"),
    "overloaded": (503, "UNAVAILABLE", None),
    "context_length": (400, "INVALID_ARGUMENT", "CONTEXT_LENGTH_EXCEEDED"),
    "invalid_request": (400, "INVALID_ARGUMENT", None),
    "content_blocked": (400, "INVALID_ARGUMENT", "CONTENT_FILTER"),
}
_OTHER: Final[tuple[int, str, str | None]] = (500, "INTERNAL", None)


def refusal_record(error: LLMStreamError) -> JSONObject:
    """Write an error as a body, or as a frame of a stream; one that is no provider's is the server's."""
    usual, status, reason = _words(error)
    own = error.status if isinstance(error, ProviderError) else None
    details: list[JSONObject] = []
    if reason is not None:
        details.append({"@type": f"{_TYPE}ErrorInfo", "reason": reason})
    if isinstance(error, ProviderError) and error.retry_after is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{error.retry_after:g}s"})
    code = own if own is not None and own >= 400 else usual
    record: JSONObject = {"code": code, "message": str(error), "status": status}
    return {"error": {**record, "details": details} if details else record}


def refuse(error: ProviderError) -> HttpResponse:
    """Write an error as a whole answer, with the status that it has or one of its kind's."""
    record = refusal_record(error)
    headers = {"content-type": "application/json; charset=UTF-8"}
    if error.request_id is not None:
        headers["x-request-id"] = error.request_id
    return HttpResponse(ResponseHead(record["error"]["code"], headers), dump_bytes(record))


def _words(error: LLMStreamError) -> tuple[int, str, str | None]:
    return _WORDS.get(error.kind, _OTHER) if isinstance(error, ProviderError) else _OTHER
