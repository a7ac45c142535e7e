"""From a Request to the body of a call."""

import json

import pytest

from llmstream import Options, OutputSchema, Request, ServerSideTool, Tool, ToolChoice, UnsupportedError, user
from llmstream.wire.ollama import CODEC

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = Tool("get_weather", "The weather.", parameters=SCHEMA)


def body(**more) -> dict:
    options = more.pop("options", {})
    http = CODEC.encode(Request("m", [user("hi")], options=Options(**options), **more))
    assert (http.method, http.path) == ("POST", "/api/chat")
    return json.loads(http.body)


def test_a_request_is_a_body_that_asks_for_a_stream():
    assert body() == {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}


def test_everything_that_can_be_said_is_said():
    options = {
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.1,
        "presence_penalty": 1.0,
        "frequency_penalty": -1.0,
        "seed": 7,
        "stop": ["\n", "END"],
        "logprobs": 2,
        "reasoning_effort": "high",
        "n": 1,
        "modalities": ["text"],
        "extra": {"keep_alive": "5m", "options": {"num_ctx": 8192}},
    }
    assert body(options=options, tools=[TOOL], schema=OutputSchema(SCHEMA), tool_choice=ToolChoice()) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "tools": [
            {
                "type": "function",
                "function": {"name": "get_weather", "description": "The weather.", "parameters": SCHEMA},
            }
        ],
        "format": SCHEMA,
        "think": "high",
        "logprobs": True,
        "top_logprobs": 2,
        "options": {
            "num_predict": 9,
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "min_p": 0.1,
            "presence_penalty": 1.0,
            "frequency_penalty": -1.0,
            "seed": 7,
            "stop": ["\n", "END"],
            "num_ctx": 8192,
        },
        "keep_alive": "5m",
    }


@pytest.mark.parametrize(
    ("effort", "said"), [("none", False), ("low", "low"), ("medium", True), ("high", "high"), ("max", "max")]
)
def test_thinking_is_a_switch_or_a_level(effort: str, said: object):
    assert body(options={"reasoning_effort": effort})["think"] == said


def test_an_answer_may_be_any_json():
    assert body(schema=OutputSchema())["format"] == "json"


def test_chosen_tokens_may_be_shown_alone():
    told = body(options={"logprobs": 0})
    assert told["logprobs"] is True
    assert "top_logprobs" not in told


def test_no_tools_are_sent_where_none_may_be_called():
    assert "tools" not in body(tools=[TOOL], tool_choice=ToolChoice("none"))


def test_a_tool_may_have_no_description():
    assert "description" not in body(tools=[Tool("f")])["tools"][0]["function"]


def test_headers_of_the_caller_are_sent():
    http = CODEC.encode(Request("m", [user("hi")], options=Options(headers={"x-a": 1})))
    assert http.headers == (("content-type", "application/json"), ("x-a", "1"))


def test_extra_overrides():
    assert body(options={"extra": {"options": "x", "model": "y"}, "seed": 1})["options"] == "x"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"n": 2}, "n=2"),
        ({"reasoning_effort": "minimal"}, "minimal"),
        ({"reasoning_effort": "xhigh"}, "xhigh"),
        ({"reasoning_budget": 5}, "reasoning_budget"),
        ({"reasoning_summary": "auto"}, "reasoning_summary"),
        ({"modalities": ["audio"]}, "modalities"),
        ({"verbosity": "low"}, "verbosity"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"prediction": "x"}, "prediction"),
        ({"service_tier": "x"}, "service_tier"),
        ({"cache_key": "x"}, "cache_key"),
        ({"user": "x"}, "user"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"store": True}, "store"),
    ],
)
def test_an_option_that_cannot_be_said_is_refused_by_name(options: dict, named: str):
    with pytest.raises(UnsupportedError, match=f"ollama.*{named}"):
        body(options=options)


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [ServerSideTool("web_search")]},
        {"tools": [Tool("f", custom=True)]},
        {"tools": [Tool("f", cache="5m")]},
        {"tools": [TOOL], "tool_choice": ToolChoice("required")},
        {"tools": [TOOL], "tool_choice": ToolChoice("auto", ["get_weather"])},
    ],
)
def test_tools_that_cannot_be_said_are_refused(more: dict):
    with pytest.raises(UnsupportedError, match="ollama"):
        body(**more)
