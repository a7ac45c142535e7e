"""The limits that a response tells of, as values."""

import attrs
import pytest

from llmstream.values.ratelimits import RateLimit, RateLimits


def test_what_is_not_told_is_none_and_others_are_by_name() -> None:
    limits = RateLimits(tokens=RateLimit(100, 7, 1.5), other={"tokens-month": RateLimit(remaining=3)})
    assert limits.requests is None
    assert limits.tokens == RateLimit(limit=100, remaining=7, reset=1.5)
    assert limits.other["tokens-month"].limit is None
    assert RateLimits().other == {}


def test_they_are_frozen_and_each_has_others_of_its_own() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        RateLimit().remaining = 1  # type: ignore[misc]
    assert RateLimits().other is not RateLimits().other
