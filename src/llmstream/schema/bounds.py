"""What `Annotated` says beside a type: limits, a pattern, words for the reader.

Found by the names that annotated-types, `msgspec.Meta` and pydantic's `FieldInfo` share, so that none of
them is imported. A string in `Annotated` is a description.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sized
from typing import Any, cast

import attrs

from llmstream.jsontext import JSON, JSONObject

_WORDS = ("title", "description", "examples")
_LIMITS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern")
_KEYS = {
    "gt": "exclusiveMinimum",
    "ge": "minimum",
    "lt": "exclusiveMaximum",
    "le": "maximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
}
_LENGTHS = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}


def _is_multiple(value: Any, step: Any) -> bool:
    """By quotient, as JSON Schema's validators do: 0.3 is a multiple of 0.1 to the eye alone."""
    if isinstance(value, float) or isinstance(step, float):
        quotient = value / step
        return bool(abs(quotient) < float("inf") and quotient == int(quotient))
    return not value % step


# Any: what is compared is whatever the annotation's author made comparable.
_CHECKS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "gt": ("more than {}", lambda value, limit: value > limit),
    "ge": ("at least {}", lambda value, limit: value >= limit),
    "lt": ("less than {}", lambda value, limit: value < limit),
    "le": ("at most {}", lambda value, limit: value <= limit),
    "multiple_of": ("a multiple of {}", _is_multiple),
    "min_length": ("a length of at least {}", lambda value, limit: len(value) >= limit),
    "max_length": ("a length of at most {}", lambda value, limit: len(value) <= limit),
    "pattern": ("text that matches {!r}", lambda value, limit: re.search(limit, value) is not None),
}


@attrs.frozen
class Bounds:
    """The limits of a value, and what is said about it, by the names of annotated-types."""

    limits: dict[str, Any] = attrs.field(factory=dict[str, Any])
    words: JSONObject = attrs.field(factory=JSONObject)
    extra: JSONObject = attrs.field(factory=JSONObject)

    def keywords(self, kind: object) -> JSONObject:
        """The keywords of JSON Schema, for a schema of this `type`."""
        shortest, longest = _LENGTHS.get(str(kind), _LENGTHS["string"])
        names = _KEYS | {"min_length": shortest, "max_length": longest}
        return {**{names[name]: limit for name, limit in self.limits.items()}, **self.words, **self.extra}

    def broken(self, value: object) -> str | None:
        """What was expected of a value, where it is not so; limits that do not apply to it hold."""
        for name, limit in self.limits.items():
            expected, holds = _CHECKS[name]
            if _applies(name, value) and not holds(value, limit):
                return expected.format(limit)
        return None


def _applies(name: str, value: object) -> bool:
    if name == "pattern":
        return isinstance(value, str)
    if name in {"min_length", "max_length"}:
        return isinstance(value, Sized)
    return not isinstance(value, bool | str | None)


def bounds(metadata: Iterable[object], /) -> Bounds:
    """Read what stands in `Annotated` after the type; what is not known is left alone."""
    found = Bounds()
    for item in _flat(metadata):
        if isinstance(item, str):
            found.words.setdefault("description", item)
            continue
        for name in _LIMITS:
            if (limit := getattr(item, name, None)) is not None and not callable(limit):
                found.limits[name] = getattr(limit, "pattern", limit)
        for name in _WORDS:
            word = getattr(item, name, None)
            if isinstance(word, str | list) and word:
                found.words[name] = word
        documentation = getattr(item, "documentation", None)
        if isinstance(documentation, str):
            found.words["description"] = documentation
        found.extra.update(_extra(item))
    return found


def _flat(metadata: Iterable[object]) -> Iterable[object]:
    """The items, and those that pydantic keeps inside one of its own."""
    for item in metadata:
        inner = getattr(item, "metadata", None)
        if isinstance(inner, list):
            yield from _flat(cast("list[object]", inner))
        yield item


def _extra(item: object) -> dict[str, JSON]:
    for name in ("extra_json_schema", "json_schema_extra"):
        extra = getattr(item, name, None)
        if isinstance(extra, dict):
            return cast("dict[str, JSON]", extra)
    return {}
