"""Errors in the words of the wire."""

import json

import pytest

from llmstream import ProviderError, QuotaError, RateLimitError, ServerError
from llmstream.wire.openai_chat import CODEC


@pytest.mark.parametrize("kind", ProviderError.__subclasses__())
def test_every_kind_comes_back_as_itself(kind: type[ProviderError]):
    http = CODEC.server.refuse(kind("the words"))
    error = CODEC.error(http.head, http.body)
    assert type(error) is kind
    assert str(error) == "the words"


def test_an_error_of_no_kind_is_the_servers():
    http = CODEC.server.refuse(ProviderError("x"))
    assert http.head.status == 500
    assert type(CODEC.error(http.head, http.body)) is ServerError


def test_a_refusal_is_json_with_what_the_error_knows():
    http = CODEC.server.refuse(RateLimitError("slow down", status=429, request_id="r1", retry_after=1.5))
    assert (http.head.status, dict(http.head.headers)) == (
        429,
        {"content-type": "application/json", "x-request-id": "r1", "retry-after": "1.5"},
    )
    assert json.loads(http.body) == {
        "error": {
            "message": "slow down",
            "type": "rate_limit_error",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    }


def test_a_status_that_is_no_refusal_is_replaced():
    assert CODEC.server.refuse(QuotaError("x", status=200)).head.status == 429
