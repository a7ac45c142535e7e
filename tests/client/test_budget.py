"""What a budget may say."""

import re

import pytest

import llmstream
from llmstream import Budget, ConfigError


def test_a_budget_is_a_value() -> None:
    assert llmstream.budget(tokens=5) == Budget(tokens=5)
    assert llmstream.budget().pattern() is None
    assert llmstream.budget(until="a+").pattern() == re.compile("a+")
    compiled = re.compile("a", re.IGNORECASE)
    assert llmstream.budget(until=compiled).pattern() is compiled


@pytest.mark.parametrize(
    "given",
    [
        {"tokens": -1},
        {"tokens": True},
        {"tokens": "9"},
        {"cost": -0.1},
        {"seconds": float("nan")},
        {"until": "("},
        {"until": 5},
        {"until": b"bytes"},
        {"cost": 1, "prices": {"m": 1}},
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(given) -> None:
    with pytest.raises(ConfigError, match=[*given][-1]):
        llmstream.budget(**given)
