"""Types to JSON Schema (2020-12).

Objects are closed. A class that is used twice, or inside itself, stands under `$defs`; others are written
where they are used, because not every provider follows references.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, cast

import msgspec

from llmstream.errors import ConfigError
from llmstream.jsontext import JSON, JSONObject, as_list, as_object
from llmstream.schema import shape as shapes
from llmstream.schema.fields import MISSING, Field
from llmstream.schema.hints import Hint
from llmstream.schema.shape import shape
from llmstream.schema.signature import signature

_TYPES: dict[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
    list: "array",
    dict: "object",
}
_PREFIX = "#/$defs/"


def describe(annotation: Hint, /) -> JSONObject:
    """The JSON Schema of what `convert` makes a value of this type of.

    Raises:
        ConfigError: when the annotation, or one inside it, is nothing that JSON can say.
    """
    writer = _Writer()
    return writer.whole(writer.write(annotation))


def parameters(function: Callable[..., object], /, *, skip: Collection[str] = ()) -> JSONObject:
    """The JSON Schema of a function's arguments, as one object; see `arguments`.

    What a partial has given, and the parameters to `skip`, are left out. Descriptions come from
    `Annotated`, else from the docstring.

    Raises:
        ConfigError: as `describe`, or when an annotation cannot be resolved.
    """
    taken, writer = signature(function, skip=skip), _Writer()
    schema = writer.object([(field, field.hint) for field in taken.fields])
    if taken.rest is not MISSING:
        rest = writer.write(taken.rest)
        schema["additionalProperties"] = rest or True
    return writer.whole(schema)


class _Writer:
    """Writes schemas, with every class under a name; `whole` decides which names stay."""

    def __init__(self) -> None:
        self._defs: JSONObject = {}
        self._names: dict[object, str] = {}

    def whole(self, schema: JSONObject) -> JSONObject:
        """The schema with its definitions: those that are used once put in their place."""
        uses: dict[str, int] = {}
        _count([schema, self._defs], uses)
        kept = {name: body for name, body in self._defs.items() if uses.get(name, 0) > 1}
        inside = {name: body for name, body in self._defs.items() if name not in kept}
        result = as_object(_inlined(schema, inside))
        definitions = as_object(_inlined(kept, inside))
        target = result.get("$ref", "").removeprefix(_PREFIX)
        if target in definitions:
            # A wire wants to see an object at the top.
            result = {**definitions[target], **{key: value for key, value in result.items() if key != "$ref"}}
        return {**result, "$defs": definitions} if definitions else result

    def write(self, hint: Hint) -> JSONObject:
        """The schema of one annotation."""
        match shape(hint):
            case shapes.Anything() | shapes.Hooked():
                return {}
            case shapes.Plain(kind):
                return {"type": _TYPES[kind]}
            case shapes.Written(schema=schema):
                return dict(schema)
            case shapes.OneOfValues() as closed:
                return _closed_set(closed)
            case shapes.Listed(item, unique=unique):
                return self._list(item, unique=unique)
            case shapes.Row(items):
                return self._row(items)
            case shapes.Mapped() as mapped:
                return self._map(mapped)
            case shapes.Limited(inner, limits):
                schema = self.write(inner)
                return {**schema, **limits.keywords(_kind(schema))}
            case shapes.Either(members):
                return {"anyOf": [self.write(member) for member in members]}
            case shapes.Object() as found:
                return self._named(found.key, found.name, lambda: self._record(found))
            case shapes.Named() as alias:
                return self._named(id(alias.alias), alias.name, lambda: self.write(alias.hint))
            case shapes.Own(cls):
                return self._own(cls)

    def object(self, fields: Sequence[tuple[Field, Hint]]) -> JSONObject:
        """A closed object of fields."""
        schema: JSONObject = {
            "type": "object",
            "properties": {field.key: self._property(field, hint) for field, hint in fields},
        }
        required = [field.key for field, _ in fields if field.required]
        if required:
            schema["required"] = required
        return {**schema, "additionalProperties": False}

    def _property(self, field: Field, hint: Hint) -> JSONObject:
        if field.fixed is not MISSING:
            return {"const": field.fixed}
        schema = self.write(hint)
        if field.description:
            schema = {"description": field.description, **schema}
        default = _plain(field.default)
        return schema if default is MISSING else {**schema, "default": default}

    def _record(self, found: shapes.Object) -> JSONObject:
        record = found.record
        schema = self.object([(field, found.hint(field)) for field in record.fields])
        return {**schema, "description": record.description} if record.description else schema

    def _list(self, item: Hint, *, unique: bool) -> JSONObject:
        inner = self.write(item)
        schema: JSONObject = {"type": "array", "items": inner} if inner else {"type": "array"}
        return {**schema, "uniqueItems": True} if unique else schema

    def _row(self, items: tuple[Hint, ...]) -> JSONObject:
        schema: JSONObject = {"type": "array", "minItems": len(items), "maxItems": len(items)}
        return {**schema, "prefixItems": [self.write(item) for item in items]} if items else schema

    def _map(self, mapped: shapes.Mapped) -> JSONObject:
        schema: JSONObject = {"type": "object"}
        inner, keys = self.write(mapped.value), self.write(mapped.key)
        if inner:
            schema["additionalProperties"] = inner
        if keys.get("type") in {"integer", "number"}:
            keys = {"pattern": r"^-?(0|[1-9]\d*)$"}
        if keys not in ({}, {"type": "string"}):
            schema["propertyNames"] = keys
        return schema

    def _named(self, key: object, name: str, write: Callable[[], JSONObject]) -> JSONObject:
        """A reference to what is written once; `key` tells apart what has the same name."""
        if key not in self._names:
            free = name if name not in self._defs else f"{name}_{len(self._defs) + 1}"
            self._names[key] = free
            # Its name is taken before it is written, for what refers to itself.
            self._defs[free] = {}
            self._defs[free] = write()
        return {"$ref": _PREFIX + self._names[key]}

    def _own(self, cls: Any) -> JSONObject:  # Any: a class of a library that is not imported
        schema = cast("JSONObject", cls.model_json_schema())
        for name, body in as_object(schema.get("$defs")).items():
            if self._defs.setdefault(name, body) != body:
                raise ConfigError(f"expected one model of the name {name}, got two that differ")
        return {key: value for key, value in schema.items() if key != "$defs"}


def _closed_set(closed: shapes.OneOfValues) -> JSONObject:
    kinds = list(dict.fromkeys(_TYPES[type(value)] for value in closed.values))
    schema: JSONObject = {"type": kinds[0] if len(kinds) == 1 else kinds} if kinds else {}
    if closed.values != (None,):
        schema["enum"] = list(closed.values)
    return {**schema, "description": closed.description} if closed.description else schema


def _kind(schema: JSONObject) -> JSON:
    return schema.get("type") if "$ref" not in schema else "object"


def _plain(default: object) -> object:
    """A default as JSON, where it is something that JSON can say."""
    if default is MISSING:
        return MISSING
    try:
        return cast("object", msgspec.to_builtins(default, str_keys=True))
    except (TypeError, ValueError, RecursionError):
        return MISSING


def _count(schema: JSON, uses: dict[str, int]) -> None:
    """How often each definition is referred to."""
    inside = as_list(schema)
    if isinstance(schema, dict):
        known = cast("JSONObject", schema)
        inside = list(known.values())
        if isinstance(target := known.get("$ref"), str):
            name = target.removeprefix(_PREFIX)
            uses[name] = uses.get(name, 0) + 1
    for item in inside:
        _count(item, uses)


def _inlined(schema: JSON, inside: JSONObject) -> JSON:
    """The schema with these definitions where they are used."""
    if isinstance(schema, list):
        return [_inlined(item, inside) for item in cast("list[JSON]", schema)]
    if not isinstance(schema, dict):
        return schema
    known = cast("JSONObject", schema)
    target = known.get("$ref")
    if isinstance(target, str) and (name := target.removeprefix(_PREFIX)) in inside:
        beside = {key: value for key, value in known.items() if key != "$ref"}
        return _inlined({**inside[name], **beside}, inside)
    return {key: _inlined(value, inside) for key, value in known.items()}
