"""The server half as one thing."""

import json

import pytest

from llmstream import (
    Attachment,
    Done,
    Event,
    ImageOut,
    LLMStreamError,
    OverloadedError,
    PartMetadata,
    ProviderError,
    RateLimitError,
    ReasoningDelta,
    Request,
    ServerError,
    TextDelta,
    ToolCallEnd,
    ToolCallStart,
    TruncatedStreamError,
    UnsupportedError,
    reduce,
)
from llmstream.stage import run
from llmstream.testing import laws
from llmstream.wire.openai_responses import CODEC

P = CODEC.provider
SERVER = CODEC.server
REQUEST = Request("m")


def encoded(*events: Event, **how) -> bytes:
    return b"".join(run(SERVER.encoder(REQUEST, **how), events))


def test_a_stream_names_each_event_and_ends_with_the_last():
    body = encoded(TextDelta(0, "a\n\u2028"), Done(finish_reason="stop", id="i", model="m"))
    frames = body.decode().split("\n\n")
    assert [frame.split("\n")[0] for frame in frames[:2]] == [
        "event: response.created",
        "event: response.in_progress",
    ]
    assert frames[-2].startswith("event: response.completed\ndata: ")
    assert b"[DONE]" not in body
    assert SERVER.head(REQUEST).media_type == "text/event-stream"
    done = laws.decode_all(CODEC, [body]).events[-1]
    assert isinstance(done, Done)
    assert (done.id, done.model) == ("i", "m")


def test_an_answer_without_an_end_is_truncated_on_the_wire():
    error = laws.decode_all(CODEC, [encoded(TextDelta(0, "a"))]).error
    assert isinstance(error, TruncatedStreamError)
    with pytest.raises(UnsupportedError, match="not complete"):
        SERVER.whole(REQUEST, reduce([TextDelta(0, "a")]))


def test_a_whole_answer_has_what_the_stream_has():
    events: list[Event] = [
        PartMetadata(0, P, {"id": "r"}, kind="reasoning"),
        ReasoningDelta(0, "a"),
        PartMetadata(0, P, {"encrypted_content": "c"}),
        PartMetadata(1, P, {"id": "r", "part": 1}, kind="reasoning"),
        ReasoningDelta(1, "b"),
        ToolCallStart(2, id="ig", name="image_generation", server_executed=True),
        PartMetadata(2, P, {"type": "image_generation_call", "id": "ig", "output_format": "png"}),
        PartMetadata(3, P, {"id": "ig"}, kind="attachment"),
        ToolCallEnd(2, {}),
        ImageOut(3, Attachment("image/png", data=b"a")),
        PartMetadata(4, P, {"id": "m", "phase": "final_answer"}, kind="text"),
        TextDelta(4, "x"),
        Done(finish_reason="stop", raw_finish_reason="completed", id="i", model="m"),
    ]
    response = reduce(events)
    http = SERVER.whole(REQUEST, response)
    assert (http.head.status, http.head.media_type) == (200, "application/json")
    body = json.loads(http.body)
    assert [item["type"] for item in body["output"]] == ["reasoning", "image_generation_call", "message"]
    assert reduce(laws.decode_all(CODEC, [http.body], head=http.head).events) == response


@pytest.mark.parametrize(
    ("error", "kind"),
    [(OverloadedError("too many"), OverloadedError), (TruncatedStreamError("too many"), ServerError)],
)
def test_a_failure_ends_a_stream(error: LLMStreamError, kind: type[ProviderError]):
    events, raised = laws.decode_all(CODEC, [encoded(TextDelta(0, "a")), SERVER.failure(error)])
    assert events[-1] == TextDelta(0, "a")
    assert type(raised) is kind
    assert str(raised) == "too many"


def test_a_refusal_is_read_as_it_was_meant():
    http = SERVER.refuse(RateLimitError("slow down", request_id="req_1", retry_after=1.5))
    error = CODEC.error(http.head, http.body)
    assert isinstance(error, RateLimitError)
    assert (str(error), error.status, error.request_id, error.retry_after) == ("slow down", 429, "req_1", 1.5)
