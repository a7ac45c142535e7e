"""What is complete of an answer that grows."""

from typing import TypedDict

import attrs
import pytest

from llmstream.errors import ConfigError
from llmstream.schema.place import form
from llmstream.schema.view import Gathered, View


@attrs.frozen
class Dog:
    name: str


class Typed(TypedDict):
    name: str


@attrs.frozen
class Cat:
    name: str


@pytest.mark.parametrize(
    ("hint", "steps", "expected"),
    [
        (Dog, {"name": "a"}, View(name="a")),
        (Dog, {}, View()),
        (Dog | Cat, {"name": "a"}, View(name="a")),
        (Typed, {"name": "a"}, {"name": "a"}),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (list[int], {0: 1, 1: 2}, [1, 2]),
        (list[int] | None, {0: 1}, [1]),
        (list[int] | Dog, {0: 1}, [1]),
        (set[int], {0: 1}, {1}),
        (tuple[int, str], {0: 1}, (1,)),
    ],
)
def test_a_view_has_the_form_of_the_annotation(hint, steps, expected):
    gathered = Gathered(form(hint))
    for step, value in steps.items():
        gathered.add(step, value)
    view = gathered.now().view()
    assert view == expected
    assert type(view) is type(expected)


def test_an_earlier_moment_keeps_what_it_saw():
    gathered = Gathered(form(Dog))
    gathered.add("name", "a")
    first = gathered.now()
    gathered.add("name", "b")
    gathered.add("age", 3)
    assert (first.view(), gathered.now().view()) == (View(name="a"), View(name="b", age=3))


def test_without_an_annotation_it_is_what_it_is():
    fields, items = Gathered(None), Gathered(None)
    fields.add("a", 1)
    items.add(0, 1)
    assert (fields.now().view(), items.now().view()) == ({"a": 1}, [1])


def test_a_plain_value_has_no_view():
    with pytest.raises(ConfigError, match="fields or items"):
        Gathered(form(int)).now().view()
