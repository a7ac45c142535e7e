"""From the body of a call to a Request."""

import json

import pytest
from hypothesis import given

from llmstream import (
    InvalidRequestError,
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
from llmstream.testing import strategies
from llmstream.wire.http import HttpRequest
from llmstream.wire.openai_responses import CODEC
from llmstream.wire.openai_responses.server.request import streams

SCHEMA = {"type": "object", "properties": {}}


def http(body: object) -> HttpRequest:
    return HttpRequest("POST", "/responses", body=json.dumps(body).encode())


def read(**body) -> Request:
    return CODEC.server.request(http({"model": "m", "input": "x", **body}))


def test_a_text_is_what_the_user_says():
    assert read() == Request("m", [user("x")])
    assert read(instructions="Be brief.").messages == (system("Be brief."), user("x"))
    assert read(input=None).messages == ()


def test_it_says_whether_it_wants_a_stream():
    assert streams(http({"stream": True}))
    assert not streams(http({}))
    assert not streams(HttpRequest("POST", "/responses", body=b"["))


def test_options_have_our_names_and_the_rest_is_extra():
    assert read(
        max_output_tokens=9,
        temperature=1,
        top_p=0.5,
        parallel_tool_calls=True,
        service_tier="flex",
        prompt_cache_key="k",
        safety_identifier="u",
        metadata={"a": "b"},
        top_logprobs=2,
        include=["message.output_text.logprobs", "reasoning.encrypted_content", "file_search_call.results"],
        reasoning={"effort": "low", "summary": "auto", "context": "all_turns"},
        text={"verbosity": "low", "new": 1},
        store=False,
        truncation="auto",
        user=None,
    ).options == Options(
        max_tokens=9,
        temperature=1,
        top_p=0.5,
        parallel_tool_calls=True,
        service_tier="flex",
        cache_key="k",
        user="u",
        metadata={"a": "b"},
        logprobs=2,
        reasoning_effort="low",
        reasoning_summary="auto",
        verbosity="low",
        extra={
            "include": ["file_search_call.results"],
            "reasoning": {"context": "all_turns"},
            "text": {"new": 1},
            "truncation": "auto",
        },
    )


def test_what_is_stored_is_kept_where_it_matters():
    assert read(store=True).options.store is True
    assert read(store=False).options.store is None
    kept = read(store=False, previous_response_id="r").options
    assert (kept.store, kept.extra) == (False, {"previous_response_id": "r"})
    encrypted = ["reasoning.encrypted_content"]
    assert read(store=True, include=encrypted).options.extra == {"include": encrypted}


def test_tools_are_the_clients_or_the_providers():
    assert read(
        tools=[
            {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, "strict": True},
            {"type": "function", "name": "g", "parameters": None, "strict": False},
            {"type": "custom", "name": "sql", "format": {"type": "text"}},
            {"type": "web_search", "search_context_size": "low"},
            {"type": "mcp", "server_label": "wiki"},
            {"type": "function", "name": "h", "parameters": SCHEMA, "defer_loading": True},
        ]
    ).tools == (
        Tool("f", "d", parameters=SCHEMA, strict=True),
        Tool("g"),
        Tool("sql", custom=True, format={"type": "text"}),
        ServerSideTool("web_search", config={"search_context_size": "low"}),
        ServerSideTool("mcp", config={"server_label": "wiki"}),
        ServerSideTool("function", "h", config={"parameters": SCHEMA, "defer_loading": True}),
    )


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        (None, None),
        ("auto", ToolChoice()),
        ("none", ToolChoice("none")),
        ({"type": "function", "name": "f"}, ToolChoice("required", ["f"])),
        ({"type": "web_search"}, ToolChoice("required", ["web_search"])),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "custom", "name": "f"}]},
            ToolChoice("auto", ["f"]),
        ),
    ],
)
def test_a_choice_of_tools(said: object, choice: ToolChoice | None):
    assert read(tool_choice=said).tool_choice == choice


@pytest.mark.parametrize(
    ("form", "schema"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, OutputSchema()),
        (
            {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True, "description": "d"},
            OutputSchema(SCHEMA, "n", strict=True, description="d"),
        ),
    ],
)
def test_a_form_of_the_answer(form: dict, schema: OutputSchema | None):
    request = read(text={"format": form})
    assert (request.schema, request.options.extra) == (schema, {})


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"model": None}, "model"),
        ({"model": 1}, "model"),
        ({"input": 1}, "input"),
        ({"input": [1]}, r"input\[0\]"),
        ({"stream": 1}, "stream"),
        ({"temperature": "hot"}, "temperature"),
        ({"tools": [{}]}, r"tools\[0\].type"),
        ({"tools": [{"type": "function"}]}, r"tools\[0\].name"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tool_choice": {}}, "tool_choice.type"),
        ({"text": {"format": {"type": "x"}}}, r"text.format.type"),
        ({"text": 1}, "text"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"include": "x"}, "include"),
        ({"store": "yes"}, "store"),
    ],
)
def test_what_is_no_request_is_named(body: dict, where: str):
    with pytest.raises(InvalidRequestError, match=f"at {where}") as caught:
        read(**body)
    assert caught.value.status == 400


def test_a_body_must_be_an_object_of_json():
    for text in (b"{", b"[]", b""):
        with pytest.raises(InvalidRequestError):
            CODEC.server.request(HttpRequest("POST", "/responses", body=text))


_SAYABLE = (
    "max_tokens",
    "temperature",
    "top_p",
    "logprobs",
    "reasoning_effort",
    "verbosity",
    "parallel_tool_calls",
    "service_tier",
    "cache_key",
    "user",
)


@given(strategies.requests(provider=CODEC.provider, only=_SAYABLE, files=False))
def test_what_is_encoded_is_read_and_encoded_alike(request: Request):
    try:
        sent = CODEC.encode(request)
    except UnsupportedError:
        return
    read = CODEC.server.request(sent)
    assert json.loads(CODEC.encode(read).body) == json.loads(sent.body)
    assert (read.model, read.options, read.tool_choice) == (
        request.model,
        request.options,
        request.tool_choice,
    )
