import functools
import gc
from weakref import ref

from llmstream.schema.signature import annotations_of, signature


def tool(a: int, *more: str, b: "float" = 1.0, **rest: bool) -> None:
    """Do it.

    Args:
        a: the first
    """


def test_parameters_are_fields():
    found = signature(tool)
    assert [(f.name, f.hint, f.required) for f in found.fields] == [
        ("a", int, True), ("more", list[str], False), ("b", float, False),
    ]  # fmt: skip
    assert (found.many, found.rest) == ("more", bool)
    assert found.fields[0].description == "the first"


def test_annotations_are_those_of_what_is_still_taken():
    assert annotations_of(functools.partial(tool, 1)) == {"more": str, "b": float, "rest": bool}


class Shelf:
    def find(self, name: str, place: int = 0) -> str:
        return name

    @classmethod
    def make(cls, name: str) -> str:
        return name


def test_a_function_is_read_once_as_long_as_it_lives():
    def made(name: str) -> str:
        return name

    assert signature(made) is signature(made)
    assert [field.name for field in signature(made, skip=["name"]).fields] == []
    assert [field.name for field in signature(made).fields] == ["name"]
    gone = ref(made)
    del made
    gc.collect()
    assert gone() is None


def test_methods_and_partials_are_read_for_what_they_take():
    shelf = Shelf()
    assert signature(shelf.find) is signature(Shelf().find)
    assert [field.name for field in signature(shelf.find).fields] == ["name", "place"]
    assert [field.name for field in signature(Shelf.find).fields] == ["self", "name", "place"]
    assert [field.name for field in signature(Shelf.make).fields] == ["name"]
    bound = functools.partial(shelf.find, place=1)
    assert [field.name for field in signature(bound).fields] == ["name"]
    assert signature(bound) is signature(bound)
