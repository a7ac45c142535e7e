"""From the input of a request to messages."""

import pytest

from llmstream import (
    Attachment,
    AttachmentPart,
    Citation,
    InvalidRequestError,
    Message,
    OpaquePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    system,
    user,
)
from llmstream.wire.fields import Fields
from llmstream.wire.openai_responses.quirks import Quirks
from llmstream.wire.openai_responses.server.history import HistoryReader, items_of

P = "p"


def read(*items: object) -> list[Message]:
    return HistoryReader(P, Quirks()).read(iter(items_of(Fields({"input": list(items)}, ""))))


def own(**data) -> dict:
    return {P: data}


def test_messages_have_a_text_or_a_list():
    assert read(
        {"role": "developer", "content": "a"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "b"}]},
        {"role": "assistant", "content": "c"},
        {"role": "user", "content": None},
    ) == [system("a"), user("b"), Message("assistant", [TextPart("c")]), Message("user")]


def test_files_are_attachments():
    (message,) = read(
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": "data:image/png;base64,YQ==", "detail": "high"},
                {"type": "input_file", "file_id": "f"},
            ],
        }
    )
    assert message.parts == (
        AttachmentPart(Attachment("image/png", data=b"a"), provider_metadata=own(detail="high")),
        AttachmentPart(Attachment(file_id="f")),
    )


def test_an_answer_is_one_message_of_its_parts():
    note = {"type": "url_citation", "url": "u"}
    (message,) = read(
        {"type": "reasoning", "id": "r", "summary": [{"text": "a"}], "encrypted_content": "c"},
        {
            "type": "message",
            "id": "m",
            "role": "assistant",
            "phase": "commentary",
            "content": [{"type": "output_text", "text": "x", "annotations": [note]}],
        },
        {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": '{"a":1}'},
        {"type": "compaction", "encrypted_content": "c"},
    )
    assert message == Message(
        "assistant",
        [
            ReasoningPart("a", provider_metadata=own(id="r", encrypted_content="c")),
            TextPart(
                "x",
                citations=[Citation("u", provider=P, data=note)],
                provider_metadata=own(id="m", phase="commentary"),
            ),
            ToolCallPart("c", "f", arguments={"a": 1}, raw='{"a":1}', provider_metadata=own(id="fc")),
            OpaquePart(P, "compaction", {"type": "compaction", "encrypted_content": "c"}),
        ],
    )


def test_results_are_a_message_and_know_their_calls():
    assert read(
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "apply_patch_call", "call_id": "b", "operation": {"x": 1}},
        {"type": "function_call_output", "call_id": "a", "output": [{"type": "input_text", "text": "ok"}]},
        {"type": "apply_patch_call_output", "call_id": "b", "status": "failed", "output": "bad"},
        {"type": "function_call_output", "call_id": "lost", "output": "x"},
    )[1] == Message(
        "tool",
        [
            ToolResultPart("a", "f", output="ok"),
            ToolResultPart("b", "apply_patch", error="bad"),
            ToolResultPart("lost", "function", output="x"),
        ],
    )


def test_results_may_show_files():
    image = {"type": "input_image", "image_url": "data:image/png;base64,YQ=="}
    (message,) = read({"type": "function_call_output", "call_id": "a", "output": [image]})
    (part,) = message.parts
    assert isinstance(part, ToolResultPart)
    assert part.attachments == (Attachment("image/png", data=b"a"),)


def test_results_of_the_providers_tools_stay_in_the_answer():
    call = {"type": "shell_call", "call_id": "s", "action": {}, "environment": {"type": "container_auto"}}
    output = {"type": "shell_call_output", "call_id": "s", "output": [1]}
    (served,) = read(call, output)
    assert [type(part) for part in served.parts] == [ToolCallPart, ToolResultPart]
    (_, told) = read({**call, "environment": None}, output)
    assert told == Message("tool", [ToolResultPart("s", "shell", output=[1])])
    found = {"type": "tool_search_output", "call_id": "t", "tools": []}
    assert read({**found, "execution": "server"})[0].role == "assistant"
    assert read({**found, "execution": "client"})[0].role == "tool"


def test_an_approval_is_the_users():
    item = {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True}
    assert read(item) == [Message("user", [OpaquePart(P, "mcp_approval_response", item)])]


@pytest.mark.parametrize(
    ("item", "where"),
    [
        ({"type": 1}, "input[0].type"),
        ({"role": "tool"}, "input[0].role"),
        ({"role": "user", "content": 1}, "input[0].content"),
        ({"role": "user", "content": [{"type": "x"}]}, "input[0].content[0].type"),
        ({"type": "function_call", "call_id": "c"}, "input[0]"),
        ({"type": "function_call_output"}, "input[0].call_id"),
        ({"role": "assistant", "content": [{"type": "output_text", "text": 1}]}, "input[0]"),
    ],
)
def test_what_is_no_item_is_named(item: dict, where: str):
    with pytest.raises(InvalidRequestError) as caught:
        read(item)
    assert str(caught.value).endswith(f"at {where}")
