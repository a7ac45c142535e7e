"""Reading JSON whose shape a peer chose."""

import pytest

from llmstream.wire import typed
from llmstream.wire.typed import MisfitError


def test_values_of_the_right_type_are_given_back() -> None:
    assert typed.string("a", "x") == "a"
    assert typed.text("", "x") == ""
    assert typed.name("a", "x") == "a"
    assert typed.mapping({"a": 1}, "x") == {"a": 1}
    assert typed.items([1], "x") == [1]
    assert typed.integer(3, "x") == 3
    assert typed.integer(3.0, "x") == 3


def test_absence_is_empty_where_it_may_be() -> None:
    assert typed.text(None, "x") == ""
    assert typed.name(None, "x") is None
    assert typed.name("", "x") is None
    assert typed.mapping(None, "x") == {}
    assert typed.items(None, "x") == []


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        (typed.string, None, "expected a string at delta.text, got nothing"),
        (typed.text, 3, "expected a string at delta.text, got 3"),
        (typed.name, [1], "expected a string at delta.text, got an array"),
        (typed.mapping, "x" * 90, f'expected an object at delta.text, got "{"x" * 59}'),
        (typed.items, {"a": 1}, "expected an array at delta.text, got an object"),
        (typed.integer, True, "expected a whole number at delta.text, got true"),
        (typed.integer, 0.5, "expected a whole number at delta.text, got 0.5"),
        (typed.integer, None, "expected a whole number at delta.text, got nothing"),
    ],
)
def test_a_wrong_type_says_what_where_and_what_came(read, value, message) -> None:
    with pytest.raises(MisfitError) as caught:
        read(value, "delta.text")
    assert str(caught.value) == message
