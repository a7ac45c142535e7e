"""From frames to events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream import (
    Attachment,
    Citation,
    CitationOut,
    Done,
    Event,
    ImageOut,
    InvalidRequestError,
    MalformedFrameError,
    OpaqueOut,
    PartMetadata,
    RateLimitError,
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
from llmstream.errors import LLMStreamError
from llmstream.jsontext import JSONObject, dump_bytes
from llmstream.testing import laws
from llmstream.testing.strategies import json_values
from llmstream.wire.bedrock import CODEC
from llmstream.wire.codec import counter
from llmstream.wire.framing.eventstream import encode_message
from llmstream.wire.http import ResponseHead

P = "bedrock"
HEAD = ResponseHead(200, {"content-type": "application/vnd.amazon.eventstream"})
JSON_HEAD = ResponseHead(200, {"content-type": "application/json"})


def message(type: str, data: object, kind: str = "event") -> bytes:
    name = ":event-type" if kind == "event" else ":exception-type"
    headers = {":message-type": kind, name: type, ":content-type": "application/json"}
    return encode_message(headers, data if isinstance(data, bytes) else dump_bytes(data))


def start(number: int, **block: object) -> bytes:
    return message("contentBlockStart", {"contentBlockIndex": number, "start": block, "p": "abc"})


def delta(number: int, **said: object) -> bytes:
    return message("contentBlockDelta", {"contentBlockIndex": number, "delta": said, "p": "abcd"})


def stop(number: int) -> bytes:
    return message("contentBlockStop", {"contentBlockIndex": number, "p": "a"})


BEGIN = message("messageStart", {"role": "assistant", "p": "abcdef"})
USAGE = {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}
COUNTED = Usage(input=1, output=2)


def end(reason: str | None = "end_turn", **more: object) -> bytes:
    said = {} if reason is None else {"stopReason": reason}
    return message("messageStop", said) + message("metadata", {"usage": USAGE, **more})


def decode(*messages: bytes, **more) -> laws.Decoded:
    return laws.decode_all(CODEC, [b"".join(messages)], head=HEAD, **more)


def events(*messages: bytes) -> list[Event]:
    """The events of a body that ends well, without Done."""
    decoded = decode(BEGIN, *messages, end())
    assert decoded.error is None
    laws.grammar(decoded.events)
    return decoded.events[:-1]


def done(*messages: bytes) -> Done:
    decoded = decode(*messages)
    assert decoded.error is None
    last = decoded.events[-1]
    assert isinstance(last, Done)
    return last


CALL = start(0, toolUse={"toolUseId": "t1", "name": "f"})


def test_text_begins_with_its_first_delta() -> None:
    assert events(delta(0, text="Hel"), delta(0, text=""), delta(0, text="lo"), stop(0)) == [
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
    ]


def test_text_that_begins_empty_is_one_part() -> None:
    assert events(delta(0, text=""), delta(0, text="a"), delta(0, text="b")) == [
        TextDelta(0, "a"),
        TextDelta(0, "b"),
    ]


def test_each_block_is_a_part_and_an_empty_one_is_none() -> None:
    said = [delta(0, text="a"), stop(0), delta(1, text=""), stop(1), delta(2, text="b"), stop(2)]
    assert events(*said) == [TextDelta(0, "a"), TextDelta(1, "b")]


def test_a_start_of_text_says_nothing() -> None:
    assert events(start(0, text=""), delta(0, text="a"), stop(0)) == [TextDelta(0, "a")]
    assert events(start(0), delta(0, text="a"), stop(0)) == [TextDelta(0, "a")]


def test_reasoning_ends_with_its_signature() -> None:
    said = [delta(0, reasoningContent={"text": word}) for word in ("h", "m")]
    signed = [delta(0, reasoningContent={"signature": piece}) for piece in ("si", "gn")]
    assert events(*said, *signed, stop(0), delta(1, text="a")) == [
        ReasoningDelta(0, "h"),
        ReasoningDelta(0, "m"),
        PartMetadata(0, P, {"signature": "sign"}),
        TextDelta(1, "a"),
    ]


def test_a_signature_alone_is_a_part() -> None:
    assert events(delta(0, reasoningContent={"text": "", "signature": "s"}), stop(0)) == [
        PartMetadata(0, P, {"signature": "s"}, kind="reasoning")
    ]


def test_a_signature_is_kept_where_the_block_never_stops() -> None:
    assert events(
        delta(0, reasoningContent={"text": "a"}), delta(0, reasoningContent={"signature": "s"})
    ) == [
        ReasoningDelta(0, "a"),
        PartMetadata(0, P, {"signature": "s"}),
    ]


def test_each_withheld_piece_of_reasoning_is_a_part() -> None:
    assert events(
        delta(0, reasoningContent={"redactedContent": "YQ=="}),
        stop(0),
        delta(1, reasoningContent={"redactedContent": "Yg=="}),
        delta(1, reasoningContent={"text": "hm"}),
    ) == [
        ReasoningDelta(0, "", redacted=True),
        PartMetadata(0, P, {"redactedContent": "YQ=="}),
        ReasoningDelta(1, "", redacted=True),
        PartMetadata(1, P, {"redactedContent": "Yg=="}),
        ReasoningDelta(2, "hm"),
    ]


def test_a_call_comes_in_pieces() -> None:
    pieces = [delta(0, toolUse={"input": piece}) for piece in ("", '{"a"', ":1}")]
    assert events(CALL, *pieces, stop(0)) == [
        ToolCallStart(0, id="t1", name="f"),
        ToolCallArgsDelta(0, '{"a"'),
        ToolCallArgsDelta(0, ":1}"),
        ToolCallEnd(0, {"a": 1}),
    ]


@pytest.mark.parametrize("pieces", [[], [delta(0, toolUse={"input": ""})]])
def test_no_arguments_are_an_empty_object(pieces) -> None:
    assert events(CALL, *pieces, stop(0))[-1] == ToolCallEnd(0, {})


def test_arguments_that_are_cut_do_not_end() -> None:
    assert events(CALL, delta(0, toolUse={"input": '{"a'}))[-1] == ToolCallArgsDelta(0, '{"a')


def test_calls_without_an_id_of_their_own_get_one_and_keep_the_wires() -> None:
    calls = [CALL, stop(0), start(1, toolUse={"toolUseId": "t1", "name": "g"}), stop(1)]
    nameless = [start(2, toolUse={"name": "h"}), stop(2)]
    decoded = decode(BEGIN, *calls, *nameless, end("tool_use"), ids=counter("made_"))
    starts = [event for event in decoded.events if isinstance(event, ToolCallStart)]
    assert [call.id for call in starts] == ["t1", "made_1", "made_2"]
    assert PartMetadata(1, P, {"id": "t1"}) in decoded.events


def test_what_else_a_call_says_is_kept() -> None:
    said = events(start(0, toolUse={"toolUseId": "t1", "name": "f", "type": "tool_use", "x": 1}), stop(0))
    assert said[1] == PartMetadata(0, P, {"x": 1})


def test_a_servers_call_and_its_result() -> None:
    said = events(
        start(0, toolUse={"toolUseId": "s", "name": "run", "type": "server_tool_use"}),
        delta(0, toolUse={"input": "{}"}),
        stop(0),
        start(1, toolResult={"toolUseId": "s", "type": "run_result", "status": "success"}),
        delta(1, toolResult=[{"json": {"out": 4}}]),
        delta(1, toolResult=[{"text": "four"}]),
        stop(1),
    )
    assert said == [
        ToolCallStart(0, id="s", name="run", server_executed=True),
        PartMetadata(0, P, {"type": "server_tool_use"}),
        ToolCallArgsDelta(0, "{}"),
        ToolCallEnd(0, {}),
        ToolResultOut(
            1, "s", name="run", output=[{"json": {"out": 4}}, {"text": "four"}], server_executed=True
        ),
        PartMetadata(1, P, {"type": "run_result", "status": "success"}),
    ]


def test_a_result_that_is_an_error_says_which() -> None:
    failed = start(0, toolResult={"toolUseId": "s", "type": "run_result", "status": "error"})
    (result, _) = events(failed, delta(0, toolResult=[{"text": "broke"}]), stop(0))
    assert result == ToolResultOut(
        0, "s", name="run", output=[{"text": "broke"}], error="broke", server_executed=True
    )
    (result,) = events(start(0, toolResult={"toolUseId": "s"}), stop(0))
    assert result == ToolResultOut(0, "s", output=[], server_executed=True)


def test_citations_come_before_the_text_that_they_are_for() -> None:
    record = {
        "title": "t",
        "sourceContent": [{"text": "a"}, {"text": "b"}],
        "location": {"documentChunk": {"documentIndex": 0}},
    }
    assert events(delta(0, citation=record), delta(0, text="ab"), stop(0)) == [
        CitationOut(0, Citation(title="t", cited_text="ab", provider=P, data=record)),
        TextDelta(0, "ab"),
    ]
    web = {"location": {"web": {"url": "https://x.test"}}}
    (cited,) = events(delta(0, citation=web))
    assert cited == CitationOut(0, Citation("https://x.test", provider=P, data=web))


def test_an_image_comes_in_pieces_or_lies_in_s3() -> None:
    assert events(
        start(0, image={"format": "png"}),
        delta(0, image={"source": {"bytes": "cA=="}}),
        delta(0, image={"source": {"bytes": "bmc="}}),
        stop(0),
    ) == [ImageOut(0, Attachment("image/png", data=b"png"))]
    placed = delta(0, image={"source": {"s3Location": {"uri": "s3://b/i"}}})
    assert events(start(0, image={"format": "webp"}), placed, stop(0)) == [
        ImageOut(0, Attachment("image/webp", url="s3://b/i"))
    ]


def test_an_image_that_failed_is_kept_as_it_is() -> None:
    failed = delta(0, image={"error": {"message": "blocked"}})
    assert events(start(0, image={"format": "png"}), failed, stop(0)) == [
        OpaqueOut(0, P, type="image", data={"format": "png", "error": {"message": "blocked"}})
    ]


def test_blocks_of_a_new_kind_are_kept_as_they_are() -> None:
    said = [start(0, novel={"a": 1}), delta(0, novel={"b": 2}), stop(0), delta(1, other={"c": 3}), stop(1)]
    assert events(*said) == [
        OpaqueOut(0, P, type="novel", data={"a": 1, "b": 2}),
        OpaqueOut(1, P, type="other", data={"c": 3}),
    ]


def test_a_block_that_changes_its_kind_is_two_parts() -> None:
    assert events(delta(0, reasoningContent={"text": "hm"}), delta(0, text="so"), stop(0)) == [
        ReasoningDelta(0, "hm"),
        TextDelta(1, "so"),
    ]


def test_events_of_a_new_kind_are_none_of_ours() -> None:
    assert events(message("brandNew", {"a": 1}), delta(0, text="a"), stop(7)) == [TextDelta(0, "a")]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("guardrail_intervened", "content_filter"),
        ("malformed_tool_use", "error"),
        ("brand_new", "other"),
        (None, None),
    ],
)
def test_the_stop_reason_is_unified(reason, finish) -> None:
    ending = done(BEGIN, end(reason))
    assert (ending.finish_reason, ending.raw_finish_reason) == (finish, reason)


def test_a_plain_stop_with_calls_is_one_for_them() -> None:
    assert done(BEGIN, CALL, stop(0), end()).finish_reason == "tool_calls"


def test_what_comes_after_the_message_is_in_its_end() -> None:
    last = message("messageStop", {"stopReason": "end_turn", "additionalModelResponseFields": {"x": 1}})
    counts = {**USAGE, "cacheReadInputTokens": 5, "cacheWriteInputTokens": 7, "serverToolUsage": {}, "new": 1}
    ending = done(
        BEGIN, last, message("metadata", {"usage": counts, "metrics": {"latencyMs": 9}, "p": "abc"})
    )
    assert ending == Done(
        finish_reason="stop",
        raw_finish_reason="end_turn",
        usage=Usage(input=13, output=2, cached_input=5, cache_write=7, details={"new": 1}),
        provider_metadata={P: {"additionalModelResponseFields": {"x": 1}, "metrics": {"latencyMs": 9}}},
    )


def test_the_id_is_that_of_the_request() -> None:
    head = ResponseHead(200, {**HEAD.headers, "x-amzn-requestid": "r-1"})
    last = laws.decode_all(CODEC, [BEGIN + end()], head=head).events[-1]
    assert isinstance(last, Done)
    assert (last.id, last.model) == ("r-1", None)
    named = laws.decode_all(CODEC, [BEGIN + end(message={"id": "a", "model": "m"})], head=head).events[-1]
    assert isinstance(named, Done)
    assert (named.id, named.model) == ("a", "m")


def test_metadata_before_the_end_wait_for_it() -> None:
    early = message("metadata", {"usage": USAGE})
    assert done(BEGIN, early, message("messageStop", {"stopReason": "end_turn"})).usage == COUNTED


def test_an_answer_is_complete_with_its_stop() -> None:
    stopped = message("messageStop", {"stopReason": "end_turn"})
    assert decode(BEGIN, delta(0, text="a"), stop(0), stopped).events[-1] == Done(
        finish_reason="stop", raw_finish_reason="end_turn"
    )
    cut = decode(BEGIN, delta(0, text="a"), stop(0))
    assert cut.events == [TextDelta(0, "a")]
    assert isinstance(cut.error, TruncatedStreamError)
    assert isinstance(decode().error, TruncatedStreamError)


def test_an_exception_ends_the_stream_with_what_is_known() -> None:
    stopped = message("messageStop", {"stopReason": "end_turn"})
    throttled = message("throttlingException", {"message": "slow down"}, "exception")
    came, error = decode(BEGIN, delta(0, text="a"), stopped, throttled)
    assert came == [TextDelta(0, "a")]
    assert isinstance(error, RateLimitError)
    assert (str(error), error.phase, error.status) == ("slow down", "stream", None)
    assert error.ending == Done(finish_reason="stop", raw_finish_reason="end_turn")


def test_what_follows_the_end_is_not_read() -> None:
    late = [message("throttlingException", {"message": "x"}, "exception"), delta(0, text="b"), b""]
    assert decode(BEGIN, end(), *late).error is None


def test_a_wrong_checksum_is_loud_after_what_came_before() -> None:
    body = bytearray(delta(0, text="b"))
    body[-1] ^= 1
    came, error = decode(BEGIN, delta(0, text="a"), bytes(body), end())
    assert came == [TextDelta(0, "a")]
    assert isinstance(error, MalformedFrameError)


@pytest.mark.parametrize(
    "bad",
    [
        message("contentBlockDelta", b"{"),
        message("contentBlockDelta", [1]),
        message("contentBlockDelta", {"contentBlockIndex": "x", "delta": {"text": "a"}}),
        message("contentBlockDelta", {"contentBlockIndex": 0, "delta": 1}),
        delta(0, text=1),
        delta(0, toolUse={"input": "{}"}),
        delta(0, reasoningContent=1),
        delta(0, reasoningContent={"signature": 1}),
        delta(0, citation=1),
        delta(0, citation={"sourceContent": [1]}),
        start(0, toolUse=1),
        start(0, toolUse={"toolUseId": 1, "name": "f"}),
        start(0, toolUse={"toolUseId": "t"}),
        start(0, toolResult={}) + stop(0),
        start(0, toolResult={"toolUseId": "t"}) + delta(0, toolResult=1),
        start(0, image={"format": "png"}) + delta(0, image={"source": {"bytes": "?"}}) + stop(0),
        delta(0, novel=1) + stop(0),
        message("messageStop", {"stopReason": 1}),
        message("metadata", {"usage": {"inputTokens": "many"}}),
        message("metadata", {"message": 1}),
    ],
)
def test_what_breaks_the_protocol_is_said_with_its_place(bad) -> None:
    came, error = decode(BEGIN, delta(9, text="a"), bad, end())
    assert came[:1] == [TextDelta(0, "a")]
    assert isinstance(error, MalformedFrameError)
    assert "in frame" in str(error)


def whole(content: list[JSONObject], **more: object) -> laws.Decoded:
    record = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "end_turn",
        "usage": USAGE,
    }
    return laws.decode_all(CODEC, [dump_bytes({**record, **more})], head=JSON_HEAD)


def test_a_whole_answer_is_the_stream_that_it_would_have_been() -> None:
    cited = {"content": [{"text": "c"}], "citations": [{"title": "t"}]}
    result = {"toolUseId": "s", "type": "run_result", "status": "success", "content": [{"text": "4"}]}
    decoded = whole(
        [
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
            {"reasoningContent": {"redactedContent": "YQ=="}},
            {"text": "a"},
            {"citationsContent": cited},
            {"toolUse": {"toolUseId": "s", "name": "run", "type": "server_tool_use", "input": {"x": 1}}},
            {"toolResult": result},
            {"toolUse": {"toolUseId": "t", "name": "f", "input": {}}},
            {"image": {"format": "png", "source": {"bytes": "cA=="}}},
            {"audio": {"format": "mp3"}},
        ],
        metrics={"latencyMs": 1},
    )
    laws.grammar(decoded.events)
    assert decoded.events == [
        ReasoningDelta(0, "hm"),
        PartMetadata(0, P, {"signature": "s"}),
        ReasoningDelta(1, "", redacted=True),
        PartMetadata(1, P, {"redactedContent": "YQ=="}),
        TextDelta(2, "a"),
        CitationOut(3, Citation(title="t", provider=P, data={"title": "t"})),
        TextDelta(3, "c"),
        ToolCallStart(4, id="s", name="run", server_executed=True),
        PartMetadata(4, P, {"type": "server_tool_use"}),
        ToolCallArgsDelta(4, '{"x":1}'),
        ToolCallEnd(4, {"x": 1}),
        ToolResultOut(5, "s", name="run", output=[{"text": "4"}], server_executed=True),
        PartMetadata(5, P, {"type": "run_result", "status": "success"}),
        ToolCallStart(6, id="t", name="f"),
        ToolCallEnd(6, {}),
        ImageOut(7, Attachment("image/png", data=b"p")),
        OpaqueOut(8, P, type="audio", data={"format": "mp3"}),
        Done(
            finish_reason="tool_calls",
            raw_finish_reason="end_turn",
            usage=COUNTED,
            provider_metadata={P: {"metrics": {"latencyMs": 1}}},
        ),
    ]


@pytest.mark.parametrize(
    "content", [[1], [{}], [{"toolUse": 1}], [{"toolResult": {"content": 1}}], [{"text": 1}], 1]
)
def test_a_whole_answer_that_is_none_is_said_to_be(content) -> None:
    assert isinstance(whole(content).error, MalformedFrameError)


def test_a_whole_answer_that_is_cut_or_an_error() -> None:
    cut = laws.decode_all(CODEC, [b'{"output": {"mess'], head=JSON_HEAD)
    assert isinstance(cut.error, TruncatedStreamError)
    refused = {"message": "no such operation", "type": "ValidationException"}
    error = laws.decode_all(CODEC, [dump_bytes(refused)], head=JSON_HEAD).error
    assert isinstance(error, InvalidRequestError)
    assert str(error) == "no such operation"
    assert isinstance(laws.decode_all(CODEC, [b'{"a": 1}'], head=JSON_HEAD).error, ServerError)


def test_the_wires_own_events_are_given_when_asked_for() -> None:
    came = decode(BEGIN, delta(0, text="a"), end(), raw=True).events
    assert came[:3] == [
        Raw({"messageStart": {"role": "assistant", "p": "abcdef"}}),
        Raw({"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "a"}, "p": "abcd"}}),
        TextDelta(0, "a"),
    ]


BODY = b"".join(
    [
        BEGIN,
        delta(0, reasoningContent={"text": "hm"}),
        delta(0, reasoningContent={"signature": "s"}),
        stop(0),
        delta(1, citation={"title": "é"}),
        delta(1, text="Grüße"),
        stop(1),
        start(2, toolUse={"toolUseId": "t1", "name": "f"}),
        delta(2, toolUse={"input": '{"a":'}),
        delta(2, toolUse={"input": "1}"}),
        stop(2),
        end("tool_use"),
    ]
)


def test_the_laws_hold_for_one_answer() -> None:
    laws.split(CODEC, BODY, head=HEAD)
    laws.truncation(CODEC, BODY, head=HEAD)
    came = decode(BODY).events
    laws.grammar(came)
    laws.prefix(came)


@pytest.mark.parametrize(
    "middle",
    [
        lambda n: delta(0, text=f"w{n}"),
        lambda n: delta(0, reasoningContent={"text": "w"}),
        lambda n: delta(0, reasoningContent={"signature": "w"}),
        lambda n: delta(n, text="w") + stop(n),
    ],
)
def test_work_grows_with_the_size(middle) -> None:
    laws.linear(CODEC, lambda size: BEGIN + b"".join(map(middle, range(size))) + end(), head=HEAD)


KEYS = ["text", "toolUse", "toolResult", "image", "citation", "reasoningContent", "novel"]
HOSTILE = st.dictionaries(st.sampled_from(KEYS), json_values(), max_size=2)
FRAMES = st.builds(
    message,
    st.sampled_from(
        ["contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"]
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "contentBlockIndex": st.integers(0, 2) | json_values(),
            "start": HOSTILE,
            "delta": HOSTILE,
            "stopReason": json_values(),
            "usage": st.dictionaries(st.sampled_from(["inputTokens", "cacheDetails"]), json_values()),
        },
    )
    | json_values(),
)


@given(st.lists(FRAMES, max_size=6))
def test_hostile_frames_raise_only_our_own_errors(frames) -> None:
    came, error = decode(*frames)
    assert error is None or isinstance(error, LLMStreamError)
    laws.grammar(came, complete=error is None)


@given(st.lists(st.dictionaries(st.sampled_from([*KEYS, "citationsContent"]), json_values(), max_size=2)))
def test_hostile_answers_raise_only_our_own_errors(content) -> None:
    came, error = whole(content)
    assert error is None or isinstance(error, LLMStreamError)
    laws.grammar(came, complete=error is None)
