"""The bytes of an answer."""

import json

import pytest

from llmstream import (
    Attachment,
    AudioDelta,
    Citation,
    CitationOut,
    Done,
    Event,
    ImageOut,
    LLMStreamError,
    Logprob,
    PartMetadata,
    ProviderError,
    RateLimitError,
    ReasoningDelta,
    Request,
    ServerError,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultOut,
    TruncatedStreamError,
    UnsupportedError,
    Usage,
    reduce,
)
from llmstream.stage import run
from llmstream.testing import laws
from llmstream.wire.openai_chat import CODEC

REQUEST = Request("m")


def encoded(*events: Event, **how) -> bytes:
    return b"".join(run(CODEC.server.encoder(REQUEST, **how), events))


def whole(*events: Event) -> dict:
    http = CODEC.server.whole(REQUEST, reduce(events))
    assert (http.head.status, http.head.media_type) == (200, "application/json")
    return json.loads(http.body)


def message(*events: Event) -> dict:
    return whole(*events, Done(finish_reason="stop"))["choices"][0]["message"]


DONE = Done(finish_reason="stop", usage=Usage(input=1, output=2), id="i", model="m")


def test_a_stream_is_server_sent_events_that_end_in_done():
    body = encoded(TextDelta(0, "a\n\u2028"), DONE)
    frames = body.decode().split("\n\n")
    assert all(frame.startswith("data: ") for frame in frames[:-1])
    assert frames[-2:] == ["data: [DONE]", ""]
    assert CODEC.server.head(REQUEST).media_type == "text/event-stream"
    assert laws.decode_all(CODEC, [body]).events == list(
        CODEC.server.canonical([TextDelta(0, "a\n\u2028"), DONE])
    )


def test_an_answer_without_an_end_is_truncated_on_the_wire():
    assert b"[DONE]" not in encoded(TextDelta(0, "a"))
    with pytest.raises(UnsupportedError, match="not complete"):
        whole(TextDelta(0, "a"))


def test_usage_may_be_left_out():
    assert b'"usage"' in encoded(DONE)
    assert b'"usage"' not in encoded(DONE, usage=False)


def test_a_server_may_name_the_answer_before_it_ends():
    body = encoded(TextDelta(0, "a"), Done(finish_reason="stop"), id="i", model="m")
    assert body.count(b'"id":"i"') == body.count(b'"model":"m"') == body.count(b"data: {") == 3


@pytest.mark.parametrize(
    ("error", "kind"),
    [(RateLimitError("slow down"), RateLimitError), (TruncatedStreamError("slow down"), ServerError)],
)
def test_a_failure_ends_a_stream_without_done(error: LLMStreamError, kind: type[ProviderError]):
    events, raised = laws.decode_all(CODEC, [encoded(TextDelta(0, "a")), CODEC.server.failure(error)])
    assert events == [TextDelta(0, "a")]
    assert type(raised) is kind
    assert "slow down" in str(raised)


def test_a_whole_body_says_the_same_at_once():
    assert whole(
        ReasoningDelta(0, "h"), ReasoningDelta(0, "m"), TextDelta(1, "Hel"), TextDelta(1, "lo"), DONE
    ) == {
        "id": "i",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "logprobs": None,
                "finish_reason": "stop",
                "message": {
                    "role": "assistant",
                    "content": "Hello",
                    "refusal": None,
                    "reasoning_content": "hm",
                },
            }
        ],
        "usage": {
            "prompt_tokens": 1,
            "completion_tokens": 2,
            "total_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def test_a_whole_body_of_calls():
    assert message(
        ToolCallStart(0, id="a", name="f"),
        PartMetadata(0, "openai-chat", {"id": "b", "extra_content": {"s": 1}}),
        ToolCallArgsDelta(0, '{"x"'),
        ToolCallArgsDelta(0, ":1}"),
        ToolCallEnd(0, {"x": 1}),
        ToolCallStart(1, id="c", name="sql", custom=True),
        ToolCallArgsDelta(1, "SELECT"),
    ) == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [
            {
                "id": "b",
                "type": "function",
                "extra_content": {"s": 1},
                "function": {"name": "f", "arguments": '{"x":1}'},
            },
            {"id": "c", "type": "custom", "custom": {"name": "sql", "input": "SELECT"}},
        ],
    }


def test_a_whole_body_of_everything_else():
    ran = ToolCallStart(0, id="s", name="search", server_executed=True)
    said = message(
        ran,
        ToolResultOut(1, "s", name="search", output="x", server_executed=True),
        PartMetadata(2, "openai-chat", {"thinking": {"signature": "s"}}, kind="reasoning"),
        TextDelta(3, "a"),
        CitationOut(3, Citation("u")),
        ImageOut(4, Attachment("image/png", data=b"hi")),
        AudioDelta(5, b"h", transcript="a"),
        AudioDelta(5, b"i", transcript="b"),
        PartMetadata(5, "openai-chat", {"id": "a1"}),
    )
    assert said == {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": [], "signature": "s"}, {"type": "text", "text": "a"}],
        "refusal": None,
        "annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}],
        "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}],
        "executed_tools": [{"index": 0, "id": "s", "type": "search", "arguments": "", "output": "x"}],
        "audio": {"id": "a1", "expires_at": 0, "data": "aGk=", "transcript": "ab"},
    }


def test_a_whole_refusal_with_its_log_probabilities():
    answer = whole(
        TextDelta(0, "n", (Logprob("n", -1.0),), refusal=True),
        TextDelta(0, "o", (Logprob("o", -2.0),), refusal=True),
        Done(finish_reason="refusal", provider_metadata={"openai-chat": {"provider_metadata": {"a": 1}}}),
    )
    choice = answer["choices"][0]
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": "no",
        "provider_metadata": {"a": 1},
    }
    assert [token["token"] for token in choice["logprobs"]["refusal"]] == ["n", "o"]


@pytest.mark.parametrize(
    "events",
    [
        [TextDelta(0, "a")],
        [ReasoningDelta(0, "hm"), TextDelta(1, "a")],
        [TextDelta(0, "no", refusal=True)],
        [ToolCallStart(0, id="a", name="f"), ToolCallArgsDelta(0, "{}"), ToolCallEnd(0, {})],
        [TextDelta(0, "a"), ImageOut(1, Attachment("image/png", data=b"hi"))],
        [AudioDelta(0, b"hi", transcript="t")],
    ],
)
def test_a_whole_body_is_read_as_the_stream_is(events: list[Event]):
    http = CODEC.server.whole(REQUEST, reduce([*events, DONE]))
    got = laws.decode_all(CODEC, [http.body], head=http.head)
    assert (got.events, got.error) == (list(CODEC.server.canonical([*events, DONE])), None)
