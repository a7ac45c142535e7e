"""The elements of a JSON array that comes in pieces, each a frame; also documents one after another.

Bytes are read once: between two reads are held the unfinished element, how deep it is open, and whether a
string is. A body that is one document is its own element. What is no array or object where one is due is
given as it is, at most `EXCERPT` bytes of it, and ends the body: the decoder says what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from llmstream.errors import FrameTooLargeError
from llmstream.wire.framing.frame import MAX_FRAME_BYTES, Frame, fail_after, too_large

EXCERPT: Final = 200

# Around elements: blanks, what separates them, and a byte order mark.
_AROUND: Final = re.compile(rb"[ \t\r\n,\xef\xbb\xbf]*")
_OUTSIDE: Final = re.compile(rb'["{}\[\]]')
_INSIDE: Final = re.compile(rb'["\\]')
_OPENING: Final = frozenset(b"{[")
_QUOTE, _BACKSLASH, _ARRAY, _ARRAY_END = b'"\\[]'


class ElementFramer:
    """A stage from the bytes of a JSON array to its elements; one that the body cuts off is dropped.

    Raises:
        FrameTooLargeError: from what `feed` gives, when an element, finished or not, exceeds
            `max_frame_bytes`.
    """

    __slots__ = ("_depth", "_held", "_in_array", "_in_string", "_limit", "_scanned", "_stray")

    def __init__(self, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._limit = max_frame_bytes
        self._held = bytearray()
        self._scanned = 0
        self._depth = 0
        self._in_array = False
        self._in_string = False
        self._stray: bytearray | None = None

    def feed(self, chunk: bytes, /) -> Iterable[Frame]:
        """Take the next bytes and give the elements that end in them."""
        if self._stray is not None:
            return self._astray(chunk)
        frames: list[Frame] = []
        self._held += chunk
        begin = 0
        while True:
            if not self._depth:
                begin = self._enter(begin)
                if not self._depth:
                    break
            end = self._element()
            if not end:
                break
            if end - begin > self._limit:
                return fail_after(frames, self._too_large())
            frames.append(Frame("", self._held[begin:end].decode("utf-8", "replace")))
            begin = end
        del self._held[:begin]
        self._scanned -= begin
        if self._depth and len(self._held) > self._limit:
            return fail_after(frames, self._too_large())
        if not self._depth and self._held:
            stray, self._stray = bytes(self._held), bytearray()
            self._held.clear()
            return [*frames, *self._astray(stray)]
        return frames

    def feed_eof(self) -> Iterable[Frame]:
        """Give what was astray, if it was too short to be given before."""
        stray = self._stray
        return (self._excerpt(stray),) if stray and len(stray) < EXCERPT else ()

    def _enter(self, at: int) -> int:
        """Go to where the next element begins; the depth says whether there is one."""
        held = self._held
        while True:
            around = _AROUND.match(held, at)
            at = around.end() if around else at
            if at == len(held):
                break
            if held[at] == _ARRAY and not self._in_array:
                self._in_array = True
            elif held[at] == _ARRAY_END and self._in_array:
                self._in_array = False
            else:
                if held[at] in _OPENING:
                    self._depth = 1
                    self._scanned = at + 1
                break
            at += 1
        return at

    def _element(self) -> int:
        """Go on in the element that is open, and give where it ends; 0 while it does not."""
        held, at = self._held, self._scanned
        while True:
            found = (_INSIDE if self._in_string else _OUTSIDE).search(held, at)
            if found is None:
                self._scanned = len(held)
                return 0
            at = found.end()
            byte = held[at - 1]
            if byte == _BACKSLASH:
                if at == len(held):
                    self._scanned = at - 1
                    return 0
                at += 1
            elif byte == _QUOTE:
                self._in_string = not self._in_string
            elif byte in _OPENING:
                self._depth += 1
            else:
                self._depth -= 1
                if not self._depth:
                    return at

    def _astray(self, chunk: bytes) -> Iterable[Frame]:
        stray = self._stray
        if stray is None or len(stray) >= EXCERPT:
            return ()
        stray += chunk[: EXCERPT - len(stray)]
        return (self._excerpt(stray),) if len(stray) == EXCERPT else ()

    def _excerpt(self, stray: bytearray) -> Frame:
        return Frame("", stray.decode("utf-8", "replace"))

    def _too_large(self) -> FrameTooLargeError:
        return too_large("an element of a JSON array", self._limit)
