"""What tokens cost, and how many a sum buys."""

import sys

import pytest

from llmstream import ConfigError, Usage
from llmstream.client import prices


def table(name: str, usage: Usage) -> float | None:
    """A dollar for input, two for output, and ten more beyond a hundred."""
    if name != "x/m":
        return None
    return usage.input + 2 * usage.output + (10 if usage.output > 100 else 0)


def test_a_sum_buys_what_is_left_after_the_input() -> None:
    assert prices.affordable(table, "x/m", 11, 1) == 5
    assert prices.affordable(table, "x/m", 12, 1) == 5
    assert prices.affordable(table, "x/m", 1, 1) == 0
    assert prices.affordable(table, "x/m", 0.5, 1) is None
    assert prices.affordable(table, "x/m", 205, 0) == 100
    assert prices.affordable(lambda name, usage: 0.0, "x/m", 0, 10) > 1_000_000


def test_a_model_that_the_table_does_not_have_is_named() -> None:
    with pytest.raises(ConfigError, match="x/other"):
        prices.price(table, "x/other", Usage())


def test_the_packages_table_knows_the_well_known() -> None:
    usage = Usage(input=1000, output=100)
    cost = prices.package_prices("openai/gpt-5", usage)
    assert cost == pytest.approx(1000 * 1.25e-6 + 100 * 10e-6, rel=0.9)
    assert prices.package_prices("my-gateway/gpt-5", usage) is not None
    assert prices.package_prices("demo/demo", usage) is None
    cheaper = prices.package_prices("openai/gpt-5", Usage(input=1000, output=100, cached_input=1000))
    assert cheaper < cost


def test_without_the_package_a_table_is_asked_for(monkeypatch) -> None:
    prices._package.cache_clear()
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    with pytest.raises(ConfigError, match=r"llmstream\[prices\]"):
        prices.package_prices("openai/gpt-5", Usage())
