"""The server half as a whole."""

import json

from llmstream import Done, OverloadedError, RateLimitError, Request, ServerError, TextDelta, reduce
from llmstream.stage import run
from llmstream.testing import laws
from llmstream.wire.anthropic import CODEC
from llmstream.wire.http import HttpRequest

REQUEST = Request("claude-x")
SERVER = CODEC.server


def asked(**body) -> HttpRequest:
    return HttpRequest("POST", "/v1/messages", (), json.dumps(body).encode())


def test_a_stream_is_only_given_when_it_is_asked_for() -> None:
    assert SERVER.streams(asked(stream=True))
    assert not SERVER.streams(asked(stream=False))
    assert not SERVER.streams(asked())
    assert not SERVER.streams(HttpRequest("POST", "/", (), b"x"))


def test_a_request_is_read() -> None:
    http = asked(model="claude-x", max_tokens=5, messages=[{"role": "user", "content": "Hi"}])
    assert SERVER.request(http).model == "claude-x"


def test_the_head_is_that_of_an_event_stream() -> None:
    assert SERVER.head(REQUEST).media_type == "text/event-stream"


def test_the_message_is_named_by_the_server_and_by_the_request() -> None:
    body = b"".join(run(SERVER.encoder(REQUEST, id="msg_7"), [TextDelta(0, "a"), Done(finish_reason="stop")]))
    start = json.loads(body.split(b"\n")[1].removeprefix(b"data: "))
    assert (start["message"]["id"], start["message"]["model"]) == ("msg_7", "claude-x")


def test_a_stream_without_an_end_is_seen_to_be_cut() -> None:
    body = b"".join(run(SERVER.encoder(REQUEST), [TextDelta(0, "a")]))
    assert b"message_stop" not in body
    assert b"content_block_stop" in body


def test_a_failure_ends_a_stream_and_is_known() -> None:
    encoder = SERVER.encoder(REQUEST)
    body = b"".join(encoder.feed(TextDelta(0, "a"))) + SERVER.failure(OverloadedError("too many"))
    events, error = laws.decode_all(CODEC, [body])
    assert events == [TextDelta(0, "a")]
    assert isinstance(error, OverloadedError)
    assert str(error) == "too many"


def test_a_refusal_is_read_as_it_was_meant() -> None:
    http = SERVER.refuse(RateLimitError("slow down", request_id="req_1", retry_after=1.5))
    error = CODEC.error(http.head, http.body)
    assert isinstance(error, RateLimitError)
    assert (str(error), error.status, error.request_id, error.retry_after) == ("slow down", 429, "req_1", 1.5)
    final = ServerError("never again", status=500)
    final.retryable = False
    http = SERVER.refuse(final)
    assert not CODEC.error(http.head, http.body).retryable


def test_one_message_is_json_with_the_servers_name() -> None:
    response = reduce([TextDelta(0, "a"), Done(finish_reason="stop")])
    http = SERVER.whole(REQUEST, response, id="msg_7")
    assert http.head.media_type == "application/json"
    assert json.loads(http.body)["id"] == "msg_7"
