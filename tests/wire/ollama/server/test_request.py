"""From the body of a call to a Request."""

import json

import attrs
import pytest
from hypothesis import given

from llmstream import InvalidRequestError, Options, OutputSchema, Request, Tool, ToolChoice, UnsupportedError
from llmstream.testing import strategies
from llmstream.wire.http import HttpRequest
from llmstream.wire.ollama import CODEC
from llmstream.wire.ollama.encode import PLAIN
from llmstream.wire.ollama.server.request import read_request, streams


def asked(**body) -> HttpRequest:
    return HttpRequest("POST", "/api/chat", (), json.dumps({"model": "m", "messages": [], **body}).encode())


def read(**body) -> Request:
    return read_request(asked(**body))


def test_a_stream_is_given_where_nothing_is_said():
    assert streams(asked())
    assert streams(asked(stream=True))
    assert not streams(asked(stream=False))
    assert streams(HttpRequest("POST", "/", (), b"x"))


def test_options_are_read_and_the_rest_is_kept():
    request = read(
        options={"num_predict": 5, "temperature": 1, "stop": ["x"], "num_ctx": 9},
        keep_alive="5m",
        truncate=None,
        logprobs=True,
        top_logprobs=2,
        format="",
    )
    assert request.options == Options(
        max_tokens=5,
        temperature=1,
        stop=["x"],
        logprobs=2,
        extra={"keep_alive": "5m", "options": {"num_ctx": 9}},
    )
    assert request.schema is None
    assert read(options={"stop": "x"}).options.stop == ("x",)
    assert read(logprobs=True).options.logprobs == 0
    assert read(logprobs=False).options.logprobs is None


@pytest.mark.parametrize(
    ("think", "effort"),
    [(True, "medium"), (False, "none"), ("low", "low"), ("medium", "medium"), ("max", "max"), (None, None)],
)
def test_thinking_is_an_effort(think: object, effort: str | None):
    assert read(think=think).options.reasoning_effort == effort


def test_schemas_and_tools_are_read():
    schema = {"type": "object"}
    assert read(format="json").schema == OutputSchema()
    assert read(format=schema).schema == OutputSchema(schema)
    tools = [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": schema}},
        {"type": "function", "function": {"name": "g"}},
    ]
    assert read(tools=tools).tools == (Tool("f", "d", parameters=schema), Tool("g"))


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"model": 5}, "model"),
        ({"model": None}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"messages": 5}, "messages"),
        ({"options": []}, "options"),
        ({"options": {"num_predict": "x"}}, "options.num_predict"),
        ({"options": {"stop": 5}}, "options.stop"),
        ({"options": {"stop": [5]}}, "options.stop"),
        ({"think": "much"}, "think"),
        ({"think": {}}, "think"),
        ({"format": "xml"}, "format"),
        ({"tools": [{}]}, "function"),
    ],
)
def test_a_field_that_is_not_as_it_should_be_is_named(body: dict, where: str):
    with pytest.raises(InvalidRequestError, match=f"at .*{where}") as caught:
        read(**body)
    assert caught.value.status == 400


@pytest.mark.parametrize("body", [b"", b"x", b"[]"])
def test_a_body_that_is_none_is_refused(body: bytes):
    with pytest.raises(InvalidRequestError):
        read_request(HttpRequest("POST", "/", (), body))


ONLY = (*PLAIN, "stop", "logprobs", "reasoning_effort")


@given(strategies.requests(provider=CODEC.provider, only=ONLY, files=False))
def test_a_request_comes_back_as_it_was_sent(request: Request):
    try:
        http = CODEC.encode(request)
    except UnsupportedError:
        return
    again = CODEC.server.request(http)
    assert CODEC.encode(again).body == http.body
    assert (again.model, again.options) == (request.model, request.options)
    if request.tool_choice == ToolChoice("none"):
        return
    assert [attrs.evolve(tool, strict=None) for tool in request.tools] == list(again.tools)
