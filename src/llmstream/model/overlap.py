"""How much of what was said is said again, found while it is being said.

A model that goes on with another's text often begins its last word, sentence or paragraph anew. The longest
end of the old text with which the new one begins is what is said twice.
"""

from __future__ import annotations

# An end that begins inside a word is a repetition only if it is too long for chance: "agre" + "ed".
_SURELY = 8


class Overlap:
    """Looks for the longest end of `said` that a text begins with, as the text comes.

    This is the matching of Knuth, Morris and Pratt with a pattern that grows: linear in both texts, and of
    the new one no more is waited for than may still be a repetition.
    """

    def __init__(self, said: str) -> None:
        self._said = said
        self._new: list[str] = []
        # For each beginning of the new text the longest shorter beginning that it ends with.
        self._borders: list[int] = []
        self._at = 0
        self._matched = 0

    def feed(self, text: str) -> int | None:
        """Take more of the new text; how many characters of it are a repetition, once that is certain."""
        for char in text:
            self._append(char)
        return self._scan(ended=False)

    def feed_eof(self) -> int:
        """How many characters are a repetition, now that no more will come."""
        return self._scan(ended=True) or 0

    def _append(self, char: str) -> None:
        new, borders = self._new, self._borders
        border = borders[-1] if borders else 0
        while border and new[border] != char:
            border = borders[border - 1]
        borders.append(border + 1 if new and new[border] == char else 0)
        new.append(char)

    def _scan(self, *, ended: bool) -> int | None:
        said, new, borders, known = self._said, self._new, self._borders, len(self._new)
        at, matched = self._at, self._matched
        while at < len(said) and (matched < known or ended):
            if matched < known and new[matched] == said[at]:
                matched += 1
                at += 1
            elif matched:
                matched = borders[matched - 1]
            else:
                at += 1
        self._at, self._matched = at, matched
        return self._likely(matched) if at == len(said) else None

    def _likely(self, length: int) -> int:
        """The longest repetition, of those that end alike, that is no chance."""
        while length and not self._is_repetition(length):
            length = self._borders[length - 1]
        return length

    def _is_repetition(self, length: int) -> bool:
        start = len(self._said) - length
        if length >= _SURELY or start == 0:
            return True
        return not (self._said[start - 1].isalnum() and self._said[start].isalnum())
