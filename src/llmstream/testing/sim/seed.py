"""One seeded source of all choices of a run, and the list of those that were made."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Seed:
    """Chance that can be had again: the same number makes the same choices in the same order.

    Attributes:
        number: what it was made of.
        trace: what was chosen, in order, each with what it was chosen for.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.trace: list[tuple[str, object]] = []
        self._chance = random.Random(number)

    def pick(self, what: str, among: Sequence[T], /) -> T:
        """One of several; the trace has its position."""
        at = int(self._chance.random() * len(among))
        self.trace.append((what, at))
        return among[at]

    def count(self, what: str, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        number = low + int(self._chance.random() * (high - low + 1))
        self.trace.append((what, number))
        return number

    def once_in(self, what: str, times: int) -> bool:
        """Whether it is the one time in so many."""
        hit = self._chance.random() * times < 1
        self.trace.append((what, hit))
        return hit

    def seconds(self, what: str, low: float, high: float) -> float:
        """A time, to the microsecond; two are hardly ever the same, so that nothing is due at once."""
        seconds = round(low + self._chance.random() * (high - low), 6)
        self.trace.append((what, seconds))
        return seconds
