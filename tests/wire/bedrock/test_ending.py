"""How an answer ended."""

from typing import get_args

import pytest
from hypothesis import given

from llmstream import Done, Usage
from llmstream.testing.strategies import usages
from llmstream.values.events import FinishReason
from llmstream.wire.bedrock.ending import (
    counts_of,
    finish_of,
    metadata_record,
    stop_of,
    stop_record,
    usage_of,
)
from llmstream.wire.typed import MisfitError

P = "bedrock"


@pytest.mark.parametrize("finish", get_args(FinishReason))
def test_a_reason_that_came_from_elsewhere_means_the_same_or_is_other(finish) -> None:
    stop = stop_of(Done(finish_reason=finish, raw_finish_reason="STOP"))
    lost = {"refusal": "content_filter", "pause": "other", "budget": "other"}
    assert finish_of(stop, called=False) == lost.get(finish, finish)


@pytest.mark.parametrize(
    ("finish", "raw"),
    [
        ("stop", "stop_sequence"),
        ("length", "model_context_window_exceeded"),
        ("content_filter", "guardrail_intervened"),
        ("error", "malformed_tool_use"),
        ("tool_calls", "end_turn"),
        ("other", "brand_new"),
    ],
)
def test_the_wires_own_reason_is_kept(finish, raw) -> None:
    assert stop_of(Done(finish_reason=finish, raw_finish_reason=raw)) == raw


def test_a_reason_that_says_something_else_is_not() -> None:
    assert stop_of(Done(finish_reason="stop", raw_finish_reason="max_tokens")) == "end_turn"
    assert stop_of(Done(raw_finish_reason="max_tokens")) is None
    assert finish_of(None, called=True) is None


@given(usages())
def test_counts_are_written_and_read(usage) -> None:
    known = Usage(
        input=usage.input, output=usage.output, cached_input=usage.cached_input, cache_write=usage.cache_write
    )
    assert usage_of(counts_of(usage)) == (None if known == Usage() else known)


def test_what_else_is_counted_is_in_the_details() -> None:
    counts = {
        "inputTokens": 1,
        "cacheReadInputTokenCount": 2,
        "cacheDetails": [{"ttl": "5m"}],
        "x": None,
        "y": {},
    }
    usage = usage_of(counts)
    assert usage == Usage(input=3, cached_input=2, details={"cacheDetails": [{"ttl": "5m"}]})
    assert counts_of(usage)["cacheDetails"] == [{"ttl": "5m"}]
    assert usage_of({"inputTokens": 0}) is None
    with pytest.raises(MisfitError, match=r"usage\.outputTokens"):
        usage_of({"outputTokens": "x"})


def test_the_records_of_an_end() -> None:
    own = {
        "additionalModelResponseFields": {"a": 1},
        "metrics": {"latencyMs": 1},
        "usage": 1,
        "p": "x",
        "n": None,
    }
    done = Done(finish_reason="length", provider_metadata={P: own, "other": {"x": 1}})
    assert stop_record(done, P) == {"stopReason": "max_tokens", "additionalModelResponseFields": {"a": 1}}
    assert metadata_record(done, P) == {"metrics": {"latencyMs": 1}}
    assert (stop_record(Done(), P), metadata_record(Done(id="", provider_metadata={P: 1}), P)) == ({}, {})
