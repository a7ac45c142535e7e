"""What tokens cost."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

from llmstream.errors import ConfigError
from llmstream.values.usage import Usage

Prices: TypeAlias = Callable[[str, Usage], float | None]
"""What a usage costs in US dollars, by the model's name ("provider/model-id"); None: it is not known."""

# More tokens than any answer has; a model without a price per token has no limit.
_MOST = 1 << 30


def package_prices(name: str, usage: Usage, /) -> float | None:
    """What a usage costs by the package genai-prices.

    The provider is looked up by our name for it, else by the model's id alone.

    Raises:
        ConfigError: when the package is not installed.
    """
    provider, _, model = name.partition("/")
    package = _package()
    tokens = package.Usage(
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.cached_input,
        cache_write_tokens=usage.cache_write,
    )
    for provider_id in (provider, None):
        try:
            return float(package.calc_price(tokens, model, provider_id=provider_id).total_price)
        except LookupError:
            pass
    return None


@cache
def _package() -> Any:
    # Any: the package is not there for those who bring their own prices.
    try:
        import genai_prices
    except ImportError as error:
        raise ConfigError(
            "expected prices= for a budget of cost, or the package genai-prices: install llmstream[prices]"
        ) from error
    return genai_prices


def price(prices: Prices, name: str, usage: Usage, /) -> float:
    """What a usage costs.

    Raises:
        ConfigError: when the prices do not know the model.
    """
    cost = prices(name, usage)
    if cost is None:
        raise ConfigError(f"expected prices for {name}, which a budget of cost needs, got none")
    return cost


def affordable(prices: Prices, name: str, cost: float, input: int, /) -> int | None:
    """How many tokens of output may follow `input` at a cost; None when the input alone is too dear.

    Raises:
        ConfigError: when the prices do not know the model.
    """
    if price(prices, name, Usage(input=input)) > cost:
        return None
    low, high = 0, _MOST
    while low < high:
        middle = (low + high + 1) // 2
        if price(prices, name, Usage(input=input, output=middle)) <= cost:
            low = middle
        else:
            high = middle - 1
    return low
