"""An answer as one document."""

import json

import pytest
from hypothesis import given

from llmstream import (
    Attachment,
    CitationOut,
    Done,
    ImageOut,
    OpaqueOut,
    PartMetadata,
    ReasoningDelta,
    Request,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultOut,
    UnsupportedError,
    reduce,
)
from llmstream.testing import laws
from llmstream.testing.strategies import events
from llmstream.values.content import Citation
from llmstream.wire.bedrock import CODEC

P = "bedrock"
END = Done(finish_reason="stop", raw_finish_reason="end_turn")


def answer(*said) -> dict:
    http = CODEC.server.whole(Request("m"), reduce([*said, END]))
    assert http.head.media_type == "application/json"
    return json.loads(http.body)


def test_each_part_is_a_block() -> None:
    record = {"title": "t"}
    found = answer(
        ReasoningDelta(0, "h"),
        ReasoningDelta(0, "m"),
        PartMetadata(0, P, {"signature": "s"}),
        ReasoningDelta(1, "", redacted=True),
        PartMetadata(1, P, {"redactedContent": "YQ=="}),
        CitationOut(2, Citation(title="t", provider=P, data=record)),
        TextDelta(2, "a"),
        TextDelta(3, "b"),
        ToolCallStart(4, id="s", name="run", server_executed=True),
        ToolCallEnd(4, {}),
        ToolResultOut(5, "s", name="run", output="r", server_executed=True),
        ImageOut(6, Attachment("image/png", data=b"p")),
        OpaqueOut(7, P, type="video", data={"format": "mp4"}),
        ToolCallStart(8, id="t", name="f"),
        ToolCallArgsDelta(8, '{"a":'),
        ToolCallArgsDelta(8, "1}"),
        ToolCallEnd(8, {"a": 1}),
        ReasoningDelta(9, "bare"),
    )
    assert found == {
        "output": {
            "message": {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
                    {"reasoningContent": {"redactedContent": "YQ=="}},
                    {"citationsContent": {"content": [{"text": "a"}], "citations": [record]}},
                    {"text": "b"},
                    {"toolUse": {"toolUseId": "s", "name": "run", "type": "server_tool_use", "input": {}}},
                    {"toolResult": {"toolUseId": "s", "type": "run_result", "content": [{"text": "r"}]}},
                    {"image": {"format": "png", "source": {"bytes": "cA=="}}},
                    {"video": {"format": "mp4"}},
                    {"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}},
                    {"reasoningContent": {"reasoningText": {"text": "bare"}}},
                ],
            }
        },
        "stopReason": "end_turn",
    }


def test_arguments_that_were_cut_become_an_object() -> None:
    found = answer(ToolCallStart(0, id="t", name="f"), ToolCallArgsDelta(0, '{"a'))
    (block,) = found["output"]["message"]["content"]
    assert block["toolUse"]["input"] == {"INVALID_JSON": '{"a'}


def test_what_the_wire_cannot_say_is_refused() -> None:
    with pytest.raises(UnsupportedError):
        answer(ToolCallStart(0, id="t", name="f", custom=True))


@given(
    events(
        {"text", "reasoning", "redacted", "call", "server_call", "citation", "image", "opaque"}, provider=P
    )
)
def test_a_whole_answer_is_read_as_its_stream(said) -> None:
    try:
        said = CODEC.server.canonical(said)
    except UnsupportedError:
        return
    http = CODEC.server.whole(Request("m"), reduce(said))
    again = laws.decode_all(CODEC, [http.body], head=http.head)
    assert again.error is None
    assert [type(part) for part in reduce(again.events).parts] == [type(part) for part in reduce(said).parts]
    assert (reduce(again.events).text(), again.events[-1]) == (reduce(said).text(), said[-1])
