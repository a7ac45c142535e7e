"""The way back from a body to a Request."""

import contextlib
import json
from collections.abc import Iterable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from llmstream import (
    InvalidRequestError,
    Message,
    Options,
    OutputSchema,
    Request,
    ServerSideTool,
    Tool,
    ToolCallPart,
    ToolChoice,
    UnsupportedError,
    assistant,
    system,
    user,
)
from llmstream.testing import strategies
from llmstream.wire.http import HttpRequest
from llmstream.wire.openai_chat import CODEC, OpenAIChatCodec, Quirks
from llmstream.wire.portable import IdShape

HELLO = [{"role": "user", "content": "hi"}]
STREAM = {"stream": True, "stream_options": {"include_usage": True}}


def read(quirks: Quirks | None = None, **fields) -> Request:
    body = {"model": "m", "messages": HELLO, **STREAM, **fields}
    http = HttpRequest("POST", "/chat/completions", (), json.dumps(body).encode())
    return OpenAIChatCodec("p", quirks or Quirks()).server.request(http)


def options(quirks: Quirks | None = None, **fields) -> Options:
    return read(quirks, **fields).options


def test_the_least_that_is_read():
    assert read() == Request("m", [user("hi")])


def test_null_counts_as_absent():
    assert read(temperature=None, tools=None, tool_choice=None, response_format=None, unheard=None) == read()


def test_options_are_read_by_the_wires_names():
    assert options(
        max_completion_tokens=9,
        temperature=1,
        top_p=0.9,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        stop="a",
        seed=7,
        n=2,
        logprobs=True,
        top_logprobs=2,
        reasoning_effort="low",
        verbosity="high",
        parallel_tool_calls=False,
        modalities=["text"],
        audio={"voice": "v"},
        prediction={
            "type": "content",
            "content": [{"type": "text", "text": "dra"}, {"type": "text", "text": "ft"}],
        },
        service_tier="flex",
        prompt_cache_key="k",
        user="u",
        metadata={"a": "b"},
        store=True,
    ) == Options(
        max_tokens=9,
        temperature=1,
        top_p=0.9,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        stop=["a"],
        seed=7,
        n=2,
        logprobs=2,
        reasoning_effort="low",
        verbosity="high",
        parallel_tool_calls=False,
        modalities=["text"],
        audio={"voice": "v"},
        prediction="draft",
        service_tier="flex",
        cache_key="k",
        user="u",
        metadata={"a": "b"},
        store=True,
    )


def test_what_no_option_says_is_left_in_extra():
    assert options(moderation={"model": "x"}, top_k=5, logprobs=False).extra == {
        "moderation": {"model": "x"},
        "top_k": 5,
    }


@pytest.mark.parametrize(
    ("fields", "streams", "wants_usage"),
    [
        ({"stream": True}, True, False),
        ({"stream": True, "stream_options": {"include_usage": True}}, True, True),
        ({"stream": True, "stream_options": {"include_usage": False}}, True, False),
        ({"stream": False, "stream_options": None}, False, False),
        ({}, False, False),
    ],
)
def test_whether_a_stream_is_asked_for_is_no_part_of_a_request(
    fields: dict, streams: bool, wants_usage: bool
):
    body = {"model": "m", "messages": HELLO, **fields}
    http = HttpRequest("POST", "/chat/completions", (), json.dumps(body).encode())
    assert (CODEC.server.streams(http), CODEC.server.wants_usage(http)) == (streams, wants_usage)
    assert CODEC.server.request(http) == read()


def test_a_body_that_is_no_object_asks_for_nothing():
    http = HttpRequest("POST", "/", (), b"[]")
    assert (CODEC.server.streams(http), CODEC.server.wants_usage(http)) == (False, False)


def test_both_names_of_the_limit_are_read():
    assert options(max_tokens=5).max_tokens == 5


ENABLED = {"thinking": {"type": "enabled"}}


@pytest.mark.parametrize(
    ("style", "fields", "expected"),
    [
        (
            "object",
            {"reasoning": {"effort": "high", "max_tokens": 5, "exclude": True}},
            Options(reasoning_effort="high", reasoning_budget=5, reasoning_summary="none"),
        ),
        ("object", {"reasoning": {"enabled": True}}, Options(extra={"reasoning": {"enabled": True}})),
        ("object", {"reasoning_effort": "low"}, Options(extra={"reasoning_effort": "low"})),
        ("switch", {"thinking": {"type": "disabled"}}, Options(reasoning_effort="none")),
        ("switch", ENABLED, Options(reasoning_effort="medium")),
        ("switch", {"thinking": {"type": "x"}}, Options(extra={"thinking": {"type": "x"}})),
        ("switch and effort", {**ENABLED, "reasoning_effort": "max"}, Options(reasoning_effort="max")),
        ("switch and effort", ENABLED, Options(extra=ENABLED)),
        ("effort", ENABLED, Options(extra=ENABLED)),
    ],
)
def test_reasoning_is_read_in_the_providers_way(style, fields: dict, expected: Options):
    assert options(Quirks(reasoning=style), **fields) == expected


def test_tools_of_every_kind():
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
    marked = {
        "type": "function",
        "function": {"name": "g"},
        "cache_control": {"type": "ephemeral", "ttl": "1h"},
    }
    custom = {"type": "custom", "custom": {"name": "sql", "format": {"type": "text"}}}
    request = read(
        tools=[
            {"type": "function", "function": function},
            marked,
            custom,
            {"type": "v:search", "parameters": {}},
        ],
        functions=[{"name": "old"}],
        web_search_options={"a": 1},
    )
    assert request.tools == (
        Tool("f", "d", parameters={"type": "object"}, strict=True),
        Tool("g", cache="1h"),
        Tool("sql", custom=True, format={"type": "text"}),
        ServerSideTool("v:search", config={"parameters": {}}),
        Tool("old"),
        ServerSideTool("web_search", config={"a": 1}),
    )
    assert request.options.extra == {}


@pytest.mark.parametrize(
    ("field", "said", "choice"),
    [
        ("tool_choice", "auto", ToolChoice()),
        ("tool_choice", "any", ToolChoice("required")),
        ("tool_choice", {"type": "function", "function": {"name": "f"}}, ToolChoice("required", ["f"])),
        ("tool_choice", {"type": "custom", "custom": {"name": "f"}}, ToolChoice("required", ["f"])),
        (
            "tool_choice",
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
            ToolChoice("auto", ["f"]),
        ),
        ("function_call", {"name": "f"}, ToolChoice("required", ["f"])),
        ("function_call", "none", ToolChoice("none")),
    ],
)
def test_tool_choices(field: str, said, choice: ToolChoice):
    assert read(**{field: said}).tool_choice == choice


@pytest.mark.parametrize(
    ("said", "schema"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, OutputSchema()),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"a": 1}, "strict": True}},
            OutputSchema({"a": 1}, "n", strict=True),
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "description": "d"}},
            OutputSchema({}, "n", description="d"),
        ),
    ],
)
def test_response_formats(said: dict, schema: OutputSchema | None):
    assert read(response_format=said).schema == schema


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": None}, "expected a string, got null, at model"),
        ({"messages": None}, "expected an array, got null, at messages"),
        ({"messages": {}}, "expected an array, got an object, at messages"),
        ({"temperature": "hot"}, "expected a number, got a string, at temperature"),
        ({"max_tokens": 1.5}, "expected an integer, got a number, at max_tokens"),
        ({"stop": [1]}, "expected a string or an array of strings, got an array, at stop"),
        ({"stream": "yes"}, "expected true or false, got a string, at stream"),
        ({"verbosity": "loud"}, "expected one of low, medium, high, got 'loud', at verbosity"),
        ({"tools": [{"type": "function"}]}, "expected an object, got null, at tools[0].function"),
        ({"tool_choice": 5}, "expected an object, got an integer, at tool_choice"),
        ({"tool_choice": {"type": "x"}}, "expected one of function, custom, got 'x', at tool_choice.type"),
        ({"prediction": {"content": 5}}, "expected an array, got an integer, at prediction.content"),
        ({"response_format": {}}, "expected a string, got null, at response_format.type"),
    ],
)
def test_what_is_wrong_is_named(fields: dict, message: str):
    with pytest.raises(InvalidRequestError) as raised:
        read(**fields)
    assert str(raised.value) == message
    assert raised.value.status == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"\xff"])
def test_a_body_that_is_no_object_is_refused(body: bytes):
    with pytest.raises(InvalidRequestError, match="expected"):
        CODEC.server.request(HttpRequest("POST", "/", (), body))


ALL = Quirks(
    max_tokens="max_tokens",
    seed="random_seed",
    required="any",
    reasoning="object",
    sampling=("top_k", "min_p"),
    server_tools=True,
    cache_control=True,
    thinking_parts=True,
    assistant_images=True,
    document_url=True,
)
CODECS = [
    CODEC,
    OpenAIChatCodec("p", ALL),
    OpenAIChatCodec(
        "p",
        Quirks(
            reasoning="switch",
            echo_reasoning="reasoning",
            call_ids=IdShape("[A-Za-z0-9]{9}", 9),
            audio_as_text=True,
        ),
    ),
    OpenAIChatCodec("p", Quirks(reasoning="switch and effort", stream_usage=False, document_url=True)),
]


def _has_own_odd_id(messages: Iterable[Message], codec: OpenAIChatCodec) -> bool:
    """Whether a call goes back by an id that the provider gave, and would take from nobody else.

    The wire does not say who gave an id, so that its reader cannot know this one as the provider's own.
    """
    calls = [part for message in messages for part in message.parts if isinstance(part, ToolCallPart)]
    own = [(call, call.provider_metadata["p"]) for call in calls if "p" in call.provider_metadata]
    return not all(codec.quirks.call_ids.fits(str(given.get("id", call.id))) for call, given in own)


@given(strategies.requests(provider="p", server_side=True), st.sampled_from(CODECS))
def test_what_is_encoded_is_read_as_what_encodes_alike(request: Request, codec: OpenAIChatCodec):
    assume(not _has_own_odd_id(request.messages, codec))
    try:
        once = codec.encode(request)
    except UnsupportedError:
        return
    assert json.loads(codec.encode(codec.server.request(once)).body) == json.loads(once.body)


def test_an_id_that_the_provider_gave_goes_back_whatever_its_shape():
    strict = CODECS[2]
    for metadata, sent in (({"p": {}}, True), ({}, False)):
        call = ToolCallPart("0", "f", arguments={}, raw="{}", provider_metadata=metadata)
        body = json.loads(strict.encode(Request("m", [user("x"), assistant(call)])).body)
        assert (body["messages"][1]["tool_calls"][0]["id"] == "0") is sent


@given(strategies.messages("p"), st.sampled_from(CODECS))
def test_any_message_is_read_as_what_encodes_alike(message, codec: OpenAIChatCodec):
    assume(not _has_own_odd_id([message], codec))
    try:
        once = codec.encode(Request("m", [system("s"), message]))
    except UnsupportedError:
        return
    assert json.loads(codec.encode(codec.server.request(once)).body) == json.loads(once.body)


@given(strategies.json_values())
def test_any_json_is_read_or_refused(value):
    for body in (
        value,
        {"model": "m", "messages": value},
        {"model": "m", "messages": [value], "tools": value},
    ):
        with contextlib.suppress(InvalidRequestError):
            CODEC.server.request(HttpRequest("POST", "/", (), json.dumps(body).encode()))
