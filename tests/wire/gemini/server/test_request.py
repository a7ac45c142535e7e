"""From the body of a call to a Request."""

from __future__ import annotations

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
    system,
    user,
)
from llmstream.testing.strategies import json_values
from llmstream.wire.gemini import CODEC
from llmstream.wire.http import HttpRequest

PATH = "/v1beta/models/gemini-3-flash:streamGenerateContent?alt=sse"
CONTENTS = [{"parts": [{"text": "Hi"}]}]


def read(*, path: str = PATH, **body) -> Request:
    body = {"contents": CONTENTS, **body}
    return CODEC.server.request(HttpRequest("POST", path, (), json.dumps(body).encode()))


def options(**config) -> Options:
    return read(generationConfig=config).options


@pytest.mark.parametrize(
    ("path", "model"),
    [
        (PATH, "gemini-3-flash"),
        ("/v1/models/a%20b:generateContent", "a b"),
        ("/v1beta/tunedModels/mine:generateContent", "tunedModels/mine"),
        ("/v1/projects/p/locations/l/publishers/google/models/m:generateContent", "m"),
    ],
)
def test_the_path_names_the_model(path: str, model: str) -> None:
    assert read(path=path) == Request(model, [user("Hi")])


@pytest.mark.parametrize(
    "given",
    ["Be brief", {"parts": {"text": "Be brief"}}, {"role": "user", "parts": [{"text": "Be brief"}, {}]}],
)
def test_the_system_instruction_may_have_many_forms(given: object) -> None:
    for name in ("systemInstruction", "system_instruction"):
        assert read(**{name: given}).messages == (system("Be brief"), user("Hi"))


def test_each_option_is_read_and_the_rest_is_kept() -> None:
    assert options(
        maxOutputTokens=9,
        temperature=0.5,
        top_p=0.9,
        topK=3,
        stopSequences=["x"],
        seed=7,
        responseLogprobs=True,
        logprobs=2,
        responseModalities=["TEXT"],
        candidateCount=1,
        thinkingConfig={"thinking_level": "LOW", "includeThoughts": True},
        mediaResolution="HIGH",
        responseMimeType="text/plain",
        presencePenalty=None,
    ) == Options(
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        stop=["x"],
        seed=7,
        logprobs=2,
        modalities=["text"],
        reasoning_effort="low",
        reasoning_summary="auto",
        extra={"generationConfig": {"mediaResolution": "HIGH", "responseMimeType": "text/plain"}},
    )
    kept = {"safetySettings": [1], "cachedContent": "c", "labels": {"a": "b"}}
    assert read(serviceTier="flex", toolConfig=None, **kept).options == Options(
        service_tier="flex", extra=kept
    )


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"thinkingBudget": 0}, {"reasoning_effort": "none"}),
        (
            {"thinkingBudget": 99, "includeThoughts": False},
            {"reasoning_budget": 99, "reasoning_summary": "none"},
        ),
        ({"includeThoughts": True}, {"reasoning_summary": "auto"}),
        (
            {"thinkingBudget": 9, "new": 1},
            {"extra": {"generationConfig": {"thinkingConfig": {"thinkingBudget": 9, "new": 1}}}},
        ),
    ],
)
def test_thinking_is_read_or_kept_as_it_is(config: dict, said: dict) -> None:
    assert options(thinkingConfig=config) == Options(**said)


def test_schemas_are_read_in_both_forms() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    old = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
    kind = {"responseMimeType": "application/json"}
    assert read(generationConfig={**kind, "responseJsonSchema": schema}).schema == OutputSchema(schema)
    assert read(generationConfig={**kind, "response_schema": old}).schema == OutputSchema(schema)
    assert read(generationConfig=kind).schema == OutputSchema()
    assert read(generationConfig=kind).options == Options()


def test_tools_are_read_in_both_forms() -> None:
    schema, old = {"type": "object", "properties": {}}, {"type": "OBJECT", "properties": {}}
    request = read(
        tools=[
            {"google_search": {}, "codeExecution": None},
            {
                "function_declarations": [
                    {"name": "f", "description": "d", "parametersJsonSchema": schema},
                    {"name": "g", "parameters": old},
                    {"name": "h"},
                ]
            },
        ],
        toolConfig={"includeServerSideToolInvocations": True, "retrievalConfig": {"a": 1}},
    )
    assert request.tools == (
        ServerSideTool("googleSearch"),
        Tool("f", "d", parameters=schema),
        Tool("g", parameters=schema),
        Tool("h"),
    )
    assert request.options.extra == {"toolConfig": {"retrievalConfig": {"a": 1}}}


@pytest.mark.parametrize(
    ("calling", "choice", "strict"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto"), None),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("required", ["f"]), None),
        ({"mode": "NONE"}, ToolChoice("none"), None),
        ({"mode": "VALIDATED", "allowed_function_names": ["f"]}, ToolChoice("auto", ["f"]), None),
        ({"mode": "VALIDATED"}, None, True),
    ],
)
def test_the_mode_is_a_choice_of_tools(calling: dict, choice: ToolChoice | None, strict: bool | None) -> None:
    request = read(
        tools=[{"functionDeclarations": [{"name": "f"}]}], toolConfig={"functionCallingConfig": calling}
    )
    assert request.tool_choice == choice
    assert request.tools == (Tool("f", strict=strict),)
    streamed = {"mode": "AUTO", "streamFunctionCallArguments": True}
    request = read(toolConfig={"functionCallingConfig": streamed})
    kept = {"functionCallingConfig": {"streamFunctionCallArguments": True}}
    assert request.options.extra == {"toolConfig": kept}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"contents": []}, "contents"),
        ({"contents": 7}, "contents"),
        ({"contents": [{"role": "system", "parts": []}]}, r"contents\[0\]\.role"),
        ({"contents": [{"parts": [{"text": 7}]}]}, r"contents\[0\]\.parts\[0\]"),
        ({"generationConfig": {"temperature": "hot"}}, "temperature"),
        ({"generationConfig": {"thinkingConfig": 7}}, "thinkingConfig"),
        ({"tools": [{"functionDeclarations": [{}]}]}, "tools"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "MAYBE"}}}, "functionCallingConfig.mode"),
        ({"systemInstruction": 7}, "systemInstruction"),
    ],
)
def test_a_body_that_is_no_request_is_refused_by_its_field(body: dict, named: str) -> None:
    with pytest.raises(InvalidRequestError, match=named) as caught:
        read(**body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("path", "body"), [(PATH, b"x"), (PATH, b"[]"), ("/v1beta/models", b'{"contents": [{}]}')]
)
def test_what_is_no_request_at_all_is_refused(path: str, body: bytes) -> None:
    with pytest.raises(InvalidRequestError, match="expected"):
        CODEC.server.request(HttpRequest("POST", path, (), body))


FIELDS = [
    "contents", "tools", "toolConfig", "generationConfig", "systemInstruction", "parts", "role",
    "text", "functionCall", "functionResponse", "name", "thinkingConfig", "functionDeclarations",
    "responseSchema", "response", "inlineData", "functionCallingConfig", "mode", "executableCode",
    "toolResponse",
]  # fmt: skip
HOSTILE = st.recursive(
    json_values(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(FIELDS), HOSTILE, max_size=3), HOSTILE)
def test_hostile_bodies_are_refused_and_break_nothing(body: dict, part: object) -> None:
    for one in (body, {"contents": [{"parts": [part]}], **body}, {**body, "contents": [{"parts": [part]}]}):
        with suppress(InvalidRequestError):
            CODEC.server.request(HttpRequest("POST", PATH, (), json.dumps(one).encode()))
