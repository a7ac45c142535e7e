"""From a Request to an HTTP request: golden cases, compared whole."""

import json

import pytest

from llmstream import (
    Attachment,
    AttachmentPart,
    ConfigError,
    Message,
    Options,
    OutputSchema,
    Request,
    ServerSideTool,
    Tool,
    ToolChoice,
    ToolResultPart,
    UnsupportedError,
    system,
    tool_message,
    user,
)
from llmstream.wire.anthropic import CODEC, AnthropicCodec, Quirks
from llmstream.wire.anthropic.encode import closed

HI = {"role": "user", "content": [{"type": "text", "text": "Hi"}]}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CLOSED = {**SCHEMA, "additionalProperties": False}


def sent(options: Options | None = None, **more) -> dict:
    request = Request("claude-x", [user("Hi")], options=options or Options(), **more)
    return json.loads(CODEC.encode(request).body)


def golden(**more) -> dict:
    return {"model": "claude-x", "max_tokens": 8192, "messages": [HI], "stream": True, **more}


def headers(options: Options | None = None, *messages: Message, **more) -> dict[str, str]:
    request = Request("claude-x", [user("Hi"), *messages], options=options or Options(), **more)
    return dict(CODEC.encode(request).headers)


def test_a_plain_request() -> None:
    http = CODEC.encode(Request("claude-x", [system("Be brief."), user("Hi")]))
    assert (http.method, http.path) == ("POST", "/v1/messages")
    assert http.headers == (("content-type", "application/json"), ("anthropic-version", "2023-06-01"))
    assert json.loads(http.body) == golden(system="Be brief.")


def test_the_sampling_options() -> None:
    options = Options(
        max_tokens=100,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop=["END", "STOP"],
        service_tier="standard_only",
        user="u-1",
        metadata={"user_id": "other", "x": 1},
        n=1,
        modalities=["text"],
    )
    assert sent(options) == golden(
        max_tokens=100,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop_sequences=["END", "STOP"],
        service_tier="standard_only",
        metadata={"user_id": "u-1", "x": 1},
    )


def test_the_tools() -> None:
    tools = [
        Tool("get_weather", "Looks it up.", parameters=SCHEMA),
        Tool("strict", parameters=SCHEMA, strict=True, cache="1h"),
        ServerSideTool("web_search_20250305", config={"max_uses": 3}),
        ServerSideTool("text_editor_20250728"),
        ServerSideTool("code_execution_20260120", "runner"),
        ServerSideTool("novelty"),
    ]
    assert sent(tools=tools) == golden(
        tools=[
            {"name": "get_weather", "description": "Looks it up.", "input_schema": SCHEMA},
            {
                "name": "strict",
                "input_schema": CLOSED,
                "strict": True,
                "cache_control": {"type": "ephemeral", "ttl": "1h"},
            },
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
            {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
            {"type": "code_execution_20260120", "name": "runner"},
            {"type": "novelty"},
        ]
    )


@pytest.mark.parametrize(
    ("choice", "parallel", "said"),
    [
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("required"), None, {"type": "any"}),
        (ToolChoice("required", ["f"]), None, {"type": "tool", "name": "f"}),
        (ToolChoice("none"), None, {"type": "none"}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            ToolChoice("required", ["f"]),
            True,
            {"type": "tool", "name": "f", "disable_parallel_tool_use": False},
        ),
        (ToolChoice("none"), False, {"type": "none"}),
    ],
)
def test_the_tool_choice(choice, parallel, said) -> None:
    body = sent(Options(parallel_tool_calls=parallel), tools=[Tool("f")], tool_choice=choice)
    assert body["tool_choice"] == said


def test_without_tools_parallel_calls_are_no_matter() -> None:
    assert sent(Options(parallel_tool_calls=False)) == golden()


def test_the_output_schema() -> None:
    assert sent(schema=OutputSchema(SCHEMA, "city")) == golden(
        output_config={"format": {"type": "json_schema", "schema": CLOSED}}
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            Options(reasoning_effort="high"),
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        ),
        (
            Options(reasoning_effort="minimal"),
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        ),
        (Options(reasoning_effort="none"), {"thinking": {"type": "disabled"}}),
        (Options(reasoning_budget=0), {"thinking": {"type": "disabled"}}),
        (
            Options(reasoning_budget=4000),
            {"thinking": {"type": "enabled", "budget_tokens": 4000}, "max_tokens": 12192},
        ),
        (
            Options(reasoning_budget=4000, reasoning_effort="max", max_tokens=9000),
            {
                "thinking": {"type": "enabled", "budget_tokens": 4000},
                "output_config": {"effort": "max"},
                "max_tokens": 9000,
            },
        ),
        (Options(reasoning_summary="auto"), {"thinking": {"type": "adaptive", "display": "summarized"}}),
        (
            Options(reasoning_summary="none", reasoning_effort="low"),
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "low"}},
        ),
    ],
)
def test_the_reasoning_controls(options, said) -> None:
    assert sent(options) == golden(**said)


def test_an_effort_and_a_schema_share_the_output_config() -> None:
    body = sent(Options(reasoning_effort="low"), schema=OutputSchema(SCHEMA))
    assert body["output_config"] == {
        "effort": "low",
        "format": {"type": "json_schema", "schema": CLOSED},
    }


@pytest.mark.parametrize(
    "options",
    [
        Options(reasoning_effort="none", reasoning_budget=9),
        Options(reasoning_effort="high", reasoning_budget=0),
    ],
)
def test_reasoning_and_none_of_it_contradict_each_other(options) -> None:
    with pytest.raises(ConfigError, match="expected an effort or none of it"):
        sent(options)


def test_extra_is_merged_last_objects_into_objects() -> None:
    extra = {"output_config": {"task_budget": 9}, "container": "container_1", "max_tokens": 7}
    assert sent(Options(reasoning_effort="low", extra=extra)) == golden(
        max_tokens=7,
        thinking={"type": "adaptive"},
        output_config={"effort": "low", "task_budget": 9},
        container="container_1",
    )


def test_the_callers_headers_follow_and_betas_are_joined() -> None:
    options = Options(headers={"Anthropic-Beta": "b, web-fetch-2025-09-10", "X-Trace": 7})
    assert headers(options, tools=[ServerSideTool("web_fetch_20250910")]) == {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "web-fetch-2025-09-10,b",
        "x-trace": "7",
    }
    assert headers(Options(headers={"anthropic-version": "2030-01-01"}))["anthropic-version"] == "2030-01-01"


def test_uploaded_files_need_their_beta() -> None:
    paper = AttachmentPart(Attachment(file_id="file_1"))
    result = ToolResultPart("t1", "f", attachments=[Attachment("image/*", file_id="file_2")])
    assert headers(None, user(paper))["anthropic-beta"] == "files-api-2025-04-14"
    assert headers(None, tool_message(result))["anthropic-beta"] == "files-api-2025-04-14"
    assert "anthropic-beta" not in headers(None, user(Attachment("image/png", data=b"x")))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("min_p", 0.1),
        ("presence_penalty", 0.5),
        ("frequency_penalty", 0.5),
        ("seed", 7),
        ("logprobs", 0),
        ("verbosity", "low"),
        ("audio", {"voice": "a"}),
        ("prediction", "x"),
        ("cache_key", "k"),
        ("store", False),
        ("n", 2),
        ("modalities", ("text", "image")),
    ],
)
def test_an_option_that_the_dialect_has_not_is_named(option, value) -> None:
    with pytest.raises(UnsupportedError, match=f"the anthropic dialect has, got {option}="):
        sent(Options.of({option: value}))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"tools": [Tool("sql", custom=True)]}, "got 'sql': the anthropic dialect has no custom tools"),
        ({"tools": [Tool("f")], "tool_choice": ToolChoice("required", ["f", "g"])}, "required of f, g"),
        ({"tools": [Tool("f")], "tool_choice": ToolChoice("auto", ["f"])}, "auto of f"),
        ({"schema": OutputSchema()}, "expected a schema for the output"),
    ],
)
def test_what_else_the_dialect_cannot_say_is_refused(more, said) -> None:
    with pytest.raises(UnsupportedError, match=said):
        sent(**more)


def test_a_request_without_a_message_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected a message of the user's to send"):
        CODEC.encode(Request("claude-x", [system("Be brief."), user("")]))


def test_a_path_that_was_not_opened_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"got the path 'x\.png'"):
        CODEC.encode(Request("claude-x", [user(Attachment("image/png", path="x.png"))]))


def test_a_cloud_names_the_model_in_the_path_and_the_version_in_the_body() -> None:
    quirks = Quirks(path="/models/{model}:streamRawPredict", version="vertex-2023-10-16")
    http = AnthropicCodec("vertex", quirks).encode(Request("../a?@1", [user("Hi")]))
    assert http.path == "/models/..%2Fa%3F@1:streamRawPredict"
    assert http.headers == (("content-type", "application/json"),)
    assert json.loads(http.body) == {
        "max_tokens": 8192,
        "messages": [HI],
        "stream": True,
        "anthropic_version": "vertex-2023-10-16",
    }


def test_only_objects_that_do_not_say_whether_they_are_closed_are_closed() -> None:
    open_object = {"type": "object", "additionalProperties": True}
    schema = {
        "type": ["object", "null"],
        "properties": {"enum": {"type": "object"}, "a": open_object, "list": {"items": {"type": "object"}}},
        "$defs": {"d": {"anyOf": [{"type": "object"}, True]}},
        "enum": [{"type": "object"}],
    }
    shut = {"type": "object", "additionalProperties": False}
    assert closed(schema) == {
        "type": ["object", "null"],
        "properties": {"enum": shut, "a": open_object, "list": {"items": shut}},
        "$defs": {"d": {"anyOf": [shut, True]}},
        "enum": [{"type": "object"}],
        "additionalProperties": False,
    }
    assert closed({"properties": True}) == {"properties": True}
