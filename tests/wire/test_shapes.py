"""JSON objects in the shapes that wires demand."""

import pytest

from llmstream.wire.shapes import closed, input_of


def test_only_objects_that_do_not_say_whether_they_are_closed_are_closed() -> None:
    open_object = {"type": "object", "additionalProperties": True}
    schema = {
        "type": ["object", "null"],
        "properties": {"enum": {"type": "object"}, "a": open_object, "list": {"items": {"type": "object"}}},
        "$defs": {"d": {"anyOf": [{"type": "object"}, True]}},
        "enum": [{"type": "object"}],
    }
    shut = {"type": "object", "additionalProperties": False}
    assert closed(schema) == {
        "type": ["object", "null"],
        "properties": {"enum": shut, "a": open_object, "list": {"items": shut}},
        "$defs": {"d": {"anyOf": [shut, True]}},
        "enum": [{"type": "object"}],
        "additionalProperties": False,
    }
    assert closed({"properties": True}) == {"properties": True}


@pytest.mark.parametrize(
    ("arguments", "raw", "expected"),
    [
        ({"a": 1}, "ignored", {"a": 1}),
        (None, "", {}),
        (None, '{"a": 1}', {"a": 1}),
        (None, '{"a": ', {"INVALID_JSON": '{"a": '}),
    ],
)
def test_the_input_of_a_call_is_always_an_object(arguments, raw, expected) -> None:
    assert input_of(arguments, raw) == expected
