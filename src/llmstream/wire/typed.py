"""Reading decoded JSON whose shape a peer chose: the right type, or an error that says what and where."""

from __future__ import annotations

from typing import cast

from llmstream.jsontext import JSON, JSONObject, dumps

_SHOWN = 60


class MisfitError(ValueError):
    """A field is not of the type that the protocol says."""

    def __init__(self, expected: str, where: str, got: JSON) -> None:
        super().__init__(f"expected {expected} at {where}, got {_shown(got)}")


def _shown(value: JSON) -> str:
    match value:
        case None:
            return "nothing"
        case list():
            return "an array"
        case dict():
            return "an object"
        case _:
            return dumps(value)[:_SHOWN]


def string(value: JSON, where: str) -> str:
    """The value, which must be a string.

    Raises:
        MisfitError: when it is not.
    """
    if isinstance(value, str):
        return value
    raise MisfitError("a string", where, value)


def text(value: JSON, where: str) -> str:
    """The value, which must be a string; null and absence read as the empty one.

    Raises:
        MisfitError: when it is something else.
    """
    return "" if value is None else string(value, where)


def name(value: JSON, where: str) -> str | None:
    """The value, which must be a string; empty, null and absent all mean that there is none.

    Raises:
        MisfitError: when it is something else.
    """
    return text(value, where) or None


def mapping(value: JSON, where: str) -> JSONObject:
    """The value, which must be an object; null and absence read as the empty one.

    Raises:
        MisfitError: when it is something else.
    """
    if isinstance(value, dict):
        return cast("JSONObject", value)
    if value is None:
        return {}
    raise MisfitError("an object", where, value)


def items(value: JSON, where: str) -> list[JSON]:
    """The value, which must be an array; null and absence read as the empty one.

    Raises:
        MisfitError: when it is something else.
    """
    if isinstance(value, list):
        return cast("list[JSON]", value)
    if value is None:
        return []
    raise MisfitError("an array", where, value)


def integer(value: JSON, where: str) -> int:
    """The value, which must be a whole number.

    Raises:
        MisfitError: when it is not.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise MisfitError("a whole number", where, value)
