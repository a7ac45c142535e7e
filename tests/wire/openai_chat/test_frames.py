"""Frames as typed structs."""

import pytest

from llmstream import MalformedFrameError, TruncatedStreamError
from llmstream.wire.openai_chat.frames import Chunk, chunk_from, chunk_of, malformed, reread


def test_unknown_fields_are_skipped_and_nulls_allowed():
    assert (
        chunk_of('{"id": null, "new": {"a": [1]}, "choices": [{"delta": null, "new": 1}]}').choices[0].delta
        is None
    )


def test_a_document_that_was_read_is_shaped():
    assert chunk_from({"id": "x"}, "{}", 1) == Chunk(id="x")
    with pytest.raises(MalformedFrameError, match=r"in frame 3: Expected `array"):
        chunk_from({"choices": 5}, '{"choices": 5}', 3)


def test_text_is_read_again_leniently():
    assert reread(r'{"id": "\ud800"}', 1, whole=False) == {"id": "\ufffd"}


@pytest.mark.parametrize("text", ['{"a": 1', '{"a": {"b": 1}', '{"a": 1.', '{"a": tru', "{"])
def test_a_whole_body_that_is_cut_off_is_truncated(text: str):
    with pytest.raises(TruncatedStreamError):
        reread(text, 1, whole=True)
    with pytest.raises(MalformedFrameError):
        reread(text, 1, whole=False)


@pytest.mark.parametrize("text", ["<html>", '{"a": nope}', '{"a": 1}}', '{"a":' + "[" * 100_000])
def test_a_whole_body_of_another_kind_is_malformed(text: str):
    with pytest.raises(MalformedFrameError):
        reread(text, 1, whole=True)


def test_an_excerpt_is_short():
    assert len(str(malformed("why", "x" * 1000, 7))) < 300
