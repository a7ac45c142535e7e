"""Refusals, and errors inside a stream."""

import json

import pytest

from llmstream import (
    AuthError,
    ConnectionLost,
    ContentBlockedError,
    ContextLengthError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    ProviderError,
    QuotaError,
    RateLimitError,
    ServerError,
)
from llmstream.wire.anthropic.error import MAX_BODY, error_event, error_of, status_of, words_of
from llmstream.wire.http import ResponseHead


def body(type: str, message: str = "no", **more) -> bytes:
    return json.dumps({"type": "error", "error": {"type": type, "message": message}, **more}).encode()


@pytest.mark.parametrize(
    ("status", "type", "message", "cls"),
    [
        (400, "invalid_request_error", "max_tokens: must be positive", InvalidRequestError),
        (400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum", ContextLengthError),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 9 + 9",
            ContextLengthError,
        ),
        (400, "invalid_request_error", "Your credit balance is too low to access it", QuotaError),
        (400, "invalid_request_error", "Output blocked by content filtering policy", ContentBlockedError),
        (401, "authentication_error", "invalid x-api-key", AuthError),
        (402, "billing_error", "pay first", QuotaError),
        (403, "permission_error", "not yours", ForbiddenError),
        (404, "not_found_error", "model: x", NotFoundError),
        (413, "request_too_large", "Request exceeds the maximum size", InvalidRequestError),
        (413, "request_too_large", "Prompt is too long", ContextLengthError),
        (429, "rate_limit_error", "slow down", RateLimitError),
        (500, "api_error", "Internal server error", ServerError),
        (504, "timeout_error", "took too long", ServerError),
        (529, "overloaded_error", "Overloaded", OverloadedError),
        (418, "new_error", "of another kind", InvalidRequestError),
        (503, "new_error", "of another kind", OverloadedError),
    ],
)
def test_each_type_has_its_kind(status, type, message, cls) -> None:
    error = error_of(ResponseHead(status), body(type, message))
    assert error.__class__ is cls
    assert (error.status, str(error), error.phase) == (status, message, "headers")


def test_the_request_id_comes_from_the_header_or_the_body() -> None:
    named = body("api_error", request_id="req_b")
    assert error_of(ResponseHead(500, {"Request-Id": "req_h"}), named).request_id == "req_h"
    assert error_of(ResponseHead(500), named).request_id == "req_b"
    assert error_of(ResponseHead(500), body("api_error", request_id=3)).request_id is None


@pytest.mark.parametrize(
    ("status", "text", "cls", "said"),
    [
        (502, "<html><body>Bad gateway</body></html>", ServerError, "<html><body>Bad gateway"),
        (401, "", AuthError, "an empty body"),
        (500, "\x1b]52;c\x07 \ufffd", ServerError, "status 500"),
        (408, "[1]", ServerError, "[1]"),
        (409, '{"error": "locked"}', ServerError, "locked"),
        (422, '{"detail": "field required"}', InvalidRequestError, "field required"),
        (400, '{"message": "from a cloud"}', InvalidRequestError, "from a cloud"),
        (400, '{"error": 3, "detail": [1]}', InvalidRequestError, "status 400"),
    ],
)
def test_a_body_that_is_no_error_of_the_wire_is_shown_in_part(status, text, cls, said) -> None:
    error = error_of(ResponseHead(status), text.encode())
    assert error.__class__ is cls
    assert said in str(error)
    assert str(error).isprintable()
    assert error.body == text


def test_bytes_that_are_no_text_do_not_raise_and_long_bodies_are_cut() -> None:
    assert error_of(ResponseHead(500), b"\xff\xfe").status == 500
    error = error_of(ResponseHead(500), b"x" * (MAX_BODY + 1))
    assert len(error.body) == MAX_BODY
    assert len(str(error)) < 1000


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "34"}, 34.0),
        (429, {"retry-after": "34", "retry-after-ms": "1500"}, 1.5),
        (429, {"retry-after": "x", "retry-after-ms": "y"}, None),
        (429, {"retry-after": "nan"}, None),
        (429, {"retry-after": "-1"}, None),
        (
            529,
            {"retry-after": "Fri, 29 Sep 2023 16:27:37 GMT", "date": "Fri, 29 Sep 2023 16:26:37 GMT"},
            60.0,
        ),
        (
            529,
            {"retry-after": "Fri, 29 Sep 2023 16:26:27 GMT", "date": "Fri, 29 Sep 2023 16:26:37 GMT"},
            None,
        ),
        (529, {"retry-after": "Fri, 29 Sep 2023 16:27:37 GMT"}, None),
        (400, {"retry-after": "34"}, None),
        (400, {"retry-after": "34", "x-should-retry": "true"}, 34.0),
        (429, {"retry-after": "34", "x-should-retry": "false"}, None),
        (429, {}, None),
    ],
)
def test_the_wait_is_taken_over_where_another_try_makes_sense(status, headers, seconds) -> None:
    assert error_of(ResponseHead(status, headers), b"").retry_after == seconds


def test_the_provider_says_whether_to_try_again() -> None:
    assert error_of(ResponseHead(400, {"x-should-retry": "true"}), b"").retryable
    assert not error_of(ResponseHead(429, {"x-should-retry": "false"}), b"").retryable
    assert error_of(ResponseHead(429, {"x-should-retry": "maybe"}), b"").retryable
    assert RateLimitError.retryable


def test_an_error_in_a_stream_has_no_status() -> None:
    record = {"error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_1"}
    error = error_event(record, "the frame")
    assert isinstance(error, OverloadedError)
    assert (error.status, error.request_id, error.phase) == (None, "req_1", "stream")
    assert (str(error), error.body) == ("Overloaded", "the frame")


def test_an_error_in_a_stream_that_says_nothing_shows_its_frame() -> None:
    assert str(error_event({"error": {"type": "new_error"}}, "{}")) == "new_error"
    assert str(error_event({}, "broken")) == "broken"


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequestError("no such field"),
        AuthError("who are you"),
        QuotaError("pay"),
        ForbiddenError("not yours"),
        NotFoundError("no model"),
        RateLimitError("slow down"),
        OverloadedError("busy"),
        ServerError("oops"),
        ContextLengthError("too many words"),
        ContextLengthError("prompt is too long: 9 > 8"),
        ContentBlockedError("not that"),
    ],
)
def test_an_error_is_read_as_what_was_written(error) -> None:
    record = words_of(error)
    again = error_of(ResponseHead(status_of(error)), json.dumps(record).encode())
    assert again.__class__ is error.__class__
    assert str(error) in str(again)
    assert error_event(record, "").__class__ is error.__class__


def test_errors_without_a_word_of_their_own_are_api_errors() -> None:
    assert words_of(ConnectionLost("cut"))["error"] == {"type": "api_error", "message": "cut"}
    assert words_of(ProviderError("odd", request_id="r"))["request_id"] == "r"
    assert status_of(ProviderError("odd")) == 500
    assert status_of(ProviderError("odd", status=418)) == 418
    assert status_of(RateLimitError("x", status=200)) == 429


def test_a_refusal_may_come_in_an_array() -> None:
    told = {"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}}
    error = error_of(ResponseHead(429), json.dumps([told]).encode())
    assert isinstance(error, RateLimitError)
    assert str(error) == "Quota exceeded"
    for nothing in (b"[]", b"[1]", b"[", b"1"):
        assert isinstance(error_of(ResponseHead(404), nothing), NotFoundError)
