"""Text whose places a wire counts in bytes of UTF-8, and we in characters."""

from __future__ import annotations

from typing import Final

_STRIDE: Final = 4096
_CONTINUING: Final = bytes(range(0x80, 0xC0))


class ByteText:
    """A text that finds the character at a byte, at a cost that does not grow with the text."""

    def __init__(self, text: str) -> None:
        self.data = text.encode("utf-8", "replace")
        # The number of characters before every so many bytes: what is before is not read again.
        self._marks = [0]
        for at in range(0, len(self.data), _STRIDE):
            self._marks.append(self._marks[-1] + _characters(self.data[at : at + _STRIDE]))

    def character(self, at: int) -> int | None:
        """The number of characters before a byte; None where it is inside of one, or outside of the text."""
        data = self.data
        if not 0 <= at <= len(data) or (at < len(data) and data[at] & 0xC0 == 0x80):
            return None
        mark = at // _STRIDE
        return self._marks[mark] + _characters(data[mark * _STRIDE : at])


def _characters(data: bytes) -> int:
    """How many characters begin in these bytes."""
    return len(data.translate(None, _CONTINUING))
