import msgspec
import pytest
from pydantic import Field

from llmstream.schema.bounds import bounds


def test_the_names_that_libraries_share_are_read():
    found = bounds([Field(gt=1, description="d"), msgspec.Meta(max_length=3, examples=[1]), "x"])
    assert found.limits == {"gt": 1, "max_length": 3}
    assert found.keywords("array") == {
        "exclusiveMinimum": 1,
        "maxItems": 3,
        "description": "d",
        "examples": [1],
    }


def test_a_string_is_a_description():
    assert bounds(["what it is"]).words == {"description": "what it is"}


@pytest.mark.parametrize(
    ("limits", "good", "bad"),
    [
        ({"gt": 1}, 2, 1), ({"ge": 1}, 1, 0), ({"lt": 1}, 0, 1), ({"le": 1}, 1, 2),
        ({"multiple_of": 2}, 4, 3),
    ],
)  # fmt: skip
def test_limits_are_checked(limits, good, bad):
    found = bounds([msgspec.Meta(**limits)])
    assert found.broken(good) is None
    assert found.broken(bad) is not None
    assert found.broken("text") is None
