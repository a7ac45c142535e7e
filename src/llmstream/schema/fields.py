"""The fields of a record: attrs, dataclass, TypedDict, NamedTuple and msgspec.Struct, read the same way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, cast

import attrs
import msgspec

from llmstream.schema import hints
from llmstream.schema.docstring import documented
from llmstream.schema.hints import Hint

MISSING: object = dataclasses.MISSING


@attrs.frozen
class Field:
    """One field of a record, or one parameter of a function.

    Attributes:
        name: what the class or function calls it.
        key: what it is in JSON.
        default: its value when it is not given; MISSING when that is made anew, or there is none.
        fixed: the one value of a key that only tells records apart; it is not passed on.
    """

    name: str
    key: str
    hint: Hint
    required: bool = True
    default: object = MISSING
    description: str = ""
    fixed: object = MISSING


@attrs.frozen
class Record:
    """A class of records: what is in it, and how one is made of its fields by name."""

    name: str
    description: str
    fields: tuple[Field, ...]
    make: Callable[..., object]


def is_record(cls: Hint, /) -> bool:
    """Whether a class is one whose fields are known."""
    return isinstance(cls, type) and any(is_one(cls) for is_one, _ in _KINDS)


@lru_cache(maxsize=1024)
def record(cls: type, /) -> Record:
    """Read a class of records.

    Raises:
        ConfigError: when an annotation in it cannot be resolved.
    """
    fields = next(read for is_one, read in _KINDS if is_one(cls))(cls)
    said = documented(_docstring(cls))
    described = [
        attrs.evolve(field, description=said.arguments.get(field.name, ""))
        if not field.description
        else field
        for field in fields
    ]
    return Record(cls.__name__, said.summary, tuple(described), cls)


def _docstring(cls: type) -> str:
    """The author's own: the ones that are made begin with the class's call."""
    text = cls.__dict__.get("__doc__") or ""
    return "" if text.startswith(f"{cls.__name__}(") else text


# Any: narrowing a class by issubclass leaves its variables unknown to pyright.
def _is_typed_dict(cls: Any) -> bool:
    return hasattr(cls, "__required_keys__") and issubclass(cls, dict)


def _is_named_tuple(cls: Any) -> bool:
    return hasattr(cls, "_fields") and issubclass(cls, tuple)


def _typed_dict(cls: Any) -> list[Field]:
    fields: list[Field] = []
    for name, hint in hints.of_class(cls).items():
        said, plain = hints.qualifier(hint)
        # With postponed annotations the class itself does not know which of them are qualified.
        required = "Required" in said or (name in cls.__required_keys__ and "NotRequired" not in said)
        fields.append(Field(name, name, plain, required))
    return fields


def _named_tuple(cls: Any) -> list[Field]:
    known, defaults = hints.of_class(cls), cls._field_defaults
    return [
        Field(name, name, known.get(name, Any), name not in defaults, defaults.get(name, MISSING))
        for name in cls._fields
    ]


def _attrs(cls: Any) -> list[Field]:
    known = hints.of_class(cls)
    return [
        Field(
            field.alias or field.name,
            field.alias or field.name,
            hints.qualifier(known.get(field.name, Any))[1],
            field.default is attrs.NOTHING,
            MISSING if isinstance(field.default, attrs.Factory | type(attrs.NOTHING)) else field.default,
            _said(field.metadata),
        )
        for field in attrs.fields(cls)
        if field.init
    ]


def _dataclass(cls: Any) -> list[Field]:
    known = hints.of_class(cls)
    return [
        Field(
            field.name,
            field.name,
            hints.qualifier(known[field.name])[1],
            field.default is MISSING and field.default_factory is MISSING,
            field.default,
            _said(field.metadata),
        )
        for field in dataclasses.fields(cls)
        if field.init
    ]


def _said(metadata: Mapping[object, object]) -> str:
    text = metadata.get("description")
    return text if isinstance(text, str) else ""


def _struct(cls: Any) -> list[Field]:
    known, config = hints.of_class(cls), cls.__struct_config__
    fields = [
        Field(
            field.name,
            field.encode_name,
            known[field.name],
            field.required,
            MISSING if field.default is msgspec.NODEFAULT else field.default,
        )
        for field in msgspec.structs.fields(cls)
    ]
    if config.tag is None:
        return fields
    return [Field(config.tag_field, config.tag_field, Any, fixed=config.tag), *fields]


_KINDS: list[tuple[Callable[[Any], bool], Callable[[Any], list[Field]]]] = [
    (_is_typed_dict, _typed_dict),
    (lambda cls: issubclass(cls, msgspec.Struct), _struct),
    (_is_named_tuple, _named_tuple),
    (attrs.has, _attrs),
    (dataclasses.is_dataclass, _dataclass),
]


def arguments_of(cls: Hint, given: tuple[Hint, ...], /) -> dict[Hint, Hint]:
    """What the variables of a generic class stand for."""
    parameters = cast("tuple[Hint, ...]", getattr(cls, "__parameters__", ()))
    return dict(zip(parameters, given, strict=False))
