"""From the frames of the wire to events."""

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
    Logprob,
    MalformedFrameError,
    OpaqueOut,
    OverloadedError,
    PartMetadata,
    Raw,
    ReasoningDelta,
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
from llmstream.wire.codec import counter
from llmstream.wire.gemini import CODEC
from llmstream.wire.http import ResponseHead

P = "gemini"
ARRAY = ResponseHead(200, {"content-type": "application/json"})
HEAD = {"modelVersion": "gemini-x", "responseId": "r1"}
COUNTS = {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}}
STOP = {"candidates": [{"finishReason": "STOP", "index": 0}], **COUNTS, **HEAD}
DONE = Done(
    finish_reason="stop",
    raw_finish_reason="STOP",
    usage=Usage(input=3, output=2),
    id="r1",
    model="gemini-x",
)


def chunk(*parts: dict, **candidate) -> dict:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, **candidate}]}


def sse(*records: object) -> bytes:
    return b"".join(b"data: %s\r\n\r\n" % json.dumps(record).encode() for record in records)


def decoded(*records: dict, **how) -> tuple[list[Event], LLMStreamError | None]:
    events, error = laws.decode_all(CODEC, [sse(*records)], **how)
    laws.grammar(events, complete=error is None)
    return events, error


def parts_of(*parts: dict) -> list[Event]:
    """The events of an answer with these parts, one a frame; the same as of all in one frame."""
    events, error = decoded(*map(chunk, parts), STOP)
    assert error is None
    assert decoded(chunk(*parts), STOP)[0] == events
    assert decoded(chunk(*parts, finishReason="STOP"), STOP)[0] == events
    return events[:-1]


def test_text_goes_on_until_something_else_comes() -> None:
    events, error = decoded(
        chunk({"text": "Hel"}, index=0), chunk({"text": ""}), chunk({"text": "lo"}, safetyRatings=[]), STOP
    )
    assert error is None
    assert events == [TextDelta(0, "Hel"), TextDelta(0, "lo"), DONE]


def test_thoughts_are_reasoning_and_known_as_this_providers() -> None:
    thought = {"text": "hm", "thought": True}
    assert parts_of(thought, thought, {"text": "a"}, thought) == [
        PartMetadata(0, P, {"thought": True}, kind="reasoning"),
        ReasoningDelta(0, "hm"),
        ReasoningDelta(0, "hm"),
        TextDelta(1, "a"),
        PartMetadata(2, P, {"thought": True}, kind="reasoning"),
        ReasoningDelta(2, "hm"),
    ]


def test_a_signature_stays_beside_the_text_that_it_came_with() -> None:
    assert parts_of({"text": "a"}, {"text": "b", "thoughtSignature": "s"}, {"text": "c"}) == [
        TextDelta(0, "a"),
        PartMetadata(1, P, {"thoughtSignature": "s"}, kind="text"),
        TextDelta(1, "b"),
        TextDelta(2, "c"),
    ]


@pytest.mark.parametrize("part", [{"text": "", "thoughtSignature": "s"}, {"thoughtSignature": "s"}])
def test_a_signature_on_no_text_is_kept(part: dict) -> None:
    assert parts_of({"text": "a"}, part) == [
        TextDelta(0, "a"),
        PartMetadata(1, P, {"thoughtSignature": "s"}, kind="text"),
    ]


def test_a_signature_on_a_thought_is_kept() -> None:
    assert parts_of({"text": "hm", "thought": True, "thoughtSignature": "s"}) == [
        PartMetadata(0, P, {"thought": True, "thoughtSignature": "s"}, kind="reasoning"),
        ReasoningDelta(0, "hm"),
    ]


def test_a_call_is_whole_with_its_id_and_signature() -> None:
    events, _ = decoded(
        chunk(
            {"functionCall": {"name": "f", "args": {"a": [1]}, "id": "c1"}, "thoughtSignature": "s"},
            {"functionCall": {"name": "g", "args": {}, "id": "c2", "new": 1}},
        ),
        STOP,
    )
    assert events[:-1] == [
        ToolCallStart(0, id="c1", name="f"),
        PartMetadata(0, P, {"thoughtSignature": "s", "id": "c1"}),
        ToolCallArgsDelta(0, '{"a":[1]}'),
        ToolCallEnd(0, {"a": [1]}),
        ToolCallStart(1, id="c2", name="g"),
        PartMetadata(1, P, {"functionCall": {"new": 1}, "id": "c2"}),
        ToolCallEnd(1, {}),
    ]
    assert events[-1].finish_reason == "tool_calls"


def test_a_call_without_an_id_or_with_anothers_gets_one() -> None:
    call = {"functionCall": {"name": "f"}}
    events, _ = decoded(
        chunk({"functionCall": {"name": "f", "id": "x1"}}),
        chunk(call, {"functionCall": {"name": "f", "id": "x1"}}),
        STOP,
        ids=counter("x"),
    )
    starts = [event.id for event in events if isinstance(event, ToolCallStart)]
    given = [event.data["id"] for event in events if isinstance(event, PartMetadata)]
    assert (starts, given) == (["x1", "x2", "x3"], ["x1", None, "x1"])


def patch(path: str, text: str, *, more: bool = False) -> dict:
    return {"jsonPath": path, "stringValue": text, "willContinue": more}


def test_arguments_come_in_patches() -> None:
    events = parts_of(
        {"functionCall": {"name": "f", "willContinue": True}},
        {"functionCall": {"partialArgs": [patch("$.a", "x", more=True)], "willContinue": True}},
        {"functionCall": {"partialArgs": [patch("$.a", "y")], "willContinue": True}, "thoughtSignature": "s"},
        {"functionCall": {}},
        {"functionCall": {"name": "g", "partialArgs": [{"jsonPath": "$.n", "numberValue": 1}]}},
    )
    assert events == [
        ToolCallStart(0, id="call_1", name="f"),
        PartMetadata(0, P, {"id": None}),
        ToolCallArgsDelta(0, "{"),
        ToolCallArgsDelta(0, '"a":"x'),
        PartMetadata(0, P, {"thoughtSignature": "s"}),
        ToolCallArgsDelta(0, 'y"'),
        ToolCallArgsDelta(0, "}"),
        ToolCallEnd(0, {"a": "xy"}),
        ToolCallStart(1, id="call_2", name="g"),
        PartMetadata(1, P, {"id": None}),
        ToolCallArgsDelta(1, "{"),
        ToolCallArgsDelta(1, '"n":1'),
        ToolCallArgsDelta(1, "}"),
        ToolCallEnd(1, {"n": 1}),
    ]


def test_the_next_name_ends_a_call_and_a_second_end_says_nothing() -> None:
    events = parts_of(
        {"functionCall": {"name": "f", "args": {"a": 1}, "willContinue": True}},
        {"functionCall": {"name": "g", "args": {"b": 2}}},
        {"functionCall": {}},
    )
    ends = [event for event in events if isinstance(event, ToolCallEnd)]
    assert ends == [ToolCallEnd(0, {"a": 1}), ToolCallEnd(1, {"b": 2})]


def test_a_call_that_never_ends_is_not_complete() -> None:
    events = parts_of({"functionCall": {"name": "f", "willContinue": True}})
    assert events[-1] == ToolCallArgsDelta(0, "{")


def test_code_and_what_it_gave() -> None:
    code = {"language": "PYTHON", "code": "1/0"}
    events = parts_of(
        {"executableCode": {**code, "id": "e1"}, "thoughtSignature": "s"},
        {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "boom", "id": "e1"}},
        {"executableCode": code},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK"}},
    )
    assert events == [
        ToolCallStart(0, id="e1", name="code_execution", server_executed=True),
        PartMetadata(0, P, {"thoughtSignature": "s", "type": "executableCode", "id": "e1"}),
        ToolCallArgsDelta(0, '{"language":"PYTHON","code":"1/0"}'),
        ToolCallEnd(0, code),
        ToolResultOut(
            1,
            "e1",
            name="code_execution",
            output={"outcome": "OUTCOME_FAILED", "output": "boom"},
            error="boom",
            server_executed=True,
        ),
        PartMetadata(1, P, {"type": "codeExecutionResult", "id": "e1"}),
        ToolCallStart(2, id="call_1", name="code_execution", server_executed=True),
        PartMetadata(2, P, {"type": "executableCode", "id": None}),
        ToolCallArgsDelta(2, '{"language":"PYTHON","code":"1/0"}'),
        ToolCallEnd(2, code),
        ToolResultOut(
            3, "call_1", name="code_execution", output={"outcome": "OUTCOME_OK"}, server_executed=True
        ),
        PartMetadata(3, P, {"type": "codeExecutionResult", "id": None}),
    ]


def test_server_side_tools_and_what_they_gave() -> None:
    events = parts_of(
        {"toolCall": {"toolType": "T", "args": {"q": 1}, "id": "t1", "new": 1}, "thoughtSignature": "s"},
        {"toolResponse": {"toolType": "T", "response": {"r": 2}, "id": "t1"}, "thoughtSignature": "u"},
    )
    assert events == [
        ToolCallStart(0, id="t1", name="T", server_executed=True),
        PartMetadata(0, P, {"thoughtSignature": "s", "toolCall": {"new": 1}, "type": "toolCall", "id": "t1"}),
        ToolCallArgsDelta(0, '{"q":1}'),
        ToolCallEnd(0, {"q": 1}),
        ToolResultOut(1, "t1", name="T", output={"r": 2}, server_executed=True),
        PartMetadata(1, P, {"thoughtSignature": "u", "type": "toolResponse", "id": "t1"}),
    ]


def test_calls_of_the_servers_make_no_tool_calls_of_a_stop() -> None:
    events, _ = decoded(chunk({"toolCall": {"toolType": "T"}}), STOP)
    assert events[-1] == DONE


def test_images_and_files() -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    assert parts_of(
        image,
        {**image, "thoughtSignature": "s"},
        {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://v"}, "thought": True},
        {"fileData": {"fileUri": "gs://w"}},
    ) == [
        ImageOut(0, Attachment("image/png", data=b"hi")),
        PartMetadata(1, P, {"thoughtSignature": "s"}, kind="attachment"),
        ImageOut(1, Attachment("image/png", data=b"hi")),
        PartMetadata(2, P, {"thought": True}, kind="attachment"),
        ImageOut(2, Attachment("video/mp4", url="gs://v")),
        ImageOut(3, Attachment(None, url="gs://w")),
    ]


def test_audio_goes_on_while_it_is_of_one_kind() -> None:
    def sound(media_type: str, **more) -> dict:
        return {"inlineData": {"mimeType": media_type, "data": "aGk="}, **more}

    assert parts_of(sound("audio/L16"), sound("audio/L16"), sound("audio/wav"), sound("audio/wav", s=1)) == [
        AudioDelta(0, b"hi", media_type="audio/L16"),
        AudioDelta(0, b"hi", media_type="audio/L16"),
        AudioDelta(1, b"hi", media_type="audio/wav"),
        PartMetadata(2, P, {"s": 1}, kind="attachment"),
        AudioDelta(2, b"hi", media_type="audio/wav"),
    ]


def test_a_part_of_a_newer_kind_is_kept_whole() -> None:
    part = {"hologram": {"a": 1}, "thoughtSignature": "s"}
    assert parts_of(part) == [OpaqueOut(0, P, type="hologram", data=part)]


def test_sources_come_at_the_end_for_the_text_that_they_are_of() -> None:
    grounding = {
        "webSearchQueries": ["q"],
        "groundingChunks": [{"web": {"uri": "https://a.test", "title": "A"}}],
        "groundingSupports": [{"segment": {"startIndex": 2, "endIndex": 3}, "groundingChunkIndices": [0]}],
    }
    events, _ = decoded(
        chunk({"text": "é"}, groundingMetadata=grounding), chunk({"text": "ab"}, finishReason="STOP")
    )
    data = {"groundingChunk": grounding["groundingChunks"][0], "segment": {"startIndex": 2, "endIndex": 3}}
    assert events[2] == CitationOut(0, Citation("https://a.test", "A", start=1, end=2, provider=P, data=data))
    assert events[-1].provider_metadata == {P: {"groundingMetadata": {"webSearchQueries": ["q"]}}}


def test_log_probabilities_belong_to_the_first_of_the_text() -> None:
    result = {"chosenCandidates": [{"token": "a", "logProbability": -1.0}]}
    thought = {"text": "hm", "thought": True}
    events, _ = decoded(chunk(thought, {"text": "a"}, {"text": "b"}, logprobsResult=result), STOP)
    assert events[2:4] == [TextDelta(1, "a", (Logprob("a", -1.0),)), TextDelta(1, "b")]


def test_only_the_first_candidate_counts() -> None:
    other = {"content": {"parts": [{"text": "no"}]}, "index": 1, "finishReason": "MAX_TOKENS"}
    first = chunk({"text": "a"}, index=0)
    events, _ = decoded({"candidates": [other]}, {"candidates": [other, *first["candidates"]]}, STOP)
    assert events == [TextDelta(0, "a"), DONE]


def test_a_blocked_prompt_is_an_answer_that_a_filter_cut() -> None:
    feedback = {"blockReason": "SAFETY", "safetyRatings": []}
    events, error = decoded({"promptFeedback": feedback})
    assert error is None
    assert events == [
        Done(
            finish_reason="content_filter",
            raw_finish_reason="SAFETY",
            provider_metadata={P: {"promptFeedback": feedback}},
        )
    ]


def test_what_is_said_of_the_whole_is_kept_the_last_of_each() -> None:
    head = {"createTime": "t1"}
    events, _ = decoded(
        {**chunk({"text": "a"}, safetyRatings=[{"a": 1}]), **head},
        {**chunk(finishReason="STOP", finishMessage="m", safetyRatings=[{"a": 2}]), "createTime": "t2"},
        {**chunk({"text": "b"}), "createTime": "t3"},
    )
    said = {"finishMessage": "m", "safetyRatings": [{"a": 2}], "createTime": "t3"}
    assert events[-1].provider_metadata == {P: said}
    events, _ = decoded(
        {**chunk({"text": "a"}, finishReason="STOP"), **head}, chunk({"text": "b"}, safetyRatings=[1])
    )
    assert events[-1].provider_metadata == {P: {"createTime": "t1", "safetyRatings": [1]}}


def test_late_usage_is_in_the_end() -> None:
    events, _ = decoded(chunk({"text": "a"}, finishReason="STOP"), {**COUNTS, **HEAD})
    assert events[-1] == DONE


def test_the_fast_way_and_the_slow_one_agree() -> None:
    records = [
        {**chunk({"text": "a"}, index=0), **COUNTS, **HEAD},
        chunk({"text": "b", "thought": True}),
        STOP,
    ]
    fast, _ = decoded(*records)
    slow, _ = decoded(*records, raw=True)
    assert [event for event in slow if not isinstance(event, Raw)] == fast
    assert [event.data for event in slow if isinstance(event, Raw)] == records


def test_an_array_is_a_stream_too() -> None:
    body = json.dumps([chunk({"text": "a"}), STOP], indent=2).encode()
    assert laws.decode_all(CODEC, [body], head=ARRAY).events == [TextDelta(0, "a"), DONE]
    laws.split(CODEC, body, head=ARRAY)
    laws.truncation(CODEC, body, head=ARRAY)


def test_a_whole_body_is_one_frame() -> None:
    body = json.dumps({**chunk({"text": "a"}, finishReason="STOP"), **COUNTS, **HEAD}, indent=2).encode()
    assert laws.decode_all(CODEC, [body], head=ARRAY).events == [TextDelta(0, "a"), DONE]
    laws.truncation(CODEC, body, head=ARRAY)


def test_the_last_frame_needs_no_blank_line() -> None:
    body = sse(chunk({"text": "a"}), STOP).removesuffix(b"\r\n\r\n")
    assert laws.decode_all(CODEC, [body]).events == [TextDelta(0, "a"), DONE]


OVERLOADED = {"error": {"code": 503, "message": "too many", "status": "UNAVAILABLE"}}


@pytest.mark.parametrize(
    "tail",
    [
        sse(OVERLOADED),
        sse([OVERLOADED]),
        json.dumps(OVERLOADED, indent=2).encode(),
        json.dumps([OVERLOADED]).encode(),
    ],
)
def test_an_error_wins_even_after_the_finish(tail: bytes) -> None:
    body = sse(chunk({"text": "a"}), STOP) + tail
    events, error = laws.decode_all(CODEC, [body])
    assert events == [TextDelta(0, "a")]
    assert isinstance(error, OverloadedError)
    assert (error.status, str(error), error.phase) == (503, "too many", "stream")
    assert error.ending == DONE
    laws.split(CODEC, body)


BODY = sse(
    chunk({"text": "hm", "thought": True}),
    {**chunk({"text": "a é"}), **COUNTS},
    chunk({"functionCall": {"name": "f", "args": {"a": "b"}}, "thoughtSignature": "s"}),
    STOP,
)


def test_any_cut_gives_the_same_and_a_cut_off_body_is_loud() -> None:
    laws.split(CODEC, BODY)
    laws.truncation(CODEC, BODY)
    laws.truncation(CODEC, BODY, offsets=range(len(BODY)))


def test_a_body_that_ends_too_early_says_what_was_expected() -> None:
    for records in ((), (chunk({"text": "a"}),)):
        _, error = decoded(*records)
        assert isinstance(error, TruncatedStreamError)
        assert "expected a finish reason" in str(error)


def test_after_the_finish_a_frame_that_is_cut_off_changes_nothing() -> None:
    body = sse(chunk({"text": "a"}), STOP) + b'data: {"usageMet'
    assert laws.decode_all(CODEC, [body]).events == [TextDelta(0, "a"), DONE]
    _, error = laws.decode_all(CODEC, [body + b"\r\n\r\n" + sse(STOP)])
    assert isinstance(error, MalformedFrameError)


@pytest.mark.parametrize(
    "frame",
    [
        "7",
        "x",
        "{bad}",
        "[7]",
        '{"candidates": 7}',
        '{"candidates": [{"content": {"parts": [{"text": 7}]}}]}',
        '{"candidates": [{"content": {"parts": [{"functionCall": 7}]}}]}',
        '{"candidates": [{"content": {"parts": [{"functionCall": {"args": {"a": 1}}}]}}]}',
        json.dumps(chunk({"functionCall": {"name": "f", "partialArgs": [{"jsonPath": "x"}]}})),
        '{"candidates": [{"content": {"parts": [{"inlineData": {"data": "?"}}]}}]}',
        '{"candidates": [{"content": {"parts": [{"executableCode": {"id": 7}}]}}]}',
        '{"usageMetadata": 7}',
        '{"a": ' + "[" * 600 + "]" * 600 + "}",
    ],
)
def test_a_frame_that_is_none_is_malformed(frame: str) -> None:
    events, error = laws.decode_all(
        CODEC, [sse(chunk({"text": "a"})) + f"data: {frame}\n\n".encode() + sse(STOP)]
    )
    assert events[0] == TextDelta(0, "a")
    assert isinstance(error, MalformedFrameError)
    assert "in frame 2" in str(error)
    assert error.ending is not None


def test_lone_surrogates_are_read_leniently() -> None:
    body = (
        b'data: {"candidates": [{"content": {"parts": [{"text": "a\\ud800"}]}, "finishReason": "STOP"}]}\n\n'
    )
    assert laws.decode_all(CODEC, [body]).events[0] == TextDelta(0, "a\ufffd")


KEYS = [
    "candidates", "content", "parts", "text", "functionCall", "partialArgs", "inlineData",
    "executableCode", "groundingMetadata", "groundingChunks", "groundingSupports", "finishReason",
    "usageMetadata", "error", "promptFeedback", "logprobsResult", "toolCall", "toolType", "name",
    "jsonPath", "codeExecutionResult",
]  # fmt: skip
HOSTILE = st.recursive(
    json_values(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=12,
)


@given(
    st.lists(HOSTILE, max_size=3),
    st.lists(st.dictionaries(st.sampled_from(KEYS), HOSTILE, max_size=2), max_size=2),
)
def test_hostile_frames_give_typed_errors_only(frames: list, parts: list) -> None:
    body = sse(*frames, *({"candidates": [{"content": {"parts": [part]}, **part}]} for part in parts), STOP)
    for raw in (False, True):
        laws.decode_all(CODEC, [body], raw=raw)


def test_the_work_grows_with_the_body() -> None:
    def texts(size: int) -> bytes:
        return sse(*({**chunk({"text": f"é{n}"}, index=0), **COUNTS} for n in range(size)), STOP)

    def patches(size: int) -> bytes:
        more = (
            {"functionCall": {"partialArgs": [patch("$.a", "xy", more=True)], "willContinue": True}},
        ) * size
        return sse(chunk({"functionCall": {"name": "f", "willContinue": True}}), *map(chunk, more), STOP)

    def sources(size: int) -> bytes:
        webs = [{"web": {"uri": f"https://{n}.test"}} for n in range(size)]
        supports = [
            {"segment": {"startIndex": n, "endIndex": n + 1}, "groundingChunkIndices": [n]}
            for n in range(size)
        ]
        grounding = {"groundingChunks": webs, "groundingSupports": supports}
        return sse(chunk({"text": "x" * size}, groundingMetadata=grounding), STOP)

    for body in (texts, patches, sources):
        laws.linear(CODEC, body)
