"""From a Request to an interaction."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from llmstream import (
    Attachment,
    ConfigError,
    OpaquePart,
    Options,
    OutputSchema,
    ReasoningPart,
    Request,
    ServerSideTool,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    UnsupportedError,
    assistant,
    system,
    tool_message,
    user,
)
from llmstream.testing.strategies import requests
from llmstream.wire.gemini_interactions import CODEC

P = "gemini-interactions"
HI = {"type": "user_input", "content": [{"type": "text", "text": "Hi"}]}


def body(*messages, **how) -> dict:
    return json.loads(CODEC.encode(Request("m", messages or [user("Hi")], **how)).body)


def steps(*messages) -> list:
    return body(*messages)["input"]


def own(**data) -> dict:
    return {P: data}


def test_a_request_is_a_post_that_asks_for_a_stream() -> None:
    http = CODEC.encode(Request("m", [user("Hi")], options=Options(headers={"x-a": 1})))
    assert (http.method, http.path) == ("POST", "/v1beta/interactions")
    assert http.headers == (("content-type", "application/json"), ("x-a", "1"))
    assert json.loads(http.body) == {"model": "m", "input": [HI], "stream": True}


def test_each_option_has_its_place() -> None:
    options = Options(
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        seed=7,
        stop=["x"],
        reasoning_effort="max",
        reasoning_summary="auto",
        modalities=["text"],
        store=False,
        service_tier="flex",
        extra={"previous_interaction_id": "v1"},
    )
    assert body(
        system("a"), user("Hi"), system("b"), options=options, tool_choice=ToolChoice("required")
    ) == {
        "model": "m",
        "input": [HI],
        "stream": True,
        "system_instruction": "a\n\nb",
        "generation_config": {
            "max_output_tokens": 9,
            "temperature": 0.5,
            "top_p": 0.9,
            "seed": 7,
            "stop_sequences": ["x"],
            "thinking_level": "high",
            "thinking_summaries": "auto",
            "tool_choice": "any",
        },
        "response_modalities": ["text"],
        "store": False,
        "service_tier": "flex",
        "previous_interaction_id": "v1",
    }


def test_a_choice_may_be_among_tools() -> None:
    for mode, said in (("required", "any"), ("auto", "validated")):
        encoded = body(tools=[Tool("f")], tool_choice=ToolChoice(mode, ["f"]))
        allowed = {"mode": said, "tools": ["f"]}
        assert encoded["generation_config"] == {"tool_choice": {"allowed_tools": allowed}}


def test_tools_and_schemas() -> None:
    schema = {"type": "object", "properties": {}}
    encoded = body(
        tools=[
            Tool("f", "does f"),
            ServerSideTool("google_search"),
            ServerSideTool("mcp_server", "n", config={"url": "u"}),
        ],
        schema=OutputSchema(schema),
    )
    assert encoded["tools"] == [
        {"type": "function", "name": "f", "description": "does f", "parameters": schema},
        {"type": "google_search"},
        {"type": "mcp_server", "name": "n", "url": "u"},
    ]
    form = {"type": "text", "mime_type": "application/json"}
    assert encoded["response_format"] == {**form, "schema": schema}
    assert body(schema=OutputSchema())["response_format"] == form


def test_what_came_from_here_goes_back_as_it_was() -> None:
    assert steps(
        user("a"),
        assistant(
            ReasoningPart("hm", provider_metadata=own(signature="s")),
            ReasoningPart("", provider_metadata=own(signature="t")),
            TextPart("b"),
            TextPart("c"),
            ToolCallPart(
                "x", "google_search", arguments={"q": 1}, server_executed=True,
                provider_metadata=own(type="google_search_call", id="y", signature="u"),
            ),
            ToolResultPart(
                "y", "google_search", output=[1], server_executed=True,
                provider_metadata=own(type="google_search_result", signature="v"),
            ),
            ToolCallPart("z", "f", arguments={}, provider_metadata=own(type="function_call", id=None)),
            OpaquePart(P, "hologram", {"type": "hologram"}),
        ),
        tool_message(ToolResultPart("z", "f", output="one")),
    ) == [
        {"type": "user_input", "content": [{"type": "text", "text": "a"}]},
        {"type": "thought", "summary": [{"type": "text", "text": "hm"}], "signature": "s"},
        {"type": "thought", "signature": "t"},
        {"type": "model_output", "content": [{"type": "text", "text": "b"}, {"type": "text", "text": "c"}]},
        {"type": "google_search_call", "id": "y", "arguments": {"q": 1}, "signature": "u"},
        {"type": "google_search_result", "call_id": "y", "result": [1], "signature": "v"},
        {"type": "function_call", "name": "f", "arguments": {}},
        {"type": "hologram"},
        {"type": "function_result", "call_id": "z", "name": "f", "result": "one"},
    ]  # fmt: skip


def test_what_came_from_elsewhere_is_left_out_or_said_plainly() -> None:
    assert steps(
        assistant(
            ReasoningPart("hm"),
            TextPart(""),
            ToolCallPart("1", "T", server_executed=True),
            ToolResultPart("1", "T", server_executed=True),
            OpaquePart("elsewhere", "t", {}),
            ToolCallPart("2", "f", raw='{"a'),
            ToolCallPart("3", "g", raw="SELECT", custom=True),
            ToolCallPart("4", "h", raw=""),
        )
    ) == [
        {"type": "function_call", "id": "2", "name": "f", "arguments": {"INVALID_JSON": '{"a'}},
        {"type": "function_call", "id": "3", "name": "g", "arguments": {"input": "SELECT"}},
        {"type": "function_call", "id": "4", "name": "h", "arguments": {}},
    ]


def test_results_may_fail_and_may_hold_files() -> None:
    image = Attachment("image/png", data=b"hi")
    failed, seen = steps(
        tool_message(
            ToolResultPart("1", "f", error="boom"),
            ToolResultPart("2", "f", output="see", attachments=[image]),
        )
    )
    assert failed == {
        "type": "function_result", "call_id": "1", "name": "f", "result": "boom", "is_error": True
    }  # fmt: skip
    shown = {"type": "image", "mime_type": "image/png", "data": "aGk="}
    assert seen["result"] == [{"type": "text", "text": "see"}, shown]


@pytest.mark.parametrize(
    ("attachment", "content"),
    [
        (Attachment("audio/wav", data=b"hi"), {"type": "audio", "mime_type": "audio/wav", "data": "aGk="}),
        (Attachment("video/mp4", url="gs://v"), {"type": "video", "mime_type": "video/mp4", "uri": "gs://v"}),
        (Attachment(None, file_id="files/a"), {"type": "document", "uri": "files/a"}),
    ],
)
def test_files_go_as_bytes_or_as_addresses(attachment: Attachment, content: dict) -> None:
    assert steps(user(attachment)) == [{"type": "user_input", "content": [content]}]


@pytest.mark.parametrize(
    "message", [user(Attachment(None, data=b"hi")), user(Attachment("image/png", path="x")), user("")]
)
def test_what_cannot_be_sent_is_the_callers_fault(message) -> None:
    with pytest.raises(ConfigError, match="expected"):
        body(message)


@pytest.mark.parametrize(
    "how",
    [
        {"options": Options(top_k=1)},
        {"options": Options(n=2)},
        {"options": Options(parallel_tool_calls=False)},
        {"options": Options(reasoning_effort="none")},
        {"options": Options(reasoning_budget=9)},
        {"tools": [Tool("f", custom=True)]},
        {"messages": [user("a", cache="5m")]},
        {"messages": [system(Attachment("image/png", data=b"hi"))]},
    ],
)
def test_what_the_wire_has_no_word_for_is_refused(how: dict) -> None:
    with pytest.raises(UnsupportedError, match="gemini-interactions"):
        body(*how.pop("messages", ()), **how)


@given(requests(provider=P))
def test_any_request_is_said_or_refused(request: Request) -> None:
    try:
        http = CODEC.encode(request)
    except UnsupportedError:
        return
    json.loads(http.body)


def test_a_result_names_its_call_as_the_wire_does() -> None:
    call = ToolCallPart("call_1", "f", arguments={}, provider_metadata=own(id="wire"))
    asked, answered = steps(assistant(call), tool_message(ToolResultPart("call_1", "f", output="r")))
    assert (asked["id"], answered["call_id"]) == ("wire", "wire")
