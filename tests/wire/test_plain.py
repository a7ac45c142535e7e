"""The short way gives what the long way gives, or leaves it to that."""

import json
import os
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from llmstream.errors import LLMStreamError, MalformedFrameError
from llmstream.stage import Pipe, Stage
from llmstream.testing.splits import cut
from llmstream.values.events import Event, TextDelta
from llmstream.wire.anthropic.decode import Decoder
from llmstream.wire.framing.select import select
from llmstream.wire.framing.sse import SSEFramer
from llmstream.wire.http import ResponseHead
from llmstream.wire.openai_chat.decode import ChatDecoder
from llmstream.wire.openai_chat.quirks import Quirks
from llmstream.wire.openai_responses.decode import ResponsesDecoder
from llmstream.wire.openai_responses.quirks import Quirks as ResponsesQuirks
from llmstream.wire.plain import PlainPipe, piped

MANY = settings(max_examples=int(os.environ.get("LLMSTREAM_EXAMPLES", "200")))
HEAD = ResponseHead(200, {"content-type": "text/event-stream"})

TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(['"', "\\", "id", "m", "\u2028", "é", "\ud83d", "~"]))
LINE_ENDS = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\r"])
STRAY = st.sampled_from(
    [b": comment\n\n", b"retry: 5\n", b"id: 1\n", b"\n", b"event: x\n", b"data: {\n", b"data: \xff\n\n", b"x"]
)


class LongChat(ChatDecoder):
    def plain(self, data: bytes | str, out: list[Event], /) -> bool:
        return False


class LongMessages(Decoder):
    def plain(self, data: bytes | str, out: list[Event], /) -> bool:
        return False


class LongResponses(ResponsesDecoder):
    def plain(self, data: bytes | str, out: list[Event], /) -> bool:
        return False


def chat(text: str, changes: dict[str, object], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    chunk = {"id": "c", "model": "m", "choices": [choice], **changes}
    return b"data: " + json.dumps(chunk, ensure_ascii=len(text) % 2 == 0).encode("utf-8", "replace")


def block(kind: str, delta: dict[str, object], index: int = 0) -> bytes:
    payload = {"type": kind, "index": index, **delta}
    return f"event: {kind}\ndata: {json.dumps(payload)}".encode("utf-8", "replace")


def messages(text: str, index: int) -> bytes:
    return block("content_block_delta", {"delta": {"type": "text_delta", "text": text}}, index)


CHANGES = st.sampled_from([
    {}, {}, {}, {}, {"id": "d"}, {"obfuscation": "abc"}, {"obfuscation": "c"}, {"obfuscation": '"'},
    {"usage": None}, {"novel": 1}, {"model": None}, {"choices": []},
])  # fmt: skip
CHAT = st.builds(chat, TEXTS, CHANGES, st.sampled_from([None] * 9 + ["stop"]))
# To JSON a line's end is a blank; to server-sent events it ends the data.
BROKEN = CHAT.map(lambda frame: frame.replace(b", ", b",\n", 1))
RESPONSES = st.one_of(
    st.builds(
        lambda text, number, place: block(
            "response.output_text.delta",
            {"output_index": place, "content_index": 0, "delta": text, "sequence_number": number},
        ),
        TEXTS,
        st.integers(0, 3),
        st.sampled_from([0, 0, 0, 1]),
    ),
    st.just(block("response.output_text.delta", {"output_index": 0, "delta": 5})),
    st.just(block("response.output_text.done", {"output_index": 0, "content_index": 0, "text": "abc"})),
    st.just(block("response.completed", {"response": {"id": "r", "status": "completed", "output": []}})),
)
STARTED = {"content_block": {"type": "text", "text": ""}}
MESSAGES = st.one_of(
    st.builds(messages, TEXTS, st.sampled_from([0, 0, 0, 1])),
    st.builds(block, st.just("content_block_start"), st.just(STARTED), st.integers(0, 1)),
    st.builds(block, st.just("content_block_stop"), st.just({}), st.integers(0, 1)),
    st.just(b'event: content_block_delta\ndata: {"index": 0, "delta": {"type": "text_delta"}}'),
)


@st.composite
def bodies(draw: st.DrawFn, frames: st.SearchStrategy[bytes], first: bytes = b"") -> list[bytes]:
    end = draw(LINE_ENDS)
    whole = frames.map(lambda frame: frame + b"\n\n")
    body = first + b"".join(draw(st.lists(st.one_of(whole, whole, whole, STRAY), max_size=12)))
    body = body.replace(b"\n", end)
    return cut(body, draw(st.sets(st.integers(0, len(body)), max_size=4)))


def outcome(stage: Stage[bytes, Event], pieces: Iterable[bytes]) -> tuple[list[Event], str]:
    events: list[Event] = []
    try:
        for piece in pieces:
            for event in stage.feed(piece):
                events.append(event)  # noqa: PERF402 - those before a failure count
        for event in stage.feed_eof():
            events.append(event)  # noqa: PERF402
    except LLMStreamError as error:
        return events, f"{type(error).__name__}: {error}"
    return events, ""


@MANY
@given(bodies(CHAT | CHAT | BROKEN, chat("a", {}) + b"\n\n"))
def test_chat_says_the_same_by_both_ways(pieces: list[bytes]) -> None:
    short = piped(select(HEAD), ChatDecoder("p", Quirks()))
    assert isinstance(short, PlainPipe)
    assert outcome(short, pieces) == outcome(Pipe(select(HEAD), LongChat("p", Quirks())), [b"".join(pieces)])


@MANY
@given(bodies(MESSAGES, block("content_block_start", STARTED) + b"\n\n"))
def test_messages_say_the_same_by_both_ways(pieces: list[bytes]) -> None:
    short = piped(select(HEAD), Decoder("p"))
    assert isinstance(short, PlainPipe)
    assert outcome(short, pieces) == outcome(Pipe(select(HEAD), LongMessages("p")), [b"".join(pieces)])


@MANY
@given(bodies(RESPONSES))
def test_responses_say_the_same_by_both_ways(pieces: list[bytes]) -> None:
    short = piped(select(HEAD), ResponsesDecoder("p", ResponsesQuirks()))
    assert isinstance(short, PlainPipe)
    long = Pipe(select(HEAD), LongResponses("p", ResponsesQuirks()))
    assert outcome(short, pieces) == outcome(long, [b"".join(pieces)])


def test_what_came_before_a_failure_is_given_first() -> None:
    pipe = piped(SSEFramer(), ChatDecoder("p", Quirks()))
    body = chat("a", {}) + b"\n\n" + chat("b", {}) + b"\n\ndata: {nonsense\n\n" + chat("c", {}) + b"\n\n"
    for start in (0, 8):
        events, error = outcome(piped(SSEFramer(), ChatDecoder("p", Quirks())), [body[:start], body[start:]])
        assert events == [TextDelta(0, "a"), TextDelta(0, "b")]
        assert error.startswith(MalformedFrameError.__name__)
    assert list(pipe.feed(chat("x", {}) + b"\n\n")) == [TextDelta(0, "x")]


def test_a_frame_above_the_limit_is_refused_on_both_ways() -> None:
    small, large = chat("a", {}) + b"\n\n", chat("b" * 300, {}) + b"\n\n"
    for pieces in ([small + large], [small, large], [small, large[:9], large[9:]]):
        pipe = piped(SSEFramer(max_frame_bytes=200), ChatDecoder("p", Quirks()))
        events, error = outcome(pipe, pieces)
        assert events == [TextDelta(0, "a")]
        assert error.startswith("FrameTooLargeError")
