"""From a Request to an HTTP request."""

import json

import pytest

from llmstream import (
    Options,
    OutputSchema,
    Request,
    ServerSideTool,
    Tool,
    ToolChoice,
    UnsupportedError,
    system,
    user,
)
from llmstream.errors import ConfigError
from llmstream.wire.bedrock import CODEC

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
CLOSED = {**SCHEMA, "additionalProperties": False}
HI = [{"role": "user", "content": [{"text": "hi"}]}]


def body(request: Request) -> dict:
    return json.loads(CODEC.encode(request).body)


def options(**given) -> dict:
    return body(Request("m", [user("hi")], options=Options(**given)))


def test_the_model_is_in_the_path() -> None:
    arn = "arn:aws:bedrock:us-east-1:1:inference-profile/x"
    http = CODEC.encode(Request(arn, [user("hi")], options=Options(headers={"X-Amzn-Trace": 1})))
    assert http.method == "POST"
    assert http.path == "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse-stream"
    assert http.headers == (("content-type", "application/json"), ("x-amzn-trace", "1"))
    assert json.loads(http.body) == {"messages": HI}


def test_a_request_with_all_that_the_wire_says() -> None:
    request = Request(
        "m",
        [system("be brief", cache="1h"), user("hi")],
        tools=[
            Tool("f", "does f", parameters=SCHEMA),
            Tool("g", parameters=SCHEMA, strict=True, cache="5m"),
            ServerSideTool("nova_code_interpreter"),
        ],
        tool_choice=ToolChoice("required", ["f"]),
        schema=OutputSchema(SCHEMA, "answer", description="an answer"),
        options=Options(
            max_tokens=5,
            temperature=0.5,
            top_p=0.9,
            top_k=3,
            stop=["x"],
            reasoning_effort="high",
            reasoning_budget=1024,
            reasoning_summary="auto",
            service_tier="priority",
            metadata={"team": "a"},
            extra={
                "guardrailConfig": {"guardrailIdentifier": "g"},
                "additionalModelRequestFields": {"more": 1},
                "inferenceConfig": {"maxTokens": 6},
            },
        ),
    )
    assert body(request) == {
        "messages": HI,
        "system": [{"text": "be brief"}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
        "inferenceConfig": {"maxTokens": 6, "temperature": 0.5, "topP": 0.9, "stopSequences": ["x"]},
        "toolConfig": {
            "tools": [
                {"toolSpec": {"name": "f", "description": "does f", "inputSchema": {"json": SCHEMA}}},
                {"toolSpec": {"name": "g", "inputSchema": {"json": CLOSED}, "strict": True}},
                {"cachePoint": {"type": "default"}},
                {"systemTool": {"name": "nova_code_interpreter"}},
            ],
            "toolChoice": {"tool": {"name": "f"}},
        },
        "additionalModelRequestFields": {
            "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "summarized"},
            "top_k": 3,
            "more": 1,
        },
        "outputConfig": {
            "effort": "high",
            "textFormat": {
                "type": "json_schema",
                "structure": {
                    "jsonSchema": {
                        "name": "answer",
                        "schema": json.dumps(CLOSED, separators=(",", ":")),
                        "description": "an answer",
                    }
                },
            },
        },
        "serviceTier": {"type": "priority"},
        "requestMetadata": {"team": "a"},
        "guardrailConfig": {"guardrailIdentifier": "g"},
    }


@pytest.mark.parametrize(
    ("given", "thinking", "effort"),
    [
        ({"reasoning_effort": "none"}, {"type": "disabled"}, None),
        ({"reasoning_budget": 0}, {"type": "disabled"}, None),
        ({"reasoning_effort": "minimal"}, {"type": "adaptive"}, "low"),
        ({"reasoning_effort": "max"}, {"type": "adaptive"}, "max"),
        ({"reasoning_budget": 2000}, {"type": "enabled", "budget_tokens": 2000}, None),
        ({"reasoning_summary": "none"}, {"type": "adaptive", "display": "omitted"}, None),
    ],
)
def test_reasoning_is_asked_for_in_claudes_words(given, thinking, effort) -> None:
    said = options(**given)
    assert said["additionalModelRequestFields"] == {"thinking": thinking}
    assert said.get("outputConfig") == (None if effort is None else {"effort": effort})


@pytest.mark.parametrize(
    ("choice", "said"),
    [(ToolChoice(), {"auto": {}}), (ToolChoice("required"), {"any": {}})],
)
def test_the_tool_choice(choice, said) -> None:
    request = Request("m", [user("hi")], tools=[Tool("f")], tool_choice=choice)
    assert body(request)["toolConfig"]["toolChoice"] == said


def test_a_tool_of_the_callers_with_more_fields() -> None:
    tool = ServerSideTool("toolSpec", "f", config={"inputSchema": {"json": SCHEMA}, "novel": 1})
    said = body(Request("m", [user("hi")], tools=[tool]))["toolConfig"]["tools"]
    assert said == [{"toolSpec": {"name": "f", "inputSchema": {"json": SCHEMA}, "novel": 1}}]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"seed": 1}, "seed=1"),
        ({"min_p": 0.1}, "min_p"),
        ({"presence_penalty": 0.1}, "presence_penalty"),
        ({"frequency_penalty": 0.1}, "frequency_penalty"),
        ({"logprobs": 1}, "logprobs"),
        ({"verbosity": "low"}, "verbosity"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"audio": {}}, "audio"),
        ({"prediction": "x"}, "prediction"),
        ({"cache_key": "x"}, "cache_key"),
        ({"user": "x"}, "user"),
        ({"store": True}, "store"),
        ({"n": 2}, "n=2"),
        ({"modalities": ["text", "image"]}, "modalities"),
    ],
)
def test_options_that_the_dialect_has_not_are_named(given, named) -> None:
    with pytest.raises(UnsupportedError, match="bedrock") as caught:
        options(**given)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [Tool("f", custom=True)]},
        {"tool_choice": ToolChoice("none")},
        {"tool_choice": ToolChoice("none", ["f"])},
        {"tool_choice": ToolChoice("auto", ["f"])},
        {"tool_choice": ToolChoice("required", ["f", "g"])},
        {"schema": OutputSchema()},
    ],
)
def test_what_else_the_dialect_cannot_say(more) -> None:
    with pytest.raises(UnsupportedError, match="bedrock"):
        CODEC.encode(Request("m", [user("hi")], **more))


def test_what_is_asked_for_must_agree() -> None:
    with pytest.raises(ConfigError, match="a message of the user's"):
        CODEC.encode(Request("m", [system("a"), user(" ")]))
    with pytest.raises(ConfigError, match="reasoning budget of 9"):
        options(reasoning_effort="none", reasoning_budget=9)
