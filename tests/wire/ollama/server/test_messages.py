"""From the messages of a request to ours."""

import pytest

from llmstream import (
    Attachment,
    AttachmentPart,
    InvalidRequestError,
    Message,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.wire.fields import Fields
from llmstream.wire.ollama.server.messages import MessageReader


def read(*messages: object) -> list[Message]:
    return MessageReader().read(Fields({"messages": list(messages)}, "").each("messages"))


def call(name: str, arguments: object, **more: object) -> dict:
    return {"function": {"name": name, "arguments": arguments}, **more}


def result(**fields: object) -> dict:
    return {"role": "tool", "content": "x", **fields}


def test_each_role_is_read():
    assert read(
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u", "images": ["iVBORw==", "/9j/"]},
        {"role": "user", "images": ["AAAA"]},
        {"role": "assistant", "content": "a", "thinking": "h"},
    ) == [
        Message("system", [TextPart("s")]),
        Message(
            "user",
            [
                TextPart("u"),
                AttachmentPart(Attachment("image/png", data=b"\x89PNG")),
                AttachmentPart(Attachment("image/jpeg", data=b"\xff\xd8\xff")),
            ],
        ),
        Message("user", [AttachmentPart(Attachment("image/png", data=b"\0\0\0"))]),
        Message("assistant", [ReasoningPart("h"), TextPart("a")]),
    ]


def test_calls_without_ids_are_matched_to_their_results_by_name_and_order():
    calls = [call("f", {"a": 1}), call("g", '{"b":2}'), call("f", None)]
    turn, results = read(
        {"role": "assistant", "content": "", "tool_calls": calls},
        result(tool_name="f"),
        result(tool_name="f"),
        result(),
        result(tool_name="h"),
    )
    assert turn.parts == (
        ToolCallPart("call_1", "f", arguments={"a": 1}, raw='{"a":1}'),
        ToolCallPart("call_2", "g", arguments={"b": 2}, raw='{"b":2}'),
        ToolCallPart("call_3", "f", arguments={}, raw="{}"),
    )
    assert [(part.tool_call_id, part.name) for part in results.parts if isinstance(part, ToolResultPart)] == [
        ("call_1", "f"),
        ("call_3", "f"),
        ("call_2", "g"),
        ("call_4", "h"),
    ]


def test_ids_that_are_given_count():
    _, results = read(
        {"role": "assistant", "tool_calls": [call("f", {}, id="c1"), call("f", {}, id="c2")]},
        result(tool_call_id="c2", images=["AAAA"]),
        result(tool_call_id="c9", tool_name="z"),
    )
    assert results.parts == (
        ToolResultPart("c2", "f", output="x", attachments=[Attachment("image/png", data=b"\0\0\0")]),
        ToolResultPart("c9", "z", output="x"),
    )


@pytest.mark.parametrize(
    ("message", "where"),
    [
        ({}, "messages[0].role"),
        ({"role": "robot"}, "messages[0].role"),
        ({"role": "user", "content": 5}, "messages[0].content"),
        ({"role": "user", "images": [5]}, "messages[0].images[0]"),
        ({"role": "user", "images": ["?"]}, "messages[0].images[0]"),
        ({"role": "assistant", "tool_calls": [{}]}, "messages[0].tool_calls[0].function"),
        ({"role": "assistant", "tool_calls": [call("f", 5)]}, "function.arguments"),
        ({"role": "assistant", "tool_calls": [call("f", "x")]}, "function.arguments"),
        (5, "messages[0]"),
    ],
)
def test_what_is_not_as_it_should_be_is_named(message: object, where: str):
    with pytest.raises(InvalidRequestError) as caught:
        read(message)
    assert where in str(caught.value)
