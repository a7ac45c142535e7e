"""How often a call is made again, as a value."""

import pytest

from llmstream import Attempt, ConfigError, Retries, ServerError


def test_a_call_is_made_three_times_at_most_by_default() -> None:
    assert Retries() == Retries(3, first_wait=0.5, longest_backoff=8, longest_wait=120, within=300)


def test_a_listener_is_no_part_of_the_value() -> None:
    assert Retries(listener=print) == Retries()
    assert "print" not in repr(Retries(listener=print))


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"first_wait": -1}, {"longest_wait": float("nan")}, {"longest_backoff": -1}]
)
def test_what_makes_no_sense_is_refused_by_name(wrong) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Retries(**wrong)


def test_an_attempt_is_a_value() -> None:
    error = ServerError("x")
    assert Attempt(1, error) == Attempt(1, error, None)
