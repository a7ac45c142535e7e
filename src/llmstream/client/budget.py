"""What an answer may cost before it is cut."""

from __future__ import annotations

import re

import attrs

from llmstream.client.prices import Prices
from llmstream.errors import ConfigError
from llmstream.values.amounts import is_amount


@attrs.frozen(kw_only=True)
class Budget:
    """Where a live answer is cut; None is no limit. See `budget`."""

    tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None
    until: str | re.Pattern[str] | None = None
    prices: Prices | None = None

    def __attrs_post_init__(self) -> None:
        for name in ("tokens", "cost", "seconds"):
            _check(name, getattr(self, name))
        if self.prices is not None and not callable(self.prices):
            raise ConfigError(
                f"expected a function of a model's name and a usage as prices, got {self.prices!r}"
            )
        self.pattern()

    def pattern(self) -> re.Pattern[str] | None:
        """The expression of `until`, compiled.

        Raises:
            ConfigError: when it is none.
        """
        if self.until is None:
            return None
        try:
            pattern = re.compile(self.until)
            pattern.search("")
        except (re.error, TypeError) as error:
            raise ConfigError(f"expected a regular expression of text as until, got {error}") from error
        return pattern


def budget(
    *,
    tokens: int | None = None,
    cost: float | None = None,
    seconds: float | None = None,
    until: str | re.Pattern[str] | None = None,
    prices: Prices | None = None,
) -> Budget:
    """Say where a live answer is cut: its connection is closed at once, and it ends as one that is whole.

    It ends with `Done(finish_reason="budget")` in state "budget", with what was given until then. Its usage
    is an estimate, four bytes of UTF-8 to a token, and says so: `usage.details["estimated"]` is True. An
    answer that ends by itself is as it is without a budget.

    Args:
        tokens: of output, reasoning and the arguments of calls, estimated as above; text is cut in the
            middle of an event.
        cost: in US dollars, of the request's text and the output, both estimated. A request that is too
            dear by itself is not sent.
        seconds: from the moment the call is made, waits and the consumer's own time included.
        until: a regular expression; the visible text ends with the first place where it matches,
            and takes as little as it can. A match is found that began at most 512 characters before the
            event in which it ends.
        prices: what usage costs, in place of the package genai-prices, which the extra `prices` installs.

    Raises:
        ConfigError: when a value is none that can be meant.
    """
    return Budget(tokens=tokens, cost=cost, seconds=seconds, until=until, prices=prices)


def _check(name: str, value: object) -> None:
    if value is not None and not is_amount(value):
        raise ConfigError(f"expected a number of 0 or more as {name}, got {value!r}")
