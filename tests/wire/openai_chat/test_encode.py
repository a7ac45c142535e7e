"""From a Request to the body of a call, compared whole."""

import json

import pytest

from llmstream import (
    Attachment,
    ConfigError,
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
from llmstream.wire.openai_chat import CODEC, OpenAIChatCodec, Quirks

HI = [user("hi")]


def body(request: Request, quirks: Quirks | None = None) -> dict:
    return json.loads(OpenAIChatCodec("p", quirks or Quirks()).encode(request).body)


def added(quirks: Quirks | None = None, **request) -> dict:
    """What a request says beyond the least."""
    return {
        k: v for k, v in body(Request("m", HI, **request), quirks).items() if k not in body(Request("m", HI))
    }


def options(quirks: Quirks | None = None, **given) -> dict:
    return added(quirks, options=Options(**given))


def test_the_least_that_is_said():
    http = CODEC.encode(Request("m", [system("s"), user("hi")]))
    assert (http.method, http.path) == ("POST", "/chat/completions")
    assert http.headers == (("content-type", "application/json"),)
    assert json.loads(http.body) == {
        "model": "m",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_usage_is_not_asked_for_where_it_comes_anyway():
    assert "stream_options" not in body(Request("m", HI), Quirks(stream_usage=False))


def test_options_have_the_wires_names():
    assert options(
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        stop=["a", "b"],
        seed=7,
        n=1,
        logprobs=2,
        reasoning_effort="low",
        reasoning_summary="none",
        verbosity="high",
        parallel_tool_calls=False,
        modalities=["text", "audio"],
        audio={"voice": "v", "format": "wav"},
        prediction="draft",
        service_tier="flex",
        cache_key="k",
        user="u",
        metadata={"a": "b"},
        store=True,
    ) == {
        "max_completion_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "stop": ["a", "b"],
        "seed": 7,
        "logprobs": True,
        "top_logprobs": 2,
        "reasoning_effort": "low",
        "verbosity": "high",
        "parallel_tool_calls": False,
        "modalities": ["text", "audio"],
        "audio": {"voice": "v", "format": "wav"},
        "prediction": {"type": "content", "content": "draft"},
        "service_tier": "flex",
        "prompt_cache_key": "k",
        "user": "u",
        "metadata": {"a": "b"},
        "store": True,
    }


def test_the_chosen_tokens_alone_have_log_probabilities():
    assert options(logprobs=0) == {"logprobs": True}


def test_extra_comes_last_and_headers_go_along():
    request = Request(
        "m", HI, options=Options(temperature=1, extra={"temperature": 2, "x": [1]}, headers={"x-a": 5})
    )
    assert body(request)["temperature"] == 2
    assert body(request)["x"] == [1]
    assert CODEC.encode(request).headers == (("content-type", "application/json"), ("x-a", "5"))


def test_quirks_change_names():
    quirks = Quirks(max_tokens="max_tokens", seed="random_seed", sampling=("top_k", "min_p"), required="any")
    assert options(quirks, max_tokens=1, seed=2, top_k=3, min_p=0.1) == {
        "max_tokens": 1,
        "random_seed": 2,
        "top_k": 3,
        "min_p": 0.1,
    }
    assert added(quirks, tool_choice=ToolChoice("required")) == {"tool_choice": "any"}


@pytest.mark.parametrize(
    ("style", "given", "expected"),
    [
        ("effort", {"reasoning_effort": "none"}, {"reasoning_effort": "none"}),
        ("object", {"reasoning_effort": "high"}, {"reasoning": {"effort": "high"}}),
        (
            "object",
            {"reasoning_budget": 9, "reasoning_summary": "none"},
            {"reasoning": {"max_tokens": 9, "exclude": True}},
        ),
        ("object", {}, {}),
        ("switch", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ("switch", {"reasoning_effort": "low"}, {"thinking": {"type": "enabled"}}),
        ("switch and effort", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        (
            "switch and effort",
            {"reasoning_effort": "max"},
            {"thinking": {"type": "enabled"}, "reasoning_effort": "max"},
        ),
        ("switch", {}, {}),
    ],
)
def test_reasoning_is_asked_for_in_the_providers_way(style, given: dict, expected: dict):
    assert options(Quirks(reasoning=style), **given) == expected


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"n": 2}, "n=2"),
        ({"top_k": 5}, "top_k"),
        ({"min_p": 0.1}, "min_p"),
        ({"reasoning_budget": 9}, "reasoning_budget"),
        ({"reasoning_summary": "auto"}, "reasoning_summary"),
    ],
)
def test_what_the_dialect_cannot_say_is_refused(given: dict, named: str):
    with pytest.raises(UnsupportedError, match=f"openai-chat.*{named}"):
        options(**given)


TOOL = Tool(
    "f", "does f", parameters={"type": "object", "properties": {"a": {"type": "integer"}}}, strict=True
)
SAID = {
    "type": "function",
    "function": {
        "name": "f",
        "description": "does f",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
        "strict": True,
    },
}


def test_tools_are_functions_or_custom():
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a/"}}
    assert added(
        tools=[TOOL, Tool("g"), Tool("sql", custom=True, format=grammar), Tool("c", "d", custom=True)]
    ) == {
        "tools": [
            SAID,
            {
                "type": "function",
                "function": {"name": "g", "parameters": {"type": "object", "properties": {}}},
            },
            {"type": "custom", "custom": {"name": "sql", "format": grammar}},
            {"type": "custom", "custom": {"name": "c", "description": "d"}},
        ]
    }


def test_a_tool_may_end_a_cached_prefix_where_marks_are_known():
    tools = [Tool("g", cache="1h")]
    said = added(Quirks(cache_control=True), tools=tools)["tools"][0]
    assert said["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    with pytest.raises(UnsupportedError, match="cache mark on the tool 'g'"):
        added(tools=tools)


def test_the_search_of_openais_own_is_an_option():
    tools = [ServerSideTool("web_search", config={"search_context_size": "low"})]
    assert added(tools=tools) == {"web_search_options": {"search_context_size": "low"}}
    with pytest.raises(UnsupportedError, match="server-side tool 'x'"):
        added(tools=[ServerSideTool("x")])


def test_tools_of_the_providers_go_among_the_others():
    tools = [TOOL, ServerSideTool("v:search", config={"parameters": {"max_uses": 1}})]
    assert added(Quirks(server_tools=True), tools=tools) == {
        "tools": [SAID, {"type": "v:search", "parameters": {"max_uses": 1}}]
    }


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (ToolChoice(), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("none", ["f"]), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("required", ["f"]), {"type": "function", "function": {"name": "f"}}),
        (ToolChoice("required", ["sql"]), {"type": "custom", "custom": {"name": "sql"}}),
        (
            ToolChoice("auto", ["f"]),
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
        ),
        (
            ToolChoice("required", ["f", "sql"]),
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [
                        {"type": "function", "function": {"name": "f"}},
                        {"type": "custom", "custom": {"name": "sql"}},
                    ],
                },
            },
        ),
    ],
)
def test_tool_choices(choice: ToolChoice, said):
    assert added(tools=[TOOL, Tool("sql", custom=True)], tool_choice=choice)["tool_choice"] == said


def test_an_output_schema_is_a_response_format():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert added(schema=OutputSchema(schema, "dog", description="a dog", strict=True)) == {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "dog", "schema": schema, "description": "a dog", "strict": True},
        }
    }
    assert added(schema=OutputSchema(schema)) == {
        "response_format": {"type": "json_schema", "json_schema": {"name": "output", "schema": schema}}
    }
    assert added(schema=OutputSchema()) == {"response_format": {"type": "json_object"}}


def test_a_path_must_have_been_opened():
    with pytest.raises(ConfigError, match="was opened"):
        body(Request("m", [user(Attachment("image/png", path="a.png"))]))
