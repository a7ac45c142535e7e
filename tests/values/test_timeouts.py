"""The limits of waiting, as values that lie one over the other."""

import copy
import pickle

import pytest

from llmstream import ConfigError, Timeouts


def test_what_is_not_given_is_what_lies_below() -> None:
    row = Timeouts(liveness=60, stall=90)
    model = Timeouts(stall=20, total=100).over(row)
    assert model == Timeouts(10, 600, 20, 60, 100, 30)
    assert Timeouts(stall=5).over(model) == Timeouts(10, 600, 5, 60, 100, 30)


def test_none_is_given_and_so_is_a_default_that_is_written_out() -> None:
    below = Timeouts(1, 2, 3, 4, 5, 6)
    assert Timeouts(total=None).over(below) == Timeouts(1, 2, 3, 4, None, 6)
    assert Timeouts(connect=10.0).over(below).connect == 10


def test_what_lies_over_nothing_is_as_it_is() -> None:
    assert Timeouts(stall=5).over(None) == Timeouts(stall=5)
    assert Timeouts(stall=5).over(Timeouts()).over(Timeouts(total=7)) == Timeouts(stall=5, total=7)


def test_a_copy_still_knows_what_was_given() -> None:
    below = Timeouts(1, 2, 3, 4, 5, 6)
    for copied in (copy.deepcopy(Timeouts(stall=9)), pickle.loads(pickle.dumps(Timeouts(stall=9)))):
        assert copied.over(below) == Timeouts(1, 2, 9, 4, 5, 6)


def test_no_marker_is_seen() -> None:
    assert repr(Timeouts()) == (
        "Timeouts(connect=10.0, first_event=600.0, stall=180.0, liveness=None, total=None, pool=30.0)"
    )
    assert hash(Timeouts()) == hash(Timeouts(connect=10))


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_no_time_is_less_than_none(seconds) -> None:
    with pytest.raises(ConfigError, match="stall"):
        Timeouts(stall=seconds)
