"""From an HTTP request to a Request."""

import json
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given

from llmstream import (
    InvalidRequestError,
    LLMStreamError,
    Options,
    OutputSchema,
    Request,
    ServerSideTool,
    Tool,
    ToolChoice,
    UnsupportedError,
    user,
)
from llmstream.errors import ConfigError
from llmstream.testing.strategies import requests
from llmstream.wire.anthropic import CODEC, AnthropicCodec, Quirks
from llmstream.wire.http import HttpRequest

HI = {"role": "user", "content": "Hi"}
SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}


def read(headers=(), **more) -> Request:
    body = {"model": "claude-x", "max_tokens": 5, "messages": [HI], **more}
    return CODEC.server.request(HttpRequest("POST", "/v1/messages", headers, json.dumps(body).encode()))


def test_a_plain_request() -> None:
    assert read(stream=True) == Request("claude-x", [user("Hi")], options=Options(max_tokens=5))


def test_the_options() -> None:
    options = read(
        temperature=0.5,
        top_p=1,
        top_k=9,
        stop_sequences=["a", "b"],
        service_tier="auto",
        metadata={"user_id": "u", "x": 1},
        tool_choice={"type": "none"},
    ).options
    assert options == Options(
        max_tokens=5,
        temperature=0.5,
        top_p=1,
        top_k=9,
        stop=["a", "b"],
        service_tier="auto",
        user="u",
        metadata={"x": 1},
    )


@pytest.mark.parametrize(
    ("said", "choice", "parallel"),
    [
        ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice(), False),
        ({"type": "any"}, ToolChoice("required"), None),
        ({"type": "tool", "name": "f"}, ToolChoice("required", ["f"]), None),
        ({"type": "none"}, ToolChoice("none"), None),
    ],
)
def test_the_tool_choice(said, choice, parallel) -> None:
    request = read(tool_choice=said)
    assert request.tool_choice == choice
    assert request.options.parallel_tool_calls is parallel


def test_the_tools() -> None:
    tools = [
        {"name": "f", "description": "d", "input_schema": SCHEMA, "strict": True},
        {"type": "custom", "name": "g", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}},
        {"name": "h", "input_schema": SCHEMA, "defer_loading": True},
        {"name": "i", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral", "scope": "x"}},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
    ]
    request = read(tools=tools)
    assert request.tools == (
        Tool("f", "d", parameters=SCHEMA, strict=True),
        Tool("g", parameters=SCHEMA, cache="5m"),
        ServerSideTool("custom", "h", config={"input_schema": SCHEMA, "defer_loading": True}),
        ServerSideTool(
            "custom",
            "i",
            config={"input_schema": SCHEMA, "cache_control": {"type": "ephemeral", "scope": "x"}},
        ),
        ServerSideTool("web_search_20250305", "web_search", config={"max_uses": 3}),
    )


@pytest.mark.parametrize(
    ("said", "options"),
    [
        ({"thinking": {"type": "disabled"}}, {"reasoning_effort": "none"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, {"reasoning_budget": 9}),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "max"}},
            {"reasoning_effort": "max", "reasoning_summary": "none"},
        ),
        ({"thinking": {"type": "adaptive"}}, {"extra": {"thinking": {"type": "adaptive"}}}),
        ({"output_config": {"effort": "low"}}, {"extra": {"output_config": {"effort": "low"}}}),
        (
            {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}},
            {"extra": {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}},
        ),
        ({"output_config": {"task_budget": 3}}, {"extra": {"output_config": {"task_budget": 3}}}),
        ({"thinking": {"type": "new"}}, {"extra": {"thinking": {"type": "new"}}}),
        ({"output_config": {"effort": "odd"}}, {"extra": {"output_config": {"effort": "odd"}}}),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 0}},
            {"extra": {"thinking": {"type": "enabled", "budget_tokens": 0}}},
        ),
    ],
)
def test_the_reasoning_controls(said, options) -> None:
    assert read(**said).options == Options(max_tokens=5, **options)


def test_the_output_schema() -> None:
    form = {"type": "json_schema", "schema": SCHEMA}
    request = read(output_config={"format": form, "effort": "low"}, thinking={"type": "adaptive"})
    assert request.schema == OutputSchema(SCHEMA)
    assert request.options == Options(max_tokens=5, reasoning_effort="low")
    kept = {"output_config": {"format": {"type": "new"}}}
    assert read(**kept).options.extra == kept
    assert read(**kept).schema is None


def test_fields_without_a_place_are_kept() -> None:
    more = {"container": "c", "mcp_servers": [{"url": "u"}]}
    assert read(**more).options.extra == more


def test_the_version_of_the_wire_is_kept_where_it_is_not_the_usual_one() -> None:
    usual = [("Anthropic-Version", "2023-06-01"), ("x-api-key", "k"), ("host", "h")]
    assert read(usual).options.headers == {}
    other = [("anthropic-version", "2030-01-01"), ("Anthropic-Beta", "a,b")]
    assert read(other).options.headers == {"anthropic-version": "2030-01-01", "anthropic-beta": "a,b"}


def test_a_cloud_names_the_model_in_the_path() -> None:
    codec = AnthropicCodec("vertex", Quirks(path="/models/{model}:raw", version="v"))
    request = Request("claude/x@1", [user("Hi")], options=Options(max_tokens=5))
    assert codec.server.request(codec.encode(request)) == request
    with pytest.raises(InvalidRequestError, match=r"a path like /models/\{model\}:raw at the path"):
        codec.server.request(HttpRequest("POST", "/elsewhere", (), b"{}"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"model": 3}, "expected a string at model, got 3"),
        ({"max_tokens": None}, "expected a whole number at max_tokens, got nothing"),
        ({"messages": []}, "expected an array with a message at messages, got an array"),
        ({"messages": [3]}, r"expected an object at messages\[0\], got 3"),
        ({"system": 3}, "expected an array at system, got 3"),
        ({"tools": [{"name": 3}]}, r"expected a string at tools\[0\]\.name, got 3"),
        ({"tools": [{"input_schema": {}}]}, r"expected a string at tools\[0\]\.name, got nothing"),
        ({"tool_choice": {"type": "x"}}, 'expected auto, any, tool or none at tool_choice.type, got "x"'),
        ({"tool_choice": {"type": ["x"]}}, "at tool_choice.type, got an array"),
        ({"tool_choice": {"type": "tool"}}, "expected a string at tool_choice.name, got nothing"),
        ({"temperature": True}, "expected a number at temperature, got true"),
        ({"top_k": "x"}, 'expected a number at top_k, got "x"'),
        ({"stop_sequences": [3]}, r"expected a string at stop_sequences\[0\], got 3"),
        ({"output_config": 3}, "expected an object at output_config, got 3"),
        ({"thinking": 3}, "expected an object at thinking, got 3"),
        ({"thinking": {"type": "enabled", "budget_tokens": "x"}}, "at thinking.budget_tokens"),
    ],
)
def test_a_wrong_field_is_named(more, said) -> None:
    with pytest.raises(InvalidRequestError, match=said) as caught:
        read(**more)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("body", "said"), [(b"{", "JSON as the body"), (b"[]", "an object at the top of the body, got an array")]
)
def test_a_body_that_is_no_object_is_refused(body, said) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        CODEC.server.request(HttpRequest("POST", "/v1/messages", (), body))


RICH = {
    "model": "claude-x",
    "max_tokens": 5,
    "system": [{"type": "text", "text": "A", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "cG5n"}},
                {"type": "document", "source": {"type": "file", "file_id": "f"}, "title": "t"},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "redacted_thinking", "data": "d"},
                {"type": "text", "text": "so", "citations": [{"type": "page_location", "title": "t"}]},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
                {"type": "server_tool_use", "id": "s", "name": "ask", "input": {}},
                {"type": "ask_tool_result", "tool_use_id": "s", "content": {"type": "x_error"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t",
                    "content": [{"type": "text", "text": "r"}],
                    "is_error": True,
                }
            ],
        },
    ],
    "tools": [
        {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True},
        {"type": "web_search_20250305", "name": "web_search"},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 9, "display": "omitted"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    "stop_sequences": ["END"],
    "temperature": 0.5,
    "metadata": {"user_id": "u"},
    "service_tier": "auto",
}
ODD = (None, True, 3, "x", "", [], {}, [3], [[]], {"type": 3}, {"type": "x"}, [{"type": "text"}])


def mutations(value: object) -> Iterator[object]:
    """The value with one thing in it replaced by something odd, or left out."""
    yield from ODD
    if isinstance(value, dict):
        for key in value:
            yield {name: inner for name, inner in value.items() if name != key}
            yield from ({**value, key: odd} for odd in mutations(value[key]))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from ([*value[:number], odd, *value[number + 1 :]] for odd in mutations(inner))


def test_no_body_of_whatever_shape_does_worse_than_be_refused() -> None:
    for body in mutations(RICH):
        try:
            request = CODEC.server.request(HttpRequest("POST", "/", (), json.dumps(body).encode()))
        except InvalidRequestError:
            continue
        with suppress(LLMStreamError):
            CODEC.encode(request)


OPTIONS = (
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop",
    "reasoning_effort",
    "reasoning_budget",
    "reasoning_summary",
    "parallel_tool_calls",
    "service_tier",
    "user",
)


@given(requests(provider="anthropic", only=OPTIONS, server_side=True))
def test_what_is_encoded_is_read_and_encoded_again_to_the_same(request) -> None:
    try:
        http = CODEC.encode(request)
    except (UnsupportedError, ConfigError):
        return
    again = CODEC.server.request(http)
    encoded = CODEC.encode(again)
    assert json.loads(encoded.body) == json.loads(http.body)
    assert (encoded.path, encoded.headers) == (http.path, http.headers)
    assert CODEC.server.request(encoded) == again


def test_a_strict_body_is_read_as_it_was_meant() -> None:
    quirks = Quirks(path="/model/{model}/stream", version="v", says_stream=False, betas="body")
    codec = AnthropicCodec("strict", quirks)
    options = Options(max_tokens=5, headers={"anthropic-beta": "x,y"})
    http = codec.encode(Request("m:0", [user("Hi")], options=options))
    assert codec.server.streams(http)
    assert not codec.server.streams(HttpRequest("POST", "/model/m/whole", (), http.body))
    assert codec.server.request(http) == Request("m:0", [user("Hi")], options=options)
    wrong = HttpRequest(
        "POST",
        http.path,
        (),
        b'{"max_tokens": 5, "messages": [{"role": "user", "content": "a"}], "anthropic_beta": [1]}',
    )
    with pytest.raises(InvalidRequestError, match=r"anthropic_beta\[0\]"):
        codec.server.request(wrong)
