"""Annotated things of every kind, for the tests of describe and convert."""

import datetime
import decimal
import enum
import pathlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, TypedDict, TypeVar

import attrs
import msgspec
import pydantic
from typing_extensions import ReadOnly, TypeAliasType

T = TypeVar("T")
Name = NewType("Name", str)
Tree = TypeAliasType("Tree", "int | list[Tree]")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@attrs.frozen
class Dog:
    """A dog.

    Attributes:
        name: what it answers to.
    """

    name: str
    age: int = attrs.field(default=1, validator=attrs.validators.ge(0))
    _chip: str | None = None


@dataclass
class Node:
    value: int
    children: "list[Node]" = field(default_factory=list)


class Options(TypedDict):
    x: int
    y: NotRequired[str]
    z: ReadOnly[bool]


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Cat(msgspec.Struct, tag="cat", rename="camel"):
    full_name: str
    lives: Annotated[int, msgspec.Meta(ge=0, le=9)] = 9


class Bird(msgspec.Struct, tag="bird"):
    wings: int


class Car(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    wheels: int = pydantic.Field(ge=3, description="how many")
    built: datetime.date | None = None


@dataclass
class Box(Generic[T]):
    inside: T


PLACES: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "attrs": (
        Dog,
        [{"name": "Rex"}, {"name": "R", "age": 3, "chip": None}],
        [{}, {"name": 1}, {"name": "R", "x": 1}, []],
    ),
    "recursive": (
        Node,
        [{"value": 1, "children": [{"value": 2}]}],
        [{"value": 1, "children": [{}]}, {"value": True}],
    ),
    "typed dict": (Options, [{"x": 1, "z": True}], [{"x": 1}, {"x": 1, "z": 0}, {"x": 1, "z": True, "q": 1}]),
    "named tuple": (Point, [{"x": 1}, {"x": 1.5, "y": 2}], [[1, 2], {"y": 1}]),
    "struct": (
        Cat,
        [{"type": "cat", "fullName": "Tom", "lives": 0}],
        [{"type": "cat", "fullName": "T", "lives": 10}, {"fullName": "T"}, {"type": "dog", "fullName": "T"}],
    ),
    "tagged": (
        Cat | Bird,
        [{"type": "bird", "wings": 2}, {"type": "cat", "fullName": "T"}],
        [{"type": "bird", "fullName": "T"}, {"type": "cow"}],
    ),
    "pydantic": (
        Car,
        [{"wheels": 3}, {"wheels": 4, "built": "2026-01-01"}],
        [{"wheels": 2}, {"wheels": "4"}, {}],
    ),
    "generic": (Box[int], [{"inside": 1}], [{"inside": "x"}]),
    "generic twice": (
        Box[Box[str]],
        [{"inside": {"inside": "x"}}],
        [{"inside": {"inside": 1}}, {"inside": "x"}],
    ),
    "enum": (Colour, ["red"], ["RED", 1, None]),
    "int enum": (Level, [1, 2], [3, "1", True]),
    "literal": (Literal["a", 1, None], ["a", 1, None], ["b", True, 2]),
    "union": (int | str | None, [1, "x", None], [1.5, [], {}]),
    "list": (list[int], [[], [1, 2]], [["1"], 1, [1.5], [True]]),
    "sequence": (Sequence[str], [["a"]], ["a"]),
    "set": (set[str], [["a", "b"]], [["a", "a"], [1]]),
    "frozenset": (frozenset[int], [[1]], [[1, 1]]),
    "tuple": (tuple[int, str], [[1, "x"]], [[1], [1, "x", 2], ["x", 1]]),
    "tuple of any length": (tuple[int, ...], [[], [1, 2, 3]], [["x"]]),
    "empty tuple": (tuple[()], [[]], [[1]]),
    "dict": (dict[str, int], [{}, {"a": 1}], [{"a": "x"}, []]),
    "dict by number": (Mapping[int, str], [{"1": "x", "-2": "y"}], [{"x": "y"}, {"01": "x"}]),
    "dict by enum": (dict[Colour, int], [{"red": 1}], [{"green": 1}]),
    "any": (Any, [1, None, {"a": []}], []),
    "new type": (Name, ["x"], [1]),
    "alias": (Tree, [1, [1, [2, []]]], ["x", [["x"]]]),
    "datetime": (datetime.datetime, ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00+02:00"], [1.5]),
    "date": (datetime.date, ["2026-01-01"], [1]),
    "time": (datetime.time, ["12:30:00"], [1]),
    "uuid": (uuid.UUID, ["12345678-1234-5678-1234-567812345678"], [1]),
    "decimal": (decimal.Decimal, ["1.50", 1.5, 2], ["x", "NaN", None]),
    "bytes": (bytes, ["aGk="], [1]),
    "path": (pathlib.Path, ["a/b"], [1]),
    "limits": (Annotated[int, pydantic.Field(ge=1, lt=10)], [1, 9], [0, 10, 1.5]),
    "unhashable limits": (list[Annotated[int, pydantic.Field(gt=0, examples=[1])]], [[1]], [[0]]),
    "multiple": (Annotated[float, msgspec.Meta(multiple_of=0.5)], [1, 1.5], [1.2]),
    "lengths": (Annotated[list[int], msgspec.Meta(min_length=1, max_length=2)], [[1]], [[], [1, 2, 3]]),
    "pattern": (Annotated[str, msgspec.Meta(pattern="^[a-z]+$")], ["abc"], ["A", 1]),
    "optional limits": (Annotated[int, msgspec.Meta(ge=1)] | None, [None, 1], [0]),
}
