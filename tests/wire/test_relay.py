"""Other wires inside of messages of AWS."""

import os
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given, settings

from llmstream import (
    Done,
    ForbiddenError,
    MalformedFrameError,
    RateLimitError,
    Request,
    ServerError,
    TextDelta,
    ToolCallEnd,
    ToolCallStart,
    TruncatedStreamError,
    Usage,
    reduce,
    user,
)
from llmstream.jsontext import dump_bytes
from llmstream.providers.bedrock_invoke import PROVIDER
from llmstream.stage import run
from llmstream.testing import corpus, laws
from llmstream.testing.strategies import events
from llmstream.wire.anthropic import AnthropicCodec
from llmstream.wire.framing import Frame
from llmstream.wire.framing.eventstream import EventStreamFramer, encode_message
from llmstream.wire.http import ResponseHead
from llmstream.wire.relay import Relayed, Unwrap

CODEC = PROVIDER.codec
HEAD = ResponseHead(200, {"content-type": "application/vnd.amazon.eventstream"})
MANY = settings(max_examples=int(os.environ.get("LLMSTREAM_EXAMPLES", "200")))


def message(data: object, type: str = "chunk", kind: str = "event") -> bytes:
    name = ":event-type" if kind == "event" else ":exception-type"
    return encode_message({":message-type": kind, name: type}, dump_bytes(data))


def chunk(event: object) -> bytes:
    return message({"bytes": b64encode(dump_bytes(event)).decode(), "p": "abc"})


def inside(*messages: bytes) -> list[Frame]:
    framer, unwrap = EventStreamFramer(), Unwrap()
    frames = [frame for outer in framer.feed(b"".join(messages)) for frame in unwrap.feed(outer)]
    return [*frames, *unwrap.feed_eof()]


def decode(*messages: bytes) -> laws.Decoded:
    return laws.decode_all(CODEC, [b"".join(messages)], head=HEAD)


TEXT = [
    {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Grüße"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 1}},
]


def test_it_is_the_codec_inside() -> None:
    assert (CODEC.name, CODEC.provider) == ("anthropic", "bedrock-invoke")
    http = CODEC.encode(Request("anthropic.x:0", [user("hi")]))
    assert http.path == "/model/anthropic.x%3A0/invoke-with-response-stream"
    assert CODEC.server.request(http).model == "anthropic.x:0"
    assert CODEC.server.streams(http)


def test_events_come_out_of_their_messages() -> None:
    assert decode(*map(chunk, TEXT)).events == [
        TextDelta(0, "Grüße"),
        Done(
            finish_reason="stop",
            raw_finish_reason="end_turn",
            usage=Usage(input=1, output=2),
            id="msg_1",
            model="m",
        ),
    ]


def test_an_event_without_a_type_has_its_key_as_name() -> None:
    assert inside(chunk({"messageStop": {"a": 1}, "more": 2})) == [Frame("messageStop", '{"a":1}')]
    assert inside(chunk({"type": "x", "a": 1})) == [Frame("x", '{"type":"x","a":1}')]


def test_frames_of_another_name_pass_as_they_are() -> None:
    (frame,) = inside(message({"a": 1}, "novel"))
    assert (frame.event, frame.data) == ("novel", '{"a":1}')


def test_answers_of_another_wire_are_told_by_their_first_event() -> None:
    nova = [
        {"messageStart": {"role": "assistant"}},
        {
            "contentBlockStart": {
                "start": {"toolUse": {"toolUseId": "t", "name": "f"}},
                "contentBlockIndex": 0,
            }
        },
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "tool_use"}},
        {
            "metadata": {"usage": {"inputTokens": 1, "outputTokens": 2}},
            "amazon-bedrock-invocationMetrics": {},
        },
    ]
    assert decode(*map(chunk, nova)).events == [
        ToolCallStart(0, id="t", name="f"),
        ToolCallEnd(0, {}),
        Done(finish_reason="tool_calls", raw_finish_reason="tool_use", usage=Usage(input=1, output=2)),
    ]
    alone = Relayed(AnthropicCodec("alone"))
    assert laws.decode_all(alone, [b"".join(map(chunk, TEXT))], head=HEAD).error is None


@pytest.mark.parametrize(
    "bad",
    [
        message({}),
        message([]),
        message({"bytes": 1}),
        message({"bytes": "?"}),
        message({"bytes": "bm9uZQ=="}),
        chunk([]),
        chunk({}),
    ],
)
def test_a_chunk_without_an_event_is_malformed(bad) -> None:
    came, error = decode(*map(chunk, TEXT[:3]), bad)
    assert came == [TextDelta(0, "Grüße")]
    assert isinstance(error, MalformedFrameError)


def test_exceptions_end_the_stream() -> None:
    thrown = message({"message": "slow down"}, "throttlingException", "exception")
    came, error = decode(*map(chunk, TEXT[:3]), thrown)
    assert came == [TextDelta(0, "Grüße")]
    assert isinstance(error, RateLimitError)
    assert isinstance(decode().error, TruncatedStreamError)
    assert isinstance(decode(*map(chunk, TEXT[:3])).error, TruncatedStreamError)


def test_a_refusal_is_awss() -> None:
    http = CODEC.server.refuse(ForbiddenError("no access", request_id="r-1"))
    error = CODEC.error(http.head, http.body)
    assert isinstance(error, ForbiddenError)
    assert (str(error), error.request_id) == ("no access", "r-1")


def test_a_failure_ends_a_stream_and_is_known() -> None:
    encoder = CODEC.server.encoder(Request("m"))
    body = b"".join(encoder.feed(TextDelta(0, "a"))) + CODEC.server.failure(ServerError("broke"))
    came, error = laws.decode_all(CODEC, [body], head=HEAD)
    assert came == [TextDelta(0, "a")]
    assert isinstance(error, ServerError)
    assert list(encoder.feed_eof())


def test_a_whole_answer_is_that_of_the_wire_inside() -> None:
    http = CODEC.server.whole(Request("m"), reduce([TextDelta(0, "a"), Done(finish_reason="stop")]))
    assert laws.decode_all(CODEC, [http.body], head=http.head).events[0] == TextDelta(0, "a")


def test_the_laws_hold() -> None:
    body = b"".join(map(chunk, TEXT))
    laws.split(CODEC, body, head=HEAD)
    laws.truncation(CODEC, body, head=HEAD)


@MANY
@given(events({"text", "reasoning", "call", "metadata"}, provider="bedrock-invoke"))
def test_what_is_encoded_is_decoded(said) -> None:
    laws.round_trip(CODEC, said)


def test_recorded_answers_keep_the_laws(shared: Path) -> None:
    cases = [case for case in corpus.cases(shared / "corpus", "bedrock-invoke") if case.status < 400]
    assert cases
    for case in cases:
        laws.split(CODEC, case.body, head=case.head)
        laws.truncation(CODEC, case.body, head=case.head, offsets=range(0, len(case.body), 101))
        decoded = laws.decode_all(CODEC, [case.body], head=case.head)
        laws.grammar(decoded.events, complete=decoded.error is None)


def test_frames_are_made_of_events_only() -> None:
    body = b"".join(run(CODEC.server.encoder(Request("m")), [TextDelta(0, "a"), Done(finish_reason="stop")]))
    assert {frame.event for frame in EventStreamFramer().feed(body)} == {"chunk"}
