import functools
import json
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from jsonschema import Draft202012Validator
from kinds import PLACES, Box, Car, Colour, Dog, Node

from llmstream import schema
from llmstream.errors import ConfigError


def accepts(form: dict[str, Any], value: object) -> bool:
    Draft202012Validator.check_schema(form)
    return Draft202012Validator(form).is_valid(value)


@pytest.mark.parametrize("name", PLACES)
def test_a_schema_accepts_what_the_type_takes_and_rejects_the_rest(name):
    annotation, takes, refuses = PLACES[name]
    form = schema.describe(annotation)
    assert [value for value in takes if not accepts(form, value)] == []
    assert [value for value in refuses if accepts(form, value)] == []


def test_recorded_cases(shared):
    cases = json.loads((shared / "cases" / "json_schema_cases.json").read_text("utf-8"))["cases"]
    assert len(cases) == 19
    for case in cases:
        names: dict[str, Any] = {}
        exec(case["source_code"], names)
        form = schema.parameters(names[case["function"]])
        assert all(accepts(form, value) for value in case["accept"]), case["id"]
        assert not any(accepts(form, value) for value in case["reject"]), case["id"]


def test_objects_are_closed_and_say_what_they_are():
    assert schema.describe(Dog) == {
        "type": "object",
        "description": "A dog.",
        "properties": {
            "name": {"type": "string", "description": "what it answers to."},
            "age": {"type": "integer", "default": 1},
            "chip": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        },
        "required": ["name"],
        "additionalProperties": False,
    }


def test_a_class_that_is_used_once_is_written_where_it_is_used():
    assert "$defs" not in schema.describe(list[Dog])
    assert "$ref" not in json.dumps(schema.describe(Box[Box[Dog]]))


def test_a_class_that_is_used_twice_is_written_once():
    form = schema.describe(tuple[Dog, Dog])
    assert form["prefixItems"] == [{"$ref": "#/$defs/Dog"}] * 2
    assert list(form["$defs"]) == ["Dog"]


def test_the_top_of_a_recursive_type_is_an_object():
    form = schema.describe(Node)
    assert form["type"] == "object"
    assert form["$defs"]["Node"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}


def test_two_classes_of_one_name_are_told_apart():
    def make(kind: type) -> type:
        @dataclass
        class Same:
            value: kind

        Same.__annotations__["value"] = kind
        return Same

    one, two = make(int), make(str)
    form = schema.describe(tuple[one, one, two, two])
    assert len(form["$defs"]) == 2
    assert accepts(form, [{"value": 1}, {"value": 1}, {"value": "x"}, {"value": "x"}])
    assert not accepts(form, [{"value": 1}, {"value": 1}, {"value": 1}, {"value": "x"}])


def search(
    query: str,
    limit: Annotated[int, "at most so many"] = 10,
    *rest: str,
    colour: Colour = Colour.RED,
    **more: float,
) -> str:
    """Search for something.

    Args:
        query: the words.
        limit: is said by the annotation.
        *rest: more words,
            on two lines.
    """
    return query


def test_a_function_is_an_object_of_its_parameters():
    assert schema.parameters(search) == {
        "type": "object",
        "properties": {
            "query": {"description": "the words.", "type": "string"},
            "limit": {"description": "at most so many", "type": "integer", "default": 10},
            "rest": {
                "description": "more words, on two lines.",
                "type": "array",
                "items": {"type": "string"},
            },
            "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        },
        "required": ["query"],
        "additionalProperties": {"type": "number"},
    }


def test_what_is_skipped_or_given_by_a_partial_is_left_out():
    assert list(schema.parameters(search, skip={"query"})["properties"]) == ["limit", "rest", "colour"]
    assert "query" not in schema.parameters(functools.partial(search, query="x"))["properties"]
    assert "query" not in schema.parameters(functools.partial(search, "x"))["properties"]


class Callable_:
    """Says something.

    Args:
        loud: how loud.
    """

    def __call__(self, loud: bool) -> None: ...

    def method(self, x: "int", y=3) -> None:
        """Do it.

        :param int x: the x
        """

    @staticmethod
    def static(x: int) -> None: ...

    @classmethod
    def of(cls, x: int) -> None: ...


def test_methods_and_callable_objects():
    made = Callable_()
    assert schema.parameters(made)["properties"] == {"loud": {"type": "boolean", "description": "how loud."}}
    assert schema.parameters(made.method)["properties"] == {
        "x": {"type": "integer", "description": "the x"},
        "y": {"default": 3},
    }
    for function in (made.static, Callable_.static, made.of, Callable_.of):
        assert list(schema.parameters(function)["properties"]) == ["x"]


def test_a_model_that_describes_itself_is_asked():
    form = schema.describe(Car)
    assert form["properties"]["wheels"]["description"] == "how many"
    assert accepts(schema.describe(list[Car]), [{"wheels": 3}])


@pytest.mark.parametrize("annotation", [type, complex, list[range], dict[str, complex], "int"])
def test_what_json_cannot_say_is_refused(annotation):
    with pytest.raises(ConfigError, match="expected an annotation that JSON can say"):
        schema.describe(annotation)


def test_a_name_that_is_not_found_is_refused():
    def tool(x: "NoSuchName") -> None: ...  # noqa: F821

    with pytest.raises(ConfigError, match="tool, got: name 'NoSuchName' is not defined"):
        schema.parameters(tool)


def test_names_that_a_function_closes_over_are_found():
    @dataclass
    class Local:
        x: int

    def tool(x: "Local") -> int:
        return Local(x.x).x

    assert schema.parameters(tool)["properties"]["x"]["properties"] == {"x": {"type": "integer"}}
