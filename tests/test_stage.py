from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.stage import Pipe, Stage, drive, run


class Pairs:
    """Two items become one; an odd one is held back until the end."""

    def __init__(self) -> None:
        self._held: list[str] = []

    def feed(self, item: str) -> Iterator[str]:
        self._held.append(item)
        if len(self._held) == 2:
            yield "".join(self._held)
            self._held.clear()

    def feed_eof(self) -> Iterator[str]:
        yield from self._held


class Letters:
    """Each item becomes its letters; a "!" fails after the letters before it."""

    def feed(self, item: str) -> Iterator[str]:
        for letter in item:
            if letter == "!":
                raise ValueError(item)
            yield letter

    def feed_eof(self) -> Iterable[str]:
        return ("end",)


async def slowly(items: Iterable[str]) -> AsyncGenerator[str, None]:
    for item in items:
        yield item


def taken(results: Iterable[str]) -> list[str]:
    """What comes before the failure."""
    seen: list[str] = []
    with pytest.raises(ValueError, match="!"):
        seen.extend(results)
    return seen


def test_run_gives_what_each_item_and_the_end_give():
    assert list(run(Pairs(), "abc")) == ["ab", "c"]


def test_run_of_nothing_is_the_end():
    assert list(run(Letters(), [])) == ["end"]


def test_run_takes_items_as_they_are_needed():
    def endless() -> Iterator[str]:
        while True:
            yield "a"

    assert next(run(Pairs(), endless())) == "aa"


def test_results_before_a_failure_are_given_first():
    assert taken(run(Letters(), ["ab", "c!d"])) == ["a", "b", "c"]


def test_a_pipe_feeds_the_second_with_what_the_first_gives():
    assert list(run(Pipe(Pairs(), Letters()), ["x", "yz", "w"])) == ["x", "y", "z", "w", "end"]


def test_a_pipe_ends_the_first_before_the_second():
    pipe: Stage[str, str] = Pipe(Letters(), Pairs())
    assert list(pipe.feed("a")) == []
    assert list(pipe.feed_eof()) == ["aend"]


def test_a_pipe_gives_results_before_a_failure_first():
    assert taken(Pipe(Letters(), Letters()).feed("bc!")) == ["b", "c"]


@given(st.lists(st.text("abc", max_size=3)))
def test_pipes_compose(items: list[str]):
    once = list(run(Pairs(), list(run(Letters(), items))))
    assert list(run(Pipe(Letters(), Pairs()), items)) == once


@given(st.lists(st.text("abc", max_size=3)))
def test_pipes_are_associative(items: list[str]):
    left = Pipe(Pipe(Letters(), Pairs()), Letters())
    right = Pipe(Letters(), Pipe(Pairs(), Letters()))
    assert list(run(left, items)) == list(run(right, items))


@pytest.mark.anyio
async def test_drive_gives_what_run_gives():
    async with aclosing(slowly("abc")) as items:
        assert [out async for out in drive(Pairs(), items)] == list(run(Pairs(), "abc"))


@pytest.mark.anyio
async def test_drive_gives_results_before_a_failure_first():
    seen: list[str] = []

    async def take_all(items: AsyncIterator[str]) -> None:
        async for letter in drive(Letters(), items):
            seen.append(letter)  # noqa: PERF401 - those before the failure are kept

    async with aclosing(slowly(["a", "b!"])) as items:
        with pytest.raises(ValueError, match="!"):
            await take_all(items)
    assert seen == ["a", "b"]
