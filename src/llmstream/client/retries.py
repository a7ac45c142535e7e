"""How often a call is made again, and how long it may wait before."""

from __future__ import annotations

import attrs


@attrs.frozen
class Retries:
    """Calls made again before the first event; `Retries(1)` makes each call once.

    Attributes:
        attempts: how many calls at most, with the first.
        first_wait: seconds before the second attempt; the wait doubles with each one after it, and is
            shortened by chance, so that callers who failed together do not come back together.
        longest_wait: the most seconds between two attempts. A provider that asks for more is not waited
            for: its error is raised at once, with its `retry_after`.
        within: seconds in which all attempts must begin; None is no limit.
    """

    attempts: int = 3
    first_wait: float = 0.5
    longest_wait: float = 60.0
    within: float | None = 300.0
