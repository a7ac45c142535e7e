"""What is a number that can be meant: of seconds, bytes, tokens or calls."""

from __future__ import annotations


def is_amount(value: object, /, least: float = 0) -> bool:
    """Whether a value is a number of at least so much; a bool, NaN and what is no number are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= least
