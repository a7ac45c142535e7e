"""The limits of waiting, as values."""

from llmstream import Timeouts


def test_every_wait_is_finite_by_default_and_the_whole_need_not_be() -> None:
    assert Timeouts() == Timeouts(connect=10, first_event=600, stall=180, liveness=None, total=None, pool=30)
