"""On what terms a call is made: what the caller says beside the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import attrs

from llmstream.client.limits import Limits
from llmstream.client.retries import Retries
from llmstream.client.timeouts import Timeouts

if TYPE_CHECKING:
    from llmstream.client.budget import Budget
    from llmstream.client.limiter import RateLimiter


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
