"""An answer as one message."""

import attrs
from hypothesis import given

from llmstream import (
    Citation,
    Done,
    ReasoningPart,
    Request,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Usage,
    reduce,
)
from llmstream.testing import laws
from llmstream.testing.strategies import events as any_events
from llmstream.values.content import Part
from llmstream.values.response import Response
from llmstream.wire.anthropic import CODEC
from llmstream.wire.anthropic.server.whole import message_of

P = "anthropic"


def own(**data) -> dict:
    return {"provider_metadata": {P: data}}


def message(*parts: Part, **more) -> dict:
    response = Response(parts=parts, state="complete", **more)
    return message_of(response, P, id="msg_0", model="m")


def test_an_answer_is_one_message() -> None:
    record = {"type": "page_location"}
    answer = message(
        ReasoningPart("hm", **own(signature="s")),
        ReasoningPart("", redacted=True, **own(data="d")),
        TextPart("so", citations=[Citation(provider=P, data=record)]),
        ToolCallPart("t", "f", arguments={"a": 1}, raw='{"a": 1}', **own(caller={"type": "direct"})),
        ToolCallPart("s", "ask", arguments={}, server_executed=True, **own(type="mcp_tool_use")),
        ToolResultPart("s", "ask", output="r", server_executed=True, **own(type="mcp_tool_result")),
        finish_reason="stop",
        usage=Usage(input=3, output=4),
        id="msg_1",
        model="answering",
        provider_metadata={P: {"container": {"id": "c"}, "context_management": {}}},
    )
    assert answer == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "answering",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "redacted_thinking", "data": "d"},
            {"type": "text", "text": "so", "citations": [record]},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}, "caller": {"type": "direct"}},
            {"type": "mcp_tool_use", "id": "s", "name": "ask", "input": {}},
            {"type": "mcp_tool_result", "tool_use_id": "s", "content": "r"},
        ],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 3,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 4,
        },
        "container": {"id": "c"},
        "context_management": {},
    }


def test_an_id_that_nobody_gave_is_the_servers() -> None:
    answer = message(TextPart("a"))
    assert (answer["id"], answer["model"]) == ("msg_0", "m")


def test_an_answer_without_an_end_has_no_stop_reason() -> None:
    response = Response(parts=(TextPart("a"),), state="incomplete")
    assert message_of(response, P, id="i", model="m")["stop_reason"] is None


def test_a_cut_call_is_said_with_its_text() -> None:
    answer = message(ToolCallPart("t", "f", raw='{"a": ', error="cut"), finish_reason="length")
    assert answer["content"][0]["input"] == {"INVALID_JSON": '{"a": '}


KINDS = {"text", "reasoning", "call", "server_call", "citation", "metadata", "redacted"}


@given(any_events(KINDS, provider=P))
def test_a_client_reads_the_answer_that_was_written(answer) -> None:
    canonical = CODEC.server.canonical(answer)
    http = CODEC.server.whole(Request("m"), reduce(canonical))
    decoded, error = laws.decode_all(CODEC, [http.body], head=http.head)
    assert error is None
    want, got = reduce(canonical), reduce(decoded)
    assert list(map(plain, got.parts)) == list(map(plain, want.parts))
    assert (got.usage, got.finish_reason) == (want.usage, want.finish_reason)
    done = canonical[-1]
    assert isinstance(done, Done)
    assert (got.id, got.model) == (done.id or "msg_0", done.model or "m")


def plain(part: Part) -> Part:
    """The part without the text of its arguments, which one message does not carry."""
    return attrs.evolve(part, raw="") if isinstance(part, ToolCallPart) else part
