"""The shape of an annotation: what `describe` writes down and `convert` reads by.

A shape is one level deep where a class stands, so that a recursive type has one.
"""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import types
from base64 import b64decode
from collections import abc
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin

import attrs
import msgspec

from llmstream.errors import ConfigError
from llmstream.jsontext import JSON, JSONObject
from llmstream.schema import fields, hints
from llmstream.schema.bounds import Bounds, bounds
from llmstream.schema.hints import Hint


@attrs.frozen
class Anything:
    """Any JSON."""


@attrs.frozen
class Plain:
    """A string, number, integer or boolean of JSON, as it is."""

    kind: type


@attrs.frozen
class Written:
    """A value that JSON has as text, or as another plain value, in a form of its own.

    `read` raises ValueError, TypeError or ArithmeticError for what is none.
    """

    what: str
    schema: JSONObject
    kinds: tuple[type, ...]
    read: Callable[[Any], object]


@attrs.frozen
class OneOfValues:
    """A closed set: `values` are JSON, and become the `results` beside them."""

    values: tuple[JSON, ...]
    results: tuple[object, ...]
    name: str = ""
    description: str = ""


@attrs.frozen
class Listed:
    """A list of one kind of item. `make` takes the items' iterable."""

    item: Hint
    make: Callable[[Iterable[object]], object]
    unique: bool = False


@attrs.frozen
class Row:
    """A list of a fixed length, each place with its own type."""

    items: tuple[Hint, ...]


@attrs.frozen
class Mapped:
    """An object with free keys."""

    key: Hint
    value: Hint
    make: Callable[[dict[object, object]], object] = dict


@attrs.frozen
class Object:
    """An object with known fields: a class of records, or a function's parameters."""

    cls: Any
    given: tuple[Hint, ...] = ()

    @property
    def record(self) -> fields.Record:
        """What is known of the class."""
        return fields.record(self.cls)

    @property
    def name(self) -> str:
        """The class's name, with those of what it is made for."""
        return "_".join([self.cls.__name__, *(getattr(hint, "__name__", "") for hint in self.given)]).rstrip(
            "_"
        )

    @property
    def key(self) -> object:
        """What tells the class from others of its name."""
        return (self.cls, self.given) if _is_hashable(self.given) else (self.cls, repr(self.given))

    def hint(self, field: fields.Field) -> Hint:
        """The annotation of a field, with what the class's variables stand for."""
        return hints.bound(field.hint, fields.arguments_of(self.cls, self.given))


@attrs.frozen
class Own:
    """A class that describes and validates itself, as pydantic's models do."""

    cls: Any


@attrs.frozen
class Hooked:
    """A class that cattrs' global converter has a hook for; nothing is known of its JSON."""

    cls: Any
    structure: Callable[[Any, Any], object]


@attrs.frozen
class Either:
    """One of several types."""

    members: tuple[Hint, ...]


@attrs.frozen
class Named:
    """An alias with a name of its own, which may stand inside itself."""

    alias: Any

    @property
    def name(self) -> str:
        """What the alias is called."""
        return str(self.alias.__name__)

    @property
    def hint(self) -> Hint:
        """What it stands for."""
        return hints.of_alias(self.alias)


@attrs.frozen
class Limited:
    """A type, and what `Annotated` says beside it."""

    hint: Hint
    bounds: Bounds


Shape: TypeAlias = (
    Anything
    | Plain
    | Written
    | OneOfValues
    | Listed
    | Row
    | Mapped
    | Object
    | Own
    | Hooked
    | Either
    | Named
    | Limited
)


def shape(hint: Hint, /) -> Shape:
    """Read an annotation.

    Raises:
        ConfigError: when it is nothing that JSON can say.
    """
    origin: Any = get_origin(hint)
    if origin is Annotated:
        inner, *metadata = get_args(hint)
        return Limited(inner, bounds(metadata))
    if isinstance(hint, TypeVar):
        return shape(hint.__bound__ or (Union[hint.__constraints__] if hint.__constraints__ else Any))
    if hasattr(hint, "__supertype__"):
        return shape(hint.__supertype__)
    if hasattr(hint, "__value__"):
        return Named(hint)
    if origin is not None:
        return _of_origin(hint, origin, get_args(hint))
    found = _SIMPLE.get(hint) if _is_hashable(hint) else None
    if found is not None:
        return found
    return _of_class(hint) if isinstance(hint, type) else _strange(hint)


def _is_hashable(hint: Hint) -> bool:
    """Whether nothing in an annotation stands in the way: what is in `Annotated` may be anything."""
    try:
        hash(hint)
    except TypeError:
        return False
    return True


def _of_origin(hint: Hint, origin: Hint, given: tuple[Hint, ...]) -> Shape:
    if origin is Literal:
        return _literal(given)
    if origin in {Union, types.UnionType}:
        return Either(given)
    if hints.qualifier(hint)[0]:
        return shape(hints.qualifier(hint)[1])
    if origin is tuple:
        return Listed(given[0], tuple) if len(given) == 2 and given[1] is ... else Row(_places(given))
    if origin in _LISTS:
        make, unique = _LISTS[origin]
        return Listed(given[0], make, unique)
    if origin in _MAPPINGS:
        key, value = given if len(given) == 2 else (given[0], int)
        return Mapped(key, value, _MAPPINGS[origin])
    return Object(origin, given) if fields.is_record(origin) else _strange(hint)


def _places(given: tuple[Hint, ...]) -> tuple[Hint, ...]:
    return () if given == ((),) else given


def _of_class(cls: Any) -> Shape:  # Any: narrowing a class by issubclass leaves its variables unknown
    if issubclass(cls, enum.Enum):
        return _enum(cls)
    if hasattr(cls, "model_json_schema") and hasattr(cls, "model_validate"):
        return Own(cls)
    if fields.is_record(cls):
        return Object(cls)
    if cls in _LISTS:
        make, unique = _LISTS[cls]
        return Listed(Any, make, unique)
    if cls in _MAPPINGS:
        return Mapped(str, Any, _MAPPINGS[cls])
    if cls is tuple:
        return Listed(Any, tuple)
    return _by_module(cls)


def _by_module(cls: type) -> Shape:
    """Classes of the standard library that nothing here may import, known by where they come from."""
    roots = {base.__module__.partition(".")[0] for base in cls.__mro__}
    if "uuid" in roots:
        return Written("a UUID", {"type": "string", "format": "uuid"}, (str,), _by_msgspec(cls))
    if "pathlib" in roots:
        return Written("a path", {"type": "string", "format": "path"}, (str,), cls)
    if cls.__bases__ in {(str,), (int,)}:
        return Written(f"a {cls.__name__}", {"type": _SUBCLASSED[cls.__bases__[0]]}, cls.__bases__, cls)
    return _hooked(cls)


def _hooked(cls: type) -> Shape:
    from cattrs import global_converter
    from cattrs.errors import StructureHandlerNotFoundError

    try:
        return Hooked(cls, global_converter.get_structure_hook(cls))
    except StructureHandlerNotFoundError:
        return _strange(cls)


def _strange(hint: Hint) -> Shape:
    name = getattr(hint, "__qualname__", None) or repr(hint)
    raise ConfigError(
        f"expected an annotation that JSON can say (a plain type, a collection, a dataclass …), got {name}"
    )


def _literal(given: tuple[Hint, ...]) -> Shape:
    values = tuple(each.value if isinstance(each, enum.Enum) else each for each in given)
    return OneOfValues(values, given)


def _enum(cls: Any) -> Shape:
    members = tuple(cls)
    said = cls.__dict__.get("__doc__") or ""
    if any(not isinstance(member.value, str | int | float | None) for member in members):
        names = tuple(member.name for member in members)
        return OneOfValues(names, members, cls.__name__, said)
    return OneOfValues(tuple(member.value for member in members), members, cls.__name__, said)


def _by_msgspec(cls: type) -> Callable[[str], object]:
    return lambda text: msgspec.convert(text, cls)


def _decimal(value: str | float) -> decimal.Decimal:
    number = decimal.Decimal(str(value))
    if not number.is_finite():
        raise ValueError("a number that is finite")
    return number


def _text(what: str, format: str, cls: type) -> Written:
    return Written(what, {"type": "string", "format": format}, (str,), _by_msgspec(cls))


def _from_base64(text: str) -> bytes:
    return b64decode(text, validate=True)


_DECIMAL = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_SUBCLASSED: dict[type, str] = {str: "string", int: "integer"}
_SIMPLE: dict[Hint, Shape] = {
    Any: Anything(),
    object: Anything(),
    None: OneOfValues((None,), (None,)),
    type(None): OneOfValues((None,), (None,)),
    str: Plain(str),
    bool: Plain(bool),
    int: Plain(int),
    float: Plain(float),
    bytes: Written("base64 text", {"type": "string", "contentEncoding": "base64"}, (str,), _from_base64),
    dt.datetime: _text("a date and time (RFC 3339)", "date-time", dt.datetime),
    dt.date: _text("a date (YYYY-MM-DD)", "date", dt.date),
    dt.time: _text("a time (HH:MM:SS)", "time", dt.time),
    dt.timedelta: _text("a duration (ISO 8601)", "duration", dt.timedelta),
    decimal.Decimal: Written(
        "a decimal number",
        {"anyOf": [{"type": "number"}, {"type": "string", "pattern": _DECIMAL}]},
        (str, int, float),
        _decimal,
    ),
}
_LISTS: dict[Hint, tuple[Callable[[Iterable[object]], object], bool]] = {
    list: (list, False),
    abc.Sequence: (list, False),
    abc.MutableSequence: (list, False),
    abc.Collection: (list, False),
    abc.Iterable: (list, False),
    abc.Iterator: (iter, False),
    collections.deque: (collections.deque, False),
    set: (set, True),
    abc.MutableSet: (set, True),
    abc.Set: (frozenset, True),
    frozenset: (frozenset, True),
}


def _defaultdict(items: dict[object, object]) -> object:
    return collections.defaultdict(None, items)


_MAPPINGS: dict[Hint, Callable[[dict[object, object]], object]] = {
    dict: dict,
    abc.Mapping: dict,
    abc.MutableMapping: dict,
    collections.OrderedDict: collections.OrderedDict,
    collections.defaultdict: _defaultdict,
    collections.Counter: cast("Callable[[dict[object, object]], object]", collections.Counter),
}
