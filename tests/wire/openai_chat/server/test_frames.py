"""From events to frames, and the law that both halves keep."""

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
    Restarted,
    RoundDone,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolProgress,
    ToolResultOut,
    UnknownEvent,
    UnsupportedError,
    Usage,
)
from llmstream.testing import laws, strategies
from llmstream.wire.openai_chat import CODEC, OpenAIChatCodec, Quirks
from llmstream.wire.openai_chat.server.frames import FrameWriter

P = "openai-chat"
# As many answers as the law of the round trip is held to; CI asks for 2,000.
MANY = settings(max_examples=int(os.environ.get("LLMSTREAM_EXAMPLES", "200")))
APART = OpenAIChatCodec("x", Quirks(output_excludes_reasoning=True, thinking_parts=True))


def frames(*events: Event, **given) -> list[dict]:
    writer = FrameWriter(P, Quirks(), **given)
    return [frame for event in events for frame in writer.feed(event)]


def deltas(*events: Event) -> list[dict]:
    """What the frames add, without the first, which says who speaks."""
    return [choice["delta"] for frame in frames(*events)[1:] for choice in frame["choices"]]


def test_the_first_frame_says_who_speaks():
    assert frames(TextDelta(0, "a"), id="i", model="m") == [
        {
            "id": "i",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "delta": {"role": "assistant", "content": ""},
                    "logprobs": None,
                    "finish_reason": None,
                }
            ],
        },
        {
            "id": "i",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "m",
            "choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": None, "finish_reason": None}],
        },
    ]


def test_text_refusal_and_reasoning():
    assert deltas(TextDelta(0, "a"), TextDelta(1, "b", refusal=True), ReasoningDelta(2, "c")) == [
        {"content": "a"},
        {"refusal": "b"},
        {"reasoning_content": "c"},
    ]


def test_log_probabilities_stand_beside_the_text():
    token = {"token": "a", "logprob": -1.0, "bytes": None, "top_logprobs": []}
    logprob = (Logprob("a", -1.0),)
    said, refused = frames(TextDelta(0, "a", logprob), TextDelta(1, "a", logprob, refusal=True))[1:]
    assert said["choices"][0]["logprobs"] == {"content": [token], "refusal": None}
    assert refused["choices"][0]["logprobs"] == {"content": None, "refusal": [token]}


def test_calls_are_numbered():
    assert deltas(
        ToolCallStart(0, id="a", name="f"),
        ToolCallStart(1, id="b", name="sql", custom=True),
        ToolCallArgsDelta(0, "{}"),
        ToolCallArgsDelta(1, "SELECT"),
        ToolCallEnd(0, {}),
    ) == [
        {
            "tool_calls": [
                {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 1, "id": "b", "type": "custom", "custom": {"name": "sql", "input": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
        {"tool_calls": [{"index": 1, "custom": {"input": "SELECT"}}]},
    ]


def test_arguments_without_text_are_written():
    assert deltas(ToolCallStart(0, id="a", name="f"), ToolCallEnd(0, {"x": 1}))[1] == {
        "tool_calls": [{"index": 0, "function": {"arguments": '{"x":1}'}}]
    }


def test_calls_that_the_provider_runs_are_written_whole():
    entry = {"index": 0, "id": "s", "type": "search", "arguments": '{"q":1}'}
    assert deltas(
        ToolCallStart(0, id="s", name="search", server_executed=True),
        ToolCallArgsDelta(0, '{"q"'),
        ToolCallArgsDelta(0, ":1}"),
        ToolCallEnd(0, {"q": 1}),
        ToolResultOut(1, "s", name="search", output=None, error="no", server_executed=True),
        PartMetadata(1, P, {"executed_tool": {"more": 1}}),
    ) == [
        {"executed_tools": [entry]},
        {"executed_tools": [{**entry, "output": "", "error": "no"}]},
        {"executed_tools": [{**entry, "more": 1}]},
    ]


def test_a_call_that_the_provider_runs_waits_for_its_arguments():
    ran = ToolCallStart(0, id="s", name="search", server_executed=True)
    shown = deltas(ran, TextDelta(1, "a"), ToolCallArgsDelta(0, "{}"), TextDelta(1, "b"), Done())
    assert [next(iter(delta)) for delta in shown] == ["content", "content", "executed_tools"]


def test_arguments_of_a_call_that_the_provider_runs_may_lack_their_text():
    ran = [ToolCallStart(0, id="s", name="search", server_executed=True), ToolCallEnd(0, {"q": 1})]
    assert deltas(*ran)[0]["executed_tools"][0]["arguments"] == '{"q":1}'


def test_images_audio_and_citations():
    assert deltas(
        ImageOut(0, Attachment("image/png", data=b"hi")),
        ImageOut(1, Attachment("image/png", url="https://x.test/a")),
        AudioDelta(2, b"hi", transcript="t"),
        CitationOut(3, Citation("https://x.test", "T", start=0, end=2)),
    ) == [
        {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]},
        {"images": [{"type": "image_url", "image_url": {"url": "https://x.test/a"}}]},
        {"audio": {"data": "aGk=", "transcript": "t"}},
        {
            "annotations": [
                {
                    "type": "url_citation",
                    "url_citation": {"url": "https://x.test", "title": "T", "start_index": 0, "end_index": 2},
                }
            ]
        },
    ]


def test_metadata_of_the_providers_own_is_written_as_it_came():
    summary = {"type": "reasoning.summary", "index": 0}
    assert deltas(
        PartMetadata(0, P, {"reasoning_detail": summary}, kind="reasoning"),
        PartMetadata(0, P, {"reasoning_detail": {**summary, "signature": "s"}}),
        PartMetadata(0, P, {"thinking": {"signature": "s"}}),
        PartMetadata(
            1, P, {"reasoning_detail": {"type": "reasoning.encrypted", "data": "x"}}, kind="reasoning"
        ),
        PartMetadata(2, P, {"id": "a1", "expires_at": 9}, kind="attachment"),
        ToolCallStart(3, id="a", name="f"),
        PartMetadata(3, P, {"id": "b", "extra_content": {"s": 1}}),
    )[:5] == [
        {"reasoning_details": [{**summary, "summary": ""}]},
        {"reasoning_details": [{**summary, "signature": "s"}]},
        {"content": [{"type": "thinking", "thinking": [], "signature": "s"}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]},
        {"audio": {"id": "a1", "expires_at": 9}},
    ]
    call = deltas(
        ToolCallStart(0, id="a", name="f"), PartMetadata(0, P, {"id": "b", "extra_content": {"s": 1}})
    )[1]
    assert call == {"tool_calls": [{"index": 0, "id": "b", "extra_content": {"s": 1}}]}


@pytest.mark.parametrize(
    "event",
    [
        TextDelta(0, ""),
        ReasoningDelta(0, "", redacted=True),
        ImageOut(0, Attachment("image/png", data=b"x"), partial=True),
        AudioDelta(0),
        PartMetadata(0, "another", {"id": "x"}, kind="text"),
        PartMetadata(0, P, {"unheard": 1}, kind="text"),
        PartMetadata(0, P, {"reasoning_detail": 5, "thinking": 5, "executed_tool": 5}, kind="text"),
        ToolProgress(0, "a", data=1),
        Raw({"a": 1}),
        Restarted("x"),
        RoundDone(),
        UnknownEvent("x"),
    ],
)
def test_what_the_wire_has_no_place_for_is_left_out(event: Event):
    assert [delta for delta in deltas(event) if delta not in ({}, {"audio": {}})] == []
    assert CODEC.server.canonical([event, Done(finish_reason="stop")]) == (
        Done(finish_reason="stop", raw_finish_reason="stop"),
    )


@pytest.mark.parametrize(
    "events",
    [
        [OpaqueOut(0, "p", type="t")],
        [ToolCallStart(0, id="a", name="")],
        [ToolResultOut(0, "a", output="x")],
        [ToolResultOut(0, "a", output="x", server_executed=True)],
        [ImageOut(0, Attachment(file_id="f"))],
        [
            ToolCallStart(0, id="s", name="t", server_executed=True),
            ToolResultOut(1, "s", attachments=(Attachment("image/png", data=b"x"),), server_executed=True),
        ],
        [
            ToolCallStart(0, id="s", name="t", server_executed=True),
            ToolCallEnd(0, {}),
            ToolCallArgsDelta(0, "{}"),
        ],
        [
            ToolCallStart(0, id="a", name="f"),
            ToolCallArgsDelta(0, "{}"),
            ToolCallStart(1, id="b", name="f"),
            ToolCallArgsDelta(0, "x"),
        ],
    ],
)
def test_what_the_wire_cannot_say_is_refused(events: list[Event]):
    with pytest.raises(UnsupportedError, match="expected what openai-chat can say"):
        frames(*events)
    assert not laws.round_trip(CODEC, [*events, Done()])


def test_the_end_has_the_finish_then_the_usage():
    done = Done(
        finish_reason="tool_calls",
        raw_finish_reason="tool_use",
        usage=Usage(input=1, output=2),
        id="i",
        model="m",
        provider_metadata={
            "openai-chat": {
                "service_tier": "t",
                "native_finish_reason": "n",
                "provider_metadata": {"a": 1},
            },
            "foreign": {"service_tier": "x"},
        },
    )
    _, finish, usage = frames(done)
    assert (finish["id"], finish["model"], finish["service_tier"]) == ("i", "m", "t")
    assert finish["choices"] == [
        {
            "index": 0,
            "delta": {"provider_metadata": {"a": 1}},
            "logprobs": None,
            "finish_reason": "tool_calls",
            "native_finish_reason": "n",
        }
    ]
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 3)
    assert len(frames(done, usage=False)) == 2


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (Done(finish_reason="stop", raw_finish_reason="eos"), "eos"),
        (Done(finish_reason="stop", raw_finish_reason="end_turn"), "stop"),
        (Done(finish_reason="pause"), "pause"),
        (Done(finish_reason="refusal"), "refusal"),
        (Done(), None),
    ],
)
def test_the_finish_is_the_wires_own_word_where_it_means_the_same(done: Done, said: str | None):
    ends = [choice["finish_reason"] for frame in frames(done) for choice in frame["choices"]]
    assert ends[-1] == said


def test_a_refusal_that_was_said_ends_in_a_stop():
    events = [TextDelta(0, "no", refusal=True), Done(finish_reason="refusal", raw_finish_reason="safety")]
    assert frames(*events)[-1]["choices"][0]["finish_reason"] == "stop"
    assert CODEC.server.canonical(events)[-1].finish_reason == "refusal"


@pytest.mark.parametrize(
    "done",
    [
        Done(),
        Done(id="i"),
        Done(usage=Usage(input=1)),
        Done(provider_metadata={"openai-chat": {"provider": "p"}}),
    ],
)
def test_an_end_without_a_finish_comes_back(done: Done):
    assert CODEC.server.canonical([TextDelta(0, "a"), done])[-1] == done


def test_neighbours_of_one_kind_become_one_part():
    assert CODEC.server.canonical(
        [TextDelta(0, "a"), TextDelta(1, "b"), ReasoningDelta(2, "c"), TextDelta(0, "d")]
    ) == (
        TextDelta(0, "a"),
        TextDelta(0, "b"),
        ReasoningDelta(1, "c"),
        TextDelta(2, "d"),
    )


@pytest.mark.parametrize("codec", [CODEC, APART], ids=["openai", "quirks"])
@MANY
@given(events=strategies.events(provider=P))
def test_any_events_keep_the_law_of_the_round_trip(codec: OpenAIChatCodec, events: tuple[Event, ...]):
    laws.round_trip(codec, events)


@MANY
@given(
    strategies.events(
        strategies.KINDS - {"opaque", "result", "raw", "round", "restart", "unknown"}, provider=P
    )
)
def test_canonical_events_come_back_under_any_cuts(events: tuple[Event, ...]):
    assert laws.round_trip(CODEC, events)
