"""From events to lines."""

import os

import pytest
from hypothesis import given, settings

from llmstream import (
    Attachment,
    AudioDelta,
    Citation,
    CitationOut,
    Done,
    Event,
    ImageOut,
    Logprob,
    OpaqueOut,
    PartMetadata,
    Raw,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultOut,
    UnsupportedError,
    Usage,
)
from llmstream.testing import laws, strategies
from llmstream.wire.ollama import CODEC
from llmstream.wire.ollama.server.frames import LineWriter, whole_body

MANY = settings(max_examples=int(os.environ.get("LLMSTREAM_EXAMPLES", "200")))
P = CODEC.provider
CALL = [
    ToolCallStart(0, id="c1", name="f"),
    ToolCallArgsDelta(0, '{"a"'),
    ToolCallArgsDelta(0, ":1}"),
    ToolCallEnd(0, {"a": 1}),
]
SAYABLE = strategies.KINDS - {"custom_call", "server_call", "result", "audio", "opaque", "cut_call"}


def lines(*events: Event, **how) -> list[dict]:
    writer = LineWriter(P, **how)
    return [line for event in events for line in writer.feed(event)]


def messages(*events: Event) -> list[dict]:
    return [line["message"] for line in lines(*events)]


def test_each_event_is_a_line():
    assert lines(ReasoningDelta(0, "h"), TextDelta(1, "a"), model="m") == [
        {
            "model": "m",
            "created_at": "1970-01-01T00:00:00Z",
            "message": {"role": "assistant", "content": "", "thinking": "h"},
            "done": False,
        },
        {
            "model": "m",
            "created_at": "1970-01-01T00:00:00Z",
            "message": {"role": "assistant", "content": "a"},
            "done": False,
        },
    ]


def test_a_call_goes_out_whole_and_calls_are_numbered():
    other = [ToolCallStart(1, id="c2", name="g"), ToolCallEnd(1, {})]
    assert [message["tool_calls"] for message in messages(*CALL, *other)] == [
        [{"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}],
        [{"id": "c2", "function": {"index": 1, "name": "g", "arguments": {}}}],
    ]


def test_a_call_has_the_id_that_the_wire_gave_it():
    told = [CALL[0], PartMetadata(0, P, {"id": "w1"}), PartMetadata(0, "groq", {"id": "x"}), CALL[-1]]
    assert messages(*told)[0]["tool_calls"][0]["id"] == "w1"


def test_the_end_has_reason_counts_and_times():
    done = Done(
        finish_reason="tool_calls",
        usage=Usage(input=5, output=7, reasoning=2),
        id="i",
        model="n",
        provider_metadata={P: {"total_duration": 9, "x": 1}},
    )
    end = lines(*CALL, done, model="m")[-1]
    assert {name: value for name, value in end.items() if name not in {"created_at", "message"}} == {
        "model": "n",
        "done": True,
        "done_reason": "stop",
        "total_duration": 9,
        "prompt_eval_count": 5,
        "eval_count": 7,
    }


@pytest.mark.parametrize(
    ("done", "reason"),
    [
        (Done(finish_reason="stop", raw_finish_reason="stop"), "stop"),
        (Done(finish_reason="other", raw_finish_reason="unload"), "unload"),
        (Done(finish_reason="refusal", raw_finish_reason="end_turn"), "refusal"),
        (Done(finish_reason="tool_calls"), "tool_calls"),
    ],
)
def test_the_reason_is_the_wires_own_word_where_it_means_the_same(done: Done, reason: str):
    assert lines(done)[0]["done_reason"] == reason
    assert CODEC.server.canonical([done])[-1].finish_reason == done.finish_reason


def test_an_end_without_a_reason_says_none():
    assert "done_reason" not in lines(Done())[0]


def test_log_probabilities_and_images_go_out():
    likely = Logprob("a", -0.5, bytes=b"a")
    assert lines(TextDelta(0, "a", (likely,)))[0]["logprobs"] == [
        {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    ]
    assert messages(ImageOut(0, Attachment("image/png", data=b"\0\0\0")))[0]["images"] == ["AAAA"]


@pytest.mark.parametrize(
    "event",
    [
        TextDelta(0, ""),
        ReasoningDelta(0, "", redacted=True),
        CitationOut(0, Citation("https://x.test")),
        ImageOut(0, Attachment("image/png", data=b"x"), partial=True),
        PartMetadata(0, P, {"a": 1}, kind="text"),
        Raw({}),
    ],
)
def test_what_is_lost_is_no_line(event: Event):
    assert lines(event) == []


@pytest.mark.parametrize(
    "events",
    [
        [ToolCallStart(0, id="c1", name="f", custom=True)],
        [ToolCallStart(0, id="c1", name="f", server_executed=True)],
        [ToolCallStart(0, id="c1", name="")],
        [CALL[0], CALL[1], Done()],
        [*CALL, ToolCallArgsDelta(0, "x")],
        [ToolResultOut(0, "c1")],
        [AudioDelta(0, b"x")],
        [OpaqueOut(0, "x", type="y")],
        [ImageOut(0, Attachment("image/png", url="https://x.test/a.png"))],
    ],
)
def test_what_cannot_be_said_is_refused(events: list[Event]):
    with pytest.raises(UnsupportedError, match="ollama"):
        lines(*events)


def test_a_whole_body_says_the_same_at_once():
    likely = Logprob("a", -0.5)
    events = [
        ReasoningDelta(0, "h"),
        ReasoningDelta(0, "m"),
        TextDelta(1, "a", (likely,)),
        TextDelta(1, "b", (likely,)),
        ToolCallStart(2, id="c1", name="f"),
        ToolCallEnd(2, {}),
        Done(finish_reason="tool_calls", usage=Usage(input=1, output=2)),
    ]
    body = whole_body(lines(*events, model="m"))
    assert body["message"] == {
        "role": "assistant",
        "content": "ab",
        "thinking": "hm",
        "tool_calls": [{"id": "c1", "function": {"index": 0, "name": "f", "arguments": {}}}],
    }
    assert (body["done"], body["eval_count"], len(body["logprobs"])) == (True, 2, 2)


def test_neighbours_of_one_kind_become_one_part_and_calls_stand_where_they_end():
    assert CODEC.server.canonical(
        [CALL[0], TextDelta(1, "a"), TextDelta(2, "b"), *CALL[1:], TextDelta(1, "c")]
    ) == (
        TextDelta(0, "a"),
        TextDelta(0, "b"),
        ToolCallStart(1, id="c1", name="f"),
        ToolCallArgsDelta(1, '{"a":1}'),
        ToolCallEnd(1, {"a": 1}),
        TextDelta(2, "c"),
    )


@MANY
@given(events=strategies.events(provider=P))
def test_any_events_keep_the_law_of_the_round_trip(events: tuple[Event, ...]):
    laws.round_trip(CODEC, events)


@MANY
@given(events=strategies.events(SAYABLE, provider=P))
def test_canonical_events_come_back_under_any_cuts(events: tuple[Event, ...]):
    assert laws.round_trip(CODEC, events)
