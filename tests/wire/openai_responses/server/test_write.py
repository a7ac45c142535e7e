"""From events to the wire's own, and the law that both halves keep."""

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
from llmstream.wire.openai_responses import CODEC, OpenAIResponsesCodec, Quirks
from llmstream.wire.openai_responses.server.write import Writer

P = "openai-responses"
# As many answers as the law of the round trip is held to; CI asks for 2,000.
MANY = settings(max_examples=int(os.environ.get("LLMSTREAM_EXAMPLES", "200")))
SERVED = OpenAIResponsesCodec("x", Quirks(server_custom_calls=True))
PNG = Attachment("image/png", data=b"a")


def records(*events: Event, **given) -> list[dict]:
    writer = Writer(P, Quirks(), **given)
    return [record for event in events for record in writer.feed(event)]


def types(*events: Event) -> list[str]:
    """What is said, without the two events that begin each answer."""
    return [record["type"].removeprefix("response.") for record in records(*events)[2:]]


def canonical(*events: Event, codec: OpenAIResponsesCodec = CODEC) -> list[Event]:
    """What comes back, without the end."""
    told = (*events, Done(finish_reason="stop"))
    assert laws.round_trip(codec, told)
    return list(codec.server.canonical(told))[:-1]


def ended(*events: Event) -> Done:
    assert laws.round_trip(CODEC, events)
    done = CODEC.server.canonical(events)[-1]
    assert isinstance(done, Done)
    return done


def noted(index: int, kind: str | None = None, /, **data) -> PartMetadata:
    return PartMetadata(index, P, data, kind=kind)


def test_a_message_is_told_from_its_beginning_to_its_end():
    told = records(TextDelta(0, "Hel"), TextDelta(0, "lo"), Done(finish_reason="stop"), id="i", model="m")
    assert [record["sequence_number"] for record in told] == list(range(10))
    assert [record["type"].removeprefix("response.") for record in told] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    item = {
        "type": "message",
        "id": "msg_0",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}],
    }
    assert told[-2]["item"] == item
    assert told[-1]["response"]["output"] == [item]
    assert {record["response"]["id"] for record in told if "response" in record} == {"i"}
    assert told[-1]["answer"] == {"id": None, "model": None}


def test_the_answers_own_name_is_said_beside_the_one_that_it_began_in():
    told = records(Done(finish_reason="stop", id="own", model="m"), id="i", model="m")
    assert told[-1]["response"]["id"] == "i"
    assert told[-1]["answer"] == {"id": "own", "model": "m"}
    assert "answer" not in records(Done(id="i", model="m"), id="i", model="m")[-1]


def test_an_item_is_done_when_the_next_begins():
    assert types(ReasoningDelta(0, "a"), TextDelta(1, "b"))[:8] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
    ]


def test_calls_may_be_written_at_the_same_time():
    calls = [ToolCallStart(n, id=f"c{n}", name="f") for n in (0, 1)]
    pieces = [ToolCallArgsDelta(0, "{"), ToolCallArgsDelta(1, "{"), ToolCallArgsDelta(0, "}")]
    ends = [ToolCallEnd(0, {}), ToolCallArgsDelta(1, "}"), ToolCallEnd(1, {})]
    events = canonical(*calls, *pieces, *ends)
    assert [event for event in events if not isinstance(event, PartMetadata)] == [*calls, *pieces, *ends]


def test_text_that_comes_after_its_item_was_done_is_told_all_the_same():
    events = canonical(TextDelta(0, "a"), TextDelta(1, "b"), TextDelta(0, "c"))
    assert [event for event in events if isinstance(event, TextDelta)] == [
        TextDelta(0, "a"),
        TextDelta(1, "b"),
        TextDelta(0, "c"),
    ]


def test_parts_of_one_id_are_one_item():
    events = (
        noted(0, "text", id="m", phase="final_answer"),
        TextDelta(0, "a"),
        noted(1, "text", id="m", part=1),
        TextDelta(1, "b"),
    )
    assert canonical(*events) == list(events)
    (item,) = records(*events, Done())[-1]["response"]["output"]
    assert (item["id"], item["phase"]) == ("m", "final_answer")
    assert [content["text"] for content in item["content"]] == ["a", "b"]


def test_metadata_that_comes_late_is_told_late():
    events = (noted(0, "reasoning", id="r"), ReasoningDelta(0, "a"), noted(0, encrypted_content="c"))
    assert canonical(*events) == list(events)
    late = (*events[:2], noted(1, "text", id="m"), TextDelta(1, "b"), events[2])
    assert canonical(*late) == list(late)


def test_reasoning_may_be_told_as_it_is():
    events = (noted(0, "reasoning", id="r"), noted(0, type="reasoning_text"), ReasoningDelta(0, "a"))
    assert canonical(*events) == list(events)
    assert "reasoning_text.delta" in types(*events)


def test_a_call_waits_for_its_metadata_and_for_no_longer():
    start = ToolCallStart(0, id="c", name="f")
    assert records(start)[2:] == []
    assert types(start, noted(0, id="fc"), ToolCallArgsDelta(0, "{")) == [
        "output_item.added",
        "function_call_arguments.delta",
    ]
    assert canonical(start, noted(0, id="fc"), ToolCallEnd(0, {})) == [
        start,
        noted(0, id="fc"),
        ToolCallArgsDelta(0, "{}"),
        ToolCallEnd(0, {}),
    ]


def test_arguments_that_came_without_their_text_are_written():
    assert canonical(ToolCallStart(0, id="c", name="f"), ToolCallEnd(0, {"a": 1}))[2:] == [
        ToolCallArgsDelta(0, '{"a":1}'),
        ToolCallEnd(0, {"a": 1}),
    ]


def test_a_call_that_was_cut_is_incomplete():
    events = canonical(ToolCallStart(0, id="c", name="f"), ToolCallArgsDelta(0, '{"a'))
    assert events[2:] == [ToolCallArgsDelta(0, '{"a'), noted(0, status="incomplete")]


def test_a_call_of_free_text():
    events = [ToolCallStart(0, id="c", name="sql", custom=True), noted(0, id="x"), ToolCallArgsDelta(0, "a")]
    assert canonical(*events) == events


def test_a_call_of_the_servers_own_is_its_items():
    action = {"query": "q"}
    events = [
        ToolCallStart(0, id="ws", name="web_search", server_executed=True),
        noted(0, type="web_search_call", id="ws"),
        ToolProgress(0, "ws", data={"type": "response.web_search_call.searching"}),
        ToolCallArgsDelta(0, '{"query":"q"}'),
        ToolCallEnd(0, action),
        noted(0, action=action),
        noted(1, "text", id="m"),
        TextDelta(1, "a"),
    ]
    assert canonical(*events) == events


def test_a_tool_of_another_provider_is_an_mcp_servers():
    search = ToolCallStart(0, id="s", name="search", server_executed=True)
    events = canonical(
        search,
        ToolCallArgsDelta(0, '{"q":1}'),
        ToolCallEnd(0, {"q": 1}),
        ToolResultOut(1, "s", name="search", output=[1], server_executed=True),
        PartMetadata(1, "elsewhere", {"a": 1}),
        TextDelta(2, "a"),
    )
    assert events == [
        search,
        noted(0, id="s", server_label="", output=None, error=None, type="mcp_call"),
        ToolCallArgsDelta(0, '{"q":1}'),
        ToolCallEnd(0, {"q": 1}),
        noted(0, output="[1]"),
        noted(1, "text", id="msg_1"),
        TextDelta(1, "a"),
    ]


def test_a_result_of_its_own_is_its_item():
    about = noted(0, type="shell_call_output", id="o", call_id="c")
    events = [ToolResultOut(0, "c", name="shell", output=[1], server_executed=True), about]
    assert canonical(*events) == events


def test_an_image_goes_into_its_call():
    events = [
        ToolCallStart(0, id="ig", name="image_generation", server_executed=True),
        noted(0, type="image_generation_call", id="ig"),
        noted(1, "attachment", id="ig"),
        ImageOut(1, PNG, partial=True),
        ToolCallEnd(0, {}),
        ImageOut(1, PNG),
        noted(0, output_format="png"),
    ]
    assert canonical(*events) == events
    assert [type(event) for event in canonical(ImageOut(0, PNG))] == [
        ToolCallStart,
        PartMetadata,
        ToolCallEnd,
        PartMetadata,
        ImageOut,
        PartMetadata,
    ]


def test_audio_has_two_sorts_of_deltas():
    assert canonical(AudioDelta(0, b"a", transcript="t"), AudioDelta(0)) == [
        AudioDelta(0, b"a"),
        AudioDelta(0, transcript="t"),
    ]


def test_sources_and_log_probabilities_stand_by_their_text():
    likely = (Logprob("a", -1.0, bytes=b"a", top=[Logprob("b", -2.0)]),)
    source = {"type": "url_citation", "url": "u"}
    events = [
        noted(0, "text", id="m"),
        TextDelta(0, "a", likely),
        CitationOut(0, Citation("u", provider=P, data=source)),
    ]
    assert canonical(*events) == events
    (item,) = records(*events, Done())[-1]["response"]["output"]
    assert item["content"][0]["annotations"] == [source]
    assert item["content"][0]["logprobs"][0]["token"] == "a"


def test_what_has_no_meaning_here_goes_whole():
    item = OpaqueOut(0, P, type="compaction", data={"type": "compaction", "encrypted_content": "c"})
    assert canonical(item) == [item]
    assert canonical(OpaqueOut(0, "elsewhere", type="x", data={}), TextDelta(1, "a")) == [
        noted(0, "text", id="msg_0"),
        TextDelta(0, "a"),
    ]


def test_some_events_are_not_for_the_wire():
    assert canonical(
        TextDelta(0, "a"),
        Raw({}),
        RoundDone(),
        Restarted("x"),
        UnknownEvent("x", {}),
        PartMetadata(0, "elsewhere", {"a": 1}),
    ) == [noted(0, "text", id="msg_0"), TextDelta(0, "a")]


CALL = ToolCallStart(0, id="c", name="f")


@pytest.mark.parametrize(
    ("events", "done", "reason", "raw"),
    [
        ((), Done(finish_reason="stop"), "stop", "completed"),
        ((), Done(), "stop", "completed"),
        ((CALL,), Done(finish_reason="tool_calls", raw_finish_reason="tool_use"), "tool_calls", "completed"),
        ((), Done(finish_reason="length", raw_finish_reason="max_tokens"), "length", "max_output_tokens"),
        ((), Done(finish_reason="content_filter"), "content_filter", "content_filter"),
        ((TextDelta(0, "no", refusal=True),), Done(finish_reason="refusal"), "refusal", "completed"),
        ((), Done(finish_reason="refusal"), "refusal", "refusal"),
        ((), Done(finish_reason="pause"), "pause", "pause"),
        ((), Done(finish_reason="budget"), "budget", "budget"),
        ((), Done(finish_reason="error"), "error", "error"),
        ((), Done(finish_reason="other", raw_finish_reason="odd"), "other", "odd"),
        ((), Done(finish_reason="other", raw_finish_reason="cancelled"), "other", "cancelled"),
        ((), Done(finish_reason="other"), "other", "other"),
    ],
)
def test_an_end_is_said_in_the_wires_words(events: tuple[Event, ...], done: Done, reason: str, raw: str):
    got = ended(*events, done)
    assert (got.finish_reason, got.raw_finish_reason) == (reason, raw)


def test_the_end_has_usage_and_what_the_provider_said():
    done = Done(
        finish_reason="stop",
        raw_finish_reason="completed",
        usage=Usage(input=9, output=5, cached_input=2, reasoning=3),
        id="i",
        model="m",
        provider_metadata={P: {"service_tier": "flex"}, "elsewhere": {"a": 1}},
    )
    got = ended(done)
    assert got.provider_metadata == {P: {"service_tier": "flex"}}
    assert (got.usage, got.id, got.model) == (done.usage, "i", "m")


@pytest.mark.parametrize(
    "events",
    [
        [ToolCallStart(0, id="c", name="")],
        [ToolResultOut(0, "c", name="f")],
        [ToolResultOut(0, "c", name="f", server_executed=True)],
        [ToolResultOut(0, "c", name="f", server_executed=True, attachments=(PNG,))],
        [ToolCallStart(0, id="c", name="f", server_executed=True, custom=True)],
        [ImageOut(0, Attachment("image/png", url="https://x.test/a"))],
        [OpaqueOut(0, P, type="message")],
        [OpaqueOut(0, P, type="x", data={"type": 1})],
        [CALL, ToolCallEnd(0, {}), ToolCallArgsDelta(0, "x")],
        [TextDelta(0, "a"), ReasoningDelta(0, "b")],
        [TextDelta(0, "a"), ImageOut(0, PNG)],
        [ToolCallArgsDelta(0, "x")],
    ],
)
def test_what_the_wire_cannot_say_is_refused(events: list[Event]):
    with pytest.raises(UnsupportedError, match="openai-responses"):
        CODEC.server.canonical([*events, Done()])


def test_a_client_cannot_be_asked_in_free_text_where_the_provider_is():
    with pytest.raises(UnsupportedError):
        SERVED.server.canonical([ToolCallStart(0, id="c", name="f", custom=True), Done()])
    start = ToolCallStart(0, id="c", name="f", custom=True, server_executed=True)
    assert canonical(start, codec=SERVED)[0] == start


@pytest.mark.parametrize("codec", [CODEC, SERVED], ids=["openai", "quirks"])
@MANY
@given(events=strategies.events(provider=P))
def test_any_events_keep_the_law_of_the_round_trip(codec: OpenAIResponsesCodec, events: tuple[Event, ...]):
    laws.round_trip(codec, events)


@MANY
@given(strategies.events(strategies.KINDS - {"opaque", "result", "server_call"}, provider=P))
def test_events_that_the_wire_can_say_come_back_under_any_cuts(events: tuple[Event, ...]):
    assert laws.round_trip(CODEC, events)
