"""From a Request to the body of a call, compared whole."""

import json

import pytest
from hypothesis import given

from llmstream import (
    ConfigError,
    Options,
    OutputSchema,
    Request,
    ServerSideTool,
    Tool,
    ToolChoice,
    UnsupportedError,
    user,
)
from llmstream.testing import strategies
from llmstream.wire.openai_responses import CODEC, OpenAIResponsesCodec, Quirks

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
KEPT = {"store": False, "include": ["reasoning.encrypted_content"]}


def body(request: Request, codec: OpenAIResponsesCodec = CODEC) -> dict:
    return json.loads(codec.encode(request).body)


def written(codec: OpenAIResponsesCodec = CODEC, **options) -> dict:
    """What options add to a body."""
    sent = body(Request("m", [user("x")], options=Options(**options)), codec)
    return {name: value for name, value in sent.items() if name not in {"model", "input", "stream"}}


def test_a_small_request():
    http = CODEC.encode(Request("gpt-5.5", [user("Hi")]))
    assert (http.method, http.path) == ("POST", "/responses")
    assert http.headers == (("content-type", "application/json"),)
    assert json.loads(http.body) == {
        "model": "gpt-5.5",
        "input": [{"role": "user", "content": "Hi"}],
        "stream": True,
        **KEPT,
    }


def test_everything_at_once():
    request = Request(
        "m",
        [user("x")],
        tools=[
            Tool("f", "does f", parameters=SCHEMA, strict=True),
            Tool("g", parameters=SCHEMA),
            Tool("sql", "asks", custom=True, format={"type": "text"}),
            ServerSideTool("web_search", config={"search_context_size": "low"}),
        ],
        tool_choice=ToolChoice("required", ["f", "sql", "web_search"]),
        schema=OutputSchema(SCHEMA, "city", description="a city", strict=True),
        options=Options(
            max_tokens=9,
            temperature=0.5,
            top_p=0.1,
            logprobs=3,
            reasoning_effort="low",
            reasoning_summary="auto",
            verbosity="high",
            parallel_tool_calls=False,
            service_tier="flex",
            cache_key="k",
            user="u",
            metadata={"a": "b"},
            modalities=["text"],
            headers={"x-a": "1"},
        ),
    )
    assert CODEC.encode(request).headers[1:] == (("x-a", "1"),)
    assert body(request) == {
        "model": "m",
        "input": [{"role": "user", "content": "x"}],
        "stream": True,
        "store": False,
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
        "top_logprobs": 3,
        "max_output_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.1,
        "parallel_tool_calls": False,
        "service_tier": "flex",
        "prompt_cache_key": "k",
        "safety_identifier": "u",
        "metadata": {"a": "b"},
        "reasoning": {"effort": "low", "summary": "auto"},
        "text": {
            "format": {
                "type": "json_schema",
                "name": "city",
                "schema": SCHEMA,
                "description": "a city",
                "strict": True,
            },
            "verbosity": "high",
        },
        "tools": [
            {"type": "function", "name": "f", "description": "does f", "parameters": SCHEMA, "strict": True},
            {"type": "function", "name": "g", "parameters": SCHEMA, "strict": False},
            {"type": "custom", "name": "sql", "description": "asks", "format": {"type": "text"}},
            {"type": "web_search", "search_context_size": "low"},
        ],
        "tool_choice": {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [
                {"type": "function", "name": "f"},
                {"type": "custom", "name": "sql"},
                {"type": "web_search"},
            ],
        },
    }


def test_nothing_is_stored_unless_it_is_asked_for():
    assert written() == KEPT
    assert written(store=True) == {"store": True}
    assert written(store=False) == KEPT
    for name, value in (("background", True), ("previous_response_id", "resp_1"), ("conversation", "c")):
        assert written(extra={name: value}) == {name: value}
    assert written(OpenAIResponsesCodec("x", Quirks(stateless=False))) == {}


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4.1", "gpt-3.5-turbo", "openai/gpt-4.1-mini"])
def test_models_that_do_not_reason_are_not_asked_for_reasoning(model: str):
    assert "include" not in body(Request(model, [user("x")]))


def test_instructions_are_never_missing_where_they_are_wanted():
    assert written(OpenAIResponsesCodec("x", Quirks(instructions=True)))["instructions"] == ""


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (ToolChoice(), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("required", ["f"]), {"type": "function", "name": "f"}),
        (ToolChoice("required", ["web_search"]), {"type": "web_search"}),
        (ToolChoice("required", ["wiki"]), {"type": "mcp", "name": "wiki"}),
        (
            ToolChoice("auto", ["f"]),
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        ),
    ],
)
def test_a_choice_of_tools(choice: ToolChoice, said: object):
    tools = [Tool("f"), ServerSideTool("web_search"), ServerSideTool("mcp", "wiki")]
    assert body(Request("m", [user("x")], tools=tools, tool_choice=choice))["tool_choice"] == said


def test_any_json_may_be_asked_for():
    assert body(Request("m", [user("x")], schema=OutputSchema()))["text"] == {
        "format": {"type": "json_object"}
    }


def test_extra_comes_last_and_joins_what_is_there():
    assert written(
        reasoning_effort="low",
        temperature=1.0,
        extra={
            "reasoning": {"context": "all_turns"},
            "include": ["reasoning.encrypted_content", "file_search_call.results"],
            "temperature": 0,
            "truncation": "auto",
        },
    ) == {
        "store": False,
        "include": ["reasoning.encrypted_content", "file_search_call.results"],
        "reasoning": {"effort": "low", "context": "all_turns"},
        "temperature": 0,
        "truncation": "auto",
    }


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"top_k": 1}, "top_k"),
        ({"min_p": 0.1}, "min_p"),
        ({"presence_penalty": 0.1}, "presence_penalty"),
        ({"frequency_penalty": 0.1}, "frequency_penalty"),
        ({"stop": ["x"]}, "stop"),
        ({"seed": 1}, "seed"),
        ({"n": 2}, "n=2"),
        ({"reasoning_budget": 9}, "reasoning_budget"),
        ({"audio": {}}, "audio"),
        ({"prediction": "x"}, "prediction"),
        ({"modalities": ["text", "image"]}, "modalities"),
    ],
)
def test_what_the_wire_has_no_word_for_is_refused(options: dict, name: str):
    with pytest.raises(UnsupportedError, match=f"openai-responses can say, got .*{name}"):
        written(**options)


def test_a_cache_mark_is_refused():
    with pytest.raises(UnsupportedError, match="cache mark on the tool 'f'"):
        body(Request("m", [user("x")], tools=[Tool("f", cache="5m")]))


def test_there_must_be_something_to_send():
    with pytest.raises(ConfigError, match="a message to send"):
        CODEC.encode(Request("m"))
    assert body(Request("m", options=Options(extra={"previous_response_id": "r"})))["input"] == []


@given(strategies.requests(provider=CODEC.provider))
def test_any_request_is_encoded_or_refused(request: Request):
    try:
        sent = body(request)
    except UnsupportedError:
        return
    assert sent["stream"] is True
