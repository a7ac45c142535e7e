"""How often a call is made again, and how long it may wait before."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from llmstream.errors import ConfigError, LLMStreamError
from llmstream.values.amounts import is_amount


@attrs.frozen
class Attempt:
    """A call that failed before its first event.

    Attributes:
        number: from 1.
        wait: seconds until the next attempt begins; None when there is none and the error is raised.
    """

    number: int
    error: LLMStreamError
    wait: float | None = None


@attrs.frozen
class Retries:
    """Calls made again before the first event; `Retries(1)` makes each call once.

    An error that is raised in the end has those of the attempts before it as `error.attempts`.

    Attributes:
        attempts: how many calls at most, with the first.
        first_wait: seconds before the second attempt; the wait doubles with each one after it, and is
            shortened by chance, so that callers who failed together do not come back together.
        longest_backoff: where the doubling ends.
        longest_wait: the most seconds that are waited because the provider asks for it. Where it asks for
            more, its error is raised at once, with its `retry_after`.
        within: seconds in which all attempts must begin; None is no limit.
        listener: is told each attempt that failed, before the wait; what it raises ends the call.
    """

    attempts: int = 3
    first_wait: float = attrs.field(default=0.5, kw_only=True)
    longest_backoff: float = attrs.field(default=8.0, kw_only=True)
    longest_wait: float = attrs.field(default=120.0, kw_only=True)
    within: float | None = attrs.field(default=300.0, kw_only=True)
    listener: Callable[[Attempt], None] | None = attrs.field(default=None, kw_only=True, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not is_amount(self.attempts, 1):
            raise ConfigError(f"expected at least one attempt, got attempts={self.attempts!r}")
        for name in ("first_wait", "longest_backoff", "longest_wait"):
            if not is_amount(getattr(self, name)):
                raise ConfigError(f"expected seconds from 0 as {name}, got {getattr(self, name)!r}")
        if self.within is not None and not is_amount(self.within):
            raise ConfigError(f"expected seconds from 0 or None as within, got {self.within!r}")


ONCE = Retries(1)
