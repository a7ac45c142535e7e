"""When the next call may go, as pure steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.client.pace import Pace, Told, Window
from llmstream.values.ratelimits import RateLimit, RateLimits


def test_a_window_takes_so_much_in_any_minute() -> None:
    window = Window(3)
    for at in (0, 10, 20):
        assert window.wait(1, at) == 0
        window.take(1, at)
    assert window.wait(1, 30) == 30
    assert window.wait(2, 30) == 40
    assert window.wait(1, 60) == 0


def test_what_is_more_than_the_whole_goes_alone() -> None:
    window = Window(3)
    assert window.wait(50, 0) == 0
    window.take(50, 0)
    assert window.wait(1, 1) == 59
    assert window.wait(50, 60) == 0


def test_what_was_taken_is_settled_when_it_is_known() -> None:
    window = Window(100)
    spent = window.take(10, 0)
    assert window.wait(50, 1) == 0
    window.settle(spent, 90, 1)
    assert window.wait(50, 1) == 59
    window.settle(spent, 5, 2)
    assert window.wait(95, 2) == 0
    later = window.take(1, 100)
    window.settle(spent, 500, 100)
    assert window.wait(99, 100) == 0
    window.settle(later, 100, 100)
    assert window.wait(1, 100) == 60


@given(st.lists(st.tuples(st.floats(0, 200), st.integers(1, 5)), max_size=40), st.integers(5, 12))
def test_no_minute_has_more_than_the_limit(wishes, limit) -> None:
    window, now, taken = Window(limit), 0.0, []
    for pause, amount in wishes:
        now += pause
        # Past the float that the wait was rounded to.
        now += (wait := window.wait(amount, now)) + (1e-6 if wait else 0)
        assert window.wait(amount, now) == 0
        window.take(amount, now)
        taken.append((now, amount))
    for start, _ in taken:
        assert sum(amount for at, amount in taken if start <= at < start + 59.999) <= limit


def test_what_a_provider_told_counts_until_its_time() -> None:
    told = Told()
    assert told.wait(0) == 0
    told.note(RateLimit(10, 2, 30), 0)
    told.take(1)
    assert told.wait(1) == 0
    told.take(1)
    assert told.wait(1) == 29
    assert told.wait(31) == 0
    told.note(RateLimit(10, None, 30), 1)
    assert told.wait(1) == 29
    told.note(RateLimit(10, 5, 30), 2)
    assert told.wait(2) == 0


@pytest.mark.parametrize("kind", ["requests", "tokens", "other"])
def test_each_limit_that_is_told_holds_calls(kind) -> None:
    limit = RateLimit(10, 0, 30)
    told = RateLimits(other={"input-tokens": limit}) if kind == "other" else RateLimits(**{kind: limit})
    pace = Pace(None, None)
    assert pace.wait(1, 0) <= 0
    pace.note(told, 0)
    assert pace.wait(1, 10) == 20


def test_the_longest_wait_counts() -> None:
    pace = Pace(1, 100)
    spent = pace.take(90, 0)
    assert spent is not None
    assert pace.wait(20, 10) == 50
    pace.pause(70, 0)
    pace.pause(20, 0)
    assert pace.wait(20, 10) == 60
    pace.settle(spent, 10, 10)
    assert pace.wait(20, 10) == 60


def test_requests_and_tokens_are_counted_down_apart() -> None:
    pace = Pace(None, None)
    pace.note(RateLimits(requests=RateLimit(9, 2, 30), tokens=RateLimit(9, 100, 20)), 0)
    assert pace.take(60, 0) is None
    assert pace.wait(60, 0) <= 0
    pace.take(60, 0)
    assert pace.wait(60, 0) == 30
