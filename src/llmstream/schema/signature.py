"""The parameters of a function, as fields of an object."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Collection
from typing import Annotated, Any, TypeAlias, cast
from weakref import WeakKeyDictionary

import attrs

from llmstream.schema import hints
from llmstream.schema.docstring import documented
from llmstream.schema.fields import MISSING, Field
from llmstream.schema.hints import Hint

_KIND = inspect.Parameter
_Key: TypeAlias = tuple[bool, frozenset[str]]


@attrs.frozen
class Signature:
    """What a function takes by name.

    Attributes:
        rest: the annotation of what `**kwargs` takes; MISSING when there is no such thing.
        many: the name of `*args`, whose field is a list.
    """

    of: inspect.Signature
    fields: tuple[Field, ...]
    rest: Hint = MISSING
    many: str = ""


_READ: WeakKeyDictionary[Callable[..., object], dict[_Key, Signature]] = WeakKeyDictionary()


def annotations_of(function: Callable[..., object], /) -> dict[str, Hint]:
    """The annotations of what a function, method, callable object or partial takes, resolved, by name.

    Raises:
        ConfigError: when a name in one of them cannot be found.
    """
    known = hints.of_function(function)
    return {name: known.get(name, Any) for name in inspect.signature(function).parameters}


def signature(function: Callable[..., object], /, *, skip: Collection[str] = ()) -> Signature:
    """Read a function, without the parameters to `skip` and those that a partial has given.

    It is read once, as long as the function lives: each call of a tool asks again.
    """
    # A method is made anew each time that it is looked up.
    is_method = isinstance(function, types.MethodType)
    owner = function.__func__ if isinstance(function, types.MethodType) else function
    if not isinstance(owner, types.FunctionType | functools.partial):
        return _read(function, skip)
    # Narrowed by its class alone, a partial is one of something unknown.
    owner, key = cast("Callable[..., object]", owner), (is_method, frozenset(skip))
    # Threads that read the same function at once only do it twice.
    known = _READ.setdefault(owner, {})
    if key not in known:
        known[key] = _read(function, skip)
    return known[key]


def _read(function: Callable[..., object], skip: Collection[str]) -> Signature:
    known, of = annotations_of(function), inspect.signature(function)
    said = documented(inspect.getdoc(_innermost(function))).arguments
    bound = function.keywords if isinstance(function, functools.partial) else {}
    fields: list[Field] = []
    found = Signature(of, ())
    for name, parameter in of.parameters.items():
        if name in skip or name in bound:
            continue
        hint = known[name]
        if parameter.kind is _KIND.VAR_KEYWORD:
            found = attrs.evolve(found, rest=hint)
        elif parameter.kind is _KIND.VAR_POSITIONAL:
            fields.append(
                Field(name, name, types.GenericAlias(list, (hint,)), False, description=said.get(name, ""))
            )
            found = attrs.evolve(found, many=name)
        else:
            fields.append(attrs.evolve(_field(name, hint, parameter.default), description=said.get(name, "")))
    return attrs.evolve(found, fields=tuple(fields))


def _innermost(function: Callable[..., object]) -> object:
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function) or isinstance(function, type):
        return function
    # An object that is called says what its call takes there, or in the docstring of its class.
    call = type(function).__call__
    return call if call.__doc__ else type(function)


def _field(name: str, hint: Hint, default: Any) -> Field:  # Any: whatever stands after "="
    if default is _KIND.empty:
        return Field(name, name, hint)
    if hasattr(default, "is_required") and hasattr(default, "metadata"):
        # pydantic's Field(...), which is a default in form alone.
        required = bool(default.is_required())
        return Field(name, name, Annotated[hint, default], required, MISSING if required else default.default)
    return Field(name, name, hint, False, default)
