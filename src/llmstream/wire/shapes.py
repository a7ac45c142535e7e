"""JSON objects in the shapes that wires demand: merged, closed, and an object in any case."""

from __future__ import annotations

from typing import Final, cast

from llmstream.jsontext import JSON, JSONObject, loads_object
from llmstream.values.content import ToolCallPart

# Where a schema holds values, and where it holds schemas under names of the user's.
_VALUES: Final = frozenset({"enum", "const", "default", "examples"})
_MAPS: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})

# Where a call's text is no JSON object it goes back under this key, as anthropic's page on fine-grained tool
# streaming has it: some wires take objects only.
_INVALID = "INVALID_JSON"


def closed(schema: JSON, /) -> JSON:
    """The schema with its objects closed: strict APIs refuse one that does not say whether it is."""
    if isinstance(schema, list):
        return [closed(item) for item in cast("list[JSON]", schema)]
    if not isinstance(schema, dict):
        return schema
    result = {key: _closed_under(key, value) for key, value in cast("JSONObject", schema).items()}
    kinds: JSON = result.get("type")
    if kinds == "object" or (isinstance(kinds, list) and "object" in kinds):
        result.setdefault("additionalProperties", False)
    return result


def _closed_under(key: str, value: JSON) -> JSON:
    if key in _VALUES:
        return value
    if key in _MAPS and isinstance(value, dict):
        return {name: closed(schema) for name, schema in cast("JSONObject", value).items()}
    return closed(value)


def arguments_of(call: ToolCallPart, /) -> JSONObject:
    """The arguments of a call as an object; those of a custom call are its text, under `input`."""
    return {"input": call.raw} if call.custom else input_of(call.arguments, call.raw)


def input_of(arguments: JSONObject | None, raw: str, /) -> JSONObject:
    """The arguments of a call as the wire takes them: an object in any case."""
    if arguments is None:
        arguments = loads_object(raw) if raw.strip() else {}
    return {_INVALID: raw} if arguments is None else arguments
