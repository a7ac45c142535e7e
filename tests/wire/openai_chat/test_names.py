"""The words of the wire."""

import pytest

from llmstream.wire.openai_chat._names import cannot, finish_of


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("model_length", "length"),
        ("eos", "stop"),
        ("error", "error"),
        ("pause", "pause"),
        ("unheard of", "other"),
        (None, None),
    ],
)
def test_finish_reasons_are_unified(raw, reason):
    assert finish_of(raw, calls=False, refused=False) == reason


@pytest.mark.parametrize(("raw", "reason"), [("stop", "tool_calls"), ("length", "length"), (None, None)])
def test_a_stop_with_calls_is_tool_calls(raw, reason):
    assert finish_of(raw, calls=True, refused=False) == reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [("stop", "refusal"), ("content_filter", "refusal"), ("length", "length"), (None, None)],
)
def test_an_answer_in_refusal_deltas_is_a_refusal(raw, reason):
    assert finish_of(raw, calls=False, refused=True) == reason


def test_what_cannot_be_said_is_named_with_the_dialect():
    assert str(cannot("the option top_k")) == "expected what openai-chat can say, got the option top_k"
