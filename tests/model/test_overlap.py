"""What is said twice, found while it is said."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.model.overlap import Overlap


def repeated(said: str, *pieces: str) -> int:
    """The characters of the pieces that are a repetition."""
    overlap = Overlap(said)
    for piece in pieces:
        if (found := overlap.feed(piece)) is not None:
            return found
    return overlap.feed_eof()


@pytest.mark.parametrize(
    ("said", "new", "joined"),
    [
        ("Hello wor", "world", "Hello world"),
        ("Hello ", " world", "Hello world"),
        ("Hello", "Hello world", "Hello world"),
        ("Hello", " world", "Hello world"),
        ("They agre", "ed", "They agreed"),
        ("They agre", "agreed", "They agreed"),
        ("one two three", "two three four", "one two three four"),
        ("", "abc", "abc"),
        ("abc", "", "abc"),
        ("an ant", "another", "an antanother"),
        ("它们都同意了这个很长的提议", "意了这个很长的提议吗", "它们都同意了这个很长的提议吗"),
    ],
)
def test_the_end_of_a_text_is_not_said_twice(said, new, joined) -> None:
    assert said + new[repeated(said, new) :] == joined
    assert said + new[repeated(said, *new) :] == joined


def plainly(said: str, new: str) -> int:
    """The longest end that is no chance, by trying them all."""
    for length in range(min(len(said), len(new)), 0, -1):
        start = len(said) - length
        inside = start and said[start - 1].isalnum() and said[start].isalnum()
        if new.startswith(said[start:]) and (length >= 8 or not inside):
            return length
    return 0


@given(st.text("ab ", max_size=30), st.text("ab ", max_size=30), st.lists(st.integers(0, 30), max_size=4))
def test_it_is_the_longest_wherever_the_text_is_cut(said, new, cuts) -> None:
    edges = [0, *sorted(cuts), len(new)]
    pieces = [new[begin:end] for begin, end in itertools.pairwise(edges)]
    assert repeated(said, *pieces) == plainly(said, new)


def test_no_more_is_waited_for_than_may_be_a_repetition() -> None:
    overlap = Overlap("abc abc")
    assert overlap.feed("ab") is None
    assert overlap.feed("d") == 0


def test_a_text_that_repeats_itself_takes_linear_time() -> None:
    size = 200_000
    assert repeated("a" * size, "a" * (size - 1), "b") == size - 1
    assert repeated(" " + "a" * size, "a" * size) == size
