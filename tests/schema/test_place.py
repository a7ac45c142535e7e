"""Where the steps of a path lead in an annotation."""

from datetime import date
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import attrs
import msgspec
import pydantic
import pytest

from llmstream.schema.place import Place


class Named(NamedTuple):
    born: date


class Typed(TypedDict):
    born: date


class Cat(msgspec.Struct, tag="cat", rename="camel"):
    born_on: date
    name: str


class Dog(msgspec.Struct, tag="dog"):
    name: str
    age: int
    born: str


class Modelled(pydantic.BaseModel):
    born: date
    age: int = pydantic.Field(alias="Age", ge=1)
    secret: pydantic.SecretStr


@attrs.frozen
class Tree:
    children: "list[Tree]"
    extra: Any = None


@pytest.mark.parametrize(
    ("hint", "path", "found"),
    [
        (Named, ("born",), date),
        (Typed, ("born",), date),
        (Cat, ("bornOn",), date),
        (Cat, ("type",), None),
        (Cat, ("other",), None),
        (Modelled, ("born",), date),
        (Modelled, ("age",), None),
        (Modelled, ("secret",), None),
        (list[Named], (3, "born"), date),
        (dict[str, list[date]], ("k", 0), date),
        (tuple[int, date], (1,), date),
        (tuple[int, date], (2,), None),
        (tuple[date, ...], (7,), date),
        (list[date] | None, (7,), date),
        (Annotated[list[date] | None, "words", ["unhashable"]], (7,), date),
        (Cat | Dog, ("name",), str),
        (Cat | Dog, ("age",), int),
        (Dog | Typed, ("born",), None),
        (Tree, ("children", 0, "children", 1), Tree),
        (Tree, ("extra", "a"), None),
        (list[int], ("a",), None),
        (Literal["a"], (0,), None),
    ],
)
def test_a_path_leads_to_an_annotation(hint, path, found):
    place: Place | None = Place(hint)
    for step in path:
        place = None if place is None else place.at(step)
    assert (None if place is None else place.hint) == found


def test_a_place_knows_the_name_that_its_class_gives_it():
    place = Place(Cat).at("bornOn")
    assert place is not None
    assert place.name == "born_on"
    own = Place(Modelled).at("Age")
    assert own is not None
    assert own.name == "age"


def test_places_of_a_kind_are_one():
    for place in (Place(list[int]), Place(list[int] | None)):
        assert place.at(0) is place.at(1)
    assert Place(dict[str, int]).at("a") is not None
