"""Typed reads of a request's JSON; what is not as it should be is named by its path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar, cast

from llmstream.errors import InvalidRequestError
from llmstream.jsontext import JSON, JSONObject

T = TypeVar("T")

_WORDS: dict[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    dict: "an object",
    list: "an array",
}


def bad(expected: str, got: JSON, where: str) -> InvalidRequestError:
    """The error for a value that is not as it should be."""
    named = "null" if got is None else next(word for kind, word in _WORDS.items() if isinstance(got, kind))
    return InvalidRequestError(f"expected {expected}, got {named}, at {where}", status=400)


class Fields:
    """An object of a request, and where it stands. A null counts as absent."""

    def __init__(self, value: JSON, where: str) -> None:
        if not isinstance(value, dict):
            raise bad("an object", value, where)
        self.data = cast("JSONObject", value)
        self.where = where

    def at(self, name: str) -> str:
        """The path of a field."""
        return f"{self.where}.{name}" if self.where else name

    def get(self, name: str, kind: type[T]) -> T | None:
        """A field of a kind, or None.

        Raises:
            InvalidRequestError: when it is of another kind.
        """
        value = self.data.get(name)
        if value is None:
            return None
        fits = isinstance(value, int | float) if kind is float else isinstance(value, kind)
        if not fits or (isinstance(value, bool) and kind is not bool):
            raise bad(_WORDS[kind], value, self.at(name))
        return cast("T", value)

    def object(self, name: str) -> JSONObject | None:
        """An object as it is, or None.

        Raises:
            InvalidRequestError: when it is none.
        """
        return cast("JSONObject | None", self.get(name, dict))

    def array(self, name: str) -> list[JSON] | None:
        """An array as it is, or None.

        Raises:
            InvalidRequestError: when it is none.
        """
        return cast("list[JSON] | None", self.get(name, list))

    def need(self, name: str, kind: type[T]) -> T:
        """A field of a kind that must be there.

        Raises:
            InvalidRequestError: when it is not, or of another kind.
        """
        value = self.get(name, kind)
        if value is None:
            raise bad(_WORDS[kind], None, self.at(name))
        return value

    def choice(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """A string that is one of a few.

        Raises:
            InvalidRequestError: when it is another.
        """
        value = self.get(name, str)
        if value is not None and value not in allowed:
            expected = ", ".join(allowed)
            raise InvalidRequestError(
                f"expected one of {expected}, got {value[:100]!r}, at {self.at(name)}", status=400
            )
        return value

    def inner(self, name: str) -> Fields:
        """An object in this one that must be there."""
        return Fields(self.data.get(name), self.at(name))

    def each(self, name: str) -> Iterator[Fields]:
        """The objects of an array; none when it is absent."""
        for position, item in enumerate(self.array(name) or ()):
            yield Fields(item, f"{self.at(name)}[{position}]")
