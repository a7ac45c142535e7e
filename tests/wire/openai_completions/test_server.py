"""The server half."""

import json
import os

import pytest
from hypothesis import given, settings

from llmstream import (
    AuthError,
    ConnectionLost,
    Done,
    Event,
    InvalidRequestError,
    Logprob,
    Options,
    RateLimitError,
    ReasoningDelta,
    Request,
    ServerError,
    TextDelta,
    UnsupportedError,
    Usage,
    reduce,
    user,
)
from llmstream.stage import run
from llmstream.testing import laws, strategies
from llmstream.wire.http import HttpRequest
from llmstream.wire.openai_completions import CODEC

MANY = settings(max_examples=int(os.environ.get("LLMSTREAM_EXAMPLES", "200")))
REQUEST = Request("m")
SERVER = CODEC.server
DONE = Done(
    finish_reason="stop",
    usage=Usage(input=1, output=2),
    id="i",
    model="m",
    provider_metadata={"openai-completions": {"system_fingerprint": "fp"}},
)


def asked(**body) -> HttpRequest:
    return HttpRequest("POST", "/completions", (), json.dumps({"model": "m", "prompt": "p", **body}).encode())


def test_a_request_is_read_as_it_was_sent():
    request = Request("m", [user("hi")], options=Options(max_tokens=5, stop="x", extra={"best_of": 2}))
    http = CODEC.encode(request)
    assert SERVER.request(http) == request
    assert SERVER.streams(http)
    assert not SERVER.streams(asked())
    assert SERVER.request(asked()) == Request("m", [user("p")])
    assert SERVER.request(asked(prompt=["p"], stop="x", temperature=1)).options == Options(
        stop="x", temperature=1
    )


@pytest.mark.parametrize(
    "http", [HttpRequest("POST", "/", (), b"x"), asked(prompt=5), asked(prompt=["a", "b"]), asked(stop=5)]
)
def test_a_body_that_is_none_is_refused(http: HttpRequest):
    with pytest.raises(InvalidRequestError):
        SERVER.request(http)


def test_a_stream_ends_in_done():
    body = b"".join(run(SERVER.encoder(REQUEST, id="j"), [TextDelta(0, "a"), TextDelta(0, ""), DONE]))
    assert body.endswith(b"data: [DONE]\n\n")
    assert body.count(b'"id":"j"') == 1
    assert b"[DONE]" not in b"".join(run(SERVER.encoder(REQUEST), [TextDelta(0, "a")]))
    assert SERVER.head(REQUEST).media_type == "text/event-stream"


def test_a_whole_body_is_read_as_the_same_answer():
    likely = Logprob("a", -0.5, top=(Logprob("b", -1.0),))
    events = [TextDelta(0, "a", (likely,)), DONE]
    http = SERVER.whole(REQUEST, reduce(events))
    decoded = laws.decode_all(CODEC, [http.body], head=http.head)
    assert tuple(decoded.events) == SERVER.canonical(events)
    with pytest.raises(UnsupportedError, match="not complete"):
        SERVER.whole(REQUEST, reduce(events[:1]))


@pytest.mark.parametrize(
    ("error", "kind"), [(RateLimitError("no"), RateLimitError), (ConnectionLost("no"), ServerError)]
)
def test_a_failure_ends_a_stream_and_is_known(error, kind):
    body = b"".join(SERVER.encoder(REQUEST).feed(TextDelta(0, "a"))) + SERVER.failure(error)
    events, raised = laws.decode_all(CODEC, [body])
    assert events == [TextDelta(0, "a")]
    assert (type(raised), str(raised)) == (kind, "no")


def test_a_refusal_is_read_as_it_was_meant():
    http = SERVER.refuse(RateLimitError("no", request_id="r", retry_after=1.5))
    error = CODEC.error(http.head, http.body)
    assert (type(error), error.status, error.request_id, error.retry_after) == (RateLimitError, 429, "r", 1.5)
    assert SERVER.refuse(AuthError("no")).head.status == 401
    assert SERVER.refuse(AuthError("no", status=418)).head.status == 418


def test_what_is_no_text_is_refused():
    with pytest.raises(UnsupportedError, match="openai-completions"):
        SERVER.canonical([ReasoningDelta(0, "h")])


def test_an_end_of_another_kind_keeps_its_word():
    assert SERVER.canonical([Done(finish_reason="other", raw_finish_reason="abort")]) == (
        Done(finish_reason="other", raw_finish_reason="abort"),
    )


@MANY
@given(events=strategies.events(provider=CODEC.provider))
def test_any_events_keep_the_law_of_the_round_trip(events: tuple[Event, ...]):
    laws.round_trip(CODEC, events)


@MANY
@given(events=strategies.events({"text", "logprobs", "citation", "refusal", "metadata", "raw"}))
def test_texts_come_back_under_any_cuts(events: tuple[Event, ...]):
    assert laws.round_trip(CODEC, events)
