from typing import Annotated, Any, NotRequired

import pytest

from llmstream.errors import ConfigError
from llmstream.schema import hints


def test_qualifiers_are_taken_off():
    assert hints.qualifier(NotRequired[Annotated[int, "x"]]) == ({"NotRequired"}, Annotated[int, "x"])
    assert hints.qualifier(Annotated[NotRequired[int], "x"]) == ({"NotRequired"}, Annotated[int, "x"])


def test_strings_are_resolved():
    def tool(x: "list[int]") -> Any: ...

    assert hints.of_function(tool)["x"] == list[int]


def test_a_class_that_names_what_is_not_there_is_refused():
    class Lost:
        x: "Nowhere"  # noqa: F821

    with pytest.raises(ConfigError, match="Nowhere"):
        hints.of_class(Lost)
