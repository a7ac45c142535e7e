"""JSON against a JSON Schema: those that `describe` and the short form write, by a walk of our own.

Other schemas are for the package jsonschema, where it is installed. Formats are no more than words, as
they are there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from typing import Any, cast

from llmstream.errors import ConfigError
from llmstream.jsontext import JSON, JSONObject, Step, as_list, as_object, named, shown
from llmstream.schema.problems import MOST, Collector, MisfitError, Problem, misfit

_WORDS = frozenset(
    [
        "$schema",
        "$comment",
        "$defs",
        "title",
        "description",
        "default",
        "examples",
        "format",
        "contentEncoding",
        "deprecated",
    ]
)
_PREFIX = "#/$defs/"
_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
# Any: a keyword is compared with values of its own kind of value alone.
_LIMITS: dict[str, tuple[tuple[type, ...], str, Callable[[Any, Any], bool]]] = {
    "minimum": ((int, float), "at least {}", lambda value, limit: value >= limit),
    "maximum": ((int, float), "at most {}", lambda value, limit: value <= limit),
    "exclusiveMinimum": ((int, float), "more than {}", lambda value, limit: value > limit),
    "exclusiveMaximum": ((int, float), "less than {}", lambda value, limit: value < limit),
    "minLength": ((str,), "a length of at least {}", lambda value, limit: len(value) >= limit),
    "maxLength": ((str,), "a length of at most {}", lambda value, limit: len(value) <= limit),
    "minItems": ((list,), "a length of at least {}", lambda value, limit: len(value) >= limit),
    "maxItems": ((list,), "a length of at most {}", lambda value, limit: len(value) <= limit),
    "minProperties": ((dict,), "at least {} keys", lambda value, limit: len(value) >= limit),
    "maxProperties": ((dict,), "at most {} keys", lambda value, limit: len(value) <= limit),
}


def validate(value: JSON, schema: JSONObject, /) -> None:
    """Check a value against a schema; one that is not ours goes unchecked without the package jsonschema.

    Raises:
        MisfitError: when the value does not fit.
        ConfigError: when the schema is none.
    """
    try:
        if _is_ours(schema, schema):
            _Walk(schema).check(value, schema)
        elif find_spec("jsonschema") is not None:
            _by_package(value, schema)
    except RecursionError:
        raise misfit("fewer levels", "more than can be read") from None


def _is_ours(schema: JSON, root: JSONObject) -> bool:
    """Whether the walk knows each word of a schema, in the form that it knows."""
    if isinstance(schema, bool):
        return True
    return (
        isinstance(schema, dict)
        and all(
            key in _WORDS or (key in _FORMS and _FORMS[key](value, root))
            for key, value in cast("JSONObject", schema).items()
        )
        and all(
            _is_ours(inner, root) for inner in as_object(cast("JSONObject", schema).get("$defs")).values()
        )
    )


def _are_ours(schemas: JSON, root: JSONObject) -> bool:
    if isinstance(schemas, dict):
        schemas = list(cast("JSONObject", schemas).values())
    return isinstance(schemas, list) and all(_is_ours(each, root) for each in cast("list[JSON]", schemas))


def _is_type(value: JSON, _root: JSONObject) -> bool:
    return all(isinstance(each, str) and each in _KINDS for each in _listed(value))


def _is_ref(value: JSON, root: JSONObject) -> bool:
    return isinstance(value, str) and value.removeprefix(_PREFIX) in as_object(root.get("$defs"))


def _is_pattern(value: JSON, _root: JSONObject) -> bool:
    try:
        re.compile(str(value))
    except re.error:
        return False
    return isinstance(value, str)


def _is_number(value: JSON, _root: JSONObject) -> bool:
    return type(value) in {int, float}


_FORMS: dict[str, Callable[[JSON, JSONObject], bool]] = {
    **dict.fromkeys(_LIMITS, _is_number),
    "type": _is_type,
    "enum": lambda value, _root: isinstance(value, list),
    "const": lambda _value, _root: True,
    "anyOf": lambda value, root: isinstance(value, list) and _are_ours(value, root),
    "$ref": _is_ref,
    "properties": lambda value, root: isinstance(value, dict) and _are_ours(value, root),
    "required": lambda value, _root: isinstance(value, list),
    "additionalProperties": _is_ours,
    "propertyNames": _is_ours,
    "items": _is_ours,
    "prefixItems": lambda value, root: isinstance(value, list) and _are_ours(value, root),
    "uniqueItems": lambda value, _root: isinstance(value, bool),
    "pattern": _is_pattern,
}


class _Walk:
    """One check. What a container was found to be is kept, so that unions read nothing twice."""

    def __init__(self, root: JSONObject) -> None:
        self._defs = as_object(root.get("$defs"))
        self._known: dict[tuple[int, int], MisfitError | None] = {}

    def check(self, value: JSON, schema: JSON) -> None:
        if not isinstance(schema, dict):
            if schema is False:
                raise misfit("nothing", named(value))
            return
        words = cast("JSONObject", schema)
        if not isinstance(value, dict | list):
            self._check(value, words)
            return
        at = (id(cast("object", value)), id(words))
        if at not in self._known:
            try:
                self._check(value, words)
            except MisfitError as error:
                self._known[at] = error
            else:
                self._known[at] = None
        if (known := self._known[at]) is not None:
            raise known

    def _check(self, value: JSON, schema: JSONObject) -> None:
        if "$ref" in schema:
            self.check(value, self._defs[str(schema["$ref"]).removeprefix(_PREFIX)])
        _check_kind(value, schema)
        _check_closed(value, schema)
        _check_limits(value, schema)
        if "anyOf" in schema:
            self._any(value, as_list(schema["anyOf"]))
        if isinstance(value, dict):
            self._object(cast("JSONObject", value), schema)
        elif isinstance(value, list):
            self._list(cast("list[JSON]", value), schema)

    def _any(self, value: JSON, members: list[JSON]) -> None:
        errors: list[MisfitError] = []
        for member in members:
            try:
                self.check(value, member)
            except MisfitError as error:
                errors.append(error)
            else:
                return
        deep = [error for error in errors if any(problem.path for problem in error.problems)]
        if len(deep) == 1:
            raise deep[0]
        said = dict.fromkeys(_expected(as_object(member)) for member in members)
        raise misfit(" or ".join(said) or "nothing", named(value))

    def _object(self, value: JSONObject, schema: JSONObject) -> None:
        found, known = Collector(), as_object(schema.get("properties"))
        for key in as_list(schema.get("required")):
            if key not in value:
                found.add(str(key), misfit(_expected(as_object(known.get(str(key)))), "nothing"))
        rest = schema.get("additionalProperties", True)
        for key, item in value.items():
            if "propertyNames" in schema:
                self._member(key, schema["propertyNames"], key, found)
            if key not in known and rest is False:
                found.add(key, misfit(f"one of the keys {', '.join(known) or 'none'}", shown(key)))
            else:
                self._member(item, known.get(key, rest), key, found)
        found.check()

    def _list(self, value: list[JSON], schema: JSONObject) -> None:
        found, first = Collector(), as_list(schema.get("prefixItems"))
        rest = schema.get("items", True)
        for position, item in enumerate(value):
            self._member(item, first[position] if position < len(first) else rest, position, found)
        found.check()
        if schema.get("uniqueItems") is True and len(set(map(_hashed, value))) < len(value):
            raise misfit("items that all differ", "some twice")

    def _member(self, value: JSON, schema: JSON, step: Step, found: Collector) -> None:
        try:
            self.check(value, schema)
        except MisfitError as error:
            found.add(step, error)


def _listed(kinds: JSON) -> list[JSON]:
    return as_list(kinds) if isinstance(kinds, list) else [kinds]


def _check_kind(value: JSON, schema: JSONObject) -> None:
    kinds = [str(kind) for kind in _listed(schema["type"])] if "type" in schema else []
    if kinds and not any(_is_kind(value, kind) for kind in kinds):
        raise misfit(_expected(schema), named(value))


def _is_kind(value: JSON, kind: str) -> bool:
    # JSON does not tell 1.0 from 1.
    return type(value) in _KINDS[kind] or (
        kind == "integer" and isinstance(value, float) and value.is_integer()
    )


def _check_closed(value: JSON, schema: JSONObject) -> None:
    closed = [as_list(schema["enum"])] if "enum" in schema else []
    if "const" in schema:
        closed.append([schema["const"]])
    for allowed in closed:
        if _hashed(value) not in map(_hashed, allowed):
            raise misfit(f"one of {', '.join(map(shown, allowed))}", shown(value))


def _check_limits(value: JSON, schema: JSONObject) -> None:
    for word, (kinds, said, holds) in _LIMITS.items():
        if word in schema and type(value) in kinds and not holds(value, schema[word]):
            raise misfit(said.format(schema[word]), named(value))
    if isinstance(value, str) and "pattern" in schema and not re.search(str(schema["pattern"]), value):
        raise misfit(f"text that matches {schema['pattern']!r}", shown(value))


def _expected(schema: JSONObject) -> str:
    kinds = [str(kind) for kind in _listed(schema["type"])] if "type" in schema else []
    return " or ".join(named(_KINDS[kind][-1]()) for kind in kinds) or "a value that fits"


def _hashed(value: JSON) -> object:
    """What is equal in JSON is equal here: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, dict):
        items = cast("JSONObject", value).items()
        return ("object", frozenset((key, _hashed(item)) for key, item in items))
    if isinstance(value, list):
        return ("array", tuple(map(_hashed, cast("list[JSON]", value))))
    return ("boolean" if isinstance(value, bool) else "plain", value)


@cache
def _package() -> Any:  # Any: the package may not be there
    return import_module("jsonschema")


def _by_package(value: JSON, schema: JSONObject) -> None:
    package = _package()
    kind = package.validators.validator_for(schema, default=package.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except package.SchemaError as error:
        raise ConfigError(f"expected a JSON Schema as schema, got what is none: {error.message}") from error
    # An empty registry: a schema that refers to another is not a reason to fetch that.
    validator = kind(schema, registry=import_module("referencing").Registry())
    try:
        problems = list(islice(_told(validator.iter_errors(value)), MOST))
    except import_module("referencing.exceptions").Unresolvable as error:
        raise ConfigError(f"expected a schema that refers to itself alone, got one to {error.ref}") from error
    if problems:
        raise MisfitError(problems)


def _told(errors: Iterator[Any]) -> Iterator[Problem]:
    for error in errors:
        path = tuple(error.absolute_path)
        said = error.message if len(error.message) <= 200 else f"{error.message[:200]}…"
        yield Problem(path, f"expected what fits {shown(error.validator)}, got: {said}")
