import datetime
import decimal
import functools
import json
import pathlib
import time
import uuid
from dataclasses import dataclass
from typing import Any

import attrs
import cattrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from kinds import PLACES, Bird, Box, Car, Cat, Colour, Dog, Node, Point, Tree

from llmstream import schema
from llmstream.errors import ConfigError
from llmstream.schema import MisfitError, arguments, convert


@pytest.mark.parametrize("name", PLACES)
def test_a_type_takes_what_its_schema_accepts(name):
    annotation, takes, refuses = PLACES[name]
    for value in takes:
        convert(value, annotation)
    for value in refuses:
        with pytest.raises(MisfitError):
            convert(value, annotation)


def test_recorded_cases(shared):
    cases = json.loads((shared / "cases" / "json_schema_cases.json").read_text("utf-8"))["cases"]
    for case in cases:
        names: dict[str, Any] = {}
        exec(case["source_code"], names)
        for value in case["accept"]:
            arguments(value, names[case["function"]])
        for value in case["reject"]:
            with pytest.raises(MisfitError):
                arguments(value, names[case["function"]])


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "", "x", "red", "a", "1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["x", "y", "z", "name", "age", "value", "children", "inside", "type"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
# What only a format says is not checked by a validator.
AGREEING = [name for name in PLACES if name not in {"datetime", "date", "time", "uuid", "bytes", "pydantic"}]


@given(value=JSON_VALUES, name=st.sampled_from(AGREEING))
def test_convert_and_the_schema_agree_on_any_json(value, name):
    annotation = PLACES[name][0]
    try:
        convert(value, annotation)
        fits = True
    except MisfitError as error:
        fits = False
        assert error.problems
    if name == "attrs" and not fits and "refuses" in str(error_of(value, annotation)):
        return  # a validator of the class's own, which no schema knows
    assert Draft202012Validator(schema.describe(annotation)).is_valid(value) == fits


def error_of(value: object, annotation: object) -> MisfitError:
    with pytest.raises(MisfitError) as caught:
        convert(value, annotation)
    return caught.value


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Dog, {"name": "Rex", "age": 2, "chip": "c"}, Dog("Rex", 2, "c")),
        (Node, {"value": 1, "children": [{"value": 2}]}, Node(1, [Node(2)])),
        (Point, {"x": 1}, Point(1.0)),
        (Cat, {"type": "cat", "fullName": "Tom"}, Cat(full_name="Tom")),
        (Cat | Bird, {"type": "bird", "wings": 2}, Bird(wings=2)),
        (Car, {"wheels": 3, "built": "2026-01-02"}, Car(wheels=3, built=datetime.date(2026, 1, 2))),
        (Box[int], {"inside": 1}, Box(1)),
        (list[Colour], ["red"], [Colour.RED]),
        (dict[Colour, int], {"red": 1}, {Colour.RED: 1}),
        (dict[int, int], {"1": 1}, {1: 1}),
        (tuple[int, str], [1, "x"], (1, "x")),
        (set[int], [1], {1}),
        (datetime.timedelta, "PT1H", datetime.timedelta(hours=1)),
        (uuid.UUID, str(uuid.UUID(int=5)), uuid.UUID(int=5)),
        (decimal.Decimal, 0.1, decimal.Decimal("0.1")),
        (bytes, "aGk=", b"hi"),
        (pathlib.Path, "a/b", pathlib.Path("a/b")),
        (float, 2, 2.0),
        (int, 2.0, 2),
        (int | str, "x", "x"),
        (Tree, [1, [2]], [1, [2]]),
    ],
)
def test_values_become_what_the_annotation_says(annotation, value, expected):
    made = convert(value, annotation)
    assert made == expected
    assert type(made) is type(expected)


@dataclass
class Kennel:
    dogs: list[Dog]
    best: Dog | None = None


def test_problems_have_their_place():
    error = error_of(
        {"dogs": [{"name": "a"}, {"name": 1, "x": 2}, {"name": "c", "age": "3"}], "best": {}}, Kennel
    )
    assert [str(problem) for problem in error.problems] == [
        "expected a string, got an integer at dogs[1].name",
        "expected one of the keys name, age, chip, got 'x' at dogs[1].x",
        "expected an integer, got '3' at dogs[2].age",
        "expected a string, got nothing at best.name",
    ]
    assert error.problems[0].path == ("dogs", 1, "name")
    assert error.problems[0].where == "dogs[1].name"


def test_a_class_may_refuse_what_its_types_take():
    assert "expected what Dog takes, got what it refuses: " in str(
        error_of([{"name": "a", "age": -1}], list[Dog])
    )


def test_a_model_that_validates_itself_says_where():
    assert str(error_of([{"wheels": 2}], list[Car])).endswith(
        "expected Input should be greater than or equal to 3, got 2 at [0].wheels"
    )


def test_the_problems_of_a_hostile_list_are_bounded():
    assert len(error_of(["x"] * 100_000, list[int]).problems) == 20


def test_a_union_of_recursive_types_takes_linear_time():
    @attrs.frozen
    class A:
        next: "A | B | None"
        x: int

    @attrs.frozen
    class B:
        next: "A | B | None"
        x: str

    for cls in (A, B):
        cls.__annotations__["next"] = A | B | None
    value: Any = None
    for _ in range(60):
        value = {"next": value, "x": "b"}
    started = time.perf_counter()
    assert isinstance(convert(value, A | B), B)
    assert time.perf_counter() - started < 5


def test_json_that_is_too_deep_is_refused():
    value: Any = {"value": 1}
    for _ in range(5000):
        value = {"value": 1, "children": [value]}
    assert "expected fewer levels" in str(error_of(value, Node))


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


def test_a_class_that_cattrs_knows_is_structured_by_it():
    with pytest.raises(ConfigError, match="expected an annotation that JSON can say"):
        schema.describe(Money)
    cattrs.register_structure_hook(Money, lambda value, _: Money(int(value)))
    assert convert(["12"], list[Money])[0].cents == 12
    assert schema.describe(Money) == {}
    assert "expected what Money takes" in str(error_of("x", Money))


def tool(a: int, /, b: Dog, *rest: int, c: str = "c", **more: float) -> None: ...


def test_arguments_are_bound_as_the_function_takes_them():
    bound = arguments({"a": 1, "b": {"name": "R"}, "rest": [2, 3], "z": 4}, tool)
    assert bound.args == (1, Dog("R"), 2, 3)
    assert bound.kwargs == {"z": 4.0}


def test_an_argument_that_no_parameter_has_is_refused():
    def narrow(a: int) -> None: ...

    with pytest.raises(MisfitError, match="expected one of the keys a, got 'b' at b"):
        arguments({"a": 1, "b": 2}, narrow)


def test_skipped_and_given_parameters_are_not_read():
    assert arguments({"b": {"name": "R"}}, tool, skip={"a"}).arguments == {"b": Dog("R")}
    with pytest.raises(MisfitError, match="at c"):
        arguments({"c": "x"}, functools.partial(lambda *, c: c, c="y"))


def test_arguments_say_where_they_do_not_fit():
    with pytest.raises(MisfitError, match="expected a string, got an integer at b.name"):
        arguments({"a": 1, "b": {"name": 3}}, tool)
