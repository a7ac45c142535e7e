"""The wire's older schemas as JSON Schema."""

from llmstream.wire.gemini.server.schemas import json_schema


def test_a_schema_like_openapis_becomes_one_of_json() -> None:
    assert json_schema(
        {
            "type": "OBJECT",
            "properties": {
                "type": {"type": "STRING", "nullable": True, "maxLength": "9"},
                "b": {"type": 5, "items": {"type": 3}, "min_items": "1"},
                "c": {"any_of": [{"type": "NUMBER"}, {"type": "BOOLEAN"}]},
            },
            "propertyOrdering": ["type", "b"],
            "required": ["type"],
            "title": None,
        }
    ) == {
        "type": "object",
        "properties": {
            "type": {"type": ["string", "null"], "maxLength": 9},
            "b": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "c": {"anyOf": [{"type": "number"}, {"type": "boolean"}]},
        },
        "required": ["type"],
    }


def test_a_json_schema_stays_what_it_is() -> None:
    schema = {
        "type": ["string", "null"],
        "enum": ["A", None],
        "$defs": {"X": {"type": "object", "additionalProperties": False}},
        "additionalProperties": {"type": "string"},
        "default": {"type": "OBJECT"},
    }
    assert json_schema(schema) == schema
