"""The server half as a whole."""

from llmstream import Done, OverloadedError, RateLimitError, Request, TextDelta
from llmstream.stage import run
from llmstream.testing import laws
from llmstream.wire.bedrock import CODEC
from llmstream.wire.framing.eventstream import EventStreamFramer
from llmstream.wire.http import HttpRequest

SERVER = CODEC.server
REQUEST = Request("m")
HEAD = SERVER.head(REQUEST)


def test_a_request_is_read() -> None:
    body = b'{"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}'
    http = HttpRequest("POST", "/model/m/converse-stream", (), body)
    assert SERVER.request(http).model == "m"
    assert SERVER.streams(http)


def test_the_stream_is_in_the_frames_of_aws() -> None:
    assert HEAD.media_type == "application/vnd.amazon.eventstream"
    body = b"".join(run(SERVER.encoder(REQUEST), [TextDelta(0, "a"), Done(finish_reason="stop")]))
    frames = list(run(EventStreamFramer(), [body]))
    assert [frame.event for frame in frames] == [
        "messageStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert frames[0].headers == {
        ":event-type": "messageStart",
        ":content-type": "application/json",
        ":message-type": "event",
    }


def test_a_failure_ends_a_stream_and_is_known() -> None:
    encoder = SERVER.encoder(REQUEST)
    body = b"".join(encoder.feed(TextDelta(0, "a"))) + SERVER.failure(OverloadedError("too many"))
    came, error = laws.decode_all(CODEC, [body], head=HEAD)
    assert came == [TextDelta(0, "a")]
    assert isinstance(error, OverloadedError)
    assert str(error) == "too many"


def test_a_refusal_is_read_as_it_was_meant() -> None:
    http = SERVER.refuse(RateLimitError("slow down", request_id="r-1", retry_after=2))
    error = CODEC.error(http.head, http.body)
    assert isinstance(error, RateLimitError)
    assert (str(error), error.status, error.request_id, error.retry_after) == ("slow down", 429, "r-1", 2)
