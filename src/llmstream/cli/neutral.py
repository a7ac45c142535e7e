"""A model's text made safe for a terminal: what would steer it is shown instead.

Single characters are replaced and no sequence is looked for, so that an escape sequence that is cut
between two deltas is as harmless as a whole one.
"""

from __future__ import annotations

_CONTROL_PICTURES = 0x2400
_PICTURED = {code: chr(_CONTROL_PICTURES + code) for code in range(0x20) if chr(code) not in "\n\t"}
# The bidirectional embeddings, overrides and isolates of Unicode's annex 9 make text read as what it is not.
_NAMED = (*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SHOWN = {**_PICTURED, 0x7F: "\u2421", **{code: f"<U+{code:04X}>" for code in _NAMED}}


def neutralise(text: str, /) -> str:
    """Show control characters and bidirectional overrides; line ends and tabs stay."""
    return text.translate(_SHOWN)


def one_line(text: str, /) -> str:
    """The same on one line: line ends are shown too, and tabs become spaces."""
    return neutralise(text).replace("\n", "\u240a").replace("\t", " ")
