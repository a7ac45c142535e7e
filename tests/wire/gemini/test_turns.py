"""Messages as contents."""

from __future__ import annotations

import pytest

from llmstream import (
    Attachment,
    AttachmentPart,
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
from llmstream.wire.gemini import Quirks
from llmstream.wire.gemini.turns import FOREIGN_SIGNATURE, contents_of, system_of

P = "gemini"


def contents(*messages: Message, quirks: Quirks | None = None) -> list:
    return contents_of(messages, P, quirks or Quirks())


def model_parts(*parts) -> list:
    (content,) = contents(assistant(*parts))
    assert content["role"] == "model"
    return content["parts"]


def own(**data) -> dict:
    return {P: data}


def test_system_messages_go_together_wherever_they_stand() -> None:
    messages = system("a"), user("x"), system("", "b")
    assert system_of(messages) == [{"text": "a"}, {"text": "b"}]
    assert contents(*messages) == [{"role": "user", "parts": [{"text": "x"}]}]


def test_a_system_message_is_text() -> None:
    with pytest.raises(UnsupportedError, match="AttachmentPart in a system message"):
        system_of([system(Attachment("image/png", data=b"hi"))])


def test_neighbours_of_one_side_are_one_content() -> None:
    assert contents(user("a"), user("b", ""), assistant("c"), user(Attachment("image/png", data=b"hi"))) == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "model", "parts": [{"text": "c"}]},
        {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}]},
    ]


def test_what_came_from_here_goes_back_as_it_was() -> None:
    code = {"language": "PYTHON", "code": "1"}
    assert model_parts(
        ReasoningPart("hm", provider_metadata=own(thought=True, thoughtSignature="a")),
        TextPart("b", provider_metadata=own(thoughtSignature="c")),
        TextPart("", provider_metadata=own(thoughtSignature="d")),
        ToolCallPart(
            "x", "f", arguments={"a": 1},
            provider_metadata=own(id=None, thoughtSignature="e", functionCall={"new": 1}),
        ),
        ToolCallPart("y", "g", arguments={}, provider_metadata=own(id="z")),
        ToolCallPart(
            "1", "code_execution", arguments=code, server_executed=True,
            provider_metadata=own(type="executableCode", id=None),
        ),
        ToolResultPart(
            "1", "code_execution", output={"outcome": "OUTCOME_OK"}, server_executed=True,
            provider_metadata=own(type="codeExecutionResult", id="i"),
        ),
        ToolCallPart(
            "2", "T", arguments={"q": 1}, server_executed=True, provider_metadata=own(type="toolCall", id="t")
        ),
        ToolResultPart(
            "2", "T", output={"r": 1}, server_executed=True,
            provider_metadata=own(type="toolResponse", id="t", thoughtSignature="h"),
        ),
        AttachmentPart(
            Attachment("image/png", data=b"hi"),
            provider_metadata=own(thoughtSignature="k", inlineData={"new": 1}),
        ),
        OpaquePart(P, "hologram", {"hologram": 1}),
    ) == [
        {"text": "hm", "thought": True, "thoughtSignature": "a"},
        {"text": "b", "thoughtSignature": "c"},
        {"text": "", "thoughtSignature": "d"},
        {"functionCall": {"name": "f", "args": {"a": 1}, "new": 1}, "thoughtSignature": "e"},
        {"functionCall": {"name": "g", "args": {}, "id": "z"}},
        {"executableCode": code},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "id": "i"}},
        {"toolCall": {"toolType": "T", "args": {"q": 1}, "id": "t"}},
        {"toolResponse": {"toolType": "T", "response": {"r": 1}, "id": "t"}, "thoughtSignature": "h"},
        {"inlineData": {"mimeType": "image/png", "data": "aGk=", "new": 1}, "thoughtSignature": "k"},
        {"hologram": 1},
    ]  # fmt: skip


def test_what_came_from_elsewhere_is_left_out_or_said_plainly() -> None:
    there = {"elsewhere": {"signature": "s", "type": "toolCall", "id": "q"}}
    assert model_parts(
        ReasoningPart("hm", provider_metadata=there),
        TextPart("a", provider_metadata=there),
        ToolCallPart("1", "T", server_executed=True, provider_metadata=there),
        ToolResultPart("1", "T", server_executed=True, provider_metadata=there),
        OpaquePart("elsewhere", "t", {"a": 1}),
        ToolCallPart("c1", "f", arguments={}, provider_metadata=there),
        ToolCallPart("c2", "f", arguments={}),
    ) == [
        {"text": "a"},
        {"functionCall": {"name": "f", "args": {}, "id": "c1"}, "thoughtSignature": FOREIGN_SIGNATURE},
        {"functionCall": {"name": "f", "args": {}, "id": "c2"}},
    ]


def test_arguments_are_always_an_object() -> None:
    parts = model_parts(
        ToolCallPart("1", "f", raw='{"a'),
        ToolCallPart("2", "f", raw=""),
        ToolCallPart("3", "f", raw='{"a":1}'),
        ToolCallPart("4", "f", raw="SELECT", custom=True),
    )
    args = [part["functionCall"]["args"] for part in parts]
    assert args == [{"INVALID_JSON": '{"a'}, {}, {"a": 1}, {"input": "SELECT"}]


def test_results_come_first_in_the_order_of_their_calls() -> None:
    calls = [
        ToolCallPart("1", "f", arguments={}, provider_metadata=own(id=None)),
        ToolCallPart("2", "g", arguments={}, provider_metadata=own(id="w")),
    ]
    results = [ToolResultPart("2", "", output={"b": 2}), ToolResultPart("1", "f", output="one")]
    assert contents(user("a"), assistant(*calls), tool_message(*results), user("go on"))[2] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"name": "f", "response": {"result": "one"}}},
            {"functionResponse": {"name": "g", "response": {"b": 2}, "id": "w"}},
            {"text": "go on"},
        ],
    }


@pytest.mark.parametrize(
    ("result", "response"),
    [
        ({"output": [1]}, {"result": [1]}),
        ({"error": "boom"}, {"error": "boom"}),
        ({"error": "boom", "output": "half"}, {"error": "boom", "result": "half"}),
    ],
)
def test_a_result_is_always_an_object(result: dict, response: dict) -> None:
    (content,) = contents(tool_message(ToolResultPart("1", "f", **result)))
    assert content["parts"] == [{"functionResponse": {"name": "f", "response": response, "id": "1"}}]


def test_a_result_may_hold_files() -> None:
    result = ToolResultPart("1", "f", output="see", attachments=[Attachment("image/png", data=b"hi")])
    (content,) = contents(tool_message(result))
    assert content["parts"][0]["functionResponse"]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    ]


def test_ids_from_elsewhere_are_left_out_where_there_are_none() -> None:
    quirks = Quirks(call_ids=False)
    call = ToolCallPart("1", "f", arguments={})
    said = contents(assistant(call), tool_message(ToolResultPart("1", "f", output="x")), quirks=quirks)
    assert "id" not in said[0]["parts"][0]["functionCall"]
    assert "id" not in said[1]["parts"][0]["functionResponse"]


@pytest.mark.parametrize(
    "message",
    [user(ReasoningPart("hm")), user(ToolCallPart("1", "f")), user("a", cache="5m"), system("a", cache="1h")],
)
def test_what_the_wire_has_no_place_for_is_refused(message: Message) -> None:
    with pytest.raises(UnsupportedError, match="gemini"):
        contents(message)


def test_a_result_is_of_the_last_call_before_it() -> None:
    """Two providers may give the same id in one history."""
    ours = ToolCallPart("call_1", "f", arguments={}, provider_metadata=own(id="x"))
    theirs = ToolCallPart("call_1", "g", arguments={})
    asked, answered = contents(assistant(ours), tool_message(ToolResultPart("call_1", "")))
    first = contents(
        assistant(ours),
        tool_message(ToolResultPart("call_1", "")),
        assistant(theirs),
        tool_message(ToolResultPart("call_1", "")),
    )
    assert first[:2] == [asked, answered]
    assert answered["parts"][0]["functionResponse"] == {"name": "f", "response": {"result": ""}, "id": "x"}
    assert first[3]["parts"][0]["functionResponse"]["name"] == "g"
