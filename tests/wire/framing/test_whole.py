"""A body that is one document."""

from __future__ import annotations

import pytest

from llmstream.errors import FrameTooLargeError
from llmstream.stage import run
from llmstream.wire.framing.whole import WholeFramer

BODY = ' {"text": "grüß \N{DOG FACE}",\r\n "n": 1}\n'.encode()


def test_a_body_is_one_frame_however_it_is_cut(cuts):
    for pieces in cuts(BODY):
        frames = list(run(WholeFramer(), pieces))
        assert [frame.data for frame in frames] == [BODY.decode().strip()]


def test_nothing_comes_before_the_end():
    framer = WholeFramer()
    assert list(framer.feed(BODY)) == []
    assert len(list(framer.feed_eof())) == 1


@pytest.mark.parametrize("body", [b"", b" \r\n\t ", b"\xef\xbb\xbf"])
def test_a_blank_body_gives_no_frame(body):
    assert list(run(WholeFramer(), [body])) == []


def test_a_byte_order_mark_is_no_part_of_the_document():
    assert [frame.data for frame in run(WholeFramer(), [b"\xef\xbb\xbf[]"])] == ["[]"]


def test_what_is_not_utf_8_is_replaced():
    assert [frame.data for frame in run(WholeFramer(), [b'"\xff"'])] == ['"\N{REPLACEMENT CHARACTER}"']


def test_a_body_may_be_as_long_as_the_limit(cuts):
    for pieces in cuts(b"[1, 2, 3]"):
        assert [frame.data for frame in run(WholeFramer(max_frame_bytes=9), pieces)] == ["[1, 2, 3]"]


def test_a_body_beyond_the_limit_is_refused_as_soon_as_it_is_known(cuts):
    for pieces in cuts(b"[1, 2, 3]"):
        with pytest.raises(FrameTooLargeError, match="8 bytes"):
            list(run(WholeFramer(max_frame_bytes=8), pieces))
    framer = WholeFramer(max_frame_bytes=8)
    with pytest.raises(FrameTooLargeError):
        list(framer.feed(b"         "))


def test_the_work_is_linear(ledger):
    for size in (1000, 4000):
        framer = WholeFramer()
        framer._body = book = ledger()
        for _ in range(size):
            framer.feed(b"1")
        assert [len(frame.data) for frame in framer.feed_eof()] == [size]
        assert framer._body is book
        assert book.counted == 2 * size
