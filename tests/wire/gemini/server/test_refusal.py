"""Errors in the words of the wire."""

import json

import pytest

from llmstream import (
    AuthError,
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
    TextDelta,
    TruncatedStreamError,
)
from llmstream.testing import laws
from llmstream.wire.gemini import CODEC
from llmstream.wire.gemini.server.refusal import refusal_record


@pytest.mark.parametrize(
    "kind",
    [
        AuthError,
        ForbiddenError,
        NotFoundError,
        RateLimitError,
        QuotaError,
        OverloadedError,
        ContextLengthError,
        InvalidRequestError,
        ContentBlockedError,
        ServerError,
    ],
)
def test_a_refusal_is_read_as_it_was_meant(kind: type[ProviderError]) -> None:
    http = CODEC.server.refuse(kind("no", request_id="r"))
    error = CODEC.error(http.head, http.body)
    assert (type(error), str(error), error.request_id) == (kind, "no", "r")
    assert error.status == http.head.status


def test_the_time_to_wait_is_in_the_details() -> None:
    http = CODEC.server.refuse(RateLimitError("slow down", retry_after=1.5))
    assert json.loads(http.body)["error"]["details"] == [
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"}
    ]
    assert CODEC.error(http.head, http.body).retry_after == 1.5


def test_a_failure_ends_a_stream_and_is_known() -> None:
    encoder = CODEC.server.encoder(None)
    body = b"".join(encoder.feed(TextDelta(0, "a"))) + CODEC.server.failure(OverloadedError("too many"))
    events, error = laws.decode_all(CODEC, [body])
    assert events == [TextDelta(0, "a")]
    assert isinstance(error, OverloadedError)
    assert str(error) == "too many"


def test_what_is_no_providers_fault_is_the_servers() -> None:
    assert refusal_record(TruncatedStreamError("cut"))["error"] == {
        "code": 500,
        "message": "cut",
        "status": "INTERNAL",
    }
    assert refusal_record(ProviderError("?", status=418))["error"]["code"] == 418
