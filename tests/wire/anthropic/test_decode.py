"""From frames to events."""

import json
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmstream import (
    CitationOut,
    Done,
    Event,
    LLMStreamError,
    MalformedFrameError,
    OpaqueOut,
    OverloadedError,
    PartMetadata,
    Raw,
    ReasoningDelta,
    ServerError,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallPart,
    ToolCallStart,
    ToolResultOut,
    TruncatedStreamError,
    Usage,
    reduce,
)
from llmstream.testing import laws
from llmstream.wire.anthropic import CODEC
from llmstream.wire.anthropic.decode import Decoder
from llmstream.wire.framing import Frame
from llmstream.wire.http import ResponseHead

START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 25, "output_tokens": 1},
    },
}
STOP = {"type": "message_stop"}


def ends(stop: str | None = "end_turn", **usage: int) -> dict:
    return {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": usage}


def block(index: int, content: dict, *deltas: dict) -> list[dict]:
    said = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    start = {"type": "content_block_start", "index": index, "content_block": content}
    return [start, *said, {"type": "content_block_stop", "index": index}]


def text(index: int, *pieces: str) -> list[dict]:
    deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
    return block(index, {"type": "text", "text": ""}, *deltas)


def call(index: int, *pieces: str, **more) -> list[dict]:
    content = {"type": "tool_use", "id": f"toolu_{index}", "name": "f", "input": {}, **more}
    return block(index, content, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def sse(*events: dict) -> bytes:
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (str(e["type"]).encode(), json.dumps(e).encode()) for e in events
    )


def stream(*events: dict, raw: bool = False) -> tuple[list[Event], LLMStreamError | None]:
    return laws.decode_all(CODEC, [sse(*events)], raw=raw)


def events_of(*blocks: list[dict], end: dict | None = None) -> list[Event]:
    events, error = stream(START, *(event for one in blocks for event in one), end or ends(), STOP)
    assert error is None
    laws.grammar(events)
    return events[:-1]


def done_of(*events: dict) -> Done:
    decoded, error = stream(*events)
    assert error is None
    done = decoded[-1]
    assert isinstance(done, Done)
    return done


def failure_of(*events: dict) -> LLMStreamError:
    error = stream(*events)[1]
    assert error is not None
    return error


def test_a_stream_is_text_and_its_end() -> None:
    ping = {"type": "ping"}
    events, error = stream(START, ping, *text(0, "Hel", "lo"), ping, ends(output_tokens=8), STOP)
    assert error is None
    assert events == [
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        Done(
            finish_reason="stop",
            raw_finish_reason="end_turn",
            usage=Usage(input=25, output=8),
            id="msg_1",
            model="claude-x",
        ),
    ]


def test_neighbouring_blocks_are_parts_of_their_own() -> None:
    assert events_of(text(0, "a"), text(1, "b")) == [TextDelta(0, "a"), TextDelta(1, "b")]


def test_a_block_that_stays_empty_is_no_part() -> None:
    assert events_of(text(0), text(1, "", "b")) == [TextDelta(0, "b")]


def test_text_in_the_start_of_a_block_counts() -> None:
    assert events_of(block(0, {"type": "text", "text": "a"}, {"type": "text_delta", "text": "b"})) == [
        TextDelta(0, "a"),
        TextDelta(0, "b"),
    ]


def test_thinking_keeps_its_signature() -> None:
    content = {"type": "thinking", "thinking": "", "signature": ""}
    said = {"type": "thinking_delta", "thinking": "hm"}
    signed = {"type": "signature_delta", "signature": "c2ln"}
    assert events_of(block(0, content, said, signed)) == [
        ReasoningDelta(0, "hm"),
        PartMetadata(0, "anthropic", {"signature": "c2ln"}),
    ]


def test_a_signature_alone_is_a_part() -> None:
    content = {"type": "thinking", "thinking": "", "signature": ""}
    signed = {"type": "signature_delta", "signature": "c2ln"}
    assert events_of(block(0, content, {"type": "thinking_delta", "thinking": ""}, signed)) == [
        PartMetadata(0, "anthropic", {"signature": "c2ln"}, kind="reasoning"),
    ]


def test_redacted_thinking_keeps_its_data() -> None:
    assert events_of(block(0, {"type": "redacted_thinking", "data": "ZGF0YQ"})) == [
        ReasoningDelta(0, "", redacted=True),
        PartMetadata(0, "anthropic", {"data": "ZGF0YQ"}),
    ]


def test_a_call_starts_goes_on_and_ends() -> None:
    events = events_of(call(0, "", '{"a"', ": 1}"), end=ends("tool_use"))
    assert events == [
        ToolCallStart(0, id="toolu_0", name="f"),
        ToolCallArgsDelta(0, '{"a"'),
        ToolCallArgsDelta(0, ": 1}"),
        ToolCallEnd(0, {"a": 1}),
    ]


def test_a_call_without_arguments_has_none() -> None:
    assert events_of(call(0, ""), end=ends("tool_use"))[-1] == ToolCallEnd(0, {})


def test_arguments_in_the_start_of_a_call_are_taken() -> None:
    assert events_of(call(0, input={"a": 1}), end=ends("tool_use"))[1:] == [
        ToolCallArgsDelta(0, '{"a":1}'),
        ToolCallEnd(0, {"a": 1}),
    ]


def test_arguments_that_follow_win_over_those_in_the_start() -> None:
    assert events_of(call(0, '{"b": 2}', input={"a": 1}))[-1] == ToolCallEnd(0, {"b": 2})


def test_a_cut_call_has_no_end_and_keeps_its_text() -> None:
    events, _ = stream(START, *call(0, '{"a": [1'), ends("max_tokens"), STOP)
    assert not any(isinstance(event, ToolCallEnd) for event in events)
    (part,) = reduce(events).parts
    assert isinstance(part, ToolCallPart)
    assert (part.arguments, part.raw) == (None, '{"a": [1')
    assert part.error is not None


def test_the_rest_of_a_call_is_metadata() -> None:
    caller = {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}
    assert events_of(call(0, caller=caller))[1] == PartMetadata(0, "anthropic", {"caller": caller})


def test_a_call_without_an_id_gets_one_and_a_repeated_id_is_kept() -> None:
    events = events_of(call(0, id=None), call(1, id="x"), call(2, id="x"))
    starts = [event for event in events if isinstance(event, ToolCallStart)]
    assert [start.id for start in starts] == ["call_1", "x", "call_2"]
    assert PartMetadata(2, "anthropic", {"id": "x"}) in events


def test_a_server_side_call_and_its_result_can_be_made_again() -> None:
    use = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    found = [{"type": "web_search_result", "url": "https://a.example", "encrypted_content": "EugC"}]
    result = {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": found,
        "caller": {"type": "direct"},
    }
    query = {"type": "input_json_delta", "partial_json": '{"query": "x"}'}
    assert events_of(block(0, use, query), block(1, result)) == [
        ToolCallStart(0, id="srvtoolu_1", name="web_search", server_executed=True),
        PartMetadata(0, "anthropic", {"type": "server_tool_use"}),
        ToolCallArgsDelta(0, '{"query": "x"}'),
        ToolCallEnd(0, {"query": "x"}),
        ToolResultOut(1, "srvtoolu_1", name="web_search", output=found, server_executed=True),
        PartMetadata(1, "anthropic", {"type": "web_search_tool_result", "caller": {"type": "direct"}}),
    ]


def test_server_side_calls_are_not_the_clients_to_make() -> None:
    use = {"type": "mcp_tool_use", "id": "m1", "name": "ask", "input": {}, "server_name": "wiki"}
    blocks = block(0, use)
    assert done_of(START, *blocks, ends(), STOP).finish_reason == "stop"
    assert PartMetadata(0, "anthropic", {"type": "mcp_tool_use", "server_name": "wiki"}) in events_of(blocks)


def test_a_result_of_an_unknown_call_is_named_by_its_type_and_says_its_error() -> None:
    content = {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_9", "content": content}
    assert events_of(block(0, result))[0] == ToolResultOut(
        0, "srvtoolu_9", name="web_search", output=content, error="max_uses_exceeded", server_executed=True
    )


def test_citations_belong_to_their_block() -> None:
    record = {"type": "char_location", "cited_text": "x", "document_title": "a.txt", "start_char_index": 0}
    cited = {"type": "citations_delta", "citation": record}
    blocks = block(
        0, {"type": "text", "text": "", "citations": []}, cited, {"type": "text_delta", "text": "so"}
    )
    first, second = events_of(blocks)
    assert isinstance(first, CitationOut)
    assert first.citation.data == record
    assert (first.citation.title, first.citation.provider) == ("a.txt", "anthropic")
    assert second == TextDelta(0, "so")


def test_a_compaction_is_kept_whole() -> None:
    grown = [
        {"type": "compaction_delta", "content": "a summary", "encrypted_content": None},
        {"type": "compaction_delta", "content": " more", "encrypted_content": "Eo8B", "n": 2},
    ]
    assert events_of(block(0, {"type": "compaction", "content": None}, *grown)) == [
        OpaqueOut(
            0,
            "anthropic",
            type="compaction",
            data={"type": "compaction", "content": "a summary more", "encrypted_content": "Eo8B", "n": 2},
        )
    ]


def test_a_block_of_a_new_kind_is_kept_with_what_it_is_given() -> None:
    deltas = [
        {"type": "text_delta", "text": "b"},
        {"type": "input_json_delta", "partial_json": '{"x": 1}'},
    ]
    (event,) = events_of(block(0, {"type": "novelty", "text": "a", "id": "n1"}, *deltas))
    assert isinstance(event, OpaqueOut)
    assert event.data == {"type": "novelty", "text": "ab", "id": "n1", "input": {"x": 1}}


def test_a_fallback_switches_the_model() -> None:
    content = {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}}
    blocks = [*text(0, "x"), *block(1, content), *text(2, "y")]
    assert done_of(START, *blocks, ends(), STOP).model == "b"
    assert events_of(blocks)[1] == OpaqueOut(1, "anthropic", type="fallback", data=content)


def test_counts_are_cumulative_and_the_last_wins() -> None:
    first = {"input_tokens": 3, "cache_read_input_tokens": 5, "output_tokens": 1, "service_tier": "standard"}
    start = {"type": "message_start", "message": {"id": "m", "usage": first}}
    last = {"input_tokens": 61, "cache_creation_input_tokens": 2, "cache_read_input_tokens": None}
    end = ends(**last, output_tokens=9, output_tokens_details={"thinking_tokens": 4})
    assert done_of(start, end, STOP).usage == Usage(
        input=68, output=9, cached_input=5, cache_write=2, reasoning=4, details={"service_tier": "standard"}
    )


def test_a_usage_that_nobody_gave_is_none() -> None:
    done = done_of({"type": "message_start", "message": {}}, ends(), STOP)
    assert (done.usage, done.id, done.model) == (None, None, None)


def test_what_a_message_says_of_itself_is_the_ends_metadata() -> None:
    end = {
        "type": "message_delta",
        "delta": {
            "stop_reason": "refusal",
            "stop_sequence": None,
            "stop_details": {"category": "cyber"},
            "container": {"id": "container_1"},
        },
        "usage": {"output_tokens": 5},
        "context_management": {"applied_edits": []},
    }
    done = done_of(START, end, STOP)
    assert (done.finish_reason, done.raw_finish_reason) == ("refusal", "refusal")
    assert done.provider_metadata == {
        "anthropic": {
            "stop_details": {"category": "cyber"},
            "container": {"id": "container_1"},
            "context_management": {"applied_edits": []},
        }
    }


def test_a_plain_stop_with_the_clients_calls_is_tool_calls() -> None:
    done = done_of(START, *call(0), ends("end_turn"), STOP)
    assert (done.finish_reason, done.raw_finish_reason) == ("tool_calls", "end_turn")


def test_message_stop_alone_completes_an_answer() -> None:
    assert done_of(START, *text(0, "x"), STOP).finish_reason is None


def test_a_stop_reason_alone_completes_an_answer() -> None:
    assert done_of(START, *text(0, "x"), ends(output_tokens=3)).usage == Usage(input=25, output=3)


def test_a_block_that_the_wire_did_not_stop_ends_with_the_answer() -> None:
    events, error = stream(START, *call(0, "{}")[:-1], ends("tool_use"))
    assert error is None
    assert events[-2:-1] == [ToolCallEnd(0, {})]


@pytest.mark.parametrize("count", range(4))
def test_a_body_that_ends_early_is_loud(count: int) -> None:
    frames = [START, *text(0, "x")]
    assert isinstance(failure_of(*frames[:count]), TruncatedStreamError)


def test_a_repeated_message_start_changes_nothing_and_a_later_one_counts() -> None:
    assert done_of(START, START, *text(0, "x"), ends(), STOP).id == "msg_1"
    later = {"type": "message_start", "message": {"id": "msg_2", "usage": {"input_tokens": 1}}}
    events, error = stream(START, *text(0, "a"), later, *text(0, "b"), ends(), STOP)
    assert error is None
    assert events[:2] == [TextDelta(0, "a"), TextDelta(1, "b")]
    assert isinstance(events[2], Done)
    assert events[2].id == "msg_2"


def test_another_message_needs_an_end_of_its_own() -> None:
    other = {"type": "message_start", "message": {"id": "msg_2"}}
    assert isinstance(failure_of(START, ends(), other), TruncatedStreamError)
    assert done_of(START, ends(), START).finish_reason == "stop"


def test_what_follows_the_end_is_not_read() -> None:
    body = sse(START, ends(), STOP) + b"data: [DONE]\n\n" + sse({"type": "error", "error": {}}, STOP)
    events, error = laws.decode_all(CODEC, [body])
    assert error is None
    assert len(events) == 1


def test_unknown_events_and_deltas_are_ignored() -> None:
    odd = block(1, {"type": "text", "text": ""}, {"type": "new_delta", "x": 1})
    events, error = stream(START, {"type": "novelty"}, *odd, ends(), STOP)
    assert error is None
    assert len(events) == 1
    content = {"type": "redacted_thinking", "data": "x"}
    assert len(events_of(block(0, content, {"type": "new_delta"}))) == 2


def test_raw_events_come_before_what_they_mean() -> None:
    frames = [START, *text(0, "x"), ends(), STOP]
    events, _ = stream(*frames, raw=True)
    assert [event.data for event in events if isinstance(event, Raw)] == frames
    assert events[2:4] == [Raw(frames[2]), TextDelta(0, "x")]


def test_raw_events_stay_as_they_came() -> None:
    frames = [START, *block(0, {"type": "novelty", "n": 1}, {"type": "new_delta", "n": 2}), ends(), STOP]
    events, _ = stream(*frames, raw=True)
    assert [event.data for event in events if isinstance(event, Raw)] == frames


def test_an_error_event_is_raised_with_the_events_before_it() -> None:
    failed = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    events, error = stream(START, *text(0, "x"), failed)
    assert events == [TextDelta(0, "x")]
    assert isinstance(error, OverloadedError)
    assert (error.status, str(error)) == (None, "Overloaded")


def test_an_error_after_the_stop_reason_wins() -> None:
    failed = {"type": "error", "error": {"type": "api_error", "message": "oops"}}
    assert isinstance(failure_of(START, *text(0, "x"), ends(), failed), ServerError)


@pytest.mark.parametrize(
    "frame",
    [
        b'event: error\ndata: {"error": {"message": "oops"}}\n\n',
        b'data: {"error": {"message": "oops"}}\n\n',
        b"event: error\ndata: oops\n\n",
        b'{"type": "error", "error": {"type": "api_error", "message": "oops"}}',
        b'{"error": {"message": "oops"}}',
    ],
)
def test_an_error_is_known_in_other_shapes(frame: bytes) -> None:
    error = laws.decode_all(CODEC, [frame]).error
    assert isinstance(error, ServerError)
    assert str(error) == "oops"


MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "model": "claude-x",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "text", "text": "so", "citations": [{"type": "page_location", "cited_text": "x"}]},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "container": {"id": "container_1"},
    "usage": {"input_tokens": 3, "output_tokens": 4},
}
JSON = ResponseHead(200, {"content-type": "application/json"})


def test_a_whole_message_is_the_stream_that_it_would_have_been() -> None:
    whole = laws.decode_all(CODEC, [json.dumps(MESSAGE).encode()], head=JSON)
    assert whole.error is None
    laws.grammar(whole.events)
    signed = {"type": "signature_delta", "signature": "c2ln"}
    cited = {"type": "citations_delta", "citation": {"type": "page_location", "cited_text": "x"}}
    end = {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "container": {"id": "container_1"}},
        "usage": {"input_tokens": 3, "output_tokens": 4},
    }
    streamed = stream(
        START,
        *block(0, {"type": "thinking"}, {"type": "thinking_delta", "thinking": "hm"}, signed),
        *block(1, {"type": "text"}, cited, {"type": "text_delta", "text": "so"}),
        *block(
            2,
            {"type": "tool_use", "id": "toolu_1", "name": "f"},
            {"type": "input_json_delta", "partial_json": '{"a":1}'},
        ),
        end,
        STOP,
    )
    assert whole.events == streamed[0]


def test_a_whole_message_without_a_stop_reason_is_complete() -> None:
    body = json.dumps({**MESSAGE, "stop_reason": None}).encode()
    events, error = laws.decode_all(CODEC, [body], head=JSON)
    assert error is None
    assert isinstance(events[-1], Done)
    assert events[-1].finish_reason is None


def test_a_whole_message_names_the_model_that_answered() -> None:
    fallback = {"type": "fallback", "to": {"model": "first"}}
    body = json.dumps({**MESSAGE, "model": "last", "content": [fallback]}).encode()
    (_, done) = laws.decode_all(CODEC, [body], head=JSON).events
    assert isinstance(done, Done)
    assert done.model == "last"


def test_a_whole_message_that_is_cut_is_truncated_at_every_byte() -> None:
    body = json.dumps(MESSAGE).encode()
    for end in range(len(body)):
        error = laws.decode_all(CODEC, [body[:end]], head=JSON).error
        assert isinstance(error, TruncatedStreamError), body[:end]


def delta(index: object, content: object) -> dict:
    return {"type": "content_block_delta", "index": index, "delta": content}


def start(content: object, index: object = 0) -> dict:
    return {"type": "content_block_start", "index": index, "content_block": content}


TEXT = start({"type": "text", "text": ""})


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([{"type": 3}], "expected a string at type, got 3"),
        ([{"type": "message_start", "message": 3}], "expected an object at message, got 3"),
        ([{"type": "message_start", "message": {"id": 3}}], "expected a string at message.id, got 3"),
        ([{"type": "message_delta", "usage": {"input_tokens": "x"}}], "expected a whole number at usage"),
        ([{"type": "message_delta", "delta": {"stop_reason": 3}}], "expected a string at delta.stop_reason"),
        ([start({"type": "text"}, "x")], 'expected a whole number at index, got "x"'),
        ([start(3)], "expected an object at content_block, got 3"),
        ([start({"type": 3})], "expected a string at content_block.type, got 3"),
        ([start({"type": "text", "text": 3})], "expected a string at content_block.text, got 3"),
        ([start({"type": "text", "citations": 3})], "expected an array at content_block.citations"),
        ([start({"type": "redacted_thinking"})], "expected a string at content_block.data, got nothing"),
        ([start({"type": "tool_use", "id": "a", "name": ""})], "at content_block.name, got nothing"),
        ([start({"type": "tool_use", "id": 3, "name": "f"})], "expected a string at content_block.id, got 3"),
        (
            [start({"type": "tool_use", "id": "a", "name": "f", "input": 3})],
            "expected an object at content_block.input, got 3",
        ),
        ([delta(7, {"type": "text_delta", "text": "x"})], "expected a block that has started at index 7"),
        ([TEXT, delta(0, {"type": "text_delta", "text": 3})], "expected a string at delta.text, got 3"),
        (
            [TEXT, delta(0, {"type": "citations_delta", "citation": 3})],
            "expected an object at delta.citation",
        ),
        ([TEXT, delta(0, 3)], "expected an object at delta, got 3"),
        ([start({"type": "thinking"}), delta(0, {"thinking": 3})], "expected a string at thinking, got 3"),
    ],
)
def test_a_frame_of_a_wrong_shape_says_what_where_and_shows_it(frames, said) -> None:
    error = failure_of(*frames)
    assert isinstance(error, MalformedFrameError)
    assert said in str(error)
    assert f"in frame {len(frames)}: " in str(error)


ODD = (None, True, 3, "x", "", [], {}, [3], {"type": 3}, {"type": "x"}, {"error": 3})


def mutations(value: object) -> Iterator[object]:
    """The value with one thing in it replaced by something odd, or left out."""
    yield from ODD
    if isinstance(value, dict):
        for key in value:
            yield {name: inner for name, inner in value.items() if name != key}
            yield from ({**value, key: odd} for odd in mutations(value[key]))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from ([*value[:number], odd, *value[number + 1 :]] for odd in mutations(inner))


def test_no_frame_of_whatever_shape_does_worse_than_a_typed_error() -> None:
    cited = {"type": "citations_delta", "citation": {"title": "t"}}
    result = {"type": "x_tool_result", "tool_use_id": "toolu_1", "content": {"type": "x_error"}}
    fallback = {"type": "fallback", "to": {"model": "b"}}
    frames = [
        START,
        *block(0, {"type": "text", "text": "", "citations": []}, cited, {"type": "text_delta", "text": "x"}),
        *call(1, "{}"),
        *block(2, {"type": "thinking"}, {"type": "signature_delta", "signature": "s"}),
        *block(3, result),
        *block(4, fallback, {"type": "compaction_delta", "content": "c"}),
        {**ends(output_tokens=3, output_tokens_details={"thinking_tokens": 1}), "message": {"id": "m"}},
        STOP,
    ]
    for number, frame in enumerate(frames):
        for odd in mutations(frame):
            decoder = Decoder("anthropic")
            with suppress(LLMStreamError):
                for sent in [*frames[:number], odd, *frames[number + 1 :]]:
                    list(decoder.feed(Frame(str(frame["type"]), json.dumps(sent))))
                list(decoder.feed_eof())


def test_no_message_of_whatever_shape_does_worse_than_a_typed_error() -> None:
    for odd in mutations(MESSAGE):
        error = laws.decode_all(CODEC, [json.dumps(odd).encode()], head=JSON).error
        assert error is None or error.phase in {"parse", "stream"}


def test_a_frame_that_is_no_json_shows_its_beginning() -> None:
    body = sse(START) + b"event: content_block_delta\ndata: {" + b"x" * 500 + b"\n\n"
    error = laws.decode_all(CODEC, [body]).error
    assert isinstance(error, MalformedFrameError)
    assert "in frame 2: '{" + "x" * 199 + "'" in str(error)


def test_nulls_where_text_is_due_are_no_text() -> None:
    frames = [
        TEXT,
        delta(0, {"type": "text_delta", "text": None}),
        delta(0, {"type": "text_delta", "text": "a"}),
    ]
    assert stream(START, *frames, ends(), STOP)[0][0] == TextDelta(0, "a")


def test_a_stop_of_a_block_that_never_started_is_ignored() -> None:
    assert done_of(START, {"type": "content_block_stop", "index": 9}, ends(), STOP).id == "msg_1"


def test_lone_surrogates_and_deep_nesting_do_no_harm() -> None:
    decoder = Decoder("anthropic")
    list(decoder.feed(Frame("content_block_start", json.dumps(TEXT))))
    broken = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\\ud800"}}'
    assert list(decoder.feed(Frame("content_block_delta", broken))) == [TextDelta(0, "a\ufffd")]
    deep = '{"type":"content_block_delta","index":0,"x":' + "[" * 100_000 + "]" * 100_000 + "}"
    with pytest.raises(MalformedFrameError):
        list(decoder.feed(Frame("content_block_delta", deep)))


def test_frames_without_event_names_are_known_by_their_type() -> None:
    frames = [START, *text(0, "x"), ends(), STOP]
    body = b"".join(b"data: %s\n\n" % json.dumps(frame).encode() for frame in frames)
    assert laws.decode_all(CODEC, [body]).events == stream(*frames)[0]


def test_frames_without_type_are_known_by_their_event_name() -> None:
    body = b"event: message_stop\ndata: {}\n\n"
    assert laws.decode_all(CODEC, [body]).events == [Done()]
    assert isinstance(laws.decode_all(CODEC, [b"data: {}\n\n"]).error, TruncatedStreamError)


def test_the_late_word_on_id_and_model_counts() -> None:
    end = {**ends(), "message": {"id": "late", "model": None}}
    done = done_of(START, end, STOP)
    assert (done.id, done.model) == ("late", None)


def body_of_size(size: int) -> bytes:
    grown = [{"type": "compaction_delta", "content": "words "}] * size
    return sse(
        START,
        *text(0, *(["word "] * size)),
        *call(1, '{"a": "', *(["x"] * size), '"}'),
        *block(2, {"type": "compaction"}, *grown),
        ends(),
        STOP,
    )


def test_the_laws_hold_for_a_stream_of_every_kind_of_block() -> None:
    thinking = block(2, {"type": "thinking"}, {"type": "signature_delta", "signature": "x"})
    result = block(3, {"type": "x_tool_result", "tool_use_id": "a", "content": []})
    body = sse(
        START,
        *text(0, "é\u2028", "😀"),
        *call(1, '{"a": 1}'),
        *thinking,
        *result,
        *block(4, {"type": "compaction"}),
        ends(),
        STOP,
    )
    laws.split(CODEC, body)
    laws.truncation(CODEC, body)
    laws.prefix(laws.decode_all(CODEC, [body]).events)


def test_work_grows_with_the_stream() -> None:
    laws.linear(CODEC, body_of_size)


# The short way through the deltas of blocks, and the long way.

BLOCKS = st.sampled_from(
    [
        {"type": "text", "text": ""},
        {"type": "thinking", "thinking": ""},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
        {"type": "odd"},
    ]
)
LEAVES = st.sampled_from([None, "", "a", '{"a":1}', 5, []])
DELTA_TYPES = st.sampled_from(["text_delta", "thinking_delta", "signature_delta", "input_json_delta", "odd"])
FIELDS = dict.fromkeys(("text", "thinking", "signature", "partial_json", "odd"), LEAVES)
DELTAS = st.fixed_dictionaries({"type": DELTA_TYPES}, optional=FIELDS)
INDICES = st.integers(0, 2)
FRAMES = st.one_of(
    st.builds(dict, type=st.just("content_block_start"), index=INDICES, content_block=BLOCKS),
    st.builds(dict, type=st.just("content_block_delta"), index=INDICES, delta=DELTAS),
    st.builds(dict, type=st.just("content_block_delta"), index=INDICES, delta=DELTAS),
    st.builds(dict, type=st.just("content_block_stop"), index=INDICES),
)


@given(st.lists(FRAMES, max_size=12))
@example([*block(0, {"type": "thinking"}, {"type": "thinking_delta", "signature": "a"})])
def test_the_short_way_gives_what_the_long_way_gives(frames: list[dict]) -> None:
    events, error = stream(START, *frames, ends(), STOP)
    # The provider's own events are wanted, and those are given on the long way only.
    slowly, slow_error = stream(START, *frames, ends(), STOP, raw=True)
    assert events == [event for event in slowly if not isinstance(event, Raw)]
    assert repr(error) == repr(slow_error)
