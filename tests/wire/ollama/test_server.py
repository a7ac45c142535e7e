"""The server half as a whole."""

import json

import pytest

from llmstream import (
    Done,
    LLMStreamError,
    NotFoundError,
    ProviderError,
    RateLimitError,
    Request,
    ServerError,
    TextDelta,
    TruncatedStreamError,
    UnsupportedError,
    reduce,
)
from llmstream.stage import run
from llmstream.testing import laws
from llmstream.wire.http import HttpRequest
from llmstream.wire.ollama import CODEC

REQUEST = Request("m")
SERVER = CODEC.server
DONE = Done(finish_reason="stop")


def encoded(*events, **how) -> bytes:
    return b"".join(run(SERVER.encoder(REQUEST, **how), events))


def test_a_request_is_read():
    http = HttpRequest("POST", "/api/chat", (), b'{"model":"m","messages":[],"stream":false}')
    assert SERVER.request(http) == REQUEST
    assert not SERVER.streams(http)


def test_a_stream_is_lines_of_json():
    body = encoded(TextDelta(0, "a\n\u2028"), DONE, model="m")
    assert [json.loads(line)["model"] for line in body.split(b"\n")[:-1]] == ["m", "m"]
    assert SERVER.head(REQUEST).media_type == "application/x-ndjson"
    decoded = laws.decode_all(CODEC, [encoded(TextDelta(0, "a"), DONE)], head=SERVER.head(REQUEST))
    assert tuple(decoded.events) == SERVER.canonical([TextDelta(0, "a"), DONE])


def test_an_answer_without_an_end_is_truncated_on_the_wire():
    _, error = laws.decode_all(CODEC, [encoded(TextDelta(0, "a"))], head=SERVER.head(REQUEST))
    assert type(error) is TruncatedStreamError
    with pytest.raises(UnsupportedError, match="not complete"):
        SERVER.whole(REQUEST, reduce([TextDelta(0, "a")]))


def test_a_whole_body_is_read_as_the_same_answer():
    http = SERVER.whole(REQUEST, reduce([TextDelta(0, "a"), DONE]), model="m")
    decoded = laws.decode_all(CODEC, [http.body], head=http.head)
    assert decoded.error is None
    assert decoded.events == [
        TextDelta(0, "a"),
        Done(finish_reason="stop", raw_finish_reason="stop", model="m"),
    ]


@pytest.mark.parametrize("error", [RateLimitError("slow down"), TruncatedStreamError("slow down")])
def test_a_failure_ends_a_stream(error: LLMStreamError):
    body = encoded(TextDelta(0, "a")) + SERVER.failure(error)
    events, raised = laws.decode_all(CODEC, [body], head=SERVER.head(REQUEST))
    assert events == [TextDelta(0, "a")]
    assert (type(raised), str(raised)) == (ServerError, "slow down")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFoundError("no"), 404),
        (RateLimitError("no", retry_after=1.5), 429),
        (ServerError("no"), 500),
        (ProviderError("no"), 500),
        (RateLimitError("no", status=430), 430),
        (RateLimitError("no", status=200), 429),
    ],
)
def test_a_refusal_has_the_status_of_its_kind(error: ProviderError, status: int):
    http = SERVER.refuse(error)
    assert (http.head.status, json.loads(http.body)) == (status, {"error": "no"})
    again = CODEC.error(http.head, http.body)
    assert again.retry_after == error.retry_after
