"""Which framing a body has."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.errors import FrameTooLargeError, UnexpectedContentError, WireError
from llmstream.stage import run
from llmstream.wire.framing.eventstream import EventStreamFramer, encode_message
from llmstream.wire.framing.ndjson import NDJSONFramer
from llmstream.wire.framing.select import select
from llmstream.wire.framing.whole import WholeFramer
from llmstream.wire.http import ResponseHead

SSE = "text/event-stream"
VAGUE = (None, "", "text/plain", "application/octet-stream", "Text/Plain; charset=utf-8")


def framer_for(content_type, **options):
    return select(
        ResponseHead(200, {} if content_type is None else {"Content-Type": content_type}), **options
    )


def texts(content_type, pieces, **options):
    return [frame.data for frame in run(framer_for(content_type, **options), pieces)]


def outcome(content_type, pieces, **options):
    found = []
    try:
        for frame in run(framer_for(content_type, **options), pieces):
            found.append((frame.event, frame.data))  # noqa: PERF401 - what came before a failure is kept
    except WireError as error:
        found.append(str(error))
    return found


@pytest.mark.parametrize(
    "content_type",
    [
        "text/event-stream",
        "Text/Event-Stream",
        "text/event-stream;",
        "text/event-stream ; charset=windows-1252; x",
    ],
)
def test_an_event_stream_is_one_whatever_its_parameters(content_type, cuts):
    for pieces in cuts("data: a…\r\n\r\ndata: b\n\n".encode()):
        assert outcome(content_type, pieces) == [("message", "a…"), ("message", "b")]


@pytest.mark.parametrize(
    ("content_type", "framer"),
    [
        ("application/x-ndjson", NDJSONFramer),
        ("application/ndjson", NDJSONFramer),
        ("application/jsonl", NDJSONFramer),
        ("application/x-jsonlines; charset=utf-8", NDJSONFramer),
        ("application/json", WholeFramer),
        ("Application/JSON; charset=UTF-8", WholeFramer),
        ("application/problem+json", WholeFramer),
        ("application/vnd.amazon.eventstream", EventStreamFramer),
    ],
)
def test_the_content_type_chooses(content_type, framer):
    assert isinstance(framer_for(content_type), framer)


@pytest.mark.parametrize("body", [b'{"a": 1}', b'\xef\xbb\xbf\r\n [{"a": 1}]\n'])
@pytest.mark.parametrize("content_type", [SSE, *VAGUE])
def test_json_is_json_whatever_it_is_called(content_type, body, cuts):
    expected = [body.decode("utf-8-sig").strip()]
    for pieces in cuts(body):
        assert texts(content_type, pieces) == expected


@pytest.mark.parametrize(
    "start", [b"", b"\xef\xbb\xbf", b"\n\r\n", b": hi\n", b"id: 1\n", b"event: x\n", b"retry:3\n"]
)
@pytest.mark.parametrize("content_type", [SSE, *VAGUE])
def test_an_event_stream_is_known_by_its_first_field(content_type, start, cuts):
    for pieces in cuts(start + b"data: {}\n\n"):
        assert texts(content_type, pieces) == ["{}"]


def test_a_declared_event_stream_may_begin_with_anything_else():
    assert texts(SSE, [b"what: is this\ndata: a\n\n"]) == ["a"]
    assert texts(SSE, [b" data: a\ndata: b\n\n"]) == ["b"]
    assert texts(SSE, [b"\xef", b"\xbbdata: a\n\ndata: b\n\n"]) == ["b"]


def test_frames_do_not_wait_in_a_chosen_framer():
    framer = framer_for(SSE)
    assert [frame.data for frame in framer.feed(b"data: a\n\n")] == ["a"]
    assert [frame.data for frame in framer.feed(b"data: b\n\n")] == ["b"]
    assert list(framer.feed_eof()) == []


@pytest.mark.parametrize("content_type", [SSE, *VAGUE])
def test_a_body_that_ends_before_it_says_what_it_is_has_no_frame(content_type):
    for body in (b"", b"\r\n \n", b"\xef\xbb", b"da", b"dat", b":"):
        assert texts(content_type, [body]) == []


@pytest.mark.parametrize("content_type", [SSE, *VAGUE])
def test_blanks_are_not_held_back_for_ever(content_type):
    framer = framer_for(content_type)
    for _ in range(1000):
        assert list(framer.feed(b"\n\r\n")) == []
    assert len(framer._head) == 0
    assert [frame.data for frame in framer.feed(b"data: a\n\n")] == ["a"]


@pytest.mark.parametrize("content_type", [SSE, *VAGUE])
def test_the_cuts_do_not_decide_how_many_blanks_are_too_many(content_type):
    for blanks, expected in ((1024, ["{}"]), (1025, [])):
        body = b" " * blanks + b"{}"
        for pieces in ([body], [body[:-1], body[-1:]], [body[at : at + 1] for at in range(len(body))]):
            assert texts(content_type, pieces) == expected


def test_error_lines_are_read_where_asked_for(cuts):
    for pieces in cuts(b"error: down\n\n"):
        for content_type in (SSE, None):
            assert outcome(content_type, pieces, error_field=True) == [("error", "down")]
        assert outcome(SSE, pieces) == []
        assert "error: down" in outcome(None, pieces)[0]


@pytest.mark.parametrize(
    "content_type", ["text/html; charset=utf-8", "image/png", "x bogus", "text/event-streams"]
)
def test_another_content_type_is_refused_with_its_beginning(content_type, cuts):
    kind = content_type.split(";")[0]
    for pieces in cuts("<html>Grüße".encode()):
        expected = f"expected text/event-stream or JSON, got {kind}: <html>Grüße"
        assert outcome(content_type, pieces) == [expected]


@pytest.mark.parametrize("content_type", ["text/html", "text/plain", None])
def test_a_refused_body_is_not_read_to_its_end(content_type):
    framer = framer_for(content_type)
    assert list(framer.feed("ü".encode() * 199)) == []
    with pytest.raises(UnexpectedContentError, match=r": ü{200}$"):
        list(framer.feed("üü".encode() * 100_000))
    with pytest.raises(UnexpectedContentError, match=r": 🐶{200}$"):
        list(framer_for(content_type).feed("🐶".encode() * 200))


def test_a_refusal_says_when_there_is_nothing_to_show():
    assert outcome("text/html", []) == ["expected text/event-stream or JSON, got text/html: nothing in it"]


def test_a_refusal_says_when_there_is_no_content_type():
    (message,) = outcome(None, [b"Bad Gateway"])
    assert message == "expected text/event-stream or JSON, got a body without content type: Bad Gateway"


def test_words_that_begin_like_a_field_are_no_event_stream():
    (message,) = outcome("text/plain", [b"database unavailable"])
    assert message.endswith("got text/plain: database unavailable")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (SSE, b"data: 12345"),
        (SSE, b'{"a": 12345}'),
        ("application/json", b'{"a": 12345}'),
        ("application/x-ndjson", b'{"a": 12345}'),
        ("application/vnd.amazon.eventstream", encode_message({})),
        (None, b"data: 12345"),
        (None, b'{"a": 12345}'),
    ],
)
def test_the_limit_reaches_every_framer(content_type, body):
    with pytest.raises(FrameTooLargeError, match="10 bytes"):
        texts(content_type, [body], max_frame_bytes=10)


STARTS = st.lists(
    st.sampled_from(
        [
            b"\xef\xbb\xbf",
            b"\xef",
            b" ",
            b"\n",
            b"\r",
            b"{",
            b"[",
            b"data:",
            b"da",
            b"id: 1",
            b":",
            b"x",
            b"\n\n",
        ]
    ),
    max_size=8,
).map(b"".join)


@given(STARTS, st.integers(0, 40), st.sampled_from([SSE, None, "text/html"]))
def test_the_cuts_change_nothing(body, place, content_type):
    assert outcome(content_type, [body[:place], body[place:]]) == outcome(content_type, [body])


def test_the_shared_cases_of_content_types_hold(shared_cases):
    cases = {
        case["id"]: case for case in json.loads((shared_cases / "sse_cases.json").read_text())["http_cases"]
    }
    for name, expected in (
        ("wpt-format-mime-trailing-semicolon", ["data"]),
        ("wpt-format-mime-valid-bogus", ["data"]),
        ("wpt-format-utf-8-charset", ["ok…"]),
        ("hxs-content-type-exact", ["test"]),
    ):
        assert texts(cases[name]["content_type"], [b64decode(cases[name]["body_b64"])]) == expected
    for name in ("wpt-format-mime-bogus", "hxs-non-event-stream"):
        with pytest.raises(UnexpectedContentError, match="text/event-stream"):
            texts(cases[name]["content_type"], [b64decode(cases[name]["body_b64"])])


@pytest.mark.parametrize("content_type", VAGUE)
def test_the_frames_of_aws_are_known_by_their_first_byte(content_type, cuts):
    for pieces in cuts(encode_message({":event-type": "x"}, b"{}")):
        assert outcome(content_type, pieces) == [("x", "{}")]


@pytest.mark.parametrize("content_type", [SSE, "application/json", None])
def test_json_is_framed_by_its_elements_where_asked_for(content_type, cuts):
    for pieces in cuts(b'[{"a": 1},\n{"b": 2}]'):
        assert texts(content_type, pieces, elements=True) == ['{"a": 1}', '{"b": 2}']


def test_a_stream_may_end_in_bare_json_or_without_a_blank_line_where_asked_for(cuts):
    for pieces in cuts(b'data: a\n\n{\n"b": 2}\n'):
        assert texts(SSE, pieces, elements=True) == ["a", '{\n"b": 2}']
    for pieces in cuts(b"data: a\n\ndata: b"):
        assert texts(SSE, pieces, unended=True) == ["a", "b"]
        assert texts(SSE, pieces) == ["a"]
