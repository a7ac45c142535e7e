"""Newline-delimited JSON: a document a line."""

from __future__ import annotations

from collections.abc import Iterable

from llmstream.errors import FrameTooLargeError
from llmstream.wire.framing.frame import MAX_FRAME_BYTES, Frame, fail_after, too_large

# What JSON allows around a document; a CR before the LF is among it.
_BLANKS = b" \t\r"


class NDJSONFramer:
    """A stage from lines of JSON to frames; blank lines are skipped, the last line needs no end.

    Raises:
        FrameTooLargeError: from what `feed` gives, when a line, finished or not, exceeds `max_frame_bytes`.
    """

    __slots__ = ("_limit", "_line")

    def __init__(self, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._limit = max_frame_bytes
        self._line = bytearray()

    def feed(self, chunk: bytes, /) -> Iterable[Frame]:
        """Take the next bytes and give the lines that end in them."""
        lines = chunk.split(b"\n")
        held = self._line
        held += lines[0]
        frames: list[Frame] = []
        try:
            if len(lines) > 1:
                lines[0] = bytes(held)
                held[:] = lines.pop()
                for line in lines:
                    self._check(line)
                    if text := line.strip(_BLANKS):
                        frames.append(Frame("", text.decode("utf-8", "replace")))
            self._check(held)
        except FrameTooLargeError as error:
            return fail_after(frames, error)
        return frames

    def feed_eof(self) -> Iterable[Frame]:
        """Give the last line if nothing ended it."""
        text = self._line.strip(_BLANKS)
        return (Frame("", text.decode("utf-8", "replace")),) if text else ()

    def _check(self, line: bytes | bytearray) -> None:
        if len(line) > self._limit:
            raise too_large("a line of JSON", self._limit)
