"""The frames of the wire as structs."""

import json

import msgspec
import pytest

from llmstream.wire.gemini.frames import camel, chunk_of, read_hot


def frame(part: dict, **candidate) -> str:
    return json.dumps({"candidates": [{"content": {"parts": [part], "role": "model"}, **candidate}]})


def test_a_frame_of_text_is_hot() -> None:
    chunk = read_hot(frame({"text": "a", "thought": True}, index=0))
    assert chunk.candidates[0].content.parts[0].text == "a"
    assert not chunk.usageMetadata


@pytest.mark.parametrize(
    "text",
    [
        frame({"text": "a", "thoughtSignature": "s"}),
        frame({"functionCall": {}}),
        frame({"text": "a"}, finishReason="STOP"),
        frame({"text": "a"}, index=None),
        '{"error": {}}',
        "[]",
    ],
)
def test_any_other_frame_is_not(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        read_hot(text)


def test_the_usage_of_a_hot_frame_is_kept_as_it_came() -> None:
    text = frame({"text": "a"}).removesuffix("}") + ', "usageMetadata": {"a": 1}}'
    assert json.loads(bytes(read_hot(text).usageMetadata)) == {"a": 1}


def test_a_chunk_may_have_nulls_and_fields_that_nobody_knows() -> None:
    chunk = chunk_of({"candidates": None, "usageMetadata": None, "new": 1})
    assert (chunk.candidates, chunk.usage_metadata) == (None, None)


@pytest.mark.parametrize("record", [[], {"candidates": {}}, {"candidates": [{"content": {"parts": [1]}}]}])
def test_a_chunk_of_another_shape_is_refused(record: object) -> None:
    with pytest.raises(msgspec.ValidationError, match="Expected `"):
        chunk_of(record)


def test_names_of_both_cases_are_read_in_one() -> None:
    assert camel({"function_call": 1, "inlineData": {"mime_type": 2}, "a_b": 3}) == {
        "functionCall": 1,
        "inlineData": {"mime_type": 2},
        "a_b": 3,
    }
