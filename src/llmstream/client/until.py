"""The first place where a text matches a regular expression, found while the text comes."""

from __future__ import annotations

import re

LOOK_BEHIND = 512


class Until:
    """Looks for the smallest beginning of a text in which an expression matches.

    That does not depend on how the text was cut, as long as a match stays one whatever follows it: "$" and
    looking ahead are judged at the end of what has come. Before each piece `LOOK_BEHIND` characters are
    looked at again, so the cost is linear.
    """

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern
        self._before = ""

    def feed(self, text: str) -> int | None:
        """How many characters of this piece belong to the text that matches; None: it does not match yet."""
        begin = len(self._before)
        whole, start = self._before + text, max(0, begin - LOOK_BEHIND)
        match = self._pattern.search(whole, start)
        if match is None:
            # Twice as much, so that "^" and looking behind are not deceived at the edge.
            self._before = whole[-2 * LOOK_BEHIND :]
            return None
        low, high = begin, match.end()
        while low + 1 < high:
            middle = (low + high) // 2
            if self._pattern.search(whole, start, middle):
                high = middle
            else:
                low = middle
        return max(0, high - begin)
