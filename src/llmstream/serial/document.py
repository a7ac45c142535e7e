"""JSON documents, copied and checked before anything is made of them.

The copy is one pass without recursion, so neither depth nor size of a hostile document can do harm, and
what is kept of it (arguments, metadata) shares nothing with what the caller holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import TypeAlias, cast

from llmstream.errors import ConfigError
from llmstream.jsontext import JSON, Step, named, place

MAX_DEPTH = 200
MAX_VALUES = 5_000_000

# Where a value stands: the place of what holds it, and the last step. Made of shared links, because a
# whole path for every container would cost the depth of the document each time.
_Place: TypeAlias = "tuple[_Place, Step] | None"
# What is copied, the copy, where it stands and how deep.
_Task: TypeAlias = tuple[JSON, JSON, _Place, int]

_LEAVES = frozenset({str, int, bool, type(None)})
_LISTS = (list, tuple)
# Mapping last: to ask an abstract class costs as much as all the rest.
_CONTAINERS = (dict, list, tuple, Mapping)


def plain(document: object, /) -> JSON:
    """Copy a document into JSON's own types: dict, list, str, int, float, bool and None.

    Tuples become lists, and values of a subclass become those of the class.

    Raises:
        ConfigError: when something in it is no JSON value, NaN or infinite, or when the document is
            nested deeper than `MAX_DEPTH` or holds more than `MAX_VALUES` values.
    """
    todo: list[_Task] = []
    copy = document if type(document) in _LEAVES else _copy(document, None, 0, todo)
    count = 0
    while todo:
        source, target, at, depth = todo.pop()
        count += len(source)
        if count > MAX_VALUES:
            raise ConfigError(f"expected at most {MAX_VALUES} values in a document, got more")
        if type(target) is dict:
            for key, item in source.items():
                name = key if type(key) is str else _name(key, at)
                target[name] = item if type(item) in _LEAVES else _copy(item, (at, name), depth, todo)
        else:
            for i, item in enumerate(source):
                target.append(item if type(item) in _LEAVES else _copy(item, (at, i), depth, todo))
    return copy


def _copy(item: object, at: _Place, depth: int, todo: list[_Task]) -> JSON:
    if isinstance(item, float):
        if not isfinite(item):
            raise ConfigError(f"expected a finite number, got {item}, at {_written(at)}")
        return float(item)
    if isinstance(item, _CONTAINERS):
        if depth == MAX_DEPTH:
            raise ConfigError(f"expected a document of at most {MAX_DEPTH} levels, got a deeper one")
        copy: JSON = [] if isinstance(item, _LISTS) else {}
        todo.append((cast("JSON", item), copy, at, depth + 1))
        return copy
    if isinstance(item, str):
        return str.__str__(item)
    if isinstance(item, int):
        return int(item)
    raise ConfigError(f"expected a JSON value, got {named(item)}, at {_written(at)}")


def _name(key: object, at: _Place) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    raise ConfigError(f"expected strings as keys, got {named(key)}, at {_written(at)}")


def _written(at: _Place) -> str:
    steps: list[Step] = []
    while at is not None:
        at, step = at
        steps.append(step)
    return place(reversed(steps))
