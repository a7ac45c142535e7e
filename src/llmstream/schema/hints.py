"""Annotations, resolved: names looked up, qualifiers and `Annotated` taken apart."""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias, TypeVar, cast, get_args, get_origin

from llmstream.errors import ConfigError

# No checker knows a type for what may stand in an annotation.
Hint: TypeAlias = Any

_QUALIFIERS = frozenset({"Required", "NotRequired", "ReadOnly", "Final", "ClassVar", "InitVar"})


def of_class(cls: type, /) -> dict[str, Hint]:
    """The annotations of a class and its bases, resolved.

    Raises:
        ConfigError: when a name in one of them cannot be found.
    """
    return _resolved(cls, cls.__qualname__, {cls.__name__: cls})


def of_function(function: Callable[..., object], /) -> dict[str, Hint]:
    """The annotations of a function, method, callable object, class or partial; raises as `of_class`."""
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, type):
        function = function.__init__  # type: ignore[misc] # only read for its annotations
    elif not inspect.isroutine(function):
        function = type(function).__call__
    plain = inspect.unwrap(function)
    return _resolved(plain, getattr(plain, "__qualname__", repr(plain)), _around(plain))


def of_alias(alias: Hint, /) -> Hint:
    """What a named alias stands for; raises as `of_class`."""
    holder = types.SimpleNamespace(__annotations__={"value": alias.__value__})
    names = vars(sys.modules.get(alias.__module__, types))
    return _resolved(holder, alias.__name__, {**names, alias.__name__: alias})["value"]


def _around(function: Callable[..., object]) -> dict[str, object]:
    """The names that a function closes over: its annotations may use them."""
    inner = getattr(function, "__func__", function)
    code, cells = getattr(inner, "__code__", None), getattr(inner, "__closure__", None)
    if code is None or not cells:
        return {}
    return {
        name: cell.cell_contents for name, cell in zip(code.co_freevars, cells, strict=True) if _is_full(cell)
    }


def _is_full(cell: Any) -> bool:  # Any: the type of cells has no public name that pyright reads
    try:
        cell.cell_contents  # noqa: B018 - an empty cell raises
    except ValueError:
        return False
    return True


def _resolved(owner: object, name: str, known: Mapping[str, object]) -> dict[str, Hint]:
    try:
        return typing.get_type_hints(cast("Any", owner), localns=dict(known), include_extras=True)
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise ConfigError(f"expected annotations that can be resolved on {name}, got: {error}") from error


def qualifier(hint: Hint, /) -> tuple[frozenset[str], Hint]:
    """Take NotRequired, Required, ReadOnly and Final off; which there were, and what they qualify."""
    names: set[str] = set()
    extras: list[object] = []
    while True:
        origin: Any = get_origin(hint)
        if origin is Annotated:
            inner, *more = get_args(hint)
            extras = [*more, *extras]
            hint = inner
        elif (name := getattr(origin, "_name", None) or getattr(origin, "__name__", "")) in _QUALIFIERS:
            names.add(str(name))
            (hint,) = get_args(hint)
        else:
            return frozenset(names), Annotated[(hint, *extras)] if extras else hint


def bound(hint: Hint, table: Mapping[Hint, Hint], /) -> Hint:
    """The annotation of a generic class's field, with what its variables stand for."""
    if isinstance(hint, TypeVar):
        return table.get(hint, hint)
    parameters: tuple[Hint, ...] = getattr(hint, "__parameters__", ())
    if not table or not parameters or isinstance(hint, type):
        return hint
    return hint[tuple(table.get(parameter, parameter) for parameter in parameters)]
