"""Exceptions in AWS event streams, in both directions."""

import pytest

from llmstream import (
    AuthError,
    ConnectionLost,
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
from llmstream.wire.exceptions import exception_message, exception_of, refusal_of
from llmstream.wire.failures import http_failure
from llmstream.wire.framing import Frame
from llmstream.wire.framing.eventstream import EventStreamFramer, encode_message

KINDS = [
    AuthError,
    ForbiddenError,
    NotFoundError,
    RateLimitError,
    QuotaError,
    OverloadedError,
    ContextLengthError,
    InvalidRequestError,
    ServerError,
]


def read(message: bytes) -> ProviderError | None:
    (frame,) = EventStreamFramer().feed(message)
    return exception_of(frame)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_as_it_was_meant(kind) -> None:
    error = read(exception_message(kind("no more")))
    assert isinstance(error, kind)
    assert "no more" in str(error)
    assert (error.status, error.phase) == (None, "stream")
    http = refusal_of(kind("no more", request_id="r-1", retry_after=1.5))
    refused = http_failure(http.head, http.body)
    assert isinstance(refused, kind)
    assert refused.request_id == "r-1"
    assert refused.status == http.head.status >= 400
    assert refusal_of(kind("x", status=418)).head.status == 418


def test_an_error_that_is_no_providers_is_the_servers() -> None:
    assert isinstance(read(exception_message(ConnectionLost("gone"))), ServerError)


def test_events_are_no_exceptions() -> None:
    assert read(encode_message({":message-type": "event", ":event-type": "metadata"}, b"{}")) is None
    assert exception_of(Frame("", "{}")) is None


def test_the_status_is_that_of_the_model_behind() -> None:
    headers = {":message-type": "exception", ":exception-type": "modelStreamErrorException"}
    error = read(encode_message(headers, b'{"message": "broke", "originalStatusCode": 502}'))
    assert isinstance(error, ServerError)
    assert (str(error), error.status) == ("broke", 502)


def test_an_exception_of_a_new_kind_or_without_json_is_the_servers() -> None:
    headers = {":message-type": "exception", ":exception-type": "brandNewException"}
    error = read(encode_message(headers, b"no JSON"))
    assert isinstance(error, ServerError)
    assert str(error) == "no JSON"


def test_an_error_that_is_not_modelled_speaks_in_headers() -> None:
    headers = {":message-type": "error", ":error-code": "InternalError", ":error-message": "it broke"}
    error = read(encode_message(headers))
    assert isinstance(error, ServerError)
    assert str(error) == "it broke"
