"""From frames to events."""

import json

import pytest

from llmstream import (
    Done,
    Event,
    LLMStreamError,
    Logprob,
    MalformedFrameError,
    RateLimitError,
    Raw,
    TextDelta,
    TruncatedStreamError,
    Usage,
)
from llmstream.testing import laws
from llmstream.wire.http import ResponseHead
from llmstream.wire.openai_completions import CODEC

DONE = b"data: [DONE]\n\n"


def frame(text: object = "", finish: object = None, index: int = 0, **more: object) -> bytes:
    choice = {"text": text, "index": index, "logprobs": more.pop("logprobs", None), "finish_reason": finish}
    return b"data: " + json.dumps({"id": "i", "model": "m", "choices": [choice], **more}).encode() + b"\n\n"


def decoded(*frames: bytes, **how) -> tuple[list[Event], LLMStreamError | None]:
    return laws.decode_all(CODEC, [b"".join(frames)], **how)


def test_the_first_choice_is_read_and_usage_may_come_last():
    usage = {
        "prompt_tokens": 5,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": None,
    }
    events, error = decoded(
        DONE,
        frame("Hel", system_fingerprint="fp"),
        frame("x", index=1),
        frame("lo"),
        frame(finish="stop"),
        b'data: {"choices":[],"usage":' + json.dumps(usage).encode() + b"}\n\n",
        DONE,
        b"data: late\n\n",
    )
    assert error is None
    assert events == [
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        Done(
            finish_reason="stop",
            raw_finish_reason="stop",
            usage=Usage(input=5, output=7, cached_input=2),
            id="i",
            model="m",
            provider_metadata={"openai-completions": {"system_fingerprint": "fp"}},
        ),
    ]


@pytest.mark.parametrize(
    ("finish", "reason"), [("length", "length"), ("content_filter", "content_filter"), ("abort", "other")]
)
def test_reasons_are_unified(finish: str, reason: str):
    events, _ = decoded(frame("a", finish))
    assert isinstance(events[-1], Done)
    assert (events[-1].finish_reason, events[-1].raw_finish_reason) == (reason, finish)


def test_a_stream_may_end_without_a_reason():
    events, _ = decoded(frame("a"), DONE)
    assert events[-1] == Done(id="i", model="m")


def test_log_probabilities_are_lists():
    beside = {
        "tokens": ["a", "b", "c", 5],
        "token_logprobs": [None, -0.5, -1, -2],
        "top_logprobs": [None, {"b": -0.5, "x": "?"}],
    }
    events, _ = decoded(frame("bc", "stop", logprobs=beside))
    likely = (Logprob("b", -0.5, top=(Logprob("b", -0.5),)), Logprob("c", -1.0))
    assert events[0] == TextDelta(0, "bc", likely)


def test_an_error_frame_ends_the_stream():
    events, error = decoded(frame("a"), b'data: {"error":{"message":"slow down","code":429}}\n\n', DONE)
    assert events == [TextDelta(0, "a")]
    assert (type(error), str(error)) == (RateLimitError, "slow down")


@pytest.mark.parametrize("body", [b"", frame("a"), frame("a") + b'data: {"choices":[{"te\n\n'])
def test_a_body_without_its_end_is_truncated(body: bytes):
    _, error = decoded(body)
    assert type(error) is TruncatedStreamError


def test_a_whole_body_is_one_frame():
    body = frame("a", "stop").removeprefix(b"data: ")
    head = ResponseHead(200, {"content-type": "application/json"})
    assert laws.decode_all(CODEC, [body], head=head).events[0] == TextDelta(0, "a")
    assert type(laws.decode_all(CODEC, [body[:30]], head=head).error) is TruncatedStreamError


@pytest.mark.parametrize(
    "hostile",
    [b"x", b"[]", b'{"choices":5}', b'{"choices":[{"text":5}]}', b'{"choices":[{"finish_reason":5}]}'],
)
def test_hostile_frames_are_typed_errors(hostile: bytes):
    _, error = decoded(frame("a"), b"data: " + hostile + b"\n\n", DONE)
    assert type(error) is MalformedFrameError


def test_raw_frames_are_given_when_asked_for():
    lenient = b'data: {"choices":[{"text":"\\ud800"}]}\n\n'
    events, _ = decoded(frame("a"), lenient, DONE, raw=True)
    assert [type(event) for event in events] == [Raw, TextDelta, Raw, TextDelta, Done]


ANSWER = b"".join([frame("H\u2028i"), frame(" \u2600"), frame(finish="stop"), DONE])


def test_the_laws_of_bodies_are_kept():
    laws.split(CODEC, ANSWER)
    laws.truncation(CODEC, ANSWER, offsets=range(len(ANSWER)))
    laws.grammar(decoded(ANSWER)[0])
    laws.linear(CODEC, lambda size: b"".join([frame("word ")] * size) + DONE)
