"""Limits of tools."""

import pytest

from llmstream import ConfigError, ToolLimits


@pytest.mark.parametrize("name", ["parallel", "seconds", "text", "attachments"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_limit_is_above_nothing(name, value) -> None:
    with pytest.raises(ConfigError, match=name):
        ToolLimits(**{name: value})


def test_every_wait_has_a_clock_unless_it_is_taken_away() -> None:
    assert ToolLimits().seconds == 600
    assert ToolLimits(seconds=None).seconds is None


@pytest.mark.parametrize("name", ["parallel", "text", "attachments"])
@pytest.mark.parametrize("value", [None, 1.5, "3", True])
def test_what_is_counted_is_whole(name, value) -> None:
    with pytest.raises(ConfigError, match=f"whole number above 0 as {name}="):
        ToolLimits(**{name: value})


@pytest.mark.parametrize("value", ["3", True, []])
def test_seconds_are_a_number(value) -> None:
    with pytest.raises(ConfigError, match="number above 0 as seconds="):
        ToolLimits(seconds=value)
