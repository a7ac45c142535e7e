"""JSON text in and out: the one place that parses or writes it, beside the typed wire structs.

The fast path is msgspec. Text that it refuses and a lenient peer may still send (a lone surrogate, a
number beyond 64 bits) is read again by the standard library; what neither reads is a `JSONError`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, cast

import msgspec

# A recursive alias makes every read of a decoded document a cast; the readers narrow with isinstance instead.
JSON: TypeAlias = Any
JSONObject: TypeAlias = dict[str, JSON]
# A key of an object, or a position in a list.
Step: TypeAlias = str | int

MAX_DEPTH = 500

_SHOWN = 40
_NAMES: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    type(None): "null",
}

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_CONTAINERS = frozenset({dict, list})
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class JSONError(ValueError):
    """The text is not JSON, or nested too deeply to read."""


def loads(text: str | bytes) -> JSON:
    """Read one JSON document; lone surrogates become U+FFFD.

    Raises:
        JSONError: when the text is not JSON, is nested deeper than `MAX_DEPTH`, or holds NaN or an infinity.
    """
    try:
        value = _decode(text)
    except RecursionError as error:
        raise JSONError("JSON is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeError):
        value = _loads_leniently(text)
    if len(text) > 2 * MAX_DEPTH and _opened(text) > MAX_DEPTH and _is_deep(value):
        raise JSONError("JSON is nested too deeply")
    return value


def dumps(value: JSON) -> str:
    """Write one JSON document, compact, keys in their order; lone surrogates become U+FFFD.

    Raises:
        JSONError: when it is nested too deeply to write.
    """
    return dump_bytes(value).decode()


def dump_bytes(value: JSON) -> bytes:
    """Write one JSON document as UTF-8 bytes; as `dumps` otherwise."""
    try:
        try:
            return _encode(value)
        except UnicodeEncodeError:
            return _encode(_scrub(value))
    except RecursionError as error:
        raise JSONError("JSON is nested too deeply") from error


def loads_object(text: str | bytes) -> JSONObject | None:
    """Read a JSON object; None when the text is anything else."""
    try:
        value = loads(text)
    except JSONError:
        return None
    return cast("JSONObject", value) if isinstance(value, dict) else None


def as_object(value: JSON) -> JSONObject:
    """A leaf that should be an object; an empty one for anything else."""
    return cast("JSONObject", value) if isinstance(value, dict) else {}


def as_list(value: JSON) -> list[JSON]:
    """A leaf that should be a list; an empty one for anything else."""
    return cast("list[JSON]", value) if isinstance(value, list) else []


def merged(value: JSONObject, more: Mapping[str, JSON], /) -> JSONObject:
    """The object with more merged in, objects into objects."""
    result = dict(value)
    for key, new in more.items():
        known = result.get(key)
        both = isinstance(known, dict) and isinstance(new, dict)
        result[key] = merged(cast("JSONObject", known), cast("JSONObject", new)) if both else new
    return result


def named(value: object) -> str:
    """The kind of a value in JSON's words; not the value, which may be a secret or endless."""
    return _NAMES.get(type(value), f"a {type(value).__name__}")


def shown(value: object) -> str:
    """A word of a closed set as it can stand in a message: a short beginning, escaped."""
    if isinstance(value, str):
        return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "…")
    if type(value) is int and value.bit_length() < 64:
        return str(value)
    return named(value)


def place(steps: Iterable[Step]) -> str:
    """Write a path as `parts[0].text`; the empty path is "the top"."""
    written = "".join(_step(step) for step in steps)
    return written.removeprefix(".") or "the top"


def _step(step: Step) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step.isidentifier() and len(step) <= _SHOWN else f"[{shown(step)}]"


def _opened(text: str | bytes) -> int:
    """How many containers the text opens; more, if it has brackets in strings."""
    if isinstance(text, str):
        return text.count("[") + text.count("{")
    return text.count(b"[") + text.count(b"{")


def _is_deep(value: JSON) -> bool:
    level: list[JSON] = [value]
    for _ in range(MAX_DEPTH):
        insides: list[JSON] = [item.values() if type(item) is dict else item for item in level]
        level = [item for inside in insides for item in inside if type(item) in _CONTAINERS]
        if not level:
            return False
    return True


def _loads_leniently(text: str | bytes) -> JSON:
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    try:
        return _scrub(json.loads(text, parse_constant=_refuse_constant))
    except RecursionError as error:
        raise JSONError("JSON is nested too deeply") from error
    except JSONError:
        raise
    except ValueError as error:
        raise JSONError(str(error)) from error


def _refuse_constant(name: str) -> JSON:
    raise ValueError(f"{name} is not JSON")


def _scrub(value: JSON) -> JSON:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, float) and value in {float("inf"), float("-inf")}:
        raise JSONError("a number is out of range")
    if isinstance(value, list):
        return [_scrub(item) for item in cast("list[JSON]", value)]
    if isinstance(value, dict):
        return {_scrub(key): _scrub(item) for key, item in cast("JSONObject", value).items()}
    return value
