"""From a Request to the body of a call."""

from __future__ import annotations

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
    assistant,
    system,
    user,
)
from llmstream.testing.strategies import requests
from llmstream.wire.gemini import CODEC, GeminiCodec, Quirks
from llmstream.wire.gemini.encode import path_of, thinking

HI = [user("Hi")]
CONTENTS = [{"role": "user", "parts": [{"text": "Hi"}]}]
F = Tool("f", "does f", parameters={"type": "object", "properties": {"a": {"type": "string"}}})


def body(*, codec: GeminiCodec = CODEC, messages=HI, model: str = "gemini-3-flash", **how) -> dict:
    encoded = json.loads(codec.encode(Request(model, messages, **how)).body)
    if messages is HI:
        assert encoded.pop("contents") == CONTENTS
    return encoded


def config(model: str = "gemini-3-flash", **options) -> dict:
    return body(model=model, options=Options(**options))["generationConfig"]


def test_a_request_is_a_post_that_asks_for_a_stream_of_events() -> None:
    http = CODEC.encode(Request("gemini-x", HI, options=Options(headers={"x-a": 1})))
    assert (http.method, http.path) == ("POST", "/v1beta/models/gemini-x:streamGenerateContent?alt=sse")
    assert http.headers == (("content-type", "application/json"), ("x-a", "1"))
    assert json.loads(http.body) == {"contents": CONTENTS}


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("models/gemini-x", "/v1beta/models/gemini-x"),
        ("tunedModels/mine", "/v1beta/tunedModels/mine"),
        ("a b?c", "/v1beta/models/a%20b%3Fc"),
    ],
)
def test_the_model_is_in_the_path(model: str, path: str) -> None:
    assert path_of(model, Quirks()) == f"{path}:streamGenerateContent?alt=sse"
    vertex = path_of("m", Quirks(path="/publishers/google/models/"))
    assert vertex == "/publishers/google/models/m:streamGenerateContent?alt=sse"


def test_the_system_instruction_stands_apart() -> None:
    assert body(messages=[system("Be brief"), user("a"), assistant("b"), user("c")]) == {
        "systemInstruction": {"parts": [{"text": "Be brief"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "a"}]},
            {"role": "model", "parts": [{"text": "b"}]},
            {"role": "user", "parts": [{"text": "c"}]},
        ],
    }


def test_each_option_has_its_place() -> None:
    options = Options(
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        seed=7,
        stop=["x"],
        logprobs=2,
        modalities=["text", "image"],
        audio={"voiceConfig": {}},
        parallel_tool_calls=True,
        n=1,
        service_tier="flex",
    )
    assert body(options=options) == {
        "serviceTier": "flex",
        "generationConfig": {
            "maxOutputTokens": 9,
            "temperature": 0.5,
            "topP": 0.9,
            "topK": 3,
            "presencePenalty": 0.1,
            "frequencyPenalty": 0.2,
            "seed": 7,
            "speechConfig": {"voiceConfig": {}},
            "stopSequences": ["x"],
            "responseLogprobs": True,
            "logprobs": 2,
            "responseModalities": ["TEXT", "IMAGE"],
        },
    }
    assert config(logprobs=0) == {"responseLogprobs": True}


def test_extra_is_merged_in_last() -> None:
    extra = {"safetySettings": [1], "cachedContent": "cachedContents/a", "generationConfig": {"topK": 1}}
    assert body(options=Options(temperature=0, extra=extra)) == {
        "safetySettings": [1],
        "cachedContent": "cachedContents/a",
        "generationConfig": {"temperature": 0, "topK": 1},
    }


@pytest.mark.parametrize(
    ("options", "model", "said"),
    [
        ({"reasoning_effort": "low"}, "gemini-3-pro", {"thinkingLevel": "low"}),
        ({"reasoning_effort": "max"}, "gemini-3-pro", {"thinkingLevel": "high"}),
        ({"reasoning_effort": "medium"}, "gemini-2.5-flash", {"thinkingBudget": 8192}),
        ({"reasoning_effort": "xhigh"}, "models/gemini-2.5-pro", {"thinkingBudget": 24576}),
        ({"reasoning_effort": "none"}, "gemini-3-pro", {"thinkingBudget": 0}),
        (
            {"reasoning_budget": 99, "reasoning_summary": "none"},
            "m",
            {"thinkingBudget": 99, "includeThoughts": False},
        ),
        ({"reasoning_summary": "detailed"}, "m", {"includeThoughts": True}),
    ],
)
def test_thinking_is_asked_for_in_the_models_words(options: dict, model: str, said: dict) -> None:
    assert config(model, **options) == {"thinkingConfig": said}


def test_an_effort_and_a_budget_cannot_be_said_together() -> None:
    with pytest.raises(UnsupportedError, match="reasoning_budget=9"):
        thinking(Options(reasoning_effort="low", reasoning_budget=9), "m")


def test_an_output_schema_is_said_as_it_is() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    assert body(schema=OutputSchema(schema, "named"))["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": schema,
    }
    assert body(schema=OutputSchema())["generationConfig"] == {"responseMimeType": "application/json"}


def test_tools_of_both_kinds_go_together() -> None:
    assert body(
        tools=[F, Tool("g"), ServerSideTool("googleSearch"), ServerSideTool("fileSearch", config={"a": 1})]
    ) == {
        "tools": [
            {"googleSearch": {}},
            {"fileSearch": {"a": 1}},
            {
                "functionDeclarations": [
                    {"name": "f", "description": "does f", "parametersJsonSchema": F.parameters},
                    {"name": "g", "parametersJsonSchema": {"type": "object", "properties": {}}},
                ]
            },
        ],
        "toolConfig": {"includeServerSideToolInvocations": True},
    }
    assert body(tools=[ServerSideTool("urlContext")]) == {"tools": [{"urlContext": {}}]}


@pytest.mark.parametrize(
    ("choice", "strict", "said"),
    [
        (ToolChoice("auto"), None, {"mode": "AUTO"}),
        (ToolChoice("none", ["f"]), None, {"mode": "NONE"}),
        (ToolChoice("required"), True, {"mode": "ANY"}),
        (ToolChoice("required", ["f"]), None, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice("auto", ["f"]), None, {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
        (ToolChoice("auto"), True, {"mode": "VALIDATED"}),
        (None, True, {"mode": "VALIDATED"}),
    ],
)
def test_a_choice_of_tools_has_its_mode(choice: ToolChoice | None, strict: bool | None, said: dict) -> None:
    encoded = body(tools=[Tool("f", strict=strict)], tool_choice=choice)
    assert encoded["toolConfig"] == {"functionCallingConfig": said}


@pytest.mark.parametrize(
    "options",
    [
        {"min_p": 0.1},
        {"n": 2},
        {"verbosity": "low"},
        {"prediction": "x"},
        {"cache_key": "k"},
        {"user": "u"},
        {"metadata": {"a": 1}},
        {"store": True},
        {"parallel_tool_calls": False},
    ],
)
def test_an_option_that_the_wire_has_not_is_refused_by_name(options: dict) -> None:
    with pytest.raises(UnsupportedError, match=f"gemini.*{next(iter(options))}"):
        CODEC.encode(Request("m", HI, options=Options(**options)))


@pytest.mark.parametrize("tool", [Tool("f", custom=True), Tool("f", cache="5m")])
def test_a_tool_that_the_wire_has_not_is_refused(tool: Tool) -> None:
    with pytest.raises(UnsupportedError, match="'f'"):
        CODEC.encode(Request("m", HI, tools=[tool]))


def test_without_a_message_there_is_nothing_to_send() -> None:
    for messages in ([], [system("a")], [assistant("")]):
        with pytest.raises(ConfigError, match="message of the user's"):
            CODEC.encode(Request("m", messages))


@given(requests(provider="gemini"))
def test_any_request_is_said_or_refused(request: Request) -> None:
    try:
        http = CODEC.encode(request)
    except UnsupportedError:
        return
    json.loads(http.body)
    assert CODEC.encode(CODEC.server.request(http)) == http
