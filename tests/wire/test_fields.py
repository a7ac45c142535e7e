"""Reading JSON whose shape a peer chose."""

import pytest

from llmstream.wire import fields
from llmstream.wire.fields import MisfitError


def test_values_of_the_right_type_are_given_back() -> None:
    assert fields.string("a", "x") == "a"
    assert fields.text("", "x") == ""
    assert fields.name("a", "x") == "a"
    assert fields.mapping({"a": 1}, "x") == {"a": 1}
    assert fields.items([1], "x") == [1]
    assert fields.integer(3, "x") == 3
    assert fields.integer(3.0, "x") == 3


def test_absence_is_empty_where_it_may_be() -> None:
    assert fields.text(None, "x") == ""
    assert fields.name(None, "x") is None
    assert fields.name("", "x") is None
    assert fields.mapping(None, "x") == {}
    assert fields.items(None, "x") == []


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        (fields.string, None, "expected a string at delta.text, got nothing"),
        (fields.text, 3, "expected a string at delta.text, got 3"),
        (fields.name, [1], "expected a string at delta.text, got an array"),
        (fields.mapping, "x" * 90, f'expected an object at delta.text, got "{"x" * 59}'),
        (fields.items, {"a": 1}, "expected an array at delta.text, got an object"),
        (fields.integer, True, "expected a whole number at delta.text, got true"),
        (fields.integer, 0.5, "expected a whole number at delta.text, got 0.5"),
        (fields.integer, None, "expected a whole number at delta.text, got nothing"),
    ],
)
def test_a_wrong_type_says_what_where_and_what_came(read, value, message) -> None:
    with pytest.raises(MisfitError) as caught:
        read(value, "delta.text")
    assert str(caught.value) == message
