import pytest

from llmstream.errors import ConfigError
from llmstream.wire.http import HttpRequest, HttpResponse, ResponseHead, segment


def test_headers_of_a_request_keep_their_order_and_repeat():
    request = HttpRequest("POST", "/v1/x", [("A", "1"), ("b", "2"), ("A", "3")], b"{}")
    assert request.headers == (("A", "1"), ("b", "2"), ("A", "3"))


def test_bodies_are_shown_by_their_length():
    assert "<6 bytes>" in repr(HttpRequest("POST", "/", body=b"secret"))
    assert "secret" not in repr(HttpRequest("POST", "/", body=b"secret"))
    assert "secret" not in repr(HttpResponse(ResponseHead(), b"secret"))


@pytest.mark.parametrize("headers", [{"Content-TYPE": "A/B"}, [("Content-TYPE", "A/B")]])
def test_names_of_response_headers_are_in_lower_case(headers):
    assert ResponseHead(200, headers).headers == {"content-type": "A/B"}


@pytest.mark.parametrize(
    ("content_type", "media_type"),
    [
        ("text/event-stream", "text/event-stream"),
        ("Text/Event-Stream; charset=utf-8", "text/event-stream"),
        ("application/json ;x=y;z", "application/json"),
        ("", ""),
    ],
)
def test_the_media_type_has_no_parameters(content_type: str, media_type: str):
    assert ResponseHead(200, {"Content-Type": content_type}).media_type == media_type


def test_without_a_content_type_the_media_type_is_empty():
    assert ResponseHead().media_type == ""
    assert ResponseHead().status == 200


@pytest.mark.parametrize(
    ("text", "written"),
    [("a/b", "a%2Fb"), ("a b\r\n", "a%20b%0D%0A"), ("%2e%2e", "%252e%252e"), ("...", "...")],
)
def test_a_segment_is_one_whatever_is_in_it(text: str, written: str) -> None:
    assert segment(text) == written


@pytest.mark.parametrize("text", ["", ".", ".."])
def test_a_segment_that_leads_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="in an address"):
        segment(text)
