"""Functions as tools."""

from functools import partial
from typing import Annotated

import attrs
import pytest

from llmstream import ConfigError, FunctionTool, Tool, ToolCall, ToolCallPart, tool
from llmstream.schema.problems import MisfitError


@attrs.frozen
class Dog:
    name: str
    age: int = 1


def describe(dog: Dog, call: ToolCall, *, loud: bool = False) -> str:
    """Describe a dog
    in words.

    It is never asked to.

    Args:
        dog: which one.
        loud: whether to bark.
    """
    return f"{call.id}: {dog.name}, {dog.age}, {loud}"


class Kennel:
    """A place for dogs."""

    def find(self, name: str) -> str:
        """Find a dog."""
        return name

    async def find_later(self, name: str) -> str:
        return name

    def __call__(self, name: str) -> str:
        return name.upper()


def part(name: str = "describe", **arguments) -> ToolCallPart:
    return ToolCallPart("c1", name, arguments=arguments)


def test_a_function_says_what_the_model_is_told() -> None:
    made = FunctionTool.of(describe)
    assert isinstance(made.declaration, Tool)
    assert (made.name, made.declaration.description) == ("describe", "Describe a dog in words.")
    schema = made.declaration.parameters
    assert set(schema["properties"]) == {"dog", "loud"}
    assert schema["required"] == ["dog"]
    assert schema["properties"]["loud"]["description"] == "whether to bark."


def test_arguments_become_the_annotated_types_and_the_call_comes_along() -> None:
    made = FunctionTool.of(describe)
    given = {"dog": {"name": "Rex"}, "loud": True}
    assert made.bound(part(), given)() == "c1: Rex, 1, True"


def test_what_does_not_fit_is_named_by_its_path() -> None:
    with pytest.raises(MisfitError, match=r"dog\.age"):
        FunctionTool.of(describe).bound(part(), {"dog": {"name": "Rex", "age": "old"}})


def test_methods_partials_and_callable_objects_are_tools() -> None:
    kennel = Kennel()
    assert FunctionTool.of(kennel.find).bound(part(), {"name": "a"})() == "a"
    assert "self" not in FunctionTool.of(kennel.find).declaration.parameters["properties"]
    bound = FunctionTool.of(partial(describe, Dog("Rex")))
    assert (bound.name, set(bound.declaration.parameters["properties"])) == ("describe", {"loud"})
    assert bound.bound(part(), {"loud": True})() == "c1: Rex, 1, True"
    known = FunctionTool.of(kennel)
    assert (known.name, known.declaration.description) == ("Kennel", "A place for dogs.")
    assert known.bound(part(), {"name": "a"})() == "A"


def test_what_may_block_is_told_from_what_does_not() -> None:
    async def generator(a: int):
        yield a

    kennel = Kennel()
    assert FunctionTool.of(kennel.find).is_sync
    assert not FunctionTool.of(kennel.find_later).is_sync
    assert not FunctionTool.of(partial(kennel.find_later, "a")).is_sync
    assert FunctionTool.of(generator).is_generator
    assert not FunctionTool.of(generator).is_sync


def test_the_decorator_names_describes_and_limits() -> None:
    @tool(name="weather", description="Tell it.", seconds=2)
    def get(city: Annotated[str, "where"]) -> str:
        return city

    assert (get.name, get.declaration.description, get.seconds) == ("weather", "Tell it.", 2)
    assert get("Bern") == "Bern"
    assert tool(describe).name == "describe"


def test_a_function_needs_a_name_and_a_signature() -> None:
    with pytest.raises(ConfigError, match="lambda"):
        FunctionTool.of(lambda a: a)
    assert FunctionTool.of(lambda a: a, name="same").name == "same"
    with pytest.raises(ConfigError):
        FunctionTool.of(iter)


def test_the_seconds_of_a_tool_are_above_nothing() -> None:
    with pytest.raises(ConfigError, match="seconds"):
        tool(seconds=-1)(unhurried)


def unhurried(n: int) -> int:
    return n
