"""What is left of an account's limits, as a response tells it."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen
class RateLimit:
    """One limit: how much there is, how much of it is left, and in how many seconds it is whole again."""

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None


@attrs.frozen(kw_only=True)
class RateLimits:
    """The limits that a response tells of.

    `other` has those that are neither, under the wire's own words: "input-tokens", "tokens-month".
    """

    requests: RateLimit | None = None
    tokens: RateLimit | None = None
    other: Mapping[str, RateLimit] = attrs.field(factory=dict[str, RateLimit])
