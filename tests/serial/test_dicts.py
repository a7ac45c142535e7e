"""Whatever is written is what the TypedDicts say: no other keys, all required ones, the right kinds."""

from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmstream import serial
from llmstream.serial import dicts, to_dict
from llmstream.serial.converter import FORMS, constants
from llmstream.serial.misfit import key_of
from llmstream.values.content import Part
from llmstream.values.events import Event, UnknownEvent
from llmstream.values.request import AnyTool

# What is written even at its default, beside the fields that have none.
ALWAYS = {
    "ReasoningPart": {"text"},
    "ToolCallPart": {"arguments"},
    "ToolResultPart": {"output"},
    "Message": {"parts"},
    "Request": {"messages"},
    "ToolChoice": {"mode"},
    "Usage": {"input", "output"},
    "Response": {"model", "request", "parts", "state", "finish_reason"},
}


def fits(value: object, form: Any) -> bool:
    if is_typeddict(form):
        hints = get_type_hints(form)
        keys = value.keys() if type(value) is dict else None
        return (
            keys is not None
            and form.__required_keys__ <= keys <= hints.keys()
            and all(fits(value[key], hints[key]) for key in keys)
        )
    origin, inner = get_origin(form), get_args(form)
    if origin is Literal:
        return value in inner and type(value) is not bool
    if origin in {Union, UnionType}:
        return any(fits(value, one) for one in inner)
    if origin is list:
        return type(value) is list and all(fits(item, inner[0]) for item in value)
    if origin is dict:
        return type(value) is dict and all(fits(item, inner[1]) for item in value.values())
    if form is float:
        return type(value) in {int, float}
    return form is Any or type(value) is form


@pytest.mark.parametrize("cls", FORMS, ids=lambda cls: cls.__name__)
@settings(max_examples=30)
@given(data=st.data())
def test_what_is_written_fits_its_form(cls: type, values, data: st.DataObject):
    """Case A7 of the behaviours to match."""
    assert fits(to_dict(data.draw(values(cls))), FORMS[cls])


@pytest.mark.parametrize("cls", FORMS, ids=lambda cls: cls.__name__)
def test_a_form_has_the_fields_of_its_class(cls: type):
    fields = {key_of(field.name) for field in attrs.fields(cls)} - {"restored"}
    assert set(FORMS[cls].__annotations__) == {*constants(cls), *fields}


@pytest.mark.parametrize("cls", FORMS, ids=lambda cls: cls.__name__)
def test_a_form_requires_what_its_class_requires(cls: type):
    needed = {key_of(field.name) for field in attrs.fields(cls) if field.default is attrs.NOTHING}
    assert FORMS[cls].__required_keys__ == {*constants(cls), *needed, *ALWAYS.get(cls.__name__, ())}


@pytest.mark.parametrize(
    ("forms", "union", "others"),
    [
        (dicts.PartDict, Part, set()),
        (dicts.EventDict, Event, {UnknownEvent}),
        (dicts.AnyToolDict, AnyTool, set()),
    ],
)
def test_a_union_of_forms_has_the_form_of_every_class(forms: Any, union: Any, others: set[type]):
    assert set(get_args(forms)) == {FORMS[cls] for cls in set(get_args(union)) - others}


def test_every_form_can_be_imported_from_serial():
    names = {name for name in vars(dicts) if name.endswith("Dict") and name != "TypedDict"}
    assert {name for name in names if getattr(serial, name, None) is getattr(dicts, name)} == names
