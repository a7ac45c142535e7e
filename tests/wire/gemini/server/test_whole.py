"""The bytes of an answer."""

from __future__ import annotations

import json

import pytest

from llmstream import (
    Attachment,
    Citation,
    CitationOut,
    Done,
    Event,
    ImageOut,
    PartMetadata,
    ReasoningDelta,
    Request,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    UnsupportedError,
    Usage,
    reduce,
)
from llmstream.stage import run
from llmstream.testing import laws
from llmstream.values.content import Logprob
from llmstream.wire.gemini import CODEC

REQUEST = Request("m")
DONE = Done(finish_reason="stop", raw_finish_reason="STOP", usage=Usage(input=1, output=2), id="i", model="m")


def test_a_stream_is_server_sent_events_with_crlf() -> None:
    body = b"".join(run(CODEC.server.encoder(REQUEST), [TextDelta(0, "a\n\u2028"), DONE]))
    frames = body.decode().split("\r\n\r\n")
    assert [frame[:7] for frame in frames] == ["data: {", "data: {", ""]
    assert "\n" not in frames[0]
    assert laws.decode_all(CODEC, [body]).events == [TextDelta(0, "a\n\u2028"), DONE]


@pytest.mark.parametrize("events", [[], [DONE], [TextDelta(0, "a"), TextDelta(0, "b"), DONE]])
def test_a_stream_may_be_an_array(events: list[Event]) -> None:
    body = b"".join(run(CODEC.server.encoder(REQUEST, array=True), events))
    assert len(json.loads(body)) == len(events)
    head = CODEC.server.head(REQUEST, array=True)
    assert laws.decode_all(CODEC, [body], head=head).events == events


def test_an_answer_without_an_end_is_truncated_on_the_wire() -> None:
    body = b"".join(run(CODEC.server.encoder(REQUEST), [TextDelta(0, "a")]))
    assert b"finishReason" not in body
    with pytest.raises(UnsupportedError, match="not complete"):
        CODEC.server.whole(REQUEST, reduce([TextDelta(0, "a")]))


def test_a_whole_body_says_the_same_at_once() -> None:
    answer = reduce([ReasoningDelta(0, "hm"), TextDelta(1, "Hel"), TextDelta(1, "lo"), DONE])
    http = CODEC.server.whole(REQUEST, answer)
    assert (http.head.status, http.head.media_type) == (200, "application/json")
    assert json.loads(http.body) == {
        "candidates": [
            {
                "index": 0,
                "content": {
                    "parts": [{"text": "hm", "thought": True}, {"text": "Hello"}],
                    "role": "model",
                },
                "finishReason": "STOP",
            }
        ],
        "modelVersion": "m",
        "responseId": "i",
        "usageMetadata": {
            "promptTokenCount": 1,
            "candidatesTokenCount": 2,
            "thoughtsTokenCount": 0,
            "cachedContentTokenCount": 0,
            "totalTokenCount": 3,
        },
    }


def test_a_blocked_prompt_has_a_whole_body_too() -> None:
    feedback = {"promptFeedback": {"blockReason": "SAFETY"}}
    done = Done(
        finish_reason="content_filter", raw_finish_reason="SAFETY", provider_metadata={"gemini": feedback}
    )
    assert json.loads(CODEC.server.whole(REQUEST, reduce([done])).body) == feedback


@pytest.mark.parametrize(
    "events",
    [
        [TextDelta(0, "a", (Logprob("a", -1.0),)), CitationOut(0, Citation("u"))],
        [
            PartMetadata(0, "gemini", {"thoughtSignature": "s"}, kind="text"),
            TextDelta(0, "a"),
            TextDelta(1, "b"),
        ],
        [TextDelta(0, "a"), PartMetadata(1, "gemini", {"thoughtSignature": "s"}, kind="text")],
        [
            ToolCallStart(0, id="c", name="f"),
            PartMetadata(0, "gemini", {"thoughtSignature": "s", "id": "c"}),
            ToolCallArgsDelta(0, '{"a":1}'),
            ToolCallEnd(0, {"a": 1}),
        ],
        [
            PartMetadata(0, "gemini", {"thoughtSignature": "s"}, kind="attachment"),
            ImageOut(0, Attachment("image/png", data=b"hi")),
        ],
    ],
)
def test_a_whole_body_is_read_as_the_stream_is(events: list[Event]) -> None:
    http = CODEC.server.whole(REQUEST, reduce([*events, DONE]))
    got = laws.decode_all(CODEC, [http.body], head=http.head)
    assert got.error is None
    assert reduce(got.events) == reduce(CODEC.server.canonical([*events, DONE]))
