"""Schemas in the wire's older form, which is like that of OpenAPI, as JSON Schema.

https://ai.google.dev/api/caching#Schema
"""

from __future__ import annotations

from typing import Final

from llmstream.jsontext import JSON, JSONObject, as_list, as_object

# Enums may come as their numbers.
_TYPES: Final = ("", "string", "number", "integer", "boolean", "array", "object", "null")
_COUNTS: Final = frozenset(
    {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
)
_DROPPED: Final = frozenset({"propertyOrdering", "property_ordering", "nullable"})


def json_schema(schema: JSONObject) -> JSONObject:
    """Turn a schema, in either form, into JSON Schema."""
    result: JSONObject = {}
    for key, value in schema.items():
        if key not in _DROPPED and value is not None:
            result[_NAMES.get(key, key)] = _under(_NAMES.get(key, key), value)
    if schema.get("nullable") is True and isinstance(result.get("type"), str):
        result["type"] = [result["type"], "null"]
    return result


_NAMES: Final = {"any_of": "anyOf", "min_items": "minItems", "max_items": "maxItems"}


def _under(key: str, value: JSON) -> JSON:
    match key:
        case "type" if isinstance(value, str):
            return value.lower()
        case "type" if isinstance(value, int) and 0 < value < len(_TYPES):
            return _TYPES[value]
        case "properties" | "$defs":
            return {name: json_schema(as_object(one)) for name, one in as_object(value).items()}
        case "items" | "additionalProperties" if isinstance(value, dict):
            return json_schema(as_object(value))
        case "anyOf" | "oneOf" | "allOf":
            return [json_schema(as_object(one)) for one in as_list(value)]
        case _ if key in _COUNTS and isinstance(value, str) and value.isdecimal():
            # The wire has 64-bit numbers as text.
            return int(value[:18])
        case _:
            return value
