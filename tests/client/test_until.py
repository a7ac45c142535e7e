"""A text that ends with a match."""

import itertools
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.client.until import LOOK_BEHIND, Until


def ended(pattern: str, *pieces: str) -> str | None:
    """The text up to its end; None when nothing matches."""
    until, text = Until(re.compile(pattern)), ""
    for piece in pieces:
        if (end := until.feed(piece)) is not None:
            return text + piece[:end]
        text += piece
    return None


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("</a>", "x</a>y", "x</a>"),
        (r"\d+", "a123", "a1"),
        ("a.*b|c", "a c b", "a c"),
        ("nothing", "some", None),
        ("^b", "ab", None),
        ("", "ab", ""),
        ("(?s)a.*z", "a\n" * 9 + "z!", "a\n" * 9 + "z"),
    ],
)
def test_the_text_ends_where_it_first_matches(pattern, text, expected) -> None:
    assert ended(pattern, text) == expected
    assert ended(pattern, *text) == expected


@given(
    st.sampled_from(["ab+", "a.a", "[ab]{3}", "b(?<!ab)", "(a|bb)c"]),
    st.text("abc", max_size=20),
    st.lists(st.integers(0, 20), max_size=5),
)
def test_it_does_not_matter_how_it_is_cut(pattern, text, cuts) -> None:
    edges = [0, *sorted(cuts), len(text)]
    pieces = [text[begin:end] for begin, end in itertools.pairwise(edges)]
    whole = next((text[:end] for end in range(len(text) + 1) if re.search(pattern, text[:end])), None)
    assert ended(pattern, *pieces) == whole


def test_a_match_may_begin_so_far_before_and_no_farther() -> None:
    assert ended("(?s)<.*>", "<" + "x" * (LOOK_BEHIND - 1), ">") is not None
    assert ended("(?s)<.*>", "<", *["x"] * LOOK_BEHIND, ">") is None
    assert ended("^x", "y", *["x"] * 2000) is None


def test_what_was_given_is_not_taken_back() -> None:
    assert ended("a(?=b)", "a", "bc") == "a"


def test_time_grows_with_the_text() -> None:
    def seconds(count: int) -> float:
        begin = time.perf_counter()
        assert ended("<never>", *["word "] * count) is None
        return time.perf_counter() - begin

    seconds(1000)
    assert seconds(40_000) < 100 * max(seconds(2_000), 1e-3)
