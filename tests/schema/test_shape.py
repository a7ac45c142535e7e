from typing import Annotated, Literal

from llmstream.schema import shape as shapes
from llmstream.schema.shape import shape


def test_an_annotation_has_one_shape():
    assert shape(int) == shapes.Plain(int)
    assert shape(int | None) == shapes.Either((int, type(None)))
    assert shape(Literal["a"]) == shapes.OneOfValues(("a",), ("a",))
    assert shape(list[int]) == shapes.Listed(int, list)
    assert shape(tuple[int, str]) == shapes.Row((int, str))
    assert shape(dict[str, int]) == shapes.Mapped(str, int)
    assert isinstance(shape(Annotated[int, "x"]), shapes.Limited)
