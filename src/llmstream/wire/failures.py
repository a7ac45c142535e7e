"""Refusals as JSON, in the many shapes of the vendors, as typed errors.

https://platform.openai.com/docs/guides/error-codes

A code that names one cause decides, then the HTTP status, then the kind that the body claims: vendors
call nearly everything an `invalid_request_error`.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from llmstream.errors import (
    AuthError,
    ContentBlockedError,
    ContextLengthError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    Phase,
    ProviderError,
    QuotaError,
    RateLimitError,
    ServerError,
)
from llmstream.jsontext import JSON, JSONError, JSONObject, as_list, as_object, dumps, loads
from llmstream.wire.http import ResponseHead

MAX_BODY = 64 * 1024
MAX_MESSAGE = 2000

_Kind: TypeAlias = type[ProviderError]

_CODES: dict[str, _Kind] = {
    "invalid_api_key": AuthError,
    "authentication_error": AuthError,
    "invalid_authentication_error": AuthError,
    "unauthorized": AuthError,
    "permission_denied": ForbiddenError,
    "permission_error": ForbiddenError,
    "unsupported_country_region_territory": ForbiddenError,
    "insufficient_quota": QuotaError,
    "exceeded_current_quota_error": QuotaError,
    "billing_hard_limit_reached": QuotaError,
    "insufficient_balance": QuotaError,
    "rate_limit_exceeded": RateLimitError,
    "rate_limit_error": RateLimitError,
    "rate_limit_reached_error": RateLimitError,
    "ratelimitreached": RateLimitError,
    "too_many_requests": RateLimitError,
    "model_not_found": NotFoundError,
    "not_found_error": NotFoundError,
    "resource_not_found_error": NotFoundError,
    "deploymentnotfound": NotFoundError,
    # mistral: an unknown model is a 400 of this type
    "invalid_model": NotFoundError,
    "context_length_exceeded": ContextLengthError,
    # llamacpp (corpus: openai-chat/llamacpp/errors/rig-error_matrix-context_overflow_blocking-0)
    "exceed_context_size_error": ContextLengthError,
    # perplexity (corpus: openai-chat/perplexity/errors/...exity_sonar_handles_context-f566b0-0)
    "too_many_prompt_tokens": ContextLengthError,
    "content_filter": ContentBlockedError,
    "content_policy_violation": ContentBlockedError,
    # openai, inside of a response: the prompt itself, and images by its policy
    "invalid_prompt": InvalidRequestError,
    "image_content_policy_violation": ContentBlockedError,
    "engine_overloaded_error": OverloadedError,
    "overloaded_error": OverloadedError,
    "service_unavailable": OverloadedError,
    # bedrock: exceptions by their names, in a header or in the type of a frame
    # (corpus: bedrock/invoke/errors/ddpy-meta_invoke_error-0)
    "unrecognizedclientexception": AuthError,
    "expiredtokenexception": AuthError,
    "invalidsignatureexception": AuthError,
    "incompletesignatureexception": AuthError,
    "missingauthenticationtokenexception": AuthError,
    "accessdeniedexception": ForbiddenError,
    "resourcenotfoundexception": NotFoundError,
    "throttlingexception": RateLimitError,
    "servicequotaexceededexception": QuotaError,
    "modelnotreadyexception": OverloadedError,
    "serviceunavailableexception": OverloadedError,
    "internalserverexception": ServerError,
    "modelerrorexception": ServerError,
    "modelstreamerrorexception": ServerError,
    "modeltimeoutexception": ServerError,
    # google's status words, and reasons: https://ai.google.dev/gemini-api/docs/troubleshooting
    "unauthenticated": AuthError,
    "api_key_invalid": AuthError,
    "resource_exhausted": RateLimitError,
    "not_found": NotFoundError,
    "unavailable": OverloadedError,
    "internal": ServerError,
    "deadline_exceeded": ServerError,
    # google: the answer was given up (corpus: gemini/vertex/firebase-streaming-failure-error-mid-stream-0)
    "cancelled": ServerError,
}
_STATUSES: dict[int, _Kind] = {
    401: AuthError,
    402: QuotaError,
    403: ForbiddenError,
    404: NotFoundError,
    408: ServerError,
    409: ServerError,
    410: NotFoundError,
    429: RateLimitError,
    # groq: no capacity in the tier that was asked for
    498: OverloadedError,
    503: OverloadedError,
    529: OverloadedError,
}
_CLAIMS: dict[str, _Kind] = {
    "validationexception": InvalidRequestError,
    "invalid_request_error": InvalidRequestError,
    "bad request": InvalidRequestError,
    "server_error": ServerError,
    "api_error": ServerError,
}
# openrouter says it in words only (corpus: openai-chat/openrouter/errors/...r_claude-haiku-4-5_hand-2cb555-0)
_TOO_LONG = re.compile(
    r"(maximum |exceeds? .{0,40})(context|prompt) (length|window|size)|context (length|window) (is )?exceeded"
    r"|(prompt|input) is too long|(prompt|input) .{0,40}exceeds? .{0,40}(tokens|limit|length)"
    r"|exceeded model token limit",
    re.IGNORECASE,
)
# xai: a bad key is a 400 (corpus: openai-responses/xai/errors/...ok-4-1-fast-non-reasoning_r-5bd4a9-0)
_BAD_KEY = re.compile(r"(incorrect|invalid) api key|api key not valid", re.IGNORECASE)
_REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id", "mistral-correlation-id", "x-amzn-requestid")
# bedrock: the type of a refusal, before a colon, with the bare message as body
# (corpus: bedrock/errors/rig-model_ids-retired_model_id_preserves_provider_error-0)
_ERROR_TYPE = "x-amzn-errortype"
_UNPRINTABLE = re.compile(r"[^\S \n]|[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.IGNORECASE | re.DOTALL)


def http_failure(head: ResponseHead, body: bytes, /) -> ProviderError:
    """Read a refusal: a response with an error status."""
    text = body[:MAX_BODY].decode("utf-8", "replace")
    try:
        payload = loads(text)
    except JSONError:
        payload = _plain(text)
    if told := head.headers.get(_ERROR_TYPE):
        payload = {"type": told.partition(":")[0], **(as_object(payload) or {"message": payload})}
    error = failure(payload, text, status=head.status)
    for name in _REQUEST_IDS:
        if head.headers.get(name):
            error.request_id = head.headers[name]
            break
    # Not above: who is not refused does without.
    from llmstream.wire.limits import note

    note(error, head)
    return error


def failure(
    payload: JSON, text: str, *, status: int | None = None, phase: Phase = "headers"
) -> ProviderError:
    """Make the error that a body, or a frame of a stream, speaks of.

    Without a `status` the one that it names is taken: by `code`, `status` or `status_code`.
    """
    if isinstance(payload, list) and payload:
        payload = as_list(payload)[0]
    outer = as_object(payload) or {"error": payload}
    inner = as_object(outer.get("error")) or outer
    if status is None:
        status = _status(inner) or _status(outer)
    message = _message(inner) or _message(outer) or _fallback(payload, status)
    kind = _kind(inner, outer, status, message)
    from llmstream.wire.limits import body_wait

    request_id = inner.get("request_id") or outer.get("request_id")
    return kind(
        _printable(message),
        status=status,
        request_id=request_id if isinstance(request_id, str) else None,
        retry_after=body_wait(outer, message) if kind.retryable else None,
        body=text[:MAX_BODY],
        phase=phase,
    )


def _kind(inner: JSONObject, outer: JSONObject, status: int | None, message: str) -> _Kind:
    words = [word.lower() for word in _words(inner, outer)]
    for word in words:
        if word in _CODES:
            return _CODES[word]
    if _TOO_LONG.search(message) and status in {None, 400, 413, 422, 500}:
        return ContextLengthError
    if _BAD_KEY.search(message) and status in {None, 400}:
        return AuthError
    if _is_flagged(inner):
        return ContentBlockedError
    if status is not None and status >= 400:
        return _STATUSES.get(status, ServerError if status >= 500 else InvalidRequestError)
    for word in words:
        if word in _CLAIMS:
            return _CLAIMS[word]
    return ProviderError if status is not None and status >= 300 else ServerError


def _words(inner: JSONObject, outer: JSONObject) -> list[str]:
    sources = [inner, outer, as_object(inner.get("innererror"))]
    # google: what exactly is wrong stands in the details
    # (corpus: gemini/errors/mira-google_gemini_2_5_flash-0)
    found: list[JSON] = [as_object(detail).get("reason") for detail in as_list(inner.get("details"))]
    found += [source.get(name) for source in sources for name in ("code", "type", "status")]
    return [word for word in found if isinstance(word, str)]


def _is_flagged(inner: JSONObject) -> bool:
    """Whether openrouter's moderation refused the input; it then says what it found."""
    return "flagged_input" in as_object(inner.get("metadata"))


def _status(source: JSONObject) -> int | None:
    # groq: status_code in the frame (corpus: openai-chat/groq/...use_failed_error_streaming_with_text-0)
    for name in ("status_code", "code", "status", "raw_status_code"):
        value = source.get(name)
        if isinstance(value, str) and value.isdecimal():
            value = int(value[:4])
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    return None


def _message(source: JSONObject) -> str:
    """The provider's own words; behind a gateway also those of the provider behind it."""
    # doubleword, vllm: message; mistral, fastapi: detail; xai, venice: a bare string as error; aws: Message
    for name in ("message", "detail", "error", "Message"):
        found = _sentence(source.get(name))
        if found:
            raw = as_object(source.get("metadata")).get("raw")
            return f"{found}: {raw}" if isinstance(raw, str) and raw and raw != found else found
    return ""


def _sentence(value: JSON) -> str:
    if isinstance(value, str):
        return value.strip()
    return "; ".join(filter(None, map(_field_error, as_list(value))))


def _field_error(item: JSON) -> str:
    """One entry of a validation error: where, and what was wrong."""
    entry = as_object(item)
    words = item if isinstance(item, str) else entry.get("msg") or entry.get("message")
    if not isinstance(words, str):
        return ""
    place = ".".join(map(str, as_list(entry.get("loc"))))
    return f"{place}: {words}" if place else words


def _fallback(payload: JSON, status: int | None) -> str:
    where = "an error in the stream" if status is None else f"status {status}"
    return f"{where}, {dumps(payload)}" if payload else f"{where} without a message"


def _plain(text: str) -> str:
    """The words of a page or of plain text."""
    return " ".join(_TAGS.sub(" ", text).split()) if "<" in text else text.strip()


def _printable(message: str) -> str:
    clean = _UNPRINTABLE.sub(" ", message)
    return clean if len(clean) <= MAX_MESSAGE else f"{clean[:MAX_MESSAGE]}…"
