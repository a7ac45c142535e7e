"""Stop reasons, token counts and what else a message says of itself."""

import pytest

from llmstream import Done, Usage
from llmstream.wire.anthropic import ending
from llmstream.wire.typed import MisfitError


@pytest.mark.parametrize(
    ("stop", "called", "finish"),
    [
        (None, False, None),
        ("end_turn", False, "stop"),
        ("end_turn", True, "tool_calls"),
        ("stop_sequence", False, "stop"),
        ("max_tokens", True, "length"),
        ("model_context_window_exceeded", False, "length"),
        ("tool_use", True, "tool_calls"),
        ("pause_turn", False, "pause"),
        ("refusal", False, "refusal"),
        ("compaction", False, "other"),
    ],
)
def test_each_stop_reason_has_its_meaning(stop, called, finish) -> None:
    assert ending.finish_of(stop, called=called) == finish


@pytest.mark.parametrize(
    ("finish", "raw", "stop"),
    [
        (None, "end_turn", None),
        ("stop", "stop_sequence", "stop_sequence"),
        ("stop", "STOP", "end_turn"),
        ("stop", None, "end_turn"),
        ("tool_calls", "end_turn", "end_turn"),
        ("length", "length", "max_tokens"),
        ("content_filter", "SAFETY", "refusal"),
        ("other", "compaction", "compaction"),
        ("other", "end_turn", "other"),
        ("error", "MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL"),
        ("budget", None, "budget"),
    ],
)
def test_a_reason_is_said_in_the_wires_words(finish, raw, stop) -> None:
    assert ending.stop_of(Done(finish_reason=finish, raw_finish_reason=raw)) == stop


def test_input_counts_what_the_cache_took_and_gave() -> None:
    counts = {
        "input_tokens": 3,
        "cache_creation_input_tokens": 37,
        "cache_read_input_tokens": 17269,
        "output_tokens": 10,
        "output_tokens_details": {"thinking_tokens": 4, "other": 1},
        "service_tier": "standard",
        "inference_geo": None,
        "server_tool_use": {"web_search_requests": 1},
    }
    usage = ending.usage_of(counts)
    assert usage == Usage(
        input=17309,
        output=10,
        cached_input=17269,
        cache_write=37,
        reasoning=4,
        details={
            "output_tokens_details": {"other": 1},
            "service_tier": "standard",
            "server_tool_use": {"web_search_requests": 1},
        },
    )
    del counts["inference_geo"]
    assert ending.counts_of(usage) == counts


def test_counts_of_nothing_are_no_usage() -> None:
    assert ending.usage_of({}) is None
    assert ending.usage_of({"input_tokens": 0, "output_tokens": 0}) is None
    assert ending.counts_of(None) == {
        "input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 0,
    }


def test_details_do_not_say_the_counts_again() -> None:
    details = {"input_tokens": 9, "output_tokens_details": {"thinking_tokens": 9}, "speed": None}
    counts = ending.counts_of(Usage(input=1, cached_input=5, details=details))
    assert ending.usage_of(counts) == Usage(input=5, cached_input=5)


@pytest.mark.parametrize(
    "counts",
    [
        {"input_tokens": "12"},
        {"output_tokens": 0.5},
        {"output_tokens_details": 3},
        {"output_tokens_details": {"thinking_tokens": "x"}},
    ],
)
def test_counts_that_are_none_are_a_misfit(counts) -> None:
    with pytest.raises(MisfitError, match="at usage"):
        ending.usage_of(counts)


def test_the_canonical_end_keeps_what_the_wire_can_say() -> None:
    done = Done(
        finish_reason="stop",
        raw_finish_reason="stop",
        usage=Usage(),
        id="",
        model="m",
        provider_metadata={"p": {"container": {"id": "c"}, "usage": 1, "x": None}, "q": {"y": 1}},
    )
    assert ending.canonical_done(done, "p", called=True) == Done(
        finish_reason="tool_calls",
        raw_finish_reason="end_turn",
        model="m",
        provider_metadata={"p": {"container": {"id": "c"}}},
    )
    assert ending.canonical_done(Done(provider_metadata={"p": 3}), "p", called=False) == Done()
