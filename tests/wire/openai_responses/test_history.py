"""Messages as items."""

import json

import pytest

from llmstream import (
    Attachment,
    AttachmentPart,
    Citation,
    ConfigError,
    Message,
    OpaquePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    UnsupportedError,
    assistant,
    system,
    tool_message,
    user,
)
from llmstream.wire.openai_responses._history import History
from llmstream.wire.openai_responses.quirks import Quirks

P = "p"


def items(*messages: Message, quirks: Quirks | None = None) -> list[dict]:
    history = History(P, quirks or Quirks())
    for message in messages:
        history.add(message)
    return json.loads(json.dumps(history.finish()))


def own(**data) -> dict:
    return {P: data}


def test_what_users_and_the_system_say_is_text():
    assert items(system("Be brief."), user("Hi"), user("a", "b")) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}],
        },
    ]


def test_instructions_may_be_wanted_apart():
    history = History(P, Quirks(instructions=True))
    for message in (system("a"), user("x"), system("b")):
        history.add(message)
    assert history.instructions == "a\n\nb"
    assert history.finish() == [{"role": "user", "content": "x"}]


def test_an_image_keeps_the_detail_that_it_is_looked_at_in():
    part = AttachmentPart(Attachment("image/png", data=b"a"), provider_metadata=own(detail="low"))
    assert items(user(part))[0]["content"][0]["detail"] == "low"


def test_what_an_assistant_of_elsewhere_said_is_text():
    elsewhere = {"q": {"signature": "s"}}
    message = assistant(
        ReasoningPart("hm", provider_metadata=elsewhere),
        ReasoningPart("hm"),
        TextPart("a", citations=[Citation("u", provider="q", data={"a": 1})], provider_metadata=elsewhere),
        ToolCallPart("w", "search", arguments={}, server_executed=True),
        ToolResultPart("w", "search", output=[1], server_executed=True),
        OpaquePart("q", "compaction", {"x": 1}),
        TextPart("b"),
        ToolCallPart("c", "f", arguments={"a": 1}),
    )
    assert items(message, tool_message(ToolResultPart("c", "f", output="ok"))) == [
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "a", "annotations": []},
                {"type": "output_text", "text": "b", "annotations": []},
            ],
        },
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'},
        {"type": "function_call_output", "call_id": "c", "output": "ok"},
    ]


def test_an_answer_of_its_own_goes_back_item_by_item():
    note = {"type": "url_citation", "url": "u"}
    message = assistant(
        ReasoningPart("a", provider_metadata=own(id="r", encrypted_content="c")),
        ReasoningPart("b", provider_metadata=own(id="r", part=1)),
        ReasoningPart("raw", provider_metadata=own(id="r", type="reasoning_text", part=2)),
        ReasoningPart("", provider_metadata=own(id="r", encrypted_content="d")),
        TextPart(
            "x",
            citations=[Citation("u", provider=P, data=note)],
            provider_metadata=own(id="m", phase="commentary"),
        ),
        TextPart("no", refusal=True, provider_metadata=own(id="m", part=1)),
        TextPart("", provider_metadata=own(id="m2")),
        ToolCallPart("c", "f", raw='{ "a":1}', provider_metadata=own(id="fc", namespace="n")),
        ToolCallPart("c2", "sql", raw="SELECT", custom=True, provider_metadata=own(id="ctc")),
    )
    assert items(message) == [
        {
            "type": "reasoning",
            "id": "r",
            "encrypted_content": "c",
            "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
            "content": [{"type": "reasoning_text", "text": "raw"}],
        },
        {"type": "reasoning", "id": "r", "encrypted_content": "d", "summary": []},
        {
            "type": "message",
            "role": "assistant",
            "id": "m",
            "status": "completed",
            "phase": "commentary",
            "content": [
                {"type": "output_text", "text": "x", "annotations": [note]},
                {"type": "refusal", "refusal": "no"},
            ],
        },
        {"type": "message", "role": "assistant", "id": "m2", "status": "completed", "content": []},
        {
            "type": "function_call",
            "call_id": "c",
            "name": "f",
            "arguments": '{ "a":1}',
            "id": "fc",
            "namespace": "n",
        },
        {"type": "custom_tool_call", "call_id": "c2", "name": "sql", "input": "SELECT", "id": "ctc"},
    ]


def test_built_in_tools_go_back_whole():
    search = {"type": "web_search_call", "id": "ws", "action": {"query": "q"}}
    output = {"type": "shell_call_output", "id": "o", "call_id": "s", "status": "completed"}
    message = assistant(
        ToolCallPart("ws", "web_search", server_executed=True, provider_metadata={P: search}),
        ToolCallPart(
            "mcp",
            "ask",
            raw="{}",
            server_executed=True,
            provider_metadata=own(type="mcp_call", id="mcp", output="a", status="failed"),
        ),
        ToolResultPart("s", "shell", output=[1], server_executed=True, provider_metadata={P: output}),
        ToolCallPart(
            "ig",
            "image_generation",
            server_executed=True,
            provider_metadata=own(type="image_generation_call", id="ig"),
        ),
        AttachmentPart(Attachment("image/png", data=b"a"), provider_metadata=own(id="ig")),
        OpaquePart(P, "compaction", {"type": "compaction", "encrypted_content": "c"}),
    )
    assert items(message) == [
        {**search, "status": "completed"},
        {
            "type": "mcp_call",
            "id": "mcp",
            "output": "a",
            "status": "failed",
            "name": "ask",
            "arguments": "{}",
        },
        {**output, "output": [1]},
        {"type": "image_generation_call", "id": "ig", "status": "completed", "result": "YQ=="},
        {"type": "compaction", "encrypted_content": "c"},
    ]


def test_results_go_to_the_kind_of_call_that_they_answer():
    call = ToolCallPart(
        "c", "local_shell", arguments={}, provider_metadata=own(type="local_shell_call", call_id="c", id="l")
    )
    told = tool_message(ToolResultPart("c", "local_shell", output="ok"))
    assert items(assistant(call), told)[1] == {
        "type": "local_shell_call_output",
        "call_id": "c",
        "output": "ok",
    }


def test_the_wires_own_id_of_a_call_is_sent_back():
    call = ToolCallPart("call_1", "f", raw="{}", provider_metadata=own(call_id="dup"))
    sent = items(assistant(call), tool_message(ToolResultPart("call_1", "f", output="ok")))
    assert [item["call_id"] for item in sent] == ["dup", "dup"]


def test_a_chains_answer_has_its_results_in_it():
    message = assistant(ToolCallPart("c", "f", raw="{}"), ToolResultPart("c", "f", output="ok"), "so")
    assert [item["type"] for item in items(message)] == ["function_call", "function_call_output", "message"]


def test_an_approval_is_an_item_of_its_own():
    approval = OpaquePart(P, "mcp_approval_response", {"approval_request_id": "a", "approve": True})
    assert items(user(approval)) == [
        {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True}
    ]


def test_what_tools_show_beside_their_results_is_the_users():
    sent = items(tool_message(ToolResultPart("c", "f", output="ok"), "look"))
    assert sent[1] == {"role": "user", "content": "look"}


def test_what_was_spoken_goes_back_as_text():
    spoken = AttachmentPart(Attachment("audio/pcm", data=b"a"), transcript="hi")
    assert items(assistant(spoken))[0]["content"][0]["text"] == "hi"


@pytest.mark.parametrize(
    "message",
    [
        system(Attachment("image/png", data=b"a")),
        user(ReasoningPart("x")),
        user(ToolResultPart("c", "f")),
        tool_message(ToolCallPart("c", "f")),
        assistant(Attachment("image/png", data=b"a")),
        user("x", cache="5m"),
        user(Attachment("video/mp4", data=b"a")),
    ],
)
def test_what_the_wire_has_no_place_for_is_refused(message: Message):
    with pytest.raises(UnsupportedError, match="openai-responses"):
        items(message)


def test_a_path_must_have_been_opened():
    with pytest.raises(ConfigError, match=r"a\.png"):
        items(user(Attachment("image/png", path="a.png")))
