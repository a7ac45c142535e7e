"""Canonical events as the wire's events."""

from llmstream import (
    Citation,
    CitationOut,
    Done,
    Event,
    OpaqueOut,
    PartMetadata,
    Raw,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultOut,
    Usage,
)
from llmstream.stage import run
from llmstream.wire.anthropic.server.write import Writer, sse

P = "anthropic"


def written(*events: Event) -> list[dict]:
    return list(run(Writer(P, id="msg_0", model="m"), events))


def blocks(*events: Event) -> list[dict]:
    """What is written of parts, without the message's own start."""
    return written(*events)[1:]


def start(index: int, **block) -> dict:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, type: str, **more) -> dict:
    return {"type": "content_block_delta", "index": index, "delta": {"type": type, **more}}


def stop(index: int) -> dict:
    return {"type": "content_block_stop", "index": index}


def test_an_empty_answer_has_its_start_and_its_end() -> None:
    done = Done(finish_reason="stop", raw_finish_reason="end_turn", id="msg_0", model="m")
    counts = {
        "input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 0,
    }
    assert written(done) == [
        {
            "type": "message_start",
            "message": {
                "id": "msg_0",
                "type": "message",
                "role": "assistant",
                "model": "m",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 0, "output_tokens": 0},
            },
        },
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": counts,
        },
        {"type": "message_stop"},
    ]


def test_the_end_says_what_became_known_late() -> None:
    own = {"stop_sequence": "END", "container": {"id": "c"}, "context_management": {"applied_edits": []}}
    done = Done(usage=Usage(input=3, output=4), id="msg_1", provider_metadata={P: own, "other": {"x": 1}})
    end = written(done)[1]
    assert end["delta"] == {"stop_reason": None, "stop_sequence": "END", "container": {"id": "c"}}
    assert end["context_management"] == {"applied_edits": []}
    assert (end["usage"]["input_tokens"], end["usage"]["output_tokens"]) == (3, 4)
    assert end["message"] == {"id": "msg_1", "model": None}


def test_text_with_its_citations() -> None:
    record = {"type": "page_location"}
    cited = CitationOut(1, Citation(provider=P, data=record))
    assert blocks(TextDelta(0, "a"), TextDelta(0, "b"), cited, TextDelta(1, "c")) == [
        start(0, type="text", text=""),
        delta(0, "text_delta", text="a"),
        delta(0, "text_delta", text="b"),
        stop(0),
        start(1, type="text", text="", citations=[]),
        delta(1, "citations_delta", citation=record),
        delta(1, "text_delta", text="c"),
        stop(1),
    ]


def test_thinking_signed_and_redacted() -> None:
    said = [
        ReasoningDelta(0, "hm"),
        PartMetadata(0, P, {"signature": "s"}),
        PartMetadata(1, P, {"signature": "alone"}, kind="reasoning"),
        ReasoningDelta(2, "", redacted=True),
        PartMetadata(2, P, {"data": "d"}),
    ]
    assert blocks(*said) == [
        start(0, type="thinking", thinking="", signature=""),
        delta(0, "thinking_delta", thinking="hm"),
        delta(0, "signature_delta", signature="s"),
        stop(0),
        start(1, type="thinking", thinking="", signature=""),
        delta(1, "signature_delta", signature="alone"),
        stop(1),
        start(2, type="redacted_thinking", data="d"),
        stop(2),
    ]


def test_a_call_is_stopped_when_it_ends() -> None:
    writer = Writer(P, id="msg_0", model="m")
    assert len(list(writer.feed(ToolCallStart(0, id="t", name="f")))) == 1
    assert list(writer.feed(PartMetadata(0, P, {"caller": {"type": "direct"}}))) == []
    assert list(writer.feed(ToolCallArgsDelta(0, "{}"))) == [
        start(0, type="tool_use", id="t", name="f", input={}, caller={"type": "direct"}),
        delta(0, "input_json_delta", partial_json="{}"),
    ]
    assert list(writer.feed(ToolCallEnd(0, {}))) == [stop(0)]
    assert list(writer.feed_eof()) == []


def test_a_servers_call_and_its_result() -> None:
    said = [
        ToolCallStart(0, id="s", name="ask", server_executed=True),
        PartMetadata(0, P, {"type": "mcp_tool_use", "server_name": "wiki"}),
        ToolCallEnd(0, {}),
        ToolResultOut(1, "s", name="ask", output="r", server_executed=True),
        PartMetadata(1, P, {"type": "mcp_tool_result", "is_error": False}),
    ]
    assert blocks(*said) == [
        start(0, type="mcp_tool_use", id="s", name="ask", input={}, server_name="wiki"),
        stop(0),
        start(1, type="mcp_tool_result", tool_use_id="s", content="r", is_error=False),
        stop(1),
    ]


def test_a_fallback_is_said_at_once_and_names_the_model() -> None:
    data = {"type": "fallback", "to": {"model": "b"}}
    writer = Writer(P, id="msg_0", model="m")
    assert list(writer.feed(OpaqueOut(0, P, type="fallback", data=data)))[1:] == [start(0, **data), stop(0)]
    assert "message" not in next(iter(writer.feed(Done(id="msg_0", model="b"))))


def test_metadata_of_a_block_that_is_out_and_other_events_say_nothing() -> None:
    text = [TextDelta(0, "a"), PartMetadata(0, P, {"x": 1}), Raw({})]
    assert blocks(*text) == [start(0, type="text", text=""), delta(0, "text_delta", text="a"), stop(0)]


def test_a_frame_cannot_be_forged_by_what_it_says() -> None:
    assert sse(delta(0, "text_delta", text="a\n\nevent: error\r\ndata: {}")) == (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"a\\n\\nevent: error\\r\\ndata: {}"}}\n\n'
    )
