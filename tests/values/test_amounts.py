"""What is a number that can be meant."""

from math import inf, nan

import pytest

from llmstream.values.amounts import is_amount


@pytest.mark.parametrize("value", [0, 0.0, 1, 2.5, inf])
def test_a_number_is_an_amount(value) -> None:
    assert is_amount(value)


@pytest.mark.parametrize("value", [-1, -0.1, nan, True, False, None, "1", b"1", [], {}])
def test_nothing_else_is(value) -> None:
    assert not is_amount(value)


def test_there_may_be_a_least() -> None:
    assert is_amount(1, 1)
    assert not is_amount(0.5, 1)
