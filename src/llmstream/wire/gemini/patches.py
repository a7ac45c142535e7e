"""Arguments of a call that come in patches, as JSON text that only grows.

https://ai.google.dev/api/caching#FunctionCall

A patch names a place by a JSON path and gives the value there, or more of the string there. Models write
arguments from left to right, so a patch nearly always continues the text where it ends; the containers that
it leaves are closed, those that it enters are opened. A patch to a place that the text has passed is kept
until the end, where the whole value of its top-level key is written again: of equal keys the last one counts.
"""

from __future__ import annotations

import re
from itertools import pairwise, takewhile
from typing import Final, TypeAlias, cast

from llmstream.jsontext import JSON, JSONObject, dumps
from llmstream.wire.gemini.frames import Patch

MAX_DEPTH: Final = 100
_STEP: Final = re.compile(
    r"""\.(?P<name>[^.\[\]]+)|\[(?P<index>\d{1,9})\]|\[(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\]"""
)
_ESCAPED: Final = re.compile(r"\\(.)")

_Path: TypeAlias = tuple[str | int, ...]


class PatchError(ValueError):
    """A patch names no place that there can be."""


class _Text(list[str]):
    """A string in the making."""

    __slots__ = ("ends",)

    def __init__(self, piece: str, *, ends: bool) -> None:
        super().__init__([piece])
        self.ends = ends


class Arguments:
    """The arguments so far."""

    def __init__(self) -> None:
        self._tree: JSONObject = {}
        # The containers that the text has open: whether each is an object, and how many values it has.
        self._levels: list[tuple[bool, int]] = [(True, 0)]
        self._last: _Path = ()
        self._in_string = False
        self._late: dict[str | int, None] = {}

    def begin(self) -> str:
        """The first of the text."""
        return "{"

    def apply(self, patch: Patch) -> str:
        """Take a patch and give the text that it adds.

        Raises:
            PatchError: when it names no place that there can be.
        """
        value: JSON = patch.string_value
        for other in (patch.number_value, patch.bool_value):
            value = other if value is None else value
        return self.put(_path(patch.json_path), value, ends=not patch.will_continue)

    def put(self, path: _Path, value: JSON, *, ends: bool = True) -> str:
        """Take a value and give the text that it adds; `ends` says whether a string is complete.

        Raises:
            PatchError: when the place cannot be.
        """
        more = self._in_string and path == self._last and isinstance(value, str)
        fits = more or self._is_next(path)
        self._store(path, value, ends=ends)
        if path[0] in self._late:
            return ""
        if not fits:
            self._late[path[0]] = None
            return ""
        text = "" if more else self._go(path)
        if not isinstance(value, str):
            return text + dumps(value)
        self._in_string = not ends
        return text + ("" if more else '"') + dumps(value)[1:-1] + ('"' if ends else "")

    def end(self) -> str:
        """The last of the text."""
        text = self._close(1)
        for key in self._late:
            text += "," + dumps(key) + ":" + dumps(_plain(self._tree[cast("str", key)]))
        return text + "}"

    @property
    def value(self) -> JSONObject:
        """The arguments, parsed."""
        return cast("JSONObject", _plain(self._tree))

    def _is_next(self, path: _Path) -> bool:
        """Whether the text can go on with this place: it is new, and in a container that is open."""
        shared = _shared(path, self._last)
        if shared == len(path) or (self._last and shared == len(self._last)):
            return False
        node: JSON = self._tree
        for step in path[:shared]:
            node = node[step]
        if isinstance(node, list):
            return path[shared] == len(cast("list[JSON]", node))
        return path[shared] not in node

    def _go(self, path: _Path) -> str:
        """The text between the last value and the one at a place."""
        shared = _shared(path, self._last)
        text = self._close(shared + 1)
        for depth in range(shared, len(path)):
            is_object, count = self._levels[depth]
            text += "," if count else ""
            text += dumps(path[depth]) + ":" if is_object else ""
            self._levels[depth] = (is_object, count + 1)
            if depth + 1 < len(path):
                enters_object = isinstance(path[depth + 1], str)
                text += "{" if enters_object else "["
                self._levels.append((enters_object, 0))
        self._last = path
        return text

    def _close(self, keep: int) -> str:
        text = '"' if self._in_string else ""
        self._in_string = False
        while len(self._levels) > keep:
            is_object, _ = self._levels.pop()
            text += "}" if is_object else "]"
        return text

    def _store(self, path: _Path, value: JSON, *, ends: bool) -> None:
        node: JSON = self._tree
        for step, following in pairwise(path):
            fresh: JSON = {} if isinstance(following, str) else []
            node = _child(node, step, fresh)
        text = _Text(value, ends=ends) if isinstance(value, str) else None
        leaf = _child(node, path[-1], value if text is None else text)
        if text is not None and leaf is not text and isinstance(leaf, _Text) and not leaf.ends:
            leaf.append(value)
            leaf.ends = ends
        else:
            node[path[-1]] = value if text is None else text


def _child(node: JSON, step: str | int, fresh: JSON) -> JSON:
    """What is at a step, or what is put there."""
    if isinstance(node, dict) and isinstance(step, str):
        return cast("JSONObject", node).setdefault(step, fresh)
    if isinstance(node, list) and not isinstance(node, _Text) and isinstance(step, int):
        items = cast("list[JSON]", node)
        if step == len(items):
            items.append(fresh)
        if step < len(items):
            return items[step]
    raise PatchError(f"expected a place that there can be, got the step {step!r} of a path")


def _shared(path: _Path, other: _Path) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(path, other, strict=False)))


def _plain(value: JSON) -> JSON:
    if isinstance(value, _Text):
        return "".join(value)
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[JSON]", value)]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in cast("JSONObject", value).items()}
    return value


def _path(text: str) -> _Path:
    steps: list[str | int] = []
    at = 1
    while at < len(text) and len(steps) < MAX_DEPTH:
        found = _STEP.match(text, at)
        if found is None:
            break
        at = found.end()
        if found["index"] is not None:
            steps.append(int(found["index"]))
        elif found["quoted"] is not None:
            steps.append(_ESCAPED.sub(r"\1", found["quoted"][1:-1]))
        else:
            steps.append(found["name"])
    if not text.startswith("$") or at < len(text) or not steps or not isinstance(steps[0], str):
        raise PatchError(f"expected a JSON path into the arguments, got {text[:200]!r}")
    return tuple(steps)
