"""Events as the wire's events, and what a client makes of them."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmstream import (
    Attachment,
    AudioDelta,
    Citation,
    CitationOut,
    Done,
    Event,
    ImageOut,
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
    WireError,
)
from llmstream.stage import run
from llmstream.testing import laws
from llmstream.testing.strategies import events as any_events
from llmstream.values.content import Logprob
from llmstream.wire.bedrock import CODEC
from llmstream.wire.bedrock.server.write import Record, Writer

END = Done(finish_reason="stop", raw_finish_reason="end_turn")
P = "bedrock"
# As many answers as the law of the round trip is held to; CI asks for 2,000.
MANY = settings(max_examples=int(os.environ.get("LLMSTREAM_EXAMPLES", "200")))


def canonical(*events: Event) -> list[Event]:
    """The canonical form of an answer, without its end."""
    *body, done = CODEC.server.canonical([*events, END])
    assert isinstance(done, Done)
    laws.grammar([*body, done])
    return body


def written(*events: Event) -> list[Record]:
    return list(run(Writer(P), events))


def test_what_the_wire_says_as_it_is_stays_as_it_is() -> None:
    record = {"title": "t", "location": {"documentPage": {"start": 1}}}
    said = [
        PartMetadata(0, P, {"signature": "s"}, kind="reasoning"),
        ReasoningDelta(1, "", redacted=True),
        PartMetadata(1, P, {"redactedContent": "ZA=="}),
        ReasoningDelta(2, "hm"),
        PartMetadata(2, P, {"signature": "s"}),
        CitationOut(3, Citation(title="t", provider=P, data=record)),
        TextDelta(3, "so"),
        TextDelta(4, "next"),
        ToolCallStart(5, id="t", name="f"),
        PartMetadata(5, P, {"extra": 1}),
        ToolCallArgsDelta(5, "{}"),
        ToolCallEnd(5, {}),
        ToolCallStart(6, id="s", name="run", server_executed=True),
        PartMetadata(6, P, {"type": "server_tool_use"}),
        ToolCallEnd(6, {}),
        ToolResultOut(
            7, "s", name="run", output=[{"text": "r"}, {"json": {}}], error="r", server_executed=True
        ),
        PartMetadata(7, P, {"type": "run_result", "status": "error"}),
        ImageOut(8, Attachment("image/png", data=b"p")),
        ImageOut(9, Attachment("image/png", url="s3://bucket/p")),
        OpaqueOut(10, P, type="video", data={"format": "mp4"}),
    ]
    assert canonical(*said) == said


def test_the_events_of_one_answer() -> None:
    call = [ToolCallStart(1, id="t", name="f"), ToolCallArgsDelta(1, '{"a":1}'), ToolCallEnd(1, {"a": 1})]
    done = Done(
        finish_reason="tool_calls",
        usage=Usage(input=9, output=2, cached_input=3, cache_write=4, details={"cacheDetails": []}),
        id="r-1",
        model="m",
        provider_metadata={P: {"additionalModelResponseFields": {"x": 1}, "metrics": {"latencyMs": 5}}},
    )
    assert written(TextDelta(0, "a"), *call, done) == [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "a"}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        (
            "contentBlockStart",
            {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t", "name": "f"}}},
        ),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": '{"a":1}'}}}),
        ("contentBlockStop", {"contentBlockIndex": 1}),
        ("messageStop", {"stopReason": "tool_use", "additionalModelResponseFields": {"x": 1}}),
        (
            "metadata",
            {
                "metrics": {"latencyMs": 5},
                "usage": {
                    "inputTokens": 2,
                    "outputTokens": 2,
                    "totalTokens": 11,
                    "cacheReadInputTokens": 3,
                    "cacheWriteInputTokens": 4,
                    "cacheDetails": [],
                },
                "message": {"id": "r-1", "model": "m"},
            },
        ),
    ]


def test_events_of_the_live_block_are_passed_on_at_once() -> None:
    stage = Writer(P)
    assert [record.type for record in stage.feed(TextDelta(0, "a"))] == ["messageStart", "contentBlockDelta"]
    assert [record.type for record in stage.feed(ToolCallStart(1, id="t", name="f"))] == ["contentBlockStop"]
    said = [record.data for record in stage.feed(ToolCallArgsDelta(1, "{"))]
    assert [sorted(data) for data in said] == [["contentBlockIndex", "start"], ["contentBlockIndex", "delta"]]
    assert list(stage.feed(TextDelta(2, "waits"))) == []
    assert [record.type for record in stage.feed(ToolCallArgsDelta(1, "}"))] == ["contentBlockDelta"]
    assert [record.type for record in stage.feed(ToolCallEnd(1, {}))] == [
        "contentBlockStop",
        "contentBlockDelta",
    ]


def test_parallel_calls_follow_each_other() -> None:
    calls = [
        [ToolCallStart(n, id=f"t{n}", name="f"), ToolCallArgsDelta(n, "{}"), ToolCallEnd(n, {})]
        for n in range(3)
    ]
    mixed = [event for events in zip(*calls, strict=True) for event in events]
    assert canonical(*mixed) == [event for call in calls for event in call]


def test_a_call_that_never_ends_lets_the_others_through_at_the_end() -> None:
    cut = [ToolCallStart(0, id="a", name="f"), ToolCallArgsDelta(0, '{"a"')]
    late = [
        ToolCallStart(1, id="b", name="f"),
        ToolCallEnd(1, {}),
        PartMetadata(1, P, {"late": 1}),
        TextDelta(2, "x"),
    ]
    assert canonical(*cut, *late) == [
        *cut,
        ToolCallStart(1, id="b", name="f"),
        ToolCallEnd(1, {}),
        TextDelta(2, "x"),
    ]


def test_text_that_was_overtaken_becomes_a_part_of_its_own() -> None:
    mixed = [
        TextDelta(0, "a"),
        ReasoningDelta(1, "hm"),
        TextDelta(0, ""),
        TextDelta(0, "b"),
        ReasoningDelta(1, "m"),
    ]
    assert canonical(*mixed) == [
        TextDelta(0, "a"),
        ReasoningDelta(1, "hm"),
        TextDelta(2, "b"),
        ReasoningDelta(3, "m"),
    ]


def test_an_image_that_was_overtaken_comes_when_it_is_there() -> None:
    opened = PartMetadata(0, P, {}, kind="attachment")
    preview, image = (
        ImageOut(0, Attachment("image/png", data=b"p"), partial=True),
        Attachment("image/png", data=b"i"),
    )
    said = [opened, TextDelta(1, "a"), preview, TextDelta(1, "b"), ImageOut(0, image)]
    assert canonical(*said) == [TextDelta(0, "a"), TextDelta(0, "b"), ImageOut(1, image)]


def test_what_comes_for_a_part_that_has_ended_is_dropped_or_refused() -> None:
    late = [CitationOut(0, Citation("https://x.test")), PartMetadata(0, P, {"a": 1})]
    assert canonical(TextDelta(0, "a"), ReasoningDelta(1, "hm"), *late) == [
        TextDelta(0, "a"),
        ReasoningDelta(1, "hm"),
    ]
    ended = [ToolCallStart(0, id="t", name="f"), ToolCallEnd(0, {})]
    with pytest.raises(WireError, match="no more of the part"):
        canonical(*ended, ToolCallArgsDelta(0, "{}"))


@pytest.mark.parametrize("stray", [ToolCallArgsDelta(0, "{}"), ToolCallEnd(0, {}), PartMetadata(0, P, {})])
def test_what_continues_no_part_is_refused(stray) -> None:
    with pytest.raises(WireError, match="an open part"):
        canonical(stray)


@pytest.mark.parametrize(
    "first",
    [
        TextDelta(0, "a"),
        ReasoningDelta(0, "a"),
        ToolCallStart(0, id="t", name="f"),
        ToolResultOut(0, "t", server_executed=True),
        ImageOut(0, Attachment("image/png", data=b"p")),
        OpaqueOut(0, P, type="x"),
    ],
)
def test_a_part_keeps_its_kind(first) -> None:
    with pytest.raises(WireError, match="more of the part at 0"):
        canonical(first, ToolResultOut(0, "t", server_executed=True))


def test_parts_that_the_wire_cannot_show_take_no_number() -> None:
    shown = [
        TextDelta(0, "", refusal=True),
        ReasoningDelta(1, "", redacted=True),
        PartMetadata(1, "other", {"redactedContent": "x"}),
        PartMetadata(2, P, {"x": 1}, kind="text"),
        PartMetadata(3, "other", {"signature": "x"}, kind="reasoning"),
        PartMetadata(4, P, {"x": 1}, kind="attachment"),
        ImageOut(5, Attachment("image/png", data=b"p"), partial=True),
        OpaqueOut(6, "other", type="compaction", data={}),
        TextDelta(7, "a", (Logprob("a", -1.0),)),
    ]
    assert canonical(*shown) == [TextDelta(0, "a")]


def test_what_is_no_part_is_dropped() -> None:
    asides = [Raw({}), RoundDone(), Restarted("x"), UnknownEvent("x"), ToolProgress(0, "t")]
    assert canonical(TextDelta(0, "a"), *asides) == [TextDelta(0, "a")]


def test_the_last_signature_counts_and_comes_at_the_end() -> None:
    notes = [PartMetadata(0, P, {"signature": name}, kind="reasoning") for name in ("s", "t")]
    assert canonical(notes[0], ReasoningDelta(0, "hm"), notes[1]) == [
        ReasoningDelta(0, "hm"),
        PartMetadata(0, P, {"signature": "t"}),
    ]


def test_arguments_that_came_without_text_are_written() -> None:
    start = ToolCallStart(0, id="t", name="f")
    assert canonical(start, ToolCallEnd(0, {"a": 1}))[1:] == [
        ToolCallArgsDelta(0, '{"a":1}'),
        ToolCallEnd(0, {"a": 1}),
    ]
    blank = [ToolCallArgsDelta(0, " "), ToolCallArgsDelta(0, "")]
    assert canonical(start, *blank, ToolCallEnd(0, {}))[1:] == [blank[0], ToolCallEnd(0, {})]


def test_a_call_ends_where_its_text_is_complete() -> None:
    start = ToolCallStart(0, id="t", name="f")
    assert canonical(start, ToolCallArgsDelta(0, '{"a":')) == [start, ToolCallArgsDelta(0, '{"a":')]
    assert canonical(start, ToolCallArgsDelta(0, "{}"))[-1] == ToolCallEnd(0, {})
    assert canonical(start) == [start, ToolCallEnd(0, {})]


@pytest.mark.parametrize(
    ("output", "error", "content", "said"),
    [
        ("r", None, [{"text": "r"}], None),
        ({"a": 1}, None, [{"json": {"a": 1}}], None),
        ([1], None, [{"text": "[1]"}], None),
        ([{"text": "a"}, {"json": 1}], None, [{"text": "a"}, {"json": 1}], None),
        ("", "broke", [{"text": "broke"}], "broke"),
        ({"a": 1}, "broke", [{"json": {"a": 1}}], '[{"json":{"a":1}}]'),
    ],
)
def test_a_result_is_a_list_of_texts_and_objects(output, error, content, said) -> None:
    call = [ToolCallStart(0, id="s", name="run", server_executed=True), ToolCallEnd(0, {})]
    result = ToolResultOut(1, "s", output=output, error=error, server_executed=True)
    assert canonical(*call, result)[-2:] == [
        ToolResultOut(1, "s", name="run", output=content, error=said, server_executed=True),
        PartMetadata(1, P, {"type": "run_result"} | ({"status": "error"} if said else {})),
    ]


def test_a_result_says_what_its_fields_say() -> None:
    result = ToolResultOut(0, "s", output="r", server_executed=True)
    note = PartMetadata(0, P, {"status": "error", "type": 1})
    assert canonical(result, note) == [ToolResultOut(0, "s", output=[{"text": "r"}], server_executed=True)]


def test_a_foreign_citation_is_one_of_a_page_of_the_web() -> None:
    cited = Citation("https://x.test", "t", cited_text="c", start=0, end=1, provider="other", data={"a": 1})
    (event,) = canonical(CitationOut(0, cited))
    assert isinstance(event, CitationOut)
    said = event.citation
    assert (said.url, said.title, said.cited_text, said.provider) == ("https://x.test", "t", "c", P)
    assert (said.start, said.end) == (None, None)
    (bare,) = canonical(CitationOut(0, Citation()))
    assert bare == CitationOut(0, Citation(provider=P))


@pytest.mark.parametrize(
    "event",
    [
        AudioDelta(0, b"a"),
        ImageOut(0, Attachment("image/bmp", data=b"p")),
        ImageOut(0, Attachment("image/png", url="https://x.test/p")),
        ToolCallStart(0, id="t", name="f", custom=True),
        ToolCallStart(0, id="t", name=""),
        ToolCallStart(0, id="", name="f"),
        ToolResultOut(0, "t"),
        ToolResultOut(0, "t", server_executed=True, attachments=(Attachment("image/png", data=b"p"),)),
        OpaqueOut(0, P, type="toolUse"),
        OpaqueOut(0, P, type=""),
    ],
)
def test_what_the_wire_cannot_say_is_refused(event) -> None:
    with pytest.raises(UnsupportedError, match=r"bedrock|opaque"):
        canonical(event)


def test_audio_is_refused_also_where_a_part_was_open_for_it() -> None:
    with pytest.raises(UnsupportedError, match="audio"):
        canonical(PartMetadata(0, P, {}, kind="attachment"), AudioDelta(0, b"a"))
    with pytest.raises(UnsupportedError, match="audio"):
        canonical(PartMetadata(0, P, {}, kind="attachment"), TextDelta(1, "a"), AudioDelta(0, b"a"))


def test_calls_have_ids_of_their_own() -> None:
    with pytest.raises(UnsupportedError, match="of its own"):
        canonical(ToolCallStart(0, id="t", name="f"), ToolCallEnd(0, {}), ToolCallStart(1, id="t", name="g"))


def test_without_an_end_the_blocks_end_and_the_message_does_not() -> None:
    assert [record.type for record in written(TextDelta(0, "a"))][-1] == "contentBlockStop"


NOTES = st.sampled_from(
    [{"signature": "s"}, {"redactedContent": "ZA=="}, {"signature": ""}, {"type": "x_result"}, {"x": 1}]
)


@MANY
@given(any_events(provider=P))
def test_what_is_encoded_is_decoded(events) -> None:
    laws.round_trip(CODEC, events)


@MANY
@given(
    any_events(
        kinds={
            "text",
            "reasoning",
            "redacted",
            "call",
            "cut_call",
            "server_call",
            "metadata",
            "citation",
            "image",
            "opaque",
        },
        provider=P,
    ),
    st.lists(NOTES, max_size=4),
)
def test_what_the_wire_can_say_is_encoded_and_decoded(events, notes) -> None:
    indices = sorted({event.index for event in events if hasattr(event, "index")})
    extra = [PartMetadata(index, P, note) for index, note in zip(indices, notes, strict=False)]
    laws.round_trip(CODEC, [*events[:-1], *extra, events[-1]])
