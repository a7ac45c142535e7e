import functools

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
