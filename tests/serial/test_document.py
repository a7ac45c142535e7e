import enum
from types import MappingProxyType

import pytest
from hypothesis import given

from llmstream.errors import ConfigError
from llmstream.jsontext import JSON
from llmstream.serial import document
from llmstream.serial.document import MAX_DEPTH, plain
from llmstream.testing import strategies
from llmstream.values.secret import Secret


class Word(enum.StrEnum):
    A = "a"


class Number(enum.IntEnum):
    ONE = 1


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "another"


class Real(float):
    __slots__ = ()


class Object(dict[str, object]):
    pass


def nested(levels: int) -> JSON:
    value: JSON = []
    for _ in range(levels - 1):
        value = {"a": value}
    return value


@given(strategies.json_values())
def test_a_copy_equals_its_document(value: JSON):
    assert plain(value) == value
    assert repr(plain(value)) == repr(value)


def test_a_copy_shares_nothing_that_can_change():
    given = {"a": [{"b": []}]}
    copy = plain(given)
    given["a"][0]["b"].append(1)
    assert copy == {"a": [{"b": []}]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Word.A, "a"),
        (Number.ONE, 1),
        (Text("a"), "a"),
        (Real(1.5), 1.5),
        ((1, (2,)), [1, [2]]),
        (Object(a=1), {"a": 1}),
        (MappingProxyType({"a": ()}), {"a": []}),
        ({Word.A: {Text("b"): 1}}, {"a": {"b": 1}}),
        (10**400, 10**400),
        ("\ud800", "\ud800"),
        (-0.0, -0.0),
    ],
)
def test_a_copy_is_made_of_nothing_but_plain_types(value: object, expected: JSON):
    copy = plain(value)
    assert copy == expected
    assert type(copy) is type(expected)
    if isinstance(copy, dict):
        assert all(type(key) is str for key in copy)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), Real("nan")])
def test_numbers_that_json_has_not_are_refused(number: float):
    with pytest.raises(ConfigError, match=r"^expected a finite number, got (nan|inf|-inf), at a\[1\]\.b$"):
        plain({"a": [0, {"b": number}]})


@pytest.mark.parametrize("value", [b"", {1}, object(), 1j, iter(())])
def test_values_that_json_has_not_are_refused(value: object):
    with pytest.raises(ConfigError, match=r"^expected a JSON value, got a \w+, at \[1\]\.a$"):
        plain([0, {"a": value}])
    with pytest.raises(ConfigError, match="at the top"):
        plain(value)


def test_a_secret_is_refused_and_not_shown():
    with pytest.raises(
        ConfigError, match=r"^expected a JSON value, got a Secret, at headers\.authorization$"
    ):
        plain({"headers": {"authorization": Secret("sk-SENTINEL")}})


@pytest.mark.parametrize("key", [1, None, True, b"a", ("a",)])
def test_keys_that_are_no_strings_are_refused(key: object):
    with pytest.raises(ConfigError, match=r"^expected strings as keys, got .*, at a$"):
        plain({"a": {key: 1}})


def test_depth_is_limited():
    assert plain(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
    with pytest.raises(ConfigError, match="expected a document of at most 200 levels, got a deeper one"):
        plain(nested(MAX_DEPTH + 1))


def test_any_depth_is_refused_alike():
    with pytest.raises(ConfigError, match="levels"):
        plain(nested(100_000))


def test_a_document_that_holds_itself_is_refused():
    value: list[object] = [1]
    value.append({"a": value, "b": value})
    with pytest.raises(ConfigError, match="levels"):
        plain(value)


def test_size_is_limited(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(document, "MAX_VALUES", 10)
    assert plain([[1] * 4] * 2)
    with pytest.raises(ConfigError, match="expected at most 10 values in a document, got more"):
        plain([[1] * 4] * 3)


def test_a_small_document_that_unfolds_without_end_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(document, "MAX_VALUES", 10_000)
    value: list[object] = [1] * 10
    for _ in range(20):
        value = [value] * 10
    with pytest.raises(ConfigError, match="values"):
        plain(value)
