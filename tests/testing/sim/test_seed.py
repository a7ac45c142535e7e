"""Chance that can be had again."""

from llmstream.testing.sim.seed import Seed


def choices(number: int) -> Seed:
    seed = Seed(number)
    seed.pick("one", "abcdefgh")
    seed.count("many", 1, 1000)
    seed.once_in("often", 3)
    seed.seconds("wait", 0.0, 5.0)
    return seed


def test_a_number_makes_the_same_choices() -> None:
    assert choices(1).trace == choices(1).trace
    assert choices(1).trace != choices(2).trace


def test_the_trace_says_what_was_chosen() -> None:
    assert [what for what, _ in choices(3).trace] == ["one", "many", "often", "wait"]


def test_bounds_are_kept_and_reached() -> None:
    seed = Seed(0)
    assert {seed.count("n", 2, 4) for _ in range(100)} == {2, 3, 4}
    assert {seed.pick("n", (7, 8)) for _ in range(100)} == {7, 8}
    assert all(1.0 <= seed.seconds("s", 1.0, 2.0) <= 2.0 for _ in range(100))
    assert 20 < sum(seed.once_in("x", 4) for _ in range(200)) < 80
