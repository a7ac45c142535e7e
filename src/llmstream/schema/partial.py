"""JSON cut anywhere: a parser that is fed text and has the value so far at any time.

Nothing is read twice: the time is linear in the text, however it is cut. Of what is open, a string is as
far as it came, a number is its longest beginning that is one, a literal is whole from its first letter,
and a key without a value is left out. What can never become JSON is a `JSONError` at once; a number is
judged when it ends.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from itertools import islice
from typing import Literal, TypeAlias, cast

import attrs

from llmstream.jsontext import JSON, MAX_DEPTH, JSONError, JSONObject, Step, loads

State: TypeAlias = Literal["empty", "partial", "complete"]

_SPACE = re.compile(r"[ \t\n\r]*")
_CHARACTERS = re.compile(r'[^"\\\x00-\x1f]*')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_DIGITS = re.compile(r"[0-9+\-.eE]*")
_ESCAPE = re.compile(r'\\(?:(["\\/bfnrt])|u([0-9a-fA-F]{4}))')
_UNFINISHED = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")
_ESCAPED = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERALS: dict[str, tuple[str, JSON]] = {"n": ("null", None), "t": ("true", True), "f": ("false", False)}
# No number of use is longer, and the value so far is read from its text each time it is asked for.
_MAX_NUMBER = 4096


@attrs.frozen
class Finished:
    """A value that is complete, and the path to it; the path of the whole is empty."""

    path: tuple[Step, ...]
    value: JSON


@attrs.frozen
class _Level:
    """A container that is open, as long as it was."""

    container: list[JSON] | JSONObject
    length: int
    key: str | None


@attrs.frozen
class _Scalar:
    """A string, number or literal that is open, as far as it had come."""

    pieces: list[str]
    count: int
    kind: str

    def value(self) -> JSON:
        """What it is so far; `_NOTHING` when that is no value yet."""
        text = "".join(self.pieces[: self.count])
        if self.kind == "string":
            return text
        if self.kind == "number":
            found = _NUMBER.match(text)
            return _NOTHING if found is None else _number(found[0])
        return _LITERALS[self.kind][1]


_NOTHING: JSON = object()


@attrs.frozen
class Cut:
    """The value at one moment of the parse.

    It is made when it is asked for. What is complete in it is shared with later cuts: do not change it.
    """

    _levels: tuple[_Level, ...]
    _scalar: _Scalar | None
    _whole: JSON = _NOTHING

    @property
    def is_empty(self) -> bool:
        """Whether there is no value yet."""
        return self._value() is _NOTHING

    @property
    def value(self) -> JSON:
        """The value so far; None where there is none yet."""
        made = self._value()
        return None if made is _NOTHING else made

    def _value(self) -> JSON:
        inner = self._whole if self._scalar is None else self._scalar.value()
        for level in reversed(self._levels):
            if isinstance(level.container, list):
                known = level.container[: level.length]
                inner = known if inner is _NOTHING else [*known, inner]
            else:
                items = level.container.items()
                members = dict(islice(items, level.length))
                if inner is not _NOTHING and level.key is not None:
                    members[level.key] = inner
                inner = members
        return inner


class PartialParser:
    """Reads one JSON document in pieces."""

    def __init__(self) -> None:
        self._levels: list[list[JSON] | JSONObject] = []
        self._keys: list[str | None] = []
        self._key: str | None = None
        self._whole: JSON = _NOTHING
        self._expect: Callable[[str, int], int] = self._value
        self._held = ""
        self._high = ""
        self._scalar: list[str] | None = None
        self._kind = ""
        self._length = 0
        self._read = 0
        self._finished: list[Finished] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    @property
    def state(self) -> State:
        """Whether there is no value, part of one, or a whole document.

        A number at the top is whole as soon as it is one, though it may go on.
        """
        if self._whole is not _NOTHING:
            return "complete"
        if not self._levels and self._kind == "number" and self._scalar is not None:
            text = "".join(self._scalar)
            found = _NUMBER.match(text)
            return "empty" if found is None else "complete" if found[0] == text else "partial"
        return "partial" if self._levels or self._scalar is not None else "empty"

    def feed(self, text: str | bytes, /) -> tuple[Finished, ...]:
        """Read on; what has become complete, in the order of the text, insides first.

        Raises:
            JSONError: when the text can never become JSON, or is nested deeper than `MAX_DEPTH`.
        """
        if isinstance(text, bytes):
            try:
                text = self._decoder.decode(text)
            except UnicodeDecodeError as error:
                raise JSONError(f"expected UTF-8, got {error.reason} in the JSON text") from error
        if self._held:
            text, self._held = self._held + text, ""
        at, end = 0, len(text)
        while at < end:
            at = self._expect(text, at)
        self._read += end - len(self._held)
        finished, self._finished = self._finished, []
        return tuple(finished)

    def feed_eof(self) -> tuple[Finished, ...]:
        """Say that no text follows; a number at the top is complete then.

        Raises:
            JSONError: when the document is not whole.
        """
        if self._kind == "number" and self._scalar is not None and not self._levels:
            self._end_number(0)
        if self._whole is _NOTHING:
            raise JSONError(f"expected a whole JSON document, got one that ends at character {self._read}")
        finished, self._finished = self._finished, []
        return tuple(finished)

    def cut(self) -> Cut:
        """The value so far, in a time that only the depth counts for."""
        levels = tuple(
            _Level(level, len(level), key)
            for level, key in zip(self._levels, (*self._keys[1:], self._key), strict=False)
        )
        scalar = None
        if self._scalar is not None and self._expect != self._in_key:
            scalar = _Scalar(self._scalar, len(self._scalar), self._kind)
        return Cut(levels, scalar, self._whole)

    def _fail(self, expected: str, text: str, at: int) -> JSONError:
        return JSONError(
            f"expected {expected}, got {text[at]!r} at character {self._read + at} of the JSON text"
        )

    def _value(self, text: str, at: int) -> int:
        at = _after_space(text, at)
        if at == len(text):
            return at
        first = text[at]
        if first == '"':
            self._open_scalar("string", self._in_string)
        elif first in "{[":
            self._open(dict[str, JSON]() if first == "{" else list[JSON]())
        elif first in _LITERALS:
            self._open_scalar(first, self._in_literal)
            return at
        elif first == "-" or (first.isdecimal() and first.isascii()):
            self._open_scalar("number", self._in_number)
            return at
        else:
            raise self._fail("a value", text, at)
        return at + 1

    def _open_scalar(self, kind: str, expect: Callable[[str, int], int]) -> None:
        self._scalar, self._kind, self._expect, self._length = [], kind, expect, 0

    def _open(self, container: list[JSON] | JSONObject) -> None:
        if len(self._levels) == MAX_DEPTH:
            raise JSONError(f"expected JSON of at most {MAX_DEPTH} levels, got more")
        self._levels.append(container)
        self._keys.append(self._key)
        self._key = None
        self._expect = self._first_item if isinstance(container, list) else self._first_key

    def _first_item(self, text: str, at: int) -> int:
        at = _after_space(text, at)
        if at < len(text) and text[at] == "]":
            return self._close(at)
        return self._value(text, at)

    def _first_key(self, text: str, at: int) -> int:
        at = _after_space(text, at)
        if at < len(text) and text[at] == "}":
            return self._close(at)
        return self._next_key(text, at)

    def _next_key(self, text: str, at: int) -> int:
        at = _after_space(text, at)
        if at == len(text):
            return at
        if text[at] != '"':
            raise self._fail("a key", text, at)
        self._open_scalar("string", self._in_key)
        return at + 1

    def _colon(self, text: str, at: int) -> int:
        at = _after_space(text, at)
        if at == len(text):
            return at
        if text[at] != ":":
            raise self._fail("a colon", text, at)
        self._expect = self._value
        return at + 1

    def _after(self, text: str, at: int) -> int:
        """After a value: a comma, the end of what it stands in, or nothing but space."""
        at = _after_space(text, at)
        if at == len(text):
            return at
        is_list = bool(self._levels) and isinstance(self._levels[-1], list)
        if self._levels and text[at] == ("]" if is_list else "}"):
            return self._close(at)
        if not self._levels or text[at] != ",":
            raise self._fail("a comma or the end" if self._levels else "the end", text, at)
        self._expect = self._value if is_list else self._next_key
        return at + 1

    def _close(self, at: int) -> int:
        container = self._levels.pop()
        self._key = self._keys.pop()
        self._give(container)
        return at + 1

    def _give(self, value: JSON) -> None:
        """A value is complete: put it where it belongs."""
        self._scalar = None
        self._expect = self._after
        if not self._levels:
            self._whole = value
            self._finished.append(Finished((), value))
            return
        parent = self._levels[-1]
        if isinstance(parent, list):
            self._finished.append(Finished((*self._path(), len(parent)), value))
            parent.append(value)
            return
        key = self._key or ""
        self._finished.append(Finished((*self._path(), key), value))
        if key in parent:
            # The last one wins; earlier cuts keep what they saw, so the object is a new one from here.
            parent = {name: item for name, item in parent.items() if name != key}
            self._levels[-1] = parent
        parent[key] = value
        self._key = None

    def _path(self) -> tuple[Step, ...]:
        """The path to the innermost container that is open."""
        return tuple(
            len(level) if isinstance(level, list) else key or ""
            for level, key in zip(self._levels[:-1], self._keys[1:], strict=True)
        )

    def _in_string(self, text: str, at: int) -> int:
        at = self._characters(text, at)
        if at < len(text):
            self._give(self._string())
            at += 1
        return at

    def _in_key(self, text: str, at: int) -> int:
        at = self._characters(text, at)
        if at < len(text):
            self._key = self._string()
            self._scalar = None
            self._expect = self._colon
            at += 1
        return at

    def _string(self) -> str:
        if self._high:
            self._add("")
        return "".join(self._scalar or ())

    def _characters(self, text: str, at: int) -> int:
        """Read a string on: to its closing quote, or to the end of the text."""
        end = len(text)
        while at < end:
            stop = cast("re.Match[str]", _CHARACTERS.match(text, at)).end()
            if stop > at:
                self._add(text[at:stop])
                at = stop
            elif text[at] == '"':
                return at
            else:
                at = self._escape(text, at)
        return at

    def _escape(self, text: str, at: int) -> int:
        found = _ESCAPE.match(text, at)
        if found is not None:
            self._add_escaped(_ESCAPED[found[1]] if found[1] else chr(int(found[2], 16)))
            return found.end()
        if _UNFINISHED.fullmatch(text, at):
            self._held = text[at:]
            return len(text)
        raise self._fail("a character of a string", text, at)

    def _add_escaped(self, character: str) -> None:
        """Half of a pair waits for the other; alone it becomes U+FFFD."""
        if self._high and "\udc00" <= character <= "\udfff":
            high, self._high = self._high, ""
            self._add((high + character).encode("utf-16", "surrogatepass").decode("utf-16"))
        elif "\ud800" <= character <= "\udbff":
            self._add("")
            self._high = character
        else:
            self._add("\ufffd" if "\udc00" <= character <= "\udfff" else character)

    def _add(self, piece: str) -> None:
        if self._high:
            self._high = ""
            piece = "\ufffd" + piece
        if piece and self._scalar is not None:
            self._scalar.append(piece)

    def _in_number(self, text: str, at: int) -> int:
        stop = cast("re.Match[str]", _DIGITS.match(text, at)).end()
        self._add(text[at:stop])
        self._length += stop - at
        if self._length > _MAX_NUMBER:
            raise JSONError(f"expected a number of at most {_MAX_NUMBER} characters, got more")
        if stop < len(text):
            self._end_number(stop)
        return stop

    def _end_number(self, at: int) -> None:
        text = "".join(self._scalar or ())
        if not _NUMBER.fullmatch(text):
            raise JSONError(f"expected a number, got {text[:40]!r} before character {self._read + at}")
        self._give(loads(text))

    def _in_literal(self, text: str, at: int) -> int:
        word, value = _LITERALS[self._kind]
        rest = word[self._length : self._length + len(text) - at]
        if not text.startswith(rest, at):
            raise self._fail(word, text, at + _common(text[at:], rest))
        self._length += len(rest)
        if self._length == len(word):
            self._give(value)
        return at + len(rest)


def _after_space(text: str, at: int) -> int:
    return cast("re.Match[str]", _SPACE.match(text, at)).end()


def _number(text: str) -> JSON:
    try:
        return loads(text)
    except JSONError:
        # Too large so far, which is said when it ends.
        return _NOTHING


def _common(text: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), 0)
