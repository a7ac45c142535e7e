"""Values of every form, drawn field by field from the annotations of their classes."""

from collections.abc import Callable
from types import UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llmstream.jsontext import JSON, JSONObject
from llmstream.serial.converter import FORMS
from llmstream.testing import strategies
from llmstream.values.content import Attachment, Logprob, ProviderMetadata

Values: TypeAlias = Callable[[type], SearchStrategy[Any]]

# What a reader that trusts marks in free-form data would make something of.
MARKED: list[JSONObject] = [
    {"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {"command": "true"}},
    {"lc": 1, "type": "secret", "id": ["HOME"]},
    {"__class__": "builtins.eval", "__reduce__": ["eval", "1"]},
    {"type": "text", "text": "not a part"},
    {"type": "attachment", "attachment": {"path": "/etc/hostname"}},
    {"$ref": "file:///etc/hostname", "py/object": "os.system"},
    {"version": 1, "type": "response", "restored": False},
]
_JSON: SearchStrategy[JSON] = strategies.json_values() | st.sampled_from(MARKED)
_OBJECTS = strategies.json_objects() | st.sampled_from(MARKED)
_PLAIN: dict[Any, SearchStrategy[Any]] = {
    str: strategies.texts(),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    bytes: st.binary(max_size=9),
    type(None): st.none(),
    Any: _JSON,
    JSONObject: _OBJECTS,
}


def _of(form: Any) -> SearchStrategy[Any]:
    if form in _PLAIN:
        return _PLAIN[form]
    if form == ProviderMetadata:
        return st.dictionaries(strategies.texts(), _OBJECTS, max_size=2)
    origin = get_origin(form)
    if origin is Literal:
        return st.sampled_from(get_args(form))
    if origin is tuple:
        return st.lists(_of(get_args(form)[0]), max_size=2).map(tuple)
    if origin in {Union, UnionType}:
        return st.one_of([_of(one) for one in get_args(form)])
    return st.deferred(lambda: _made(form))


def _made(cls: type) -> SearchStrategy[Any]:
    if cls is Attachment:
        return _attachments()
    attrs.resolve_types(cls)
    fields = {field.name: _of(field.type) for field in attrs.fields(cls) if field.name != "restored"}
    if cls is Logprob:
        fields["top"] = st.lists(st.builds(Logprob, fields["token"], fields["logprob"]), max_size=2)
    return st.fixed_dictionaries(fields).map(lambda given: cls(**given))


def _attachments() -> SearchStrategy[Attachment]:
    words = strategies.texts()
    source = st.sampled_from(["url", "path", "file_id"]).flatmap(
        lambda name: st.fixed_dictionaries({name: words})
    )
    source |= st.fixed_dictionaries({"data": st.binary(max_size=9)})
    rest = {"media_type": st.none() | words, "name": st.none() | words}
    return st.builds(lambda one, more: Attachment(**one, **more), source, st.fixed_dictionaries(rest))


@pytest.fixture(scope="session")
def values() -> Values:
    """Of a class with a dict form: any values of it."""
    made = {cls: _of(cls) for cls in FORMS}
    return made.__getitem__


@pytest.fixture(scope="session")
def anything(values: Values) -> SearchStrategy[Any]:
    """Any value of any class that has a dict form."""
    return st.sampled_from(list(FORMS)).flatmap(values)
