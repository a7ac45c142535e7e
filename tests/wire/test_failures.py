"""Refusals in the shapes of all vendors."""

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
)
from llmstream.wire.failures import failure, http_failure
from llmstream.wire.http import ResponseHead
from llmstream.wire.openai_chat import CODEC


def refusal(status: int, body, **headers: str) -> ProviderError:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return CODEC.error(
        ResponseHead(status, {name.replace("_", "-"): value for name, value in headers.items()}), text
    )


def told(message: str, **more) -> dict:
    return {"error": {"message": message, **more}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, told("no", type="invalid_request_error", code="unsupported_parameter"), InvalidRequestError),
        (400, told("no", code="context_length_exceeded"), ContextLengthError),
        (400, told("no", type="exceed_context_size_error", code=400), ContextLengthError),
        (400, told("This endpoint's maximum context length is 9 tokens", code=400), ContextLengthError),
        (400, told("prompt is too long: 9 tokens > 8 maximum"), ContextLengthError),
        (500, told("the input (9 tokens) exceeds the limit of tokens"), ContextLengthError),
        (413, told("too large", code="rate_limit_exceeded", type="tokens"), RateLimitError),
        (400, told("no", code="content_filter"), ContentBlockedError),
        (400, told("no", innererror={"code": "content_filter"}), ContentBlockedError),
        (403, told("no", metadata={"flagged_input": "x"}), ContentBlockedError),
        (400, {"code": "invalid", "error": "Incorrect API key provided"}, AuthError),
        (400, {"object": "error", "message": "no", "type": "invalid_model", "code": "1500"}, NotFoundError),
        (401, told("no", type="invalid_request_error", code="invalid_api_key"), AuthError),
        (401, {"detail": "no"}, AuthError),
        (402, told("no", code=402), QuotaError),
        (403, told("no", type="invalid_request_error"), ForbiddenError),
        (404, told("no", code="DeploymentNotFound"), NotFoundError),
        (404, {"error": "no"}, NotFoundError),
        (409, told("no"), ServerError),
        (410, told("no"), NotFoundError),
        (422, {"detail": [{"loc": ["body", 0, "x"], "msg": "no"}]}, InvalidRequestError),
        (429, told("no", code="rate_limit_exceeded"), RateLimitError),
        (429, told("no", type="insufficient_quota", code="insufficient_quota"), QuotaError),
        (429, told("no", code=429), RateLimitError),
        (498, told("no"), OverloadedError),
        (500, told("no", type="server_error"), ServerError),
        (502, b"no", ServerError),
        (503, told("no"), OverloadedError),
        (529, told("no", type="overloaded_error"), OverloadedError),
        (307, b"no", ProviderError),
    ],
)
def test_what_was_refused_and_why(status: int, body, kind: type[ProviderError]):
    error = refusal(status, body)
    assert type(error) is kind
    assert (error.status, error.phase) == (status, "headers")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (told("the words"), "the words"),
        ({"error": "the words"}, "the words"),
        ({"message": "the words"}, "the words"),
        ({"detail": "the words"}, "the words"),
        ({"code": 400, "error": "the words"}, "the words"),
        ([told("the words")], "the words"),
        (told("upstream", metadata={"raw": "the words"}), "upstream: the words"),
        (told("the words", metadata={"raw": "the words"}), "the words"),
        (
            {"detail": [{"loc": ["body", "x"], "msg": "a"}, {"msg": "b"}, "c", {"message": "d"}, 5]},
            "body.x: a; b; c; d",
        ),
        (b"the\x00 words\x1b[0m\n", "the  words [0m"),
        (b"<html><style>p {}</style><p>the <b>words</b></p></html>", "the words"),
        (b"", "status 400 without a message"),
        ({}, "status 400 without a message"),
        ({"error": {"a": 1}}, 'status 400, {"error":{"a":1}}'),
        ([], "status 400 without a message"),
        ("the words", "the words"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_the_providers_own_words_are_in_the_message(body, message: str):
    assert str(refusal(400, body)) == message


def test_long_refusals_are_capped():
    error = refusal(400, told("x" * 200_000))
    assert len(str(error)) < 3000
    assert len(error.body) == 64 * 1024


def test_the_body_is_kept():
    assert refusal(400, b'{"error": "x"}').body == '{"error": "x"}'


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "0.5"}, 0.5),
        ({"retry_after": "9", "retry_after_ms": "250"}, 0.25),
        ({"retry_after": "Fri, 29 Sep 2023 16:27:37 GMT", "date": "Fri, 29 Sep 2023 16:26:37 GMT"}, 60.0),
        ({"retry_after": "Fri, 29 Sep 2023 16:26:27 GMT", "date": "Fri, 29 Sep 2023 16:26:37 GMT"}, None),
        ({"retry_after": "Fri, 29 Sep 2023 16:27:37 GMT"}, None),
        ({"retry_after": "Fri, 29 Sep 100000 16:26:57 GMT", "date": "Fri, 29 Sep 2023 16:26:37 GMT"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "-1"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [408, 409, 429, 503])
def test_the_time_to_wait_is_read(status: int, headers: dict, seconds: float | None):
    assert refusal(status, b"", **headers).retry_after == seconds


def test_no_time_to_wait_where_waiting_does_not_help():
    assert refusal(400, b"", retry_after="7").retry_after is None


@pytest.mark.parametrize("name", ["x-request-id", "request-id", "apim-request-id", "mistral-correlation-id"])
def test_the_name_of_the_call_is_read(name: str):
    assert CODEC.error(ResponseHead(400, {name: "r1"}), b"").request_id == "r1"


def test_the_name_of_the_call_may_be_in_the_body():
    assert refusal(400, told("no", request_id="r1")).request_id == "r1"
    assert refusal(400, told("no", request_id=5)).request_id is None


def test_the_provider_may_say_whether_to_try_again():
    assert refusal(400, b"", x_should_retry="true").retryable
    assert not refusal(503, b"", x_should_retry="false").retryable
    assert refusal(503, b"", x_should_retry="maybe").retryable


@pytest.mark.parametrize(
    ("payload", "kind", "status"),
    [
        (told("no", code=429), RateLimitError, 429),
        (told("no", code="502"), ServerError, 502),
        (told("no", status_code=400), InvalidRequestError, 400),
        (told("no", status="x", type="invalid_request_error"), InvalidRequestError, None),
        (told("no", code=200), ServerError, None),
        (told("no", code="odd", type="api_error"), ServerError, None),
        ("no", ServerError, None),
        (None, ServerError, None),
    ],
)
def test_a_frame_has_the_status_that_it_names(payload, kind: type[ProviderError], status: int | None):
    error = failure(payload, "", phase="stream")
    assert type(error) is kind
    assert (error.status, error.phase) == (status, "stream")


def test_a_frame_without_words_says_so():
    assert str(failure({"error": {}}, "")) == 'an error in the stream, {"error":{}}'


@pytest.mark.parametrize(
    ("status", "type", "kind"),
    [
        (403, "ExpiredTokenException:http://internal.test/", AuthError),
        (403, "AccessDeniedException", ForbiddenError),
        (404, "ResourceNotFoundException:", NotFoundError),
        (400, "ValidationException", InvalidRequestError),
        (429, "ThrottlingException", RateLimitError),
        (400, "ServiceQuotaExceededException", QuotaError),
        (429, "ModelNotReadyException", OverloadedError),
        (424, "ModelErrorException", ServerError),
    ],
)
def test_aws_says_the_type_in_a_header(status, type, kind) -> None:
    error = refusal(status, {"message": "no"}, x_amzn_errortype=type, x_amzn_requestid="r-1")
    assert (error.__class__, str(error), error.status, error.request_id) == (kind, "no", status, "r-1")


def test_aws_may_say_its_message_otherwise() -> None:
    assert str(refusal(403, {"Message": "no key"}, x_amzn_errortype="AccessDeniedException")) == "no key"
    assert str(refusal(503, b"try later", x_amzn_errortype="ServiceUnavailableException")) == "try later"
    long = {"message": "Input is too long for requested model."}
    assert isinstance(refusal(400, long, x_amzn_errortype="ValidationException"), ContextLengthError)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (400, "INVALID_ARGUMENT", "invalid_request"),
        (401, "UNAUTHENTICATED", "auth"),
        (403, "PERMISSION_DENIED", "permission"),
        (404, "NOT_FOUND", "not_found"),
        (429, "RESOURCE_EXHAUSTED", "rate_limit"),
        (499, "CANCELLED", "server"),
        (500, "INTERNAL", "server"),
        (503, "UNAVAILABLE", "overloaded"),
        (504, "DEADLINE_EXCEEDED", "server"),
    ],
)
def test_googles_status_words_are_known(code: int, status: str, kind: str):
    error = failure([{"error": {"code": code, "message": "m", "status": status}}], "", phase="stream")
    assert (error.kind, error.status, str(error)) == (kind, code, "m")


def test_googles_details_say_what_is_wrong():
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}, 7]
    error = failure({"error": {"code": 400, "status": "INVALID_ARGUMENT", "details": details}}, "")
    assert error.kind == "auth"


@pytest.mark.parametrize(
    ("message", "details", "seconds"),
    [
        ("m", [{"retryDelay": "48s"}], 48.0),
        ("m", [{"retryDelay": "3.5s"}], 3.5),
        ("m", [{"retryDelay": "soon"}, "s"], None),
        ("Please retry in 48.25s.", [], 48.25),
        ("Please try again in 1m9.5s.", [], 69.5),
        ("Try again in 20ms", [], 0.02),
        ("try again in 1h2m", [], 3720.0),
    ],
)
def test_the_time_to_wait_is_read_from_the_body(message: str, details: list, seconds: float | None):
    body = {"error": {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED", "details": details}}
    assert failure(body, "").retry_after == seconds
    assert failure({"error": {**body["error"], "code": 400, "status": ""}}, "").retry_after is None


def test_the_header_knows_better_than_the_body_how_long_to_wait():
    body = b'{"error": {"code": 429, "message": "retry in 9s", "status": "RESOURCE_EXHAUSTED"}}'
    assert http_failure(ResponseHead(429, {"retry-after": "2"}), body).retry_after == 2
    assert http_failure(ResponseHead(429), body).retry_after == 9
