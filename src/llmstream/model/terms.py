"""On what terms a call is made: what the caller says beside the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import attrs

from llmstream.client.limits import Limits
from llmstream.client.retries import Retries
from llmstream.client.timeouts import Timeouts
from llmstream.errors import ConfigError

if TYPE_CHECKING:
    from llmstream.client.budget import Budget
    from llmstream.client.limiter import RateLimiter


_KINDS: dict[str, type] = {"timeouts": Timeouts, "retries": Retries, "limits": Limits}


def must_be_terms(**given: object) -> None:
    """Refuse terms of the wrong kind, such as a number of seconds as `timeouts`; None is left out.

    Raises:
        ConfigError: when one is; it is named.
    """
    for name, value in given.items():
        if value is not None:
            must_be_a(_kind(name), name, value)


def _kind(name: str) -> type:
    if name in _KINDS:
        return _KINDS[name]
    # Not above: calls without a budget and a limiter do without.
    from llmstream.client.budget import Budget
    from llmstream.client.limiter import RateLimiter

    return Budget if name == "budget" else RateLimiter


def must_be_a(kind: type, name: str, value: object) -> None:
    """Refuse an argument that is of no such kind.

    Raises:
        ConfigError: when it is none; it is named.
    """
    if not isinstance(value, kind):
        raise ConfigError(f"expected {kind.__name__} as {name}, got {value!r}")


class CallTerms(TypedDict, total=False):
    """What a model's `batches` takes beside the request."""

    timeouts: Timeouts
    retries: Retries


@attrs.frozen(kw_only=True)
class Terms:
    """How long a call may take, how often it is tried and what it may cost; None is the model's own."""

    timeouts: Timeouts | None = None
    retries: Retries | None = None
    budget: Budget | None = None
    keep: bool = True

    def __attrs_post_init__(self) -> None:
        must_be_terms(timeouts=self.timeouts, retries=self.retries, budget=self.budget)

    def of_a_call(self) -> CallTerms:
        """What was given of that which the model itself sees to."""
        given = CallTerms()
        if self.timeouts is not None:
            given["timeouts"] = self.timeouts
        if self.retries is not None:
            given["retries"] = self.retries
        return given


@attrs.frozen(kw_only=True)
class Defaults:
    """What a model's calls are made with, where a call says nothing of its own."""

    timeouts: Timeouts = attrs.field(factory=Timeouts)
    retries: Retries = attrs.field(factory=Retries)
    limits: Limits = attrs.field(factory=Limits)
    limiter: RateLimiter | None = None

    def __attrs_post_init__(self) -> None:
        must_be_terms(timeouts=self.timeouts, retries=self.retries, limits=self.limits, limiter=self.limiter)
