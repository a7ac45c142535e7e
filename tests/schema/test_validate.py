"""JSON against a JSON Schema, beside the package jsonschema."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from llmstream.errors import ConfigError
from llmstream.schema import validate as module
from llmstream.schema.problems import MisfitError
from llmstream.schema.validate import validate

PLAIN = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "", "a", "ab"])
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from(["string", "boolean", "integer", "number", "null", "array", "object"])
COUNTS = st.integers(0, 2)


def words(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {},
        optional={
            "type": KINDS | st.lists(KINDS, min_size=1, max_size=2, unique=True),
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
            "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
            "additionalProperties": inner,
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "uniqueItems": st.booleans(),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "const": VALUES,
            "minimum": st.integers(-2, 2),
            "exclusiveMaximum": st.integers(-2, 2),
            "minLength": COUNTS,
            "maxItems": COUNTS,
            "minProperties": COUNTS,
            "pattern": st.sampled_from(["^a", "b$"]),
            "propertyNames": st.just({"pattern": "[ab]"}),
            "$ref": st.just("#/$defs/one"),
        },
    )


SCHEMAS = words(st.recursive(st.booleans(), words, max_leaves=4))


def fits(value: Any, schema: Any) -> bool:
    try:
        validate(value, schema)
    except MisfitError:
        return False
    return True


@given(value=VALUES, schema=SCHEMAS)
def test_it_says_what_the_package_says(value, schema):
    whole = {**schema, "$defs": {"one": {"type": ["integer", "array"]}}}
    assert fits(value, whole) == Draft202012Validator(whole).is_valid(value)


DOGS: dict[str, Any] = {
    "type": "object",
    "properties": {"dogs": {"type": "array", "items": {"$ref": "#/$defs/Dog"}}},
    "required": ["dogs", "of"],
    "additionalProperties": False,
    "$defs": {"Dog": {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}}},
}


def test_problems_say_where():
    with pytest.raises(MisfitError) as caught:
        validate({"dogs": [{"age": 1}, {"age": "x"}, {"age": -1}], "more": 1}, DOGS)
    assert [str(problem) for problem in caught.value.problems] == [
        "expected a value that fits, got nothing at of",
        "expected an integer, got a string at dogs[1].age",
        "expected at least 0, got an integer at dogs[2].age",
        "expected one of the keys dogs, got 'more' at more",
    ]


def test_a_union_says_what_is_wrong_with_its_likely_member():
    schema = {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"a": {"type": "string"}}}]}
    with pytest.raises(MisfitError, match="expected a string, got an integer at a"):
        validate({"a": 1}, schema)
    with pytest.raises(MisfitError, match="expected null or an object, got an integer"):
        validate(1, schema)


GENERAL: dict[str, Any] = {"type": "object", "patternProperties": {"^n": {"type": "string"}}}


def test_other_schemas_are_for_the_package():
    validate({"name": "a"}, GENERAL)
    with pytest.raises(MisfitError, match="type") as caught:
        validate({"name": 1}, GENERAL)
    assert caught.value.problems[0].path == ("name",)


def test_without_the_package_they_go_unchecked(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    validate({"name": 1}, GENERAL)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strange"},
        {"$ref": "https://127.0.0.1:9/schema.json"},
        {"$ref": "#/$defs/none"},
        {"pattern": "("},
    ],
)
def test_what_is_no_schema_is_the_callers_error(schema):
    with pytest.raises(ConfigError, match="expected a"):
        validate("a", schema)


def test_a_schema_that_goes_round_ends():
    with pytest.raises(MisfitError, match="fewer levels"):
        validate(1, {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}})


def test_unions_in_each_other_are_read_once():
    node: dict[str, Any] = {
        "anyOf": [
            {"type": "array", "items": {"$ref": "#/$defs/n"}, "minItems": 2},
            {"type": "array", "items": {"$ref": "#/$defs/n"}},
        ]
    }
    value: Any = "x"
    for _ in range(60):
        value = [value]
    with pytest.raises(MisfitError):
        validate(value, {"$ref": "#/$defs/n", "$defs": {"n": node}})
