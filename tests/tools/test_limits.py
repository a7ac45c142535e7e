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
