"""Typed reads of a request's JSON."""

import pytest

from llmstream import InvalidRequestError
from llmstream.wire.fields import Fields, bad

VALUES = {"s": "x", "i": 1, "f": 0.5, "b": True, "o": {"a": 1}, "l": [{"a": 1}], "n": None}
FIELDS = Fields(VALUES, "body")


def test_fields_of_the_right_kind_are_read():
    assert [
        FIELDS.get(*pair) for pair in (("s", str), ("i", int), ("i", float), ("f", float), ("b", bool))
    ] == [
        "x",
        1,
        1,
        0.5,
        True,
    ]
    assert (FIELDS.object("o"), FIELDS.array("l")) == ({"a": 1}, [{"a": 1}])
    assert FIELDS.need("s", str) == "x"
    assert FIELDS.inner("o").where == "body.o"
    assert [one.where for one in FIELDS.each("l")] == ["body.l[0]"]


def test_null_counts_as_absent():
    assert FIELDS.get("n", str) is None
    assert FIELDS.object("missing") is None
    assert list(FIELDS.each("n")) == []


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("i", str, "expected a string, got an integer, at body.i"),
        ("b", int, "expected an integer, got true or false, at body.b"),
        ("b", float, "expected a number, got true or false, at body.b"),
        ("f", int, "expected an integer, got a number, at body.f"),
        ("i", bool, "expected true or false, got an integer, at body.i"),
        ("s", dict, "expected an object, got a string, at body.s"),
        ("o", list, "expected an array, got an object, at body.o"),
        ("n", str, "expected a string, got null, at body.n"),
    ],
)
def test_fields_of_another_kind_are_named(name: str, kind: type, message: str):
    with pytest.raises(InvalidRequestError) as raised:
        FIELDS.need(name, kind)
    assert str(raised.value) == message
    assert raised.value.status == 400


def test_objects_and_choices_are_checked():
    with pytest.raises(InvalidRequestError, match="expected an object, got an array, at l"):
        Fields(VALUES, "").inner("l")
    assert FIELDS.choice("s", ("x", "y")) == "x"
    assert FIELDS.choice("n", ("x",)) is None
    with pytest.raises(InvalidRequestError, match="expected one of y, z, got 'x'"):
        FIELDS.choice("s", ("y", "z"))


def test_the_error_says_what_was_expected_what_came_and_where():
    assert str(bad("a string", [], "x")) == "expected a string, got an array, at x"
