"""The server half as a whole."""

from llmstream import Request
from llmstream.wire.gemini import CODEC
from llmstream.wire.http import HttpRequest

SERVER = CODEC.server


def asked(path: str) -> HttpRequest:
    return HttpRequest("POST", f"/v1beta/models/m:{path}", (), b'{"contents": [{"parts": [{"text": "Hi"}]}]}')


def test_the_path_says_whether_a_stream_is_asked_for_and_in_which_form() -> None:
    assert not SERVER.streams(asked("generateContent"))
    assert not SERVER.wants_array(asked("generateContent"))
    assert SERVER.streams(asked("streamGenerateContent"))
    assert SERVER.wants_array(asked("streamGenerateContent?key=x"))
    assert not SERVER.wants_array(asked("streamGenerateContent?key=x&alt=sse"))


def test_a_request_is_read() -> None:
    assert SERVER.request(asked("generateContent")).model == "m"


def test_the_head_is_that_of_an_event_stream_or_of_json() -> None:
    assert SERVER.head(Request("m")).media_type == "text/event-stream"
    assert SERVER.head(Request("m"), array=True).media_type == "application/json"
