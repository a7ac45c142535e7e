import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.transport.fast.request import RequestWriter
from llmstream.transport.fast.wire import ExchangeError

HOST = (b"Host", b"x")


def test_a_request_is_written_as_it_was_given():
    writer = RequestWriter("POST", b"/a?b", [HOST, (b"Content-Length", b"3"), (b"X", b"caf\xe9")])
    assert writer.head == b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nX: caf\xe9\r\n\r\n"
    assert writer.frame(b"ab") + writer.frame(b"c") + writer.finish() == b"abc"
    assert writer.lasting


def test_a_body_of_unknown_length_goes_by_chunks():
    writer = RequestWriter("POST", b"/", [HOST, (b"transfer-encoding", b"Chunked")])
    framed = writer.frame(b"ab") + writer.frame(b"") + writer.frame(b"c" * 16) + writer.finish()
    assert framed == b"2\r\nab\r\n10\r\n" + b"c" * 16 + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize("value", [b"close", b"x, Close"])
def test_a_request_may_be_the_last(value):
    headers = [HOST, (b"Connection", value), (b"connection", b"keep-alive")]
    assert not RequestWriter("GET", b"/", headers).lasting


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET X", b"/", [HOST]),
        ("", b"/", [HOST]),
        ("GÉT\u20ac", b"/", [HOST]),
        ("GET", b"/ HTTP/1.1\r\nx: y", [HOST]),
        ("GET", b"", [HOST]),
        ("GET", b"/", []),
        ("GET", b"/", [HOST, HOST]),
        ("GET", b"/", [HOST, (b"a", b"b\r\nc: d")]),
        ("GET", b"/", [HOST, (b"a:", b"b")]),
        ("GET", b"/", [HOST, (b"content-length", b"1"), (b"Content-Length", b"1")]),
        ("GET", b"/", [HOST, (b"content-length", b"1"), (b"transfer-encoding", b"chunked")]),
        ("GET", b"/", [HOST, (b"content-length", b"+1")]),
        ("GET", b"/", [HOST, (b"content-length", b"9" * 5000)]),
        ("GET", b"/", [HOST, (b"transfer-encoding", b"gzip, chunked")]),
    ],
)
def test_what_could_be_two_requests_is_refused(method, target, headers):
    with pytest.raises(ExchangeError) as caught:
        RequestWriter(method, target, headers)
    assert caught.value.kind == "LocalProtocolError"


@pytest.mark.parametrize("body", [b"ab", b"abcd"])
def test_a_body_must_have_the_length_announced(body):
    writer = RequestWriter("POST", b"/", [HOST, (b"content-length", b"3")])
    with pytest.raises(ExchangeError, match="announced"):
        writer.frame(body), writer.finish()


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_no_header_makes_a_second_line(name, value):
    try:
        head = RequestWriter("GET", b"/", [HOST, (name, value)]).head
    except ExchangeError:
        return
    assert head.split(b"\r\n") == [b"GET / HTTP/1.1", b"Host: x", b"%b: %b" % (name, value), b"", b""]
    assert head.count(b"\n") == head.count(b"\r") == 4
