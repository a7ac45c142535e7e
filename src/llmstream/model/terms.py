"""On what terms a call is made: what the caller says beside the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from llmstream.client.budget import Budget
    from llmstream.client.retries import Retries
    from llmstream.client.timeouts import Timeouts


@attrs.frozen(kw_only=True)
class Terms:
    """How long a call may take, how often it is tried and what it may cost; None is the model's own."""

    timeouts: Timeouts | None = None
    retries: Retries | None = None
    budget: Budget | None = None
    keep: bool = True
