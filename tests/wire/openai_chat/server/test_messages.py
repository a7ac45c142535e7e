"""The messages of a request, read."""

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
    assistant,
    system,
    tool_message,
    user,
)
from llmstream.wire.fields import Fields
from llmstream.wire.openai_chat.server.messages import MessageReader


def read(*messages: dict) -> list[Message]:
    return MessageReader("p").read(Fields({"messages": list(messages)}, "").each("messages"))


def parts(role: str, *content: dict) -> tuple:
    (message,) = read({"role": role, "content": list(content)})
    return message.parts


def noted(**data) -> dict:
    return {"p": data}


def test_roles_and_texts():
    assert read(
        {"role": "developer", "content": "a"},
        {"role": "system", "content": [{"type": "text", "text": "b"}]},
        {"role": "user", "content": "c"},
        {"role": "assistant", "content": "d", "refusal": "e"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "f"}]},
        {"role": "assistant", "content": None},
    ) == [
        system("a"),
        system("b"),
        user("c"),
        assistant("d", TextPart("e", refusal=True)),
        assistant(TextPart("f", refusal=True)),
        assistant(),
    ]


def test_files():
    assert parts(
        "user",
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        {"type": "image_url", "image_url": {"url": "https://x.test/a", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
        {"type": "input_audio", "input_audio": "aGk="},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_id": "f"}},
        {"type": "document_url", "document_url": "https://x.test/a.pdf"},
    ) == (
        AttachmentPart(Attachment("image/png", data=b"hi")),
        AttachmentPart(Attachment("image/*", url="https://x.test/a"), provider_metadata=noted(detail="low")),
        AttachmentPart(Attachment("audio/mpeg", data=b"hi")),
        AttachmentPart(Attachment("audio/wav", data=b"hi")),
        AttachmentPart(Attachment("application/pdf", data=b"hi", name="a.pdf")),
        AttachmentPart(Attachment(file_id="f")),
        AttachmentPart(Attachment("application/pdf", url="https://x.test/a.pdf")),
    )


def test_calls_and_results():
    calls = [
        {
            "id": "a",
            "type": "function",
            "function": {"name": "f", "arguments": '{"x": 1}'},
            "extra_content": {"s": 1},
        },
        {"id": "b", "function": {"name": "f", "arguments": ""}},
        {"id": "c", "function": {"name": "f", "arguments": "{x"}},
        {"id": "d", "type": "custom", "custom": {"name": "sql", "input": "SELECT"}},
    ]
    broken = "expected a JSON object as arguments, got text that is none"
    assert read(
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "d", "content": [{"type": "text", "text": "2"}]},
        {"role": "tool", "tool_call_id": "new", "content": None},
    ) == [
        assistant(
            ToolCallPart(
                "a", "f", arguments={"x": 1}, raw='{"x": 1}', provider_metadata=noted(extra_content={"s": 1})
            ),
            ToolCallPart("b", "f", arguments={}),
            ToolCallPart("c", "f", raw="{x", error=broken),
            ToolCallPart("d", "sql", raw="SELECT", custom=True),
        ),
        tool_message(
            ToolResultPart("a", "f", output="1"),
            ToolResultPart("d", "sql", output="2"),
            ToolResultPart("new", ""),
        ),
    ]


def test_the_old_function_call():
    assert read(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
    ) == [
        assistant(ToolCallPart("f", "f", arguments={}, raw="{}")),
        tool_message(ToolResultPart("f", "f", output="1")),
    ]


def test_reasoning_in_its_forms():
    detail = {"type": "reasoning.text", "text": "a", "signature": "s"}
    secret = {"type": "reasoning.encrypted", "data": "x"}
    assert read(
        {"role": "assistant", "content": "x", "reasoning_content": "hm"},
        {"role": "assistant", "content": "x", "reasoning": "hm", "reasoning_details": [detail, secret]},
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}],
        },
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": [], "closed": True, "signature": "s"}],
        },
    ) == [
        assistant(ReasoningPart("hm"), "x"),
        assistant(
            ReasoningPart(
                "a", provider_metadata=noted(reasoning_detail={"type": "reasoning.text", "signature": "s"})
            ),
            ReasoningPart("", provider_metadata=noted(reasoning_detail=secret)),
            "x",
        ),
        assistant(ReasoningPart("hm")),
        assistant(ReasoningPart("", provider_metadata=noted(thinking={"signature": "s"}))),
    ]


def test_what_the_model_showed():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    assert read({"role": "assistant", "content": "a", "images": [image], "audio": {"id": "a1"}}) == [
        assistant(
            "a",
            AttachmentPart(Attachment("image/png", data=b"hi")),
            AttachmentPart(Attachment(data=b""), provider_metadata=noted(id="a1")),
        )
    ]


def test_marks_end_a_cached_prefix():
    def marked(**mark) -> list[dict]:
        return [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", **mark}}]

    messages = read(
        {"role": "user", "content": marked()},
        {"role": "user", "content": [*marked(ttl="1h"), {"type": "text", "text": "b"}]},
        {"role": "tool", "tool_call_id": "a", "content": marked()},
        {"role": "tool", "tool_call_id": "b", "content": "c"},
    )
    assert [message.cache for message in messages] == ["5m", "1h", "5m", None]


@pytest.mark.parametrize(
    ("message", "where"),
    [
        ({}, "messages[0].role"),
        ({"role": "nobody"}, "messages[0].role"),
        ({"role": "user", "content": 5}, "messages[0].content"),
        ({"role": "user", "content": ["a"]}, "messages[0].content[0]"),
        ({"role": "user", "content": [{"text": "a"}]}, "messages[0].content[0].type"),
        ({"role": "user", "content": [{"type": "new"}]}, "messages[0].content[0].type"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0].text"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": "x"}]},
            "messages[0].content[0].image_url",
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,?"}}]},
            "messages[0].content[0].image_url.url",
        ),
        (
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "?"}}]},
            "messages[0].content[0].input_audio.data",
        ),
        ({"role": "tool", "content": "x"}, "messages[0].tool_call_id"),
        ({"role": "assistant", "tool_calls": [{"id": "a"}]}, "messages[0].tool_calls[0].function"),
        ({"role": "assistant", "tool_calls": {}}, "messages[0].tool_calls"),
        ({"role": "assistant", "audio": {}}, "messages[0].audio.id"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(message: dict, where: str):
    with pytest.raises(InvalidRequestError) as raised:
        read(message)
    assert str(raised.value).endswith(f", at {where}")
