"""Frames as structs and as documents."""

import msgspec
import pytest

from llmstream import MalformedFrameError, TruncatedStreamError
from llmstream.wire.framing import Frame
from llmstream.wire.openai_responses.frames import malformed, read_frame, read_hot


def test_a_delta_is_read_with_its_place():
    hot = read_hot('{"type":"t","output_index":1,"content_index":2,"delta":"a","other":[1]}')
    assert (hot.type, hot.output_index, hot.content_index, hot.delta, hot.logprobs) == ("t", 1, 2, "a", None)
    with pytest.raises(msgspec.ValidationError):
        read_hot('{"delta":{}}')


def test_a_frame_is_an_object():
    assert read_frame(Frame("e", '{"a":1}'), 1) == {"a": 1}
    for text in ("[]", "1", "{"):
        with pytest.raises(MalformedFrameError, match="in frame 7"):
            read_frame(Frame("e", text), 7)
    with pytest.raises(TruncatedStreamError, match="cut off"):
        read_frame(Frame("", '{"a":'), 1)


def test_the_error_has_an_excerpt():
    assert str(malformed("why", "x" * 999, 3)).count("x") < 250
