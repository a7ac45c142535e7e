"""Events as frames."""

from __future__ import annotations

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
from llmstream.testing import laws
from llmstream.testing.strategies import events as any_events
from llmstream.values.content import Logprob
from llmstream.wire.gemini import CODEC
from llmstream.wire.gemini.server.write import FrameWriter

P = "gemini"
END = Done(finish_reason="stop", raw_finish_reason="STOP")
# As many answers as the law of the round trip is held to; CI asks for 2,000.
MANY = settings(max_examples=int(os.environ.get("LLMSTREAM_EXAMPLES", "200")))


def frames(*events: Event, **how) -> list[dict]:
    writer = FrameWriter(P, **how)
    written = [frame for event in events for frame in writer.feed(event)]
    return [*written, *writer.feed_eof()]


def parts(*events: Event) -> list[dict]:
    """The parts of an answer, which come one a frame, and the last frame has none."""
    *written, last = frames(*events, END)
    assert last["candidates"][0]["finishReason"] == "STOP"
    return [part for frame in written for part in frame["candidates"][0]["content"]["parts"]]


def canonical(*events: Event) -> list[Event]:
    *body, done = CODEC.server.canonical([*events, END])
    assert isinstance(done, Done)
    laws.grammar([*body, done])
    assert laws.round_trip(CODEC, [*events, END])
    return body


def call(index: int, name: str = "f", *, json: str = "", arguments: dict | None = None, **how) -> list[Event]:
    end = [] if arguments is None else [ToolCallEnd(index, arguments)]
    more = [ToolCallArgsDelta(index, json)] if json else []
    return [ToolCallStart(index, id=f"c{index}", name=name, **how), *more, *end]


def test_text_goes_out_as_it_comes() -> None:
    writer = FrameWriter(P, id="i", model="m")
    assert list(writer.feed(TextDelta(0, "a"))) == [
        {
            "candidates": [{"content": {"parts": [{"text": "a"}], "role": "model"}, "index": 0}],
            "modelVersion": "m",
            "responseId": "i",
        }
    ]
    assert list(writer.feed(TextDelta(0, ""))) == []


def test_a_call_goes_out_whole_when_another_part_begins() -> None:
    writer = FrameWriter(P)
    for event in call(0, json='{"a":1}', arguments={"a": 1}):
        assert list(writer.feed(event)) == []
    (first, second) = writer.feed(TextDelta(1, "x"))
    assert first["candidates"][0]["content"]["parts"] == [
        {"functionCall": {"name": "f", "args": {"a": 1}, "id": "c0"}}
    ]
    assert second["candidates"][0]["content"]["parts"] == [{"text": "x"}]


def test_what_stands_beside_a_part_is_written_beside_it() -> None:
    assert parts(
        PartMetadata(0, P, {"thought": True, "thoughtSignature": "a"}, kind="reasoning"),
        ReasoningDelta(0, "hm"),
        PartMetadata(1, P, {"thoughtSignature": "b"}, kind="text"),
        TextDelta(1, "x"),
        TextDelta(1, "y"),
        *call(2, json="{}", arguments={}),
        PartMetadata(2, P, {"thoughtSignature": "c", "id": None, "functionCall": {"new": 1, "name": "no"}}),
        PartMetadata(3, P, {"thoughtSignature": "d", "inlineData": {"new": 2}}, kind="attachment"),
        ImageOut(3, Attachment("image/png", data=b"hi", name="n")),
        PartMetadata(4, P, {"thoughtSignature": "e"}, kind="text"),
    ) == [
        {"text": "hm", "thought": True, "thoughtSignature": "a"},
        {"text": "x", "thoughtSignature": "b"},
        {"text": "y"},
        {"functionCall": {"name": "f", "args": {}, "new": 1}, "thoughtSignature": "c"},
        {
            "inlineData": {"mimeType": "image/png", "data": "aGk=", "displayName": "n", "new": 2},
            "thoughtSignature": "d",
        },
        {"text": "", "thoughtSignature": "e"},
    ]


def test_metadata_that_comes_late_for_a_text_stands_alone() -> None:
    assert parts(TextDelta(0, "x"), PartMetadata(0, P, {"thoughtSignature": "s"}), TextDelta(1, "y")) == [
        {"text": "x"},
        {"text": "", "thoughtSignature": "s"},
        {"text": "y"},
    ]


def test_parts_keep_their_order_while_a_call_is_open() -> None:
    first, second = call(0, json="{}", arguments={}), call(1, name="g", json="{}", arguments={})
    mixed = [first[0], second[0], TextDelta(2, "x"), *second[1:], *first[1:]]
    assert [next(iter(part)) for part in parts(*mixed)] == ["functionCall", "functionCall", "text"]
    assert parts(*mixed)[1]["functionCall"]["name"] == "g"


def test_calls_of_the_servers_own_tools() -> None:
    ran = call(0, name="code_execution", json='{"code":"1"}', arguments={"code": "1"}, server_executed=True)
    searched = call(2, name="search", json='{"q":1}', arguments={"q": 1}, server_executed=True)
    assert parts(
        *ran,
        PartMetadata(0, P, {"type": "executableCode", "id": None, "thoughtSignature": "s"}),
        ToolResultOut(1, "c0", name="code_execution", output="boom", error="boom", server_executed=True),
        PartMetadata(1, P, {"type": "codeExecutionResult", "id": None}),
        *searched,
        ToolResultOut(3, "c2", output=[1], server_executed=True),
        ToolResultOut(4, "c2", output="x", error="boom", server_executed=True),
    ) == [
        {"executableCode": {"code": "1"}, "thoughtSignature": "s"},
        {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "boom"}},
        {"toolCall": {"toolType": "search", "args": {"q": 1}, "id": "c2"}},
        {"toolResponse": {"toolType": "search", "response": [1], "id": "c2"}},
        {"toolResponse": {"toolType": "search", "response": {"error": "boom", "result": "x"}, "id": "c2"}},
    ]


def test_files_and_opaque_items() -> None:
    assert parts(
        ImageOut(0, Attachment("image/png", data=b"no"), partial=True),
        ImageOut(0, Attachment("image/png", data=b"hi")),
        ImageOut(1, Attachment("image/png", url="https://x.test")),
        AudioDelta(2, b"hi", media_type="audio/wav", transcript="lost"),
        AudioDelta(2, transcript="lost"),
        OpaqueOut(3, P, type="hologram", data={"hologram": 1}),
        OpaqueOut(4, P, type="hologram", data={"thought": True}),
        OpaqueOut(5, "elsewhere", type="t", data={}),
    ) == [
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://x.test"}},
        {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}},
        {"hologram": 1},
        {"hologram": {"thought": True}},
    ]


def test_the_end_says_all_that_is_known_of_the_answer() -> None:
    done = Done(
        finish_reason="stop",
        raw_finish_reason="STOP",
        usage=Usage(input=3, output=2),
        id="r",
        model="m",
        provider_metadata={P: {"finishMessage": "f", "createTime": "t", "promptFeedback": 7, "other": 1}},
    )
    cite = CitationOut(0, Citation("https://a.test", start=0, end=1))
    last = frames(TextDelta(0, "ab", (Logprob("ab", -1.0),)), cite, done)[-1]
    assert last == {
        "candidates": [
            {
                "index": 0,
                "finishReason": "STOP",
                "finishMessage": "f",
                "groundingMetadata": {
                    "groundingChunks": [{"web": {"uri": "https://a.test"}}],
                    "groundingSupports": [
                        {
                            "segment": {"startIndex": 0, "endIndex": 1, "text": "a"},
                            "groundingChunkIndices": [0],
                        }
                    ],
                },
            }
        ],
        "createTime": "t",
        "modelVersion": "m",
        "responseId": "r",
        "usageMetadata": {
            "promptTokenCount": 3,
            "candidatesTokenCount": 2,
            "thoughtsTokenCount": 0,
            "cachedContentTokenCount": 0,
            "totalTokenCount": 5,
        },
    }


def test_a_blocked_prompt_has_no_candidate() -> None:
    feedback = {"blockReason": "OTHER"}
    done = Done(
        finish_reason="content_filter",
        raw_finish_reason="OTHER",
        provider_metadata={P: {"promptFeedback": feedback}},
    )
    assert frames(done) == [{"promptFeedback": feedback}]
    assert CODEC.server.canonical([done]) == (done,)


def test_a_call_that_is_not_complete_is_seen_to_be_so() -> None:
    cut = call(0, json='{"a')
    assert parts(*cut) == [{"functionCall": {"name": "f", "id": "c0", "willContinue": True}}]
    assert canonical(*cut)[-1] == ToolCallArgsDelta(0, "{")
    length = Done(finish_reason="length", raw_finish_reason="MAX_TOKENS")
    assert not any(isinstance(e, ToolCallEnd) for e in CODEC.server.canonical([*call(0), length]))
    assert ToolCallEnd(0, {}) in canonical(*call(0))


@pytest.mark.parametrize(
    "events",
    [
        [ToolCallStart(0, id="c", name="f", custom=True)],
        [ToolCallStart(0, id="c", name="")],
        [ToolCallStart(0, id="c", name="f"), ToolCallStart(1, id="c", name="f")],
        [*call(0, json="{"), *call(1, json="{}", arguments={})],
        [*call(0, json="{", server_executed=True)],
        [ToolResultOut(0, "c", name="f", output="x")],
        [ImageOut(0, Attachment("image/png", path="x.png"))],
        [OpaqueOut(0, P, type="text", data={"text": "x"})],
    ],
)
def test_what_the_wire_cannot_say_is_refused(events: list[Event]) -> None:
    with pytest.raises(UnsupportedError, match="gemini"):
        frames(*events, END)
    assert not laws.round_trip(CODEC, [*events, END])


def test_events_that_break_the_grammar_are_refused() -> None:
    for events in (
        [ToolCallArgsDelta(0, "{")],
        [*call(0, json="{}", arguments={}), ToolCallArgsDelta(0, "x")],
    ):
        with pytest.raises(WireError, match="open call at index 0"):
            frames(*events)


def test_what_is_not_the_models_is_passed_over() -> None:
    asides = [
        Raw({}),
        RoundDone(),
        Restarted("r"),
        UnknownEvent("x_t", {"type": "x_t"}),
        PartMetadata(0, "elsewhere", {"a": 1}, kind="text"),
    ]
    assert canonical(*asides) == []
    done = call(0, json="{}", arguments={})
    assert canonical(*done, ToolProgress(0, "c0")) == canonical(*done)


def test_neighbours_of_one_kind_become_one_part() -> None:
    assert canonical(TextDelta(0, "a"), TextDelta(1, "b"), ReasoningDelta(2, "c"), TextDelta(0, "d")) == [
        TextDelta(0, "a"),
        TextDelta(0, "b"),
        PartMetadata(1, P, {"thought": True}, kind="reasoning"),
        ReasoningDelta(1, "c"),
        TextDelta(2, "d"),
    ]


def test_a_citation_keeps_the_characters_of_its_part() -> None:
    (_, _, cited) = canonical(
        TextDelta(0, "é"), TextDelta(0, "ab"), CitationOut(0, Citation("u", start=1, end=2))
    )
    assert isinstance(cited, CitationOut)
    assert (cited.citation.url, cited.citation.start, cited.citation.end) == ("u", 1, 2)


@MANY
@given(any_events(provider=P))
def test_any_answer_comes_back_canonical_or_is_refused(events: tuple[Event, ...]) -> None:
    laws.round_trip(CODEC, events)


@MANY
@given(
    any_events(
        {
            "text", "reasoning", "call", "server_call", "image", "audio", "opaque", "metadata", "citation",
            "logprobs", "refusal", "redacted", "preview", "progress", "raw", "round", "restart", "unknown",
        },
        provider=P,
    )
)  # fmt: skip
def test_what_the_wire_has_words_for_comes_back(events: tuple[Event, ...]) -> None:
    if not laws.round_trip(CODEC, events):
        # A generated opaque item may look like a part of a known kind, an image may have no bytes.
        assert any(isinstance(event, OpaqueOut | ImageOut) for event in events)
