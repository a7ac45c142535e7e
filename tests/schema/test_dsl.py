import pytest

from llmstream.errors import ConfigError
from llmstream.schema.dsl import short


def test_fields_between_commas():
    assert short("name, age int, bio: one sentence") == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer"},
            "bio": {"type": "string", "description": "one sentence"},
        },
        "required": ["name", "age", "bio"],
    }


def test_a_line_may_have_commas_in_its_description():
    form = short("name: first, then last\n\nweight float\ngood bool: or not")
    assert form["properties"] == {
        "name": {"type": "string", "description": "first, then last"},
        "weight": {"type": "number"},
        "good": {"type": "boolean", "description": "or not"},
    }


def test_many_are_listed_under_items():
    form = short("name", multi=True)
    assert form["required"] == ["items"]
    assert form["properties"]["items"] == {"type": "array", "items": short("name")}


@pytest.mark.parametrize("text", ["", " , ", ": what", "a b", "a int int", "a object"])
def test_what_is_no_field_is_refused(text):
    with pytest.raises(ConfigError, match="expected"):
        short(text)
