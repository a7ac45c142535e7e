"""JSON objects in the shapes that wires demand."""

import pytest

from llmstream.wire.shapes import closed, input_of, merged


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


def test_merging_changes_neither_side() -> None:
    body = {"a": {"b": 1}, "c": 1}
    assert merged(body, {"a": {"d": 2}, "c": {"e": 3}}) == {"a": {"b": 1, "d": 2}, "c": {"e": 3}}
    assert body == {"a": {"b": 1}, "c": 1}


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
