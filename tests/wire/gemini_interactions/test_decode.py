"""From the frames of an interaction to events."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream import (
    Attachment,
    AudioDelta,
    Citation,
    CitationOut,
    Done,
    Event,
    ImageOut,
    LLMStreamError,
    MalformedFrameError,
    OpaqueOut,
    PartMetadata,
    Raw,
    ReasoningDelta,
    ServerError,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultOut,
    TruncatedStreamError,
    Usage,
)
from llmstream.testing import laws
from llmstream.testing.strategies import json_values
from llmstream.wire.gemini_interactions import CODEC
from llmstream.wire.http import ResponseHead

P = "gemini-interactions"
WHOLE = ResponseHead(200, {"content-type": "application/json"})


def sse(*records: object, end: bytes = b"event: done\ndata: [DONE]\n\n") -> bytes:
    return b"".join(b"data: %s\n\n" % json.dumps(record).encode() for record in records) + end


def told(name: str, **interaction) -> dict:
    return {"event_type": f"interaction.{name}", "interaction": {"id": "i", "model": "m", **interaction}}


COUNTS = {
    "total_input_tokens": 5,
    "total_tool_use_tokens": 1,
    "total_output_tokens": 2,
    "total_thought_tokens": 3,
    "total_cached_tokens": 4,
    "total_tokens": 11,
    "new": 1,
}
CREATED = told("created", status="in_progress")
COMPLETED = told("completed", status="completed", usage=COUNTS, service_tier="standard", created=None)
DONE = Done(
    finish_reason="stop",
    raw_finish_reason="completed",
    usage=Usage(input=6, output=5, cached_input=4, reasoning=3, details={"new": 1}),
    id="i",
    model="m",
    provider_metadata={P: {"service_tier": "standard"}},
)


def step(index: int, start: dict, *deltas: dict) -> list[dict]:
    return [
        {"event_type": "step.start", "index": index, "step": start},
        *({"event_type": "step.delta", "index": index, "delta": delta} for delta in deltas),
        {"event_type": "step.stop", "index": index},
    ]


def decoded(*records: dict, **how) -> tuple[list[Event], LLMStreamError | None]:
    events, error = laws.decode_all(CODEC, [sse(*records)], **how)
    laws.grammar(events, complete=error is None)
    return events, error


def parts_of(start: dict, *deltas: dict) -> list[Event]:
    events, error = decoded(CREATED, *step(0, start, *deltas), COMPLETED)
    assert error is None
    return events[:-1]


def text(words: str, **more) -> dict:
    return {"type": "text", "text": words, **more}


def test_an_answer_of_thought_and_text() -> None:
    events, error = decoded(
        CREATED,
        {"event_type": "interaction.status_update", "interaction_id": "i", "status": "in_progress"},
        *step(
            0,
            {"type": "thought"},
            {"type": "thought_summary", "content": text("hm")},
            {"type": "thought_signature", "signature": "a"},
            {"type": "thought_signature", "signature": "b"},
        ),
        *step(1, {"type": "model_output"}, text("Hel"), text("lo"), text("")),
        {"event_type": "newer"},
        COMPLETED,
    )
    assert error is None
    assert events == [
        ReasoningDelta(0, "hm"),
        PartMetadata(0, P, {"signature": "a"}),
        PartMetadata(0, P, {"signature": "ab"}),
        TextDelta(1, "Hel"),
        TextDelta(1, "lo"),
        DONE,
    ]


def test_a_thought_may_be_a_signature_alone() -> None:
    signed = PartMetadata(0, P, {"signature": "s"}, kind="reasoning")
    assert parts_of({"type": "thought"}, {"type": "thought_signature", "signature": "s"}) == [signed]
    assert parts_of({"type": "thought", "signature": "s", "summary": []}) == [signed]


def test_sources_count_bytes_of_their_text() -> None:
    note = {"type": "url_citation", "url": "https://a.test", "title": "A", "start_index": 2, "end_index": 3}
    bad = {"type": "url_citation", "uri": "https://b.test", "start_index": 1, "end_index": 99}
    events = parts_of(
        {"type": "model_output"},
        text("é"),
        text("ab", annotations=[bad]),
        {"type": "text_annotation_delta", "annotations": [note]},
    )
    assert events[2:] == [
        CitationOut(0, Citation("https://b.test", provider=P, data=bad)),
        CitationOut(0, Citation("https://a.test", "A", start=1, end=2, provider=P, data=note)),
    ]


def test_outputs_may_hold_files() -> None:
    sound = {"type": "audio", "mime_type": "audio/wav", "data": "aGk="}
    assert parts_of(
        {"type": "model_output"},
        text("a"),
        {"type": "image", "mime_type": "image/png", "data": "aGk="},
        text("b"),
        sound,
        sound,
        {"type": "video", "uri": "gs://v"},
        {"type": "hologram", "a": 1},
    ) == [
        TextDelta(0, "a"),
        ImageOut(1, Attachment("image/png", data=b"hi")),
        TextDelta(2, "b"),
        AudioDelta(3, b"hi", media_type="audio/wav"),
        AudioDelta(3, b"hi", media_type="audio/wav"),
        ImageOut(4, Attachment("video/*", url="gs://v")),
        OpaqueOut(
            5,
            P,
            type="model_output",
            data={"type": "model_output", "content": [{"type": "hologram", "a": 1}]},
        ),
    ]


def test_a_call_grows_and_makes_the_stop_one_for_calls() -> None:
    events, _ = decoded(
        *step(
            0,
            {"type": "function_call", "id": "c", "name": "f", "arguments": {}, "signature": "s"},
            {"type": "arguments_delta", "arguments": '{"a"'},
            {"type": "arguments_delta", "arguments": ":1}"},
        ),
        *step(1, {"type": "function_call", "id": "c", "name": "f", "arguments": {"b": 2}}),
        *step(2, {"type": "function_call", "name": "g"}),
        told("completed", status="requires_action"),
    )
    assert events == [
        ToolCallStart(0, id="c", name="f"),
        ToolCallArgsDelta(0, '{"a"'),
        ToolCallArgsDelta(0, ":1}"),
        PartMetadata(0, P, {"signature": "s", "type": "function_call", "id": "c"}),
        ToolCallEnd(0, {"a": 1}),
        ToolCallStart(1, id="call_1", name="f"),
        ToolCallArgsDelta(1, '{"b":2}'),
        PartMetadata(1, P, {"type": "function_call", "id": "c"}),
        ToolCallEnd(1, {"b": 2}),
        ToolCallStart(2, id="call_2", name="g"),
        PartMetadata(2, P, {"type": "function_call", "id": None}),
        ToolCallEnd(2, {}),
        Done(finish_reason="tool_calls", raw_finish_reason="requires_action", id="i", model="m"),
    ]


def test_server_side_tools_and_what_they_gave() -> None:
    events, _ = decoded(
        *step(
            0,
            {"type": "google_search_call", "id": "g", "arguments": {"q": 1}},
            {"type": "google_search_call", "signature": "s"},
        ),
        *step(
            1,
            {"type": "google_search_result", "call_id": "g"},
            {"type": "google_search_result", "result": [1], "signature": "t"},
        ),
        *step(2, {"type": "mcp_server_tool_result", "call_id": "x", "result": "no", "is_error": True}),
        *step(3, {"type": "hologram"}, {"type": "hologram_delta", "a": 1}),
        COMPLETED,
    )
    assert events == [
        ToolCallStart(0, id="g", name="google_search", server_executed=True),
        ToolCallArgsDelta(0, '{"q":1}'),
        PartMetadata(0, P, {"signature": "s", "type": "google_search_call", "id": "g"}),
        ToolCallEnd(0, {"q": 1}),
        ToolResultOut(1, "g", name="google_search", output=[1], server_executed=True),
        PartMetadata(1, P, {"signature": "t", "type": "google_search_result"}),
        ToolResultOut(2, "x", name="mcp_server_tool", output="no", error='"no"', server_executed=True),
        PartMetadata(2, P, {"is_error": True, "type": "mcp_server_tool_result"}),
        OpaqueOut(3, P, type="hologram", data={"type": "hologram", "a": 1}),
        DONE,
    ]


@pytest.mark.parametrize(
    ("status", "finish"),
    [("incomplete", "length"), ("failed", "error"), ("cancelled", "other"), ("budget_exceeded", "other")],
)
def test_each_status_has_its_meaning(status: str, finish: str) -> None:
    (done,) = decoded({"event_type": "interaction.status_update", "status": status})[0]
    assert (done.finish_reason, done.raw_finish_reason) == (finish, status)


def test_a_whole_interaction_is_read_as_its_stream() -> None:
    steps = [
        {"type": "thought", "summary": [text("hm")], "signature": "s"},
        {"type": "model_output", "content": [text("a"), text("b")]},
        {"type": "function_call", "id": "c", "name": "f", "arguments": {"a": 1}},
    ]
    body = json.dumps({**COMPLETED["interaction"], "object": "interaction", "steps": steps}).encode()
    events, error = laws.decode_all(CODEC, [body], head=WHOLE)
    assert error is None
    assert events[:4] == [
        ReasoningDelta(0, "hm"),
        PartMetadata(0, P, {"signature": "s"}),
        TextDelta(1, "a"),
        TextDelta(1, "b"),
    ]
    assert events[-1].finish_reason == "tool_calls"
    laws.truncation(CODEC, body, head=WHOLE)


BODY = sse(
    CREATED,
    *step(0, {"type": "thought"}, {"type": "thought_signature", "signature": "s"}),
    *step(1, {"type": "model_output"}, text("é"), text("b")),
    *step(
        2, {"type": "function_call", "id": "c", "name": "f"}, {"type": "arguments_delta", "arguments": "{}"}
    ),
    COMPLETED,
)


def test_any_cut_gives_the_same_and_a_cut_off_body_is_loud() -> None:
    laws.split(CODEC, BODY)
    laws.truncation(CODEC, BODY)


def test_the_end_of_the_body_ends_a_complete_answer_too() -> None:
    events, error = laws.decode_all(
        CODEC, [sse(*step(0, {"type": "model_output"}, text("a")), COMPLETED, end=b"")]
    )
    assert (events, error) == ([TextDelta(0, "a"), DONE], None)
    _, error = laws.decode_all(CODEC, [sse(CREATED)])
    assert isinstance(error, TruncatedStreamError)
    assert error.ending is not None
    assert error.ending.id == "i"


def test_what_follows_the_end_is_not_read() -> None:
    assert laws.decode_all(CODEC, [BODY + b"data: x\n\n"]) == laws.decode_all(CODEC, [BODY])


def test_a_step_that_never_stops_ends_with_the_answer() -> None:
    start, delta, _ = step(0, {"type": "function_call", "name": "f"}, {"arguments": '{"a":1}'})
    assert ToolCallEnd(0, {"a": 1}) in decoded(start, delta, COMPLETED)[0]
    cut = {"arguments": '{"a'}
    events, _ = decoded(*step(0, {"type": "function_call", "name": "f"}, cut), COMPLETED)
    assert not any(isinstance(event, ToolCallEnd) for event in events)


@pytest.mark.parametrize(
    "record",
    [
        {"event_type": "error", "error": {"code": 500, "message": "boom"}},
        {"error": {"code": 500, "message": "boom"}},
        told("failed", status="failed", error={"code": 500, "message": "boom"}),
    ],
)
def test_an_error_ends_the_answer(record: dict) -> None:
    events, error = decoded(CREATED, *step(0, {"type": "model_output"}, text("a")), record)
    assert events == [TextDelta(0, "a")]
    assert isinstance(error, ServerError)
    assert (str(error), error.status) == ("boom", 500)


@pytest.mark.parametrize(
    "frame",
    [
        "x",
        "7",
        '{"event_type": "step.delta", "index": 7, "delta": {}}',
        '{"event_type": "step.start"}',
        '{"event_type": "step.start", "index": 0, "step": {"type": "function_call"}}',
        json.dumps(step(0, {"type": "model_output", "content": [{"type": "text", "text": 7}]})[0]),
        json.dumps(step(0, {"type": "model_output", "content": [{"type": "image", "data": "?"}]})[0]),
    ],
)
def test_a_frame_that_is_none_is_malformed(frame: str) -> None:
    _, error = laws.decode_all(CODEC, [f"data: {frame}\n\n".encode() + BODY])
    assert isinstance(error, MalformedFrameError)
    assert "in frame 1" in str(error)


def test_the_wires_own_events_are_given_when_asked_for() -> None:
    records = [CREATED, *step(0, {"type": "model_output"}, text("a")), COMPLETED]
    events, _ = decoded(*records, raw=True)
    assert [event.data for event in events if isinstance(event, Raw)] == records
    assert [event for event in events if not isinstance(event, Raw)] == decoded(*records)[0]


KEYS = [
    "event_type", "index", "step", "delta", "type", "interaction", "error", "content", "text",
    "annotations", "arguments", "signature", "summary", "result", "status", "usage", "steps", "id",
    "name", "data",
]  # fmt: skip
WORDS = st.sampled_from(
    ["step.start", "step.delta", "step.stop", "interaction.completed", "thought", "model_output",
     "function_call", "x_call", "x_result", "text", "image", "thought_signature", "thought_summary"]
)  # fmt: skip
HOSTILE = st.recursive(
    json_values() | WORDS | st.integers(0, 1),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=14,
)


@given(st.lists(HOSTILE, max_size=3), st.lists(HOSTILE, max_size=3), WORDS)
def test_hostile_frames_give_typed_errors_only(frames: list, inner: list, word: str) -> None:
    steps = [{"event_type": "step.start", "index": 0, "step": {"type": word, "name": "f"}}]
    for one in inner:
        steps.append({"event_type": "step.delta", "index": 0, "delta": one})
        steps.append({"event_type": "step.start", "index": 1, "step": one})
    for body in (
        sse(*frames, COMPLETED),
        sse(*steps, COMPLETED),
        *(json.dumps(one).encode() for one in frames),
    ):
        for raw in (False, True):
            laws.decode_all(CODEC, [body], raw=raw)


def test_the_work_grows_with_the_body() -> None:
    def texts(size: int) -> bytes:
        return sse(*step(0, {"type": "model_output"}, *(text("é") for _ in range(size))), COMPLETED)

    laws.linear(CODEC, texts)
