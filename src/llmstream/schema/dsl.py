"""The short form of a schema: `name, age int, bio: one sentence`."""

from __future__ import annotations

from llmstream.errors import ConfigError
from llmstream.jsontext import JSONObject

_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def short(text: str, /, *, multi: bool = False) -> JSONObject:
    """The JSON Schema of a short form: fields between commas, or one a line where there are lines.

    A field is a name, then its type if it is not str (int, float, bool), then a colon and a description.

    Args:
        text: the short form.
        multi: whether the answer is a list of such objects, under the key `items`.

    Raises:
        ConfigError: when a field has no name or another type.
    """
    lines = text.strip().split("\n" if "\n" in text.strip() else ",")
    fields = dict(_field(line.strip()) for line in lines if line.strip())
    if not fields:
        raise ConfigError("expected fields between commas as a schema, got none")
    schema: JSONObject = {"type": "object", "properties": fields, "required": list(fields)}
    if not multi:
        return schema
    listed: JSONObject = {"type": "array", "items": schema}
    return {"type": "object", "properties": {"items": listed}, "required": ["items"]}


def _field(text: str) -> tuple[str, JSONObject]:
    head, colon, description = text.partition(":")
    name, *types = head.split()[:3] or [""]
    kind = types[0] if types else "str"
    if not name or len(types) > 1 or kind not in _TYPES:
        raise ConfigError(f"expected a field as `name`, `name int` or `name: description`, got {text!r}")
    field: JSONObject = {"type": _TYPES[kind]}
    return name, {**field, "description": description.strip()} if colon and description.strip() else field
