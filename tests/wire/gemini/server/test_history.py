"""Contents as messages."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

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
)
from llmstream.testing.strategies import conversations
from llmstream.wire.gemini import CODEC, Quirks
from llmstream.wire.gemini.server.history import History
from llmstream.wire.gemini.turns import FOREIGN_SIGNATURE, contents_of

P = "gemini"


def messages(*contents: tuple[str | None, list[dict]]) -> list[Message]:
    return History(P).messages(list(contents))


def model(*parts: dict) -> tuple:
    (message,) = messages(("model", list(parts)))
    assert message.role == "assistant"
    return message.parts


def own(**data) -> dict:
    return {P: data}


def test_sides_and_results_are_told_apart() -> None:
    result = {"functionResponse": {"name": "f", "response": {"result": "x"}, "id": "c"}}
    found = messages((None, [{"text": "a"}]), ("user", [{"text": "b"}, result]), ("function", [result]))
    assert [message.role for message in found] == ["user", "tool", "user", "tool"]


def test_the_parts_of_an_answer_are_read_as_they_were_given() -> None:
    assert model(
        {"text": "hm", "thought": True, "thoughtSignature": "a"},
        {"text": "b", "thought": False, "thought_signature": "c"},
        {"functionCall": {"name": "f", "args": {"a": 1}, "new": 1}, "thoughtSignature": "d"},
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "boom"}},
        {"toolCall": {"toolType": "T", "args": {"q": 1}, "id": "t"}},
        {"toolResponse": {"toolType": "T", "response": [1], "id": "t"}},
        {"inline_data": {"mime_type": "image/png", "data": "aGk="}, "thoughtSignature": "e"},
        {"fileData": {"fileUri": "gs://a"}},
        {"hologram": 1},
    ) == (
        ReasoningPart("hm", provider_metadata=own(thought=True, thoughtSignature="a")),
        TextPart("b", provider_metadata=own(thoughtSignature="c")),
        ToolCallPart(
            "call_1", "f", arguments={"a": 1}, raw='{"a":1}',
            provider_metadata=own(thoughtSignature="d", functionCall={"new": 1}, id=None),
        ),
        ToolCallPart(
            "call_2", "code_execution", arguments={"language": "PYTHON", "code": "1"},
            raw='{"language":"PYTHON","code":"1"}', server_executed=True,
            provider_metadata=own(type="executableCode", id=None),
        ),
        ToolResultPart(
            "call_2", "code_execution", output={"outcome": "OUTCOME_FAILED", "output": "boom"}, error="boom",
            server_executed=True, provider_metadata=own(type="codeExecutionResult", id=None),
        ),
        ToolCallPart(
            "t", "T", arguments={"q": 1}, raw='{"q":1}', server_executed=True,
            provider_metadata=own(type="toolCall", id="t"),
        ),
        ToolResultPart(
            "t", "T", output=[1], server_executed=True, provider_metadata=own(type="toolResponse", id="t")
        ),
        AttachmentPart(Attachment("image/png", data=b"hi"), provider_metadata=own(thoughtSignature="e")),
        AttachmentPart(Attachment(None, url="gs://a")),
        OpaquePart(P, "hologram", {"hologram": 1}),
    )  # fmt: skip


def test_results_without_ids_answer_the_calls_of_their_names_in_order() -> None:
    calls = [{"functionCall": {"name": name}} for name in ("f", "g", "f")]
    results = [{"functionResponse": {"name": name, "response": {}}} for name in ("f", "f", "g", "h")]
    asked, answered = messages(("model", calls), ("user", results))
    assert [part.id for part in asked.parts] == ["call_1", "call_2", "call_3"]
    assert [part.tool_call_id for part in answered.parts] == ["call_1", "call_3", "call_2", "call_4"]


def test_an_id_that_is_made_is_not_one_that_is_given() -> None:
    first, second = model({"functionCall": {"name": "f"}}, {"functionCall": {"name": "f", "id": "call_1"}})
    assert (first.id, second.id) == ("call_2", "call_1")


def test_a_call_that_came_from_elsewhere_still_does() -> None:
    (call,) = model({"functionCall": {"name": "f", "id": "c"}, "thoughtSignature": FOREIGN_SIGNATURE})
    assert call.provider_metadata == {}


@pytest.mark.parametrize(
    ("response", "output", "error"),
    [
        ({"result": "x"}, "x", None),
        ({"result": {"a": 1}}, {"result": {"a": 1}}, None),
        ({"error": "boom"}, "", "boom"),
        ({"error": "boom", "result": "x"}, "x", "boom"),
        ({"error": {"code": 1}}, {"error": {"code": 1}}, None),
        ({"output": "x"}, {"output": "x"}, None),
    ],
)
def test_results_are_read_as_they_are_written(response: dict, output: object, error: str | None) -> None:
    part = {"functionResponse": {"name": "f", "id": "c", "response": response}}
    ((result,),) = [message.parts for message in messages(("user", [part]))]
    assert (result.output, result.error) == (output, error)
    (content,) = contents_of([Message("tool", [result])], P, Quirks())
    assert content["parts"] == [part]


def test_files_of_results_are_read() -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    part = {
        "functionResponse": {
            "name": "f",
            "response": {},
            "parts": [image, {"fileData": {"fileUri": "gs://a"}}],
        }
    }
    ((result,),) = [message.parts for message in messages(("user", [part]))]
    assert result.attachments == (Attachment("image/png", data=b"hi"), Attachment(None, url="gs://a"))


@pytest.mark.parametrize(
    ("role", "part", "said"),
    [
        ("system", {"text": "a"}, r"contents\[0\].role"),
        ("model", {"functionCall": {}}, "a name of a call"),
        ("model", {"functionCall": 7}, r"parts\[0\]"),
        ("user", {"inlineData": {"data": "?"}}, "base64"),
        ("user", {"functionResponse": {"parts": [{"text": "a"}]}}, "a file in a result"),
    ],
)
def test_what_is_not_of_this_wire_is_refused_with_its_place(role: str, part: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        messages((role, [part]))


@given(conversations(provider=P))
def test_any_history_is_read_as_it_was_written(history: tuple[Message, ...]) -> None:
    try:
        contents = contents_of(history, P, Quirks())
    except UnsupportedError:
        return
    contents = json.loads(json.dumps(contents))
    again = History(P).messages([(content["role"], content["parts"]) for content in contents])
    assert contents_of(again, P, Quirks()) == contents
    assert CODEC.server.provider == P
