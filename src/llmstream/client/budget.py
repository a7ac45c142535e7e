"""What an answer may cost before it is cut."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Budget:
    """Where a live answer is cut; None is no limit.

    Attributes:
        tokens: of output, estimated while the answer runs.
        cost: in US dollars, by the table of prices.
        seconds: from the first event.
        until: a regular expression; the answer ends with its first match in the visible text.
    """

    tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None
    until: str | None = None
