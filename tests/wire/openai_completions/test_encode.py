"""From a Request to the body of a call."""

import json

import pytest

from llmstream import (
    Attachment,
    ConfigError,
    Options,
    OutputSchema,
    Request,
    Tool,
    UnsupportedError,
    assistant,
    system,
    user,
)
from llmstream.wire.openai_completions import CODEC


def body(*messages, **more) -> dict:
    http = CODEC.encode(Request("m", messages or [user("hi")], **more))
    assert (http.method, http.path) == ("POST", "/completions")
    return json.loads(http.body)


def test_the_texts_of_messages_follow_one_another():
    found = body(system("Be brief."), user("One", ","), assistant(""), assistant("two,"))
    assert found == {
        "model": "m",
        "prompt": "Be brief.\n\nOne,\n\ntwo,",
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_options_are_sent_under_their_names():
    options = Options(
        max_tokens=9, temperature=0.5, seed=7, logprobs=0, stop="x", n=1, extra={"best_of": 2}, raw=True
    )
    told = {"max_tokens": 9, "temperature": 0.5, "seed": 7, "logprobs": 0, "stop": ["x"], "best_of": 2}
    assert told.items() <= body(options=options).items()


def test_headers_of_the_caller_are_sent():
    http = CODEC.encode(Request("m", [user("hi")], options=Options(headers={"x-a": 1})))
    assert http.headers[-1] == ("x-a", "1")


@pytest.mark.parametrize(
    "more",
    [
        {"options": Options(n=2)},
        {"options": Options(top_k=2)},
        {"options": Options(reasoning_effort="low")},
        {"options": Options(modalities=["audio"])},
        {"tools": [Tool("f")]},
        {"schema": OutputSchema()},
    ],
)
def test_what_cannot_be_said_is_refused(more: dict):
    with pytest.raises(UnsupportedError, match="openai-completions"):
        body(**more)


@pytest.mark.parametrize("message", [user(Attachment("image/png", data=b"x")), user("x", cache="5m")])
def test_messages_that_are_more_than_text_are_refused(message):
    with pytest.raises(UnsupportedError, match="openai-completions"):
        body(message)


def test_there_must_be_a_text():
    with pytest.raises(ConfigError, match="got none"):
        body(user(""))
