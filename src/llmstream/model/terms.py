"""On what terms a call is made: what the caller says beside the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import attrs

if TYPE_CHECKING:
    from llmstream.client.budget import Budget
    from llmstream.client.retries import Retries
    from llmstream.client.timeouts import Timeouts


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
