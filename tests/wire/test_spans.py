"""Places in bytes and in characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.testing.strategies import texts
from llmstream.wire.spans import ByteText


@given(texts(max_size=40), st.sampled_from([1, 700]))
def test_each_character_is_found_at_its_byte(text: str, times: int) -> None:
    text *= times
    found = ByteText(text)
    for count in {0, 1, len(text) // 2, len(text)}:
        if count <= len(text):
            assert found.character(len(text[:count].encode())) == count


@pytest.mark.parametrize("at", [-1, 2, 4, 99])
def test_a_byte_inside_of_a_character_or_outside_of_the_text_is_none(at: int) -> None:
    assert ByteText("aé").character(at) is None
