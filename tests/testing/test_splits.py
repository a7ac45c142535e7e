from hypothesis import given
from hypothesis import strategies as st

from llmstream.testing import splits


@given(data=st.binary(), offsets=st.lists(st.integers(-5, 40)))
def test_pieces_joined_are_the_bytes(data: bytes, offsets: list[int]):
    pieces = splits.cut(data, offsets)
    assert b"".join(pieces) == data
    assert all(pieces) or data == b""


def test_cuts_are_made_at_the_offsets():
    assert splits.cut(b"abcdef", [4, 1, 4, 0, 6, 9, -1]) == [b"a", b"bcd", b"ef"]


def test_nothing_has_one_empty_piece():
    assert splits.cut(b"", [1]) == splits.single_bytes(b"") == [b""]
    assert list(splits.two_way(b"")) == []


def test_single_bytes_and_two_way():
    assert splits.single_bytes(b"abc") == [b"a", b"b", b"c"]
    assert list(splits.two_way(b"abc")) == [[b"a", b"bc"], [b"ab", b"c"]]


@given(data=st.binary(), seed=st.integers())
def test_random_cuts_repeat_with_their_seed(data: bytes, seed: int):
    first = list(splits.random_cuts(data, seed, 4))
    assert first == list(splits.random_cuts(data, seed, 4))
    assert [b"".join(pieces) for pieces in first] == [data] * 4


def test_the_sample_has_single_bytes_only_for_short_bodies():
    assert splits.single_bytes(b"abc") in list(splits.sample(b"abc"))
    assert all(len(pieces) < 20_001 for pieces in splits.sample(b"x" * 20_001))
    assert [b"", b"a", b"", b"b", b""] in list(splits.sample(b"ab"))
