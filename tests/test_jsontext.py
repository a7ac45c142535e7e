import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.jsontext import (
    JSON,
    MAX_DEPTH,
    JSONError,
    as_list,
    as_object,
    dump_bytes,
    dumps,
    loads,
    loads_object,
    merged,
)
from llmstream.testing import strategies


def nested(levels: int, core: str = "") -> str:
    return "[" * levels + core + "]" * levels


@given(strategies.json_values())
def test_what_is_written_is_read_back(value: JSON):
    assert loads(dumps(value)) == value
    assert loads(dump_bytes(value)) == value


@given(strategies.json_objects())
def test_the_standard_library_reads_the_same(value: JSON):
    assert json.loads(dumps(value)) == value


@given(st.text() | st.binary())
def test_any_text_is_read_or_refused(text: str | bytes):
    with suppress(JSONError):
        loads(text)


def test_text_is_compact_and_keeps_the_order_of_keys():
    assert dumps({"b": 1, "a": [1.0, None, "é"]}) == '{"b":1,"a":[1.0,null,"é"]}'


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30, 1.0, 1e22, 5e-324])
def test_numbers_keep_their_value_and_kind(number: float):
    assert loads(dumps(number)) == number
    assert type(loads(dumps(number))) is type(number)


@pytest.mark.parametrize("text", ['{"a":"\\ud800"}', '{"a":"\ud800"}', b'{"a":"\xff"}', b'{"a":"\\udc00"}'])
def test_half_characters_are_read_as_replacements(text: str | bytes):
    assert loads(text) == {"a": "\ufffd"}


def test_half_characters_in_keys_and_lists_are_replaced():
    assert loads('[{"\\ud800":["\\udfff",1.5,null]}]') == [{"\ufffd": ["\ufffd", 1.5, None]}]


def test_half_characters_are_written_as_replacements():
    assert dumps({"a\ud800": ["\udfff"]}) == '{"a\ufffd":["\ufffd"]}'
    assert dump_bytes("\ud800") == b'"\xef\xbf\xbd"'


@pytest.mark.parametrize(
    "text",
    ["", " ", "nul", "NaN", "Infinity", "-Infinity", "[1,]", '"\x01"', "{} {}", "'a'", "1e400", "-1e400"],
)
def test_what_is_not_json_is_refused(text: str):
    with pytest.raises(JSONError):
        loads(text)
    with pytest.raises(JSONError):
        loads(text.encode())


def test_a_number_out_of_range_beside_half_a_character_is_refused():
    with pytest.raises(JSONError, match="out of range"):
        loads('["\\ud800", 1e400]')


def test_a_number_of_endless_digits_is_refused():
    with pytest.raises(JSONError):
        loads("9" * 5000)


@pytest.mark.parametrize("core", ["", '"\\ud800"'])
def test_depth_is_read_up_to_the_limit(core: str):
    assert loads(nested(MAX_DEPTH // 2, core))


@pytest.mark.parametrize("core", ["", '"x"'])
def test_the_limit_of_depth_is_exact(core: str):
    loads(nested(MAX_DEPTH, core))
    with pytest.raises(JSONError, match="nested too deeply"):
        loads(nested(MAX_DEPTH + 1, core))


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 900, 100_000])
@pytest.mark.parametrize("core", ["", "1", '"\\ud800"'])
def test_what_is_nested_too_deeply_is_refused(levels: int, core: str):
    with pytest.raises(JSONError):
        loads(nested(levels, core))
    with pytest.raises(JSONError):
        loads(('{"a":' * levels + (core or "1") + "}" * levels).encode())


def test_many_brackets_are_not_depth():
    flat = [[] for _ in range(2 * MAX_DEPTH)]
    assert loads(dumps(flat)) == flat
    assert loads(dumps("[" * 2 * MAX_DEPTH)) == "[" * 2 * MAX_DEPTH
    assert loads(dumps({"a": "{" * 2 * MAX_DEPTH}).encode()) == {"a": "{" * 2 * MAX_DEPTH}


def test_what_is_nested_too_deeply_is_not_written():
    value: list[JSON] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(JSONError, match="nested too deeply"):
        dumps(value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"{}"', "1"])
def test_what_is_no_object_gives_none(text: str):
    assert loads_object(text) is None


def test_an_object_is_given():
    assert loads_object(b'{"a":{"b":1}}') == {"a": {"b": 1}}


def test_leaves_are_narrowed():
    assert (as_object({"a": 1}), as_object([1]), as_list([1]), as_list(None)) == ({"a": 1}, {}, [1], [])


def test_objects_are_merged_into_objects_and_nothing_is_changed_in_place():
    body = {"a": {"b": 1}, "c": 2}
    assert merged(body, {"a": {"d": 2}, "c": {"e": 3}}) == {"a": {"b": 1, "d": 2}, "c": {"e": 3}}
    assert body == {"a": {"b": 1}, "c": 2}
