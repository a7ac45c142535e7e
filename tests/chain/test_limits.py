"""How far a chain may go."""

import pytest

from llmstream import ChainLimitError, ChainLimits, ConfigError, ToolLimits, user

HISTORY = (user("x"),)


@pytest.mark.parametrize("name", ["rounds", "calls", "tokens", "seconds"])
def test_a_limit_is_above_nothing(name) -> None:
    with pytest.raises(ConfigError, match=name):
        ChainLimits(**{name: 0})


@pytest.mark.parametrize(("name", "used"), [("rounds", 2), ("calls", 3), ("tokens", 3)])
def test_what_was_used_is_compared(name, used) -> None:
    limits = ChainLimits(**{"rounds": None, "calls": None, name: 2})
    spent = dict.fromkeys(("rounds", "calls", "tokens"), 0)
    limits.check(**spent, history=HISTORY)
    with pytest.raises(ChainLimitError, match=f"2 {name}") as caught:
        limits.check(**spent | {name: used}, history=HISTORY)
    error = caught.value
    assert (error.limit, error.value, error.history) == (name, 2, HISTORY)


def test_rounds_and_calls_have_an_end_by_default() -> None:
    limits = ChainLimits()
    assert (limits.rounds, limits.calls, limits.tokens, limits.seconds) == (20, 1000, None, None)
    assert limits.tool == ToolLimits()


def test_what_are_no_limits_is_refused() -> None:
    assert ChainLimits.of(None) == ChainLimits()
    with pytest.raises(ConfigError, match="ChainLimits as limits=, got ToolLimits"):
        ChainLimits.of(ToolLimits())
    with pytest.raises(ConfigError, match="whole number above 0 as rounds="):
        ChainLimits(rounds=1.5)


def test_calls_may_begin_early_where_they_may_be_made() -> None:
    limits = ChainLimits(rounds=2, calls=3)
    assert limits.allow(rounds=1, calls=3)
    assert not limits.allow(rounds=2, calls=0)
    assert not limits.allow(rounds=0, calls=4)
    assert ChainLimits(rounds=None, calls=None).allow(rounds=99, calls=9999)
