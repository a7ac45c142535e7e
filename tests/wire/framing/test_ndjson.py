"""A document a line."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.errors import FrameTooLargeError
from llmstream.stage import run
from llmstream.wire.framing.ndjson import NDJSONFramer

PIECES = (b'{"a": 1}', b"[]", b"\n", b"\r\n", b"\n\n", b" ", b"\r", "\u2028é\N{DOG FACE}".encode(), b"\xff")


def texts(pieces, **options):
    return [frame.data for frame in run(NDJSONFramer(**options), pieces)]


def outcome(pieces, limit):
    found = []
    try:
        for frame in run(NDJSONFramer(max_frame_bytes=limit), pieces):
            found.append(frame.data)  # noqa: PERF401 - what came before a failure is kept
    except FrameTooLargeError:
        found.append(None)
    return found


def cut(body, places):
    edges = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[start:end] for start, end in pairwise(edges)]


def test_each_line_is_a_frame_however_it_is_cut(cuts):
    body = '{"a": "ü"}\n{"b": 2}\r\n\n  \r\n[3]\n'.encode()
    for pieces in cuts(body):
        assert texts(pieces) == ['{"a": "ü"}', '{"b": 2}', "[3]"]


def test_the_last_line_needs_no_end(cuts):
    for pieces in cuts(b'{"a": 1}\n{"done": true}'):
        assert texts(pieces) == ['{"a": 1}', '{"done": true}']


def test_a_line_comes_with_its_end_and_not_later():
    framer = NDJSONFramer()
    assert [frame.data for frame in framer.feed(b"[1]\n[2")] == ["[1]"]
    assert [frame.data for frame in framer.feed(b"]\n")] == ["[2]"]
    assert list(framer.feed_eof()) == []


def test_an_empty_body_gives_nothing():
    assert texts([]) == texts([b""]) == texts([b"\r\n\n"]) == []


def test_only_a_line_feed_ends_a_line():
    assert texts([b'"\xe2\x80\xa8"\n']) == ['"\u2028"']
    assert texts([b'{"a":\r1}\n']) == ['{"a":\r1}']


def test_what_is_not_utf_8_is_replaced():
    assert texts([b'"\xff"\n']) == ['"\N{REPLACEMENT CHARACTER}"']


@given(
    st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join),
    st.lists(st.integers(0, 999)),
    st.integers(1, 30),
)
def test_the_cuts_change_nothing(body, places, limit):
    lines = [line.strip(b" \t\r").decode("utf-8", "replace") for line in body.split(b"\n")]
    assert texts(cut(body, places)) == [line for line in lines if line]
    assert outcome(cut(body, places), limit) == outcome([body], limit)


def test_lines_before_one_that_is_too_long_are_given(cuts):
    for pieces in cuts(b"[12]\n[34]\n[567]\n[8]\n"):
        assert outcome(pieces, 4) == ["[12]", "[34]", None]


def test_a_line_without_end_is_refused_as_soon_as_it_is_too_long():
    framer = NDJSONFramer(max_frame_bytes=10)
    assert list(framer.feed(b"x" * 10)) == []
    with pytest.raises(FrameTooLargeError, match="10 bytes"):
        list(framer.feed(b"x"))


def test_the_work_is_linear(ledger):
    for size in (1000, 4000):
        framer = NDJSONFramer()
        framer._line = book = ledger()
        body = b"1" * size + b"\n" + b"12\n" * size
        found = [frame.data for at in range(len(body)) for frame in framer.feed(body[at : at + 1])]
        assert len(found) == size + 1
        assert framer._line is book
        assert book.counted < 5 * len(body)
