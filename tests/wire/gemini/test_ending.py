"""Finish reasons and token counts."""

import pytest
from hypothesis import given

from llmstream import Done, Usage
from llmstream.testing.strategies import usages
from llmstream.wire.gemini.ending import counts_of, finish_of, reason_name, reason_of, usage_of


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("RECITATION", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("OTHER", "other"),
        ("NEWER", "other"),
        ("FINISH_REASON_UNSPECIFIED", None),
    ],
)
def test_each_reason_has_its_meaning(reason: str, finish: str | None) -> None:
    assert finish_of(reason, called=False) == finish
    assert reason_of(Done(finish_reason=finish, raw_finish_reason=reason), called=False) == reason


def test_a_stop_with_calls_is_for_the_calls() -> None:
    assert finish_of("STOP", called=True) == "tool_calls"
    assert finish_of("MAX_TOKENS", called=True) == "length"


@pytest.mark.parametrize(
    ("number", "name"),
    [(1, "STOP"), (2, "MAX_TOKENS"), (10, "MALFORMED_FUNCTION_CALL"), (99, "99"), (-1, "-1")],
)
def test_reasons_may_be_numbers(number: int, name: str) -> None:
    assert reason_name(number) == name
    assert reason_name(name) == name


@pytest.mark.parametrize(
    ("done", "reason"),
    [
        (Done(finish_reason="stop"), "STOP"),
        (Done(finish_reason="tool_calls", raw_finish_reason="tool_use"), "STOP"),
        (Done(finish_reason="length", raw_finish_reason="max_tokens"), "MAX_TOKENS"),
        (Done(finish_reason="refusal"), "SAFETY"),
        (Done(finish_reason="pause"), "OTHER"),
        (Done(), "FINISH_REASON_UNSPECIFIED"),
    ],
)
def test_reasons_from_elsewhere_are_said_in_the_wires_words(done: Done, reason: str) -> None:
    assert reason_of(done, called=done.finish_reason == "tool_calls") == reason


def test_thoughts_count_as_output_and_results_of_tools_as_input() -> None:
    counts = {
        "promptTokenCount": 10,
        "toolUsePromptTokenCount": 5,
        "candidatesTokenCount": 3,
        "thoughtsTokenCount": 4,
        "cachedContentTokenCount": 2,
        "totalTokenCount": 22,
        "trafficType": "ON_DEMAND",
        "cacheTokensDetails": None,
    }
    details = {"toolUsePromptTokenCount": 5, "trafficType": "ON_DEMAND"}
    usage = Usage(input=15, output=7, cached_input=2, reasoning=4, details=details)
    assert usage_of(counts) == usage
    assert usage.total == counts.pop("totalTokenCount")
    del counts["cacheTokensDetails"]
    assert counts_of(usage) == {**counts, "totalTokenCount": 22}


def test_counts_may_be_missing_or_nonsense() -> None:
    assert usage_of({}) is None
    assert usage_of({"trafficType": "ON_DEMAND"}) is None
    assert usage_of({"promptTokenCount": "7", "thoughtsTokenCount": -1, "totalTokenCount": 1e300}) == Usage()


@given(usages())
def test_any_usage_comes_back_but_for_a_cache_that_was_written(usage: Usage) -> None:
    again = usage_of(counts_of(usage))
    assert again is not None
    assert (again.input, again.output, again.cached_input, again.reasoning) == (
        usage.input,
        usage.output,
        usage.cached_input,
        usage.reasoning,
    )
