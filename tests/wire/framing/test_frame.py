"""The record and the limit that every framing shares."""

from __future__ import annotations

import pytest

from llmstream.errors import FrameTooLargeError, MalformedFrameError
from llmstream.wire import framing
from llmstream.wire.framing.frame import MAX_FRAME_BYTES, Frame, fail_after, too_large


def test_the_package_gives_the_frame_and_its_limit():
    assert framing.Frame is Frame
    assert framing.MAX_FRAME_BYTES == MAX_FRAME_BYTES == 32 * 1024 * 1024


def test_a_frame_is_equal_by_its_fields():
    assert Frame("message", "hi") == Frame(event="message", data="hi", id="", retry=None)
    assert Frame("message", "hi") != Frame("message", "ho")


def test_the_error_names_the_limit_and_its_parameter():
    error = too_large("a line of JSON", 77)
    assert isinstance(error, FrameTooLargeError)
    assert str(error) == "expected a line of JSON of at most 77 bytes (max_frame_bytes), got a longer one"


def test_what_was_complete_comes_before_the_failure():
    failing = fail_after([Frame(data="1"), Frame(data="2")], MalformedFrameError("broken"))
    assert next(failing).data == "1"
    assert next(failing).data == "2"
    with pytest.raises(MalformedFrameError, match="broken"):
        next(failing)
