"""From an HTTP request to a Request."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream import (
    InvalidRequestError,
    Options,
    OutputSchema,
    Request,
    ServerSideTool,
    Tool,
    ToolChoice,
    UnsupportedError,
    user,
)
from llmstream.testing.strategies import json_values, requests
from llmstream.wire.bedrock import CODEC
from llmstream.wire.http import HttpRequest

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
PATH = "/model/m/converse-stream"
HI = [{"role": "user", "content": [{"text": "hi"}]}]


def read(path: str = PATH, **body: object) -> Request:
    return CODEC.server.request(HttpRequest("POST", path, (), json.dumps({"messages": HI, **body}).encode()))


def test_the_model_is_in_the_path() -> None:
    assert read("https://h.test/base/model/us.a.b-v1%3A0/converse?x=1") == Request(
        "us.a.b-v1:0", [user("hi")]
    )
    for path in ("/model//converse", "/model/m/invoke", "/converse-stream"):
        with pytest.raises(InvalidRequestError, match="the path"):
            read(path)


def test_the_path_says_whether_it_streams() -> None:
    assert CODEC.server.streams(HttpRequest("POST", PATH + "?x=1"))
    assert not CODEC.server.streams(HttpRequest("POST", "/model/m/converse"))


def test_the_options() -> None:
    request = read(
        inferenceConfig={"maxTokens": 5, "temperature": 0.5, "topP": 1, "stopSequences": ["a"], "novel": 1},
        additionalModelRequestFields={
            "top_k": 3,
            "thinking": {"type": "enabled", "budget_tokens": 9},
            "more": 1,
        },
        serviceTier={"type": "flex"},
        requestMetadata={"team": "a"},
        guardrailConfig={"guardrailIdentifier": "g"},
    )
    assert request.options == Options(
        max_tokens=5,
        temperature=0.5,
        top_p=1,
        top_k=3,
        stop=["a"],
        reasoning_budget=9,
        service_tier="flex",
        metadata={"team": "a"},
        extra={
            "inferenceConfig": {"novel": 1},
            "additionalModelRequestFields": {"more": 1},
            "guardrailConfig": {"guardrailIdentifier": "g"},
        },
    )


@pytest.mark.parametrize(
    ("body", "options"),
    [
        ({"additionalModelRequestFields": {"thinking": {"type": "disabled"}}}, {"reasoning_effort": "none"}),
        (
            {
                "additionalModelRequestFields": {"thinking": {"type": "adaptive", "display": "omitted"}},
                "outputConfig": {"effort": "high"},
            },
            {"reasoning_effort": "high", "reasoning_summary": "none"},
        ),
        ({"outputConfig": {"effort": "high"}}, {"extra": {"outputConfig": {"effort": "high"}}}),
        (
            {"additionalModelRequestFields": {"thinking": {"type": "novel"}}},
            {"extra": {"additionalModelRequestFields": {"thinking": {"type": "novel"}}}},
        ),
        (
            {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 0}}},
            {
                "extra": {
                    "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 0}}
                }
            },
        ),
        (
            {
                "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 0}},
                "outputConfig": {"effort": "low"},
            },
            {
                "extra": {
                    "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 0}},
                    "outputConfig": {"effort": "low"},
                }
            },
        ),
        ({"serviceTier": {"type": "flex", "x": 1}}, {"extra": {"serviceTier": {"type": "flex", "x": 1}}}),
        (
            {"additionalModelRequestFields": {"top_k": "x"}},
            {"extra": {"additionalModelRequestFields": {"top_k": "x"}}},
        ),
        (
            {"outputConfig": {"textFormat": {"type": "novel"}}},
            {"extra": {"outputConfig": {"textFormat": {"type": "novel"}}}},
        ),
    ],
)
def test_what_encode_would_say_otherwise_is_left(body, options) -> None:
    assert read(**body).options == Options(**options)


def test_the_tools() -> None:
    spec = {"name": "f", "description": "d", "inputSchema": {"json": SCHEMA}}
    point = {"cachePoint": {"type": "default"}}
    request = read(
        toolConfig={
            "tools": [
                {"toolSpec": {**spec, "strict": True}},
                point,
                {"toolSpec": {**spec, "novel": 1}},
                {"systemTool": {"name": "run", "x": 1}},
            ],
            "toolChoice": {"any": {}},
            "novel": 1,
        }
    )
    assert request.tools == (
        Tool("f", "d", parameters=SCHEMA, strict=True, cache="5m"),
        ServerSideTool(
            "toolSpec", "f", config={"description": "d", "inputSchema": {"json": SCHEMA}, "novel": 1}
        ),
        ServerSideTool("run", config={"x": 1}),
    )
    assert request.tool_choice == ToolChoice("required")
    assert request.options.extra == {"toolConfig": {"novel": 1}}


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ({"auto": {}}, ToolChoice()),
        ({"tool": {"name": "f"}}, ToolChoice("required", ["f"])),
        (None, None),
    ],
)
def test_the_tool_choice(said, choice) -> None:
    assert read(toolConfig={"toolChoice": said}).tool_choice == choice


def test_the_schema() -> None:
    form = {"name": "answer", "schema": json.dumps(SCHEMA), "description": "d"}
    request = read(
        outputConfig={
            "textFormat": {"type": "json_schema", "structure": {"jsonSchema": form}},
            "effort": "low",
        }
    )
    assert request.schema == OutputSchema(SCHEMA, "answer", description="d")
    assert request.options.extra == {"outputConfig": {"effort": "low"}}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"messages": []}, "messages"),
        ({"messages": 1}, "messages"),
        ({"system": 1}, "system"),
        ({"toolConfig": 1}, "toolConfig"),
        ({"toolConfig": {"tools": [{"cachePoint": {"type": "default"}}]}}, "toolConfig.tools[0]"),
        ({"toolConfig": {"tools": [{"novel": {"name": "f"}}]}}, "a toolSpec or a systemTool"),
        ({"toolConfig": {"toolChoice": {"none": {}}}}, "auto, any or tool"),
        ({"inferenceConfig": {"topP": "x"}}, "inferenceConfig.topP"),
        ({"inferenceConfig": {"maxTokens": 1.5}}, "inferenceConfig.maxTokens"),
        ({"inferenceConfig": {"stopSequences": [1]}}, "inferenceConfig.stopSequences[0]"),
        (
            {
                "outputConfig": {
                    "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "["}}}
                }
            },
            "the text of a JSON object",
        ),
    ],
)
def test_what_is_no_request_is_refused_by_the_field(body, named) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read(**body)
    assert named in str(caught.value)
    assert caught.value.status == 400


@pytest.mark.parametrize("body", [b"", b"[]", b"{"])
def test_a_body_that_is_no_object_is_refused(body) -> None:
    with pytest.raises(InvalidRequestError):
        CODEC.server.request(HttpRequest("POST", PATH, (), body))


SAID = (
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop",
    "reasoning_effort",
    "reasoning_budget",
    "reasoning_summary",
    "service_tier",
)


@given(requests(provider="bedrock", only=SAID, files=False, server_side=True))
def test_what_is_written_is_read_and_written_again(request) -> None:
    with suppress(UnsupportedError, ValueError):
        written = CODEC.encode(request)
        assert CODEC.encode(CODEC.server.request(written)) == written


FIELDS = (
    "messages",
    "system",
    "toolConfig",
    "inferenceConfig",
    "outputConfig",
    "additionalModelRequestFields",
    "serviceTier",
    "requestMetadata",
)
BLOCKS = st.dictionaries(
    st.sampled_from(
        [
            "text",
            "toolUse",
            "toolResult",
            "reasoningContent",
            "citationsContent",
            "image",
            "document",
            "cachePoint",
            "novel",
        ]
    ),
    json_values(),
    min_size=1,
    max_size=1,
)
TURNS = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant", "system", "x"]),
            "content": st.lists(BLOCKS, max_size=3),
        }
    ),
    min_size=1,
    max_size=3,
)


@given(st.dictionaries(st.sampled_from(FIELDS), json_values(), max_size=3), TURNS)
def test_hostile_requests_raise_only_our_own_errors(body, turns) -> None:
    for said in (body, {**body, "messages": turns}, {"messages": turns}):
        with suppress(InvalidRequestError):
            CODEC.server.request(HttpRequest("POST", PATH, (), json.dumps(said).encode()))
