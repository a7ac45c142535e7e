import pytest

from llmstream.errors import ConfigError
from llmstream.jsontext import named, place, shown
from llmstream.serial import from_dict
from llmstream.serial.misfit import Misfit, has_unknown_keys, key_of, refusal
from llmstream.values.messages import Message
from llmstream.values.response import Response

PART = {"type": "text", "text": "hi"}
CALL = {"type": "tool_call", "id": "c1", "name": "f", "arguments": {}}


def response(**fields: object) -> dict[str, object]:
    least = {
        "version": 1,
        "type": "response",
        "model": None,
        "request": None,
        "parts": [],
        "state": "complete",
    }
    return least | {"finish_reason": None} | fields


@pytest.mark.parametrize(
    ("steps", "written"),
    [
        ([], "the top"),
        (["text"], "text"),
        (["parts", 0, "text"], "parts[0].text"),
        ([0], "[0]"),
        (["a key", "b"], "['a key'].b"),
        (["x" * 50], "['" + "x" * 40 + "…']"),
        (["a\n\x1b[1m"], r"['a\n\x1b[1m']"),
    ],
)
def test_a_place_is_written_as_a_path(steps: list[str | int], written: str):
    assert place(steps) == written


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({}, "an object"),
        ([], "a list"),
        ("sk-secret", "a string"),
        (True, "true or false"),
        (2**64, "an integer"),
        (1.5, "a number"),
        (None, "null"),
        (b"", "a bytes"),
    ],
)
def test_a_value_is_named_by_its_kind(value: object, name: str):
    assert named(value) == name


def test_a_number_of_endless_digits_is_named():
    assert named(10**5000) == shown(10**5000) == "an integer"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("stop", "'stop'"),
        ("x" * 50, "'" + "x" * 40 + "…'"),
        (2, "2"),
        (2**64, "an integer"),
        (True, "true or false"),
    ],
)
def test_a_word_is_shown_by_its_beginning(value: object, text: str):
    assert shown(value) == text


def test_a_field_called_type_has_another_key():
    assert key_of("type") == "provider_type"
    assert key_of("text") == "text"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (response(parts=[PART, {**PART, "text": 5}]), "expected a string, got an integer, at parts[1].text"),
        (response(parts=[{"type": "text"}]), "expected the key 'text', got none, at parts[0]"),
        (
            response(parts=[{**PART, "lc": 1, "b": 2}]),
            "expected no key that TextPart has not, got 'b', 'lc', at parts[0]",
        ),
        (response(parts=["hi"]), "expected an object, got a string, at parts[0]"),
        (response(parts={}), "expected a list, got an object, at parts"),
        (
            response(parts=[{"type": "nonsense"}]),
            "text, tool_call, tool_result, got 'nonsense', at parts[0]",
        ),
        (
            response(state="done"),
            "one of complete, incomplete, cancelled, failed, budget, got 'done', at state",
        ),
        (response(version=2), "expected version 1, got 2, at the top"),
        (response(version=True), "expected version 1, got true or false, at the top"),
        (
            response(usage={"input": True, "output": 1}),
            "expected an integer, got true or false, at usage.input",
        ),
        (response(usage={"input": 1.0, "output": 1}), "expected an integer, got a number, at usage.input"),
        (response(timing={"started": "1"}), "expected a number, got a string, at timing.started"),
        (
            response(parts=[{**CALL, "id": 1, "arguments": []}]),
            "got an integer, at parts[0].id; expected an object, got a list, at parts[0].arguments",
        ),
        (
            response(parts=[{**PART, "provider_metadata": {"a": 1}}]),
            "expected an object under the key 'a', got an integer, at parts[0].provider_metadata",
        ),
        (
            response(parts=[{"type": "opaque", "provider": "p", "provider_type": 1}]),
            "expected a string, got an integer, at parts[0].provider_type",
        ),
        (
            response(parts=[{"type": "attachment", "attachment": {"data": "a"}}]),
            "expected base64 text, got a string, at parts[0].attachment.data",
        ),
        (
            response(parts=[{"type": "attachment", "attachment": {}}]),
            "expected one of data, url, path and file_id for an attachment, got none, at parts[0].attachment",
        ),
        (
            response(parts=[{**PART, "refusal": 1}]),
            "expected true or false, got an integer, at parts[0].refusal",
        ),
    ],
)
def test_a_refusal_says_what_was_expected_what_came_and_where(data: object, message: str):
    with pytest.raises(ConfigError) as raised:
        from_dict(data, Response)
    assert message in str(raised.value)


def test_a_list_is_read_up_to_its_first_misfit():
    parts = [{**PART, "text": n} for n in range(100_000)]
    with pytest.raises(ConfigError) as raised:
        from_dict({"role": "user", "parts": parts}, Message)
    assert str(raised.value) == "expected a string, got an integer, at parts[0].text"


def test_a_refusal_shows_no_contents():
    with pytest.raises(ConfigError) as raised:
        from_dict({"role": "user", "parts": ["sk-secret"], "cache": ["sk-secret"]}, Message)
    assert "sk-secret" not in str(raised.value)


def test_a_failure_outside_of_cattrs_stands_at_the_top():
    assert str(refusal(Misfit("a", "b"))) == "expected a, got b, at the top"
    assert str(refusal(RecursionError())) == "expected fewer levels, got more than can be read, at the top"
    assert not has_unknown_keys(Misfit("a", "b"))
