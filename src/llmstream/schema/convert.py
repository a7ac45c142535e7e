"""JSON to types: what `describe` describes is accepted, all else is refused with its place.

Nothing is coerced: "3" is no integer, 1.5 neither, and true is no number. Nothing in the JSON chooses
what is made; only the annotation does. A class that no rule here knows is structured by cattrs, when its
global converter has a hook for it.

The walk is our own and not cattrs': its dispatch needs annotations that can be hashed, which `Annotated`
with a pydantic `Field` in it cannot, and what is accepted must be what `describe` says, class by class.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from inspect import BoundArguments, Parameter
from typing import Any, TypeVar, cast, overload

from llmstream.errors import ConfigError
from llmstream.jsontext import JSON, JSONObject, dumps, named, shown
from llmstream.schema import shape as shapes
from llmstream.schema.fields import MISSING, Field
from llmstream.schema.hints import Hint
from llmstream.schema.problems import Collector, MisfitError, Problem, misfit
from llmstream.schema.shape import Shape, shape
from llmstream.schema.signature import signature

T = TypeVar("T")

_VAR_KEYWORD = Parameter.VAR_KEYWORD
# What a constructor says of a value that it does not take.
_REFUSALS = (ValueError, TypeError, AssertionError, ArithmeticError)


@overload
def convert(value: JSON, annotation: type[T], /) -> T: ...


@overload
def convert(value: JSON, annotation: Hint, /) -> Any: ...  # Any: the type of an annotation is its author's


def convert(value: JSON, annotation: Hint, /) -> Any:
    """Make a value of the annotated type.

    Raises:
        MisfitError: when the JSON does not fit; it says where, and what was expected.
        ConfigError: when the annotation is nothing that JSON can say.
    """
    return Conversions().convert(value, annotation)


class Conversions:
    """Conversions of the values inside one document; records that are read again are the same objects.

    So the time for all of them is that of the document, however often its values stand in each other.
    """

    def __init__(self) -> None:
        self._reader = _Reader()

    def convert(self, value: JSON, annotation: Hint, /) -> Any:  # Any: as for the function
        """Make a value of the annotated type; raises as the function."""
        try:
            return self._reader.read(value, annotation)
        except RecursionError:
            raise misfit("fewer levels", "more than can be read") from None


def arguments(
    given: JSONObject, function: Callable[..., object], /, *, skip: Collection[str] = ()
) -> BoundArguments:
    """Make a function's arguments of an object, by the annotations; defaults are left to the function.

    The parameters to `skip`, as in `parameters`, are not read from the JSON: set them in `.arguments`.

    Raises:
        MisfitError: when the object does not fit; a path begins with the argument's name.
        ConfigError: when an annotation is nothing that JSON can say, or cannot be resolved.
    """
    taken, reader = signature(function, skip=skip), _Reader()
    found = Collector()
    fields = [(field, field.hint) for field in taken.fields]
    try:
        values = reader.fields(given, fields, found, is_open=taken.rest is not MISSING)
        known = {field.key for field in taken.fields}
        if taken.rest is not MISSING:
            for key in given.keys() - known:
                values[key] = reader.member(given[key], taken.rest, key, found)
    except RecursionError:
        raise misfit("fewer levels", "more than can be read") from None
    found.check()
    return _bound(taken.of, values, taken.many)


def _bound(of: Any, values: dict[str, Any], many: str) -> BoundArguments:
    """Any: the annotations vouch for the values, no checker does."""
    bound: BoundArguments = of.bind_partial()
    rest: dict[str, Any] = {}
    for name, value in values.items():
        if name == many:
            bound.arguments[name] = tuple(value)
        elif name in of.parameters and of.parameters[name].kind is not _VAR_KEYWORD:
            bound.arguments[name] = value
        else:
            rest[name] = value
    if rest:
        bound.arguments[next(n for n, p in of.parameters.items() if p.kind is _VAR_KEYWORD)] = rest
    return bound


class _Reader:
    """One conversion. What a class makes of an object is kept, so that unions read nothing twice."""

    def __init__(self) -> None:
        # With the JSON, so that its identity stays its own.
        self._made: dict[tuple[int, object], tuple[JSON, object]] = {}

    def read(self, value: JSON, hint: Hint) -> Any:
        match shape(hint):
            case shapes.Anything():
                return value
            case shapes.Plain(kind):
                return _plain(value, kind)
            case shapes.Written() as written:
                return _written(value, written)
            case shapes.OneOfValues() as closed:
                return _chosen(value, closed)
            case shapes.Listed() as listed:
                return self._listed(value, listed)
            case shapes.Row(items):
                return self._row(value, items)
            case shapes.Mapped() as mapped:
                return self._mapped(value, mapped)
            case shapes.Limited() as limited:
                return self._limited(value, limited)
            case shapes.Either(members):
                return self._either(value, members)
            case shapes.Object() as found:
                return self._once(value, found.key, lambda: self._object(value, found))
            case shapes.Named() as alias:
                return self._once(value, id(alias.alias), lambda: self.read(value, alias.hint))
            case shapes.Own(cls):
                return self._once(value, cls, lambda: _validated(value, cls))
            case shapes.Hooked(cls, structure):
                return _built(lambda: structure(value, cls), {}, cls.__name__)

    def fields(
        self,
        given: JSON,
        fields: Sequence[tuple[Field, Hint]],
        found: Collector,
        *,
        is_open: bool = False,
    ) -> dict[str, Any]:
        """The values of an object's fields, by the names that the class or function has for them."""
        if type(given) is not dict:
            raise misfit("an object", named(given))
        record, values = cast("JSONObject", given), dict[str, Any]()
        for field, hint in fields:
            if field.key not in record:
                if field.required:
                    found.add(field.key, misfit(_expected(field, hint), "nothing"))
            elif field.fixed is not MISSING:
                if record[field.key] != field.fixed:
                    found.add(field.key, misfit(shown(field.fixed), shown(record[field.key])))
            else:
                values[field.name] = self.member(record[field.key], hint, field.key, found)
        if not is_open and len(unknown := record.keys() - {field.key for field, _ in fields}):
            names = ", ".join(field.key for field, _ in fields) or "none"
            for key in sorted(unknown):
                found.add(key, misfit(f"one of the keys {names}", shown(key)))
        return values

    def member(self, value: JSON, hint: Hint, step: str | int, found: Collector) -> Any:
        """One value inside another; what does not fit is noted under its step."""
        try:
            return self.read(value, hint)
        except MisfitError as error:
            found.add(step, error)
            return None

    def _once(self, value: JSON, key: object, make: Callable[[], Any]) -> Any:
        if type(value) is not dict and type(value) is not list:
            return make()
        at = (id(cast("object", value)), key)
        if at not in self._made:
            try:
                self._made[at] = value, make()
            except MisfitError as error:
                self._made[at] = value, error
        _, made = self._made[at]
        if isinstance(made, MisfitError):
            raise made
        return made

    def _object(self, value: JSON, found: shapes.Object) -> Any:
        problems = Collector()
        record = found.record
        values = self.fields(value, [(field, found.hint(field)) for field in record.fields], problems)
        problems.check()
        return _built(record.make, values, record.name)

    def _listed(self, value: JSON, listed: shapes.Listed) -> Any:
        problems = Collector()
        items = [self.member(item, listed.item, i, problems) for i, item in enumerate(_a_list(value))]
        problems.check()
        if not listed.unique:
            return listed.make(items)
        made = cast("Collection[object]", _built(lambda: listed.make(items), {}, "set"))
        if len(made) < len(items):
            raise misfit("items that all differ", f"{len(items) - len(made)} twice")
        return made

    def _row(self, value: JSON, items: tuple[Hint, ...]) -> Any:
        problems, given = Collector(), _a_list(value)
        if len(given) != len(items):
            raise misfit(f"a list of {len(items)}", f"one of {len(given)}")
        made = [
            self.member(item, hint, i, problems)
            for i, (item, hint) in enumerate(zip(given, items, strict=True))
        ]
        problems.check()
        return tuple(made)

    def _mapped(self, value: JSON, mapped: shapes.Mapped) -> Any:
        if type(value) is not dict:
            raise misfit("an object", named(value))
        problems, result = Collector(), dict[object, object]()
        for key, item in cast("JSONObject", value).items():
            made = self.member(_key(key, mapped.key), mapped.key, key, problems)
            inner = self.member(item, mapped.value, key, problems)
            result[made] = inner
        problems.check()
        return mapped.make(result)

    def _limited(self, value: JSON, limited: shapes.Limited) -> Any:
        made = self.read(value, limited.hint)
        try:
            broken = limited.bounds.broken(made)
        except (TypeError, ArithmeticError) as error:
            raise ConfigError(f"expected limits that fit {limited.hint!r}, got: {error}") from error
        if broken is not None:
            raise misfit(broken, f"a length of {len(made)}" if "length" in broken else shown(value))
        return made

    def _either(self, value: JSON, members: tuple[Hint, ...]) -> Any:
        likely = [member for member in members if _may_be(value, shape(member))]
        errors: list[MisfitError] = []
        for member in likely:
            try:
                return self.read(value, member)
            except MisfitError as error:
                errors.append(error)
        if len(errors) == 1:
            raise errors[0]
        expected = dict.fromkeys(_a_kind(member) for member in members)
        raise misfit(" or ".join(expected), shown(value) if type(value) is str else named(value))


def _a_list(value: JSON) -> list[JSON]:
    if type(value) is not list:
        raise misfit("a list", named(value))
    return cast("list[JSON]", value)


def _key(key: str, hint: Hint) -> JSON:
    """A key as its annotation reads it: keys are strings in JSON, whatever they say."""
    inner = shape(hint)
    if isinstance(inner, shapes.Limited):
        return _key(key, inner.hint)
    wants_number = inner == shapes.Plain(int) or (
        isinstance(inner, shapes.OneOfValues) and any(type(value) is int for value in inner.values)
    )
    is_number = key.removeprefix("-").isdecimal() and key.isascii() and len(key) < 4300
    return int(key) if wants_number and is_number and str(int(key)) == key else key


def _plain(value: JSON, kind: type) -> JSON:
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise misfit("a number", "one that is out of range") from None
    if kind is int and type(value) is float and value.is_integer():
        # JSON does not tell 1.0 from 1.
        return int(value)
    raise misfit(named(kind()), shown(value) if kind is int and type(value) is str else _got(value))


def _got(value: JSON) -> str:
    return repr(value) if type(value) is float and math.isfinite(value) else named(value)


def _written(value: JSON, written: shapes.Written) -> object:
    if type(value) not in written.kinds:
        raise misfit(written.what, named(value))
    try:
        return written.read(value)
    except _REFUSALS:
        raise misfit(written.what, shown(value)) from None


def _chosen(value: JSON, closed: shapes.OneOfValues) -> object:
    for known, result in zip(closed.values, closed.results, strict=True):
        if known == value and (type(known) is bool) == (type(value) is bool):
            return result
    words = [shown(known) if known is not None else "null" for known in closed.values]
    one_of = f"one of {', '.join(words)}" if len(words) > 1 else "".join(words) or "nothing"
    raise misfit(one_of, shown(value))


def _built(make: Callable[..., object], values: dict[str, Any], name: str) -> object:
    try:
        return make(**values)
    except MisfitError:
        raise
    except _REFUSALS as error:
        raise misfit(f"what {name} takes", f"what it refuses: {error}") from error


def _validated(value: JSON, cls: Any) -> object:  # Any: a class of a library that is not imported
    try:
        return cast("object", cls.model_validate(value, strict=True))
    except ValueError as first:
        error = first
    # Strict validation of Python values refuses text for a date, and what else JSON has no type for.
    try:
        return cast("object", cls.model_validate_json(dumps(value), strict=True))
    except ValueError as second:
        error = second
    told = getattr(error, "errors", None)
    if not callable(told):
        raise misfit(f"what {cls.__name__} takes", f"what it refuses: {error}") from None
    problems = cast("list[dict[str, Any]]", told())
    raise MisfitError(_told(problem) for problem in problems) from None


def _told(problem: dict[str, Any]) -> Problem:
    path = tuple(step if isinstance(step, int) else str(step) for step in problem.get("loc", ()))
    return Problem(path, f"expected {problem.get('msg', 'another value')}, got {shown(problem.get('input'))}")


def _may_be(value: JSON, form: Shape) -> bool:
    """Whether a value's outside fits a shape: its kind, its keys, and the words that tell records apart."""
    match form:
        case shapes.Plain(kind):
            return type(value) is kind or (kind in {int, float} and type(value) in {int, float})
        case shapes.Written(kinds=kinds):
            return type(value) in kinds
        case shapes.OneOfValues(values):
            return type(value) in {type(known) for known in values}
        case shapes.Listed() | shapes.Row():
            return type(value) is list
        case shapes.Mapped():
            return type(value) is dict
        case shapes.Object():
            return type(value) is dict and _looks_like(cast("JSONObject", value), form)
        case shapes.Limited(hint):
            return _may_be(value, shape(hint))
        case _:
            return True


def _looks_like(value: JSONObject, found: shapes.Object) -> bool:
    for field in found.record.fields:
        if field.key not in value:
            continue
        if field.fixed is not MISSING and value[field.key] != field.fixed:
            return False
        closed = shape(found.hint(field)) if field.fixed is MISSING else None
        if isinstance(closed, shapes.OneOfValues) and value[field.key] not in closed.values:
            return False
    return True


def _expected(field: Field, hint: Hint) -> str:
    return _a_kind(hint) if field.fixed is MISSING else shown(field.fixed)


def _a_kind(hint: Hint) -> str:
    """What an annotation expects, in a few words."""
    match shape(hint):
        case shapes.Anything():
            return "a value"
        case shapes.Plain(kind):
            return named(kind())
        case shapes.Written(what):
            return what
        case shapes.OneOfValues(values):
            words = [shown(value) if value is not None else "null" for value in values]
            return f"one of {', '.join(words)}" if len(words) > 1 else "".join(words)
        case shapes.Listed() | shapes.Row():
            return "a list"
        case shapes.Mapped():
            return "an object"
        case shapes.Named() as alias:
            return f"a {alias.name}"
        case shapes.Limited(inner):
            return _a_kind(inner)
        case shapes.Either(members):
            return " or ".join(dict.fromkeys(_a_kind(member) for member in members))
        case shapes.Object(cls) | shapes.Own(cls) | shapes.Hooked(cls):
            return f"a {cls.__name__}"
