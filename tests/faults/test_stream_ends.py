"""Rows 30 to 36, 43 to 46 and 51: how a stream ends that does not end as it should."""

import itertools
import re
import tracemalloc

import anyio
import anyio.lowlevel
import pytest

from llmstream import (
    ConnectionLost,
    Done,
    MalformedFrameError,
    OverloadedError,
    ServerError,
    TextDelta,
    TimeoutExceeded,
    Timeouts,
    TruncatedStreamError,
)
from llmstream.testing.loopback import Received, Reply, in_turn, replies
from llmstream.wire.framing.eventstream import encode_message
from llmstream.wire.http import HttpRequest

KEY = "sk-SENTINEL-5f0c1d"

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(face) -> str:
    return face.backend


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_row_30_a_clean_end_without_a_terminal(face, wire, standing, count) -> None:
    async with standing.serving(wire.answer(wire.deltas[:count]), lasting=True) as server:
        outcome = await face.read(server.url, wire)
    text = "".join(["one ", "two ", "three"][:count]) if count else None
    standing.failed(outcome, TruncatedStreamError, text=text, retryable=not count)
    assert outcome.response.state == "incomplete"


async def test_row_31_a_body_that_ends_with_its_connection(face, wire, standing) -> None:
    async with standing.serving(wire.answer(wire.deltas, chunked=False)) as server:
        outcome = await face.read(server.url, wire)
    standing.failed(outcome, TruncatedStreamError, text="one two three")


@pytest.mark.parametrize("how", ["end without the last chunk", "reset in an event", "reset between events"])
async def test_row_32_a_connection_that_is_lost(face, wire, standing, how) -> None:
    async def lose(_: Received, reply: Reply) -> None:
        await reply.head(200, wire.headers)
        for piece in wire.deltas[:2]:
            await reply.send(piece)
        if how == "reset in an event":
            await reply.send(wire.deltas[2][:20])
        if how.startswith("reset"):
            reply.abort()

    async with standing.serving(lose) as server:
        outcome = await face.read(server.url, wire)
    error = standing.failed(outcome, ConnectionLost, text="one two ")
    if how.startswith("reset"):
        assert isinstance(error.__cause__, ConnectionResetError)
        assert error.__cause__.__context__ is error.__cause__.__cause__ is None
    else:
        assert error.__cause__ is None


@pytest.mark.parametrize("how", ["reset", "end without the last chunk", "clean end", "left open"])
async def test_row_33_a_connection_lost_after_the_terminal(face, wire, standing, how) -> None:
    frames = wire.frames
    terminal = next(number for number, frame in enumerate(frames) if wire.word in frame)

    async def lose(_: Received, reply: Reply) -> None:
        await reply.head(200, wire.headers)
        await reply.send(b"".join(frames[: terminal + 1]))
        match how:
            case "reset":
                reply.abort()
            case "clean end":
                await reply.end()
            case "left open":
                await reply.hang()
            case _:
                pass

    async with standing.serving(lose, lasting=how == "clean end") as server:
        outcome = await face.read(server.url, wire, timeouts=Timeouts(stall=0.1))
    response = standing.answered(outcome, "one two three")
    assert response.finish_reason == "stop"
    # Chat and Bedrock say their usage later.
    assert (response.usage is None) is (wire.dialect in {"openai-chat", "bedrock"})


@pytest.mark.parametrize("more", ["the same again", "more deltas", "an error", "rubbish"])
async def test_row_34_more_after_the_end(face, wire, standing, more) -> None:
    """What Gemini says goes on to the end of the body, which alone ends it; the others have a last frame."""
    rest = {
        "the same again": wire.body,
        "more deltas": b"".join(wire.deltas),
        "an error": wire.codec.server.failure(OverloadedError("too late")),
        "rubbish": b'data: {"oops": oops}\n\n',
    }[more]
    async with standing.serving(wire.answer([wire.body, rest]), lasting=True) as server:
        outcome = await face.read(server.url, wire)
    if wire.dialect != "gemini":
        standing.answered(outcome, "one two three")
    elif more in {"an error", "rubbish"}:
        kinds = (OverloadedError, MalformedFrameError)
        phase = "stream" if more == "an error" else "parse"
        standing.failed(outcome, *kinds, text="one two three", phase=phase)
    else:
        standing.answered(outcome, "one two threeone two three")


async def test_row_34_the_end_first(face, chat, standing) -> None:
    """A `[DONE]` before any choice says nothing; a body that is nothing else is no answer."""
    bodies = [b"data: [DONE]\n\n" + chat.body, b"data: [DONE]\n\n"]
    async with standing.serving(in_turn(*map(chat.answer, bodies)), lasting=True) as server:
        standing.answered(await face.read(server.url), "one two three")
        standing.failed(await face.read(server.url), TruncatedStreamError, text=None, retryable=True)


# Ollama's errors have no kind.
OVERLOADED = {"ollama": ServerError}


async def test_row_35_an_error_inside_the_stream(face, wire, standing) -> None:
    async def fail(_: Received, reply: Reply) -> None:
        await reply.head(200, wire.headers)
        for piece in wire.deltas[:2]:
            await reply.send(piece)
        await reply.send(wire.codec.server.failure(OverloadedError(f"too busy for {KEY}")))
        await reply.hang()

    async with standing.serving(fail) as server:
        outcome = await face.read(server.url, wire)
    error = standing.failed(outcome, OVERLOADED.get(wire.dialect, OverloadedError), text="one two ")
    assert "too busy for ***" in str(error)


FAILED = b"""event: response.failed
data: {"type":"response.failed","sequence_number":9,"response":{"id":"r","object":"response",\
"status":"failed","error":{"code":"server_error","message":"it broke"},"output":[]}}

""".replace(b"\\\n", b"")
GIVEN_UP = (
    b'[{"candidates":[{"content":{"parts":[{"text":"one two "}]}}]},'
    b'{"error":{"code":500,"message":"it broke"}}]'
)


@pytest.mark.parametrize(
    ("dialect", "kind", "body"),
    [("openai-responses", "text/event-stream", FAILED), ("gemini", "application/json", GIVEN_UP)],
)
async def test_row_35_the_other_forms_of_an_error(face, wires, standing, dialect, kind, body) -> None:
    wire = wires[dialect]
    pieces = [*wire.deltas[:2], body] if dialect == "openai-responses" else [body]
    async with standing.serving(replies(pieces, content_type=kind), lasting=True) as server:
        outcome = await face.read(server.url, wire)
    error = standing.failed(outcome, ServerError, text="one two ")
    assert "it broke" in str(error)


async def test_row_36_a_frame_that_is_no_json(face, wire, standing) -> None:
    bad = {
        "ollama": b'{"oops": oops}\n',
        "bedrock": encode_message({":event-type": "contentBlockDelta"}, b'{"oops": oops}'),
    }.get(wire.dialect, b'data: {"oops": oops}\n\n')

    async def break_it(_: Received, reply: Reply) -> None:
        await reply.head(200, wire.headers)
        for piece in [*wire.deltas[:2], bad, *wire.deltas[2:]]:
            await reply.send(piece)
        await reply.hang()

    async with standing.serving(break_it) as server:
        outcome = await face.read(server.url, wire)
    error = standing.failed(outcome, MalformedFrameError, text="one two ", phase="parse")
    assert re.search(r"(frame|line) \d+", str(error))
    assert "oops" in str(error)


def endless(wire, *first: bytes, then: bytes):
    """A handler that says something first, and then the same for ever."""

    async def handler(_: Received, reply: Reply) -> None:
        await reply.head(200, wire.headers)
        for piece in first:
            await reply.send(piece)
        while True:
            await reply.send(then)
            await anyio.sleep(0.01)

    return handler


async def test_row_43_keep_alives_and_no_more(face, wire, standing) -> None:
    limits = Timeouts(stall=0.2, liveness=5)
    async with standing.serving(endless(wire, *wire.deltas, then=wire.idle)) as server:
        outcome = await face.read(server.url, wire, timeouts=limits)
    error = standing.failed(outcome, TimeoutExceeded, text="one two three")
    assert (error.clock, error.seconds) == ("stall", 0.2)
    assert 0.18 < outcome.seconds < 0.2 + 1


@pytest.mark.parametrize(("clock", "limits"), [("stall", {}), ("liveness", {"stall": 5, "liveness": 0.2})])
async def test_row_44_no_byte_more(face, wire, standing, clock, limits) -> None:
    async def stall(_: Received, reply: Reply) -> None:
        await reply.head(200, wire.headers)
        for piece in wire.deltas:
            await reply.send(piece)
        await reply.hang()

    async with standing.serving(stall) as server:
        outcome = await face.read(server.url, wire, timeouts=Timeouts(**{"stall": 0.2, **limits}))
    error = standing.failed(outcome, TimeoutExceeded, text="one two three")
    assert (error.clock, error.seconds) == (clock, 0.2)
    assert 0.18 < outcome.seconds < 0.2 + 1


def test_row_44_there_is_a_limit_by_default() -> None:
    assert (Timeouts().first_event, Timeouts().stall) == (600, 180)


async def test_row_45_keep_alives_before_the_first_token(face, wire, standing) -> None:
    limits = Timeouts(first_event=0.2, liveness=5)
    async with standing.serving(endless(wire, then=wire.idle)) as server:
        outcome = await face.read(server.url, wire, timeouts=limits)
        assert len(server.requests) == 1
    partial = "" if outcome.events else None
    error = standing.failed(outcome, TimeoutExceeded, text=partial, retryable=None)
    assert (error.clock, error.seconds) == ("first_event", 0.2)
    assert 0.18 < outcome.seconds < 0.2 + 1


def flood(wire):
    # The same again, which is no event out of turn where events are not counted.
    again = 100 * re.sub(rb',"sequence_number":\d+', b"", wire.deltas[1])

    async def handler(_: Received, reply: Reply) -> None:
        await reply.head(200, wire.headers)
        for piece in wire.deltas:
            await reply.send(piece)
        while True:
            await reply.send(again)

    return handler


async def test_row_46_deltas_without_end(face, wire, standing) -> None:
    """The time runs out also where bytes are always there, so that no read has to wait."""
    async with standing.serving(flood(wire)) as server:
        outcome = await face.read(server.url, wire, timeouts=Timeouts(total=0.3))
    error = standing.failed(outcome, TimeoutExceeded, text=outcome.text)
    assert (error.clock, error.seconds) == ("total", 0.3)
    assert outcome.text.startswith("one two threetwo two ")


@pytest.mark.parametrize("face", ["asyncio", "trio"], indirect=True)
async def test_row_46_what_is_not_kept_takes_no_memory(face, chat, standing) -> None:
    async with standing.serving(flood(chat), seconds=10) as server:
        stream = face.model(server.url).prompt("hi", keep=False)
        levels: list[int] = []
        tracemalloc.start()
        try:
            async with stream:
                for count in itertools.count():
                    await anext(stream)
                    if count % 10_000 == 0:
                        levels.append(tracemalloc.get_traced_memory()[0])
                    if count == 30_000:
                        break
        finally:
            tracemalloc.stop()
        assert max(levels[1:]) < levels[1] + 256 * 1024


async def test_row_51_no_byte_of_a_stream_that_was_left_is_in_the_next(face, wire, standing) -> None:
    async def half(_: Received, reply: Reply) -> None:
        await reply.head(200, wire.headers)
        for piece in wire.deltas:
            await reply.send(piece)
        await reply.hang()

    other = wire.said([TextDelta(0, "another"), Done(finish_reason="stop")])
    handlers = [half, wire.answer(other)] * 3
    async with standing.serving(in_turn(*handlers), lasting=True) as server:
        for _ in range(3):
            await face.leave(face.model(server.url, wire))
            standing.answered(await face.read(server.url, wire), "another")
        left = {request.connection for request in server.requests[::2]}
        whole = {request.connection for request in server.requests[1::2]}
        # One that was read whole may serve a call that is left, and then no more.
        assert len(left) == 3
        assert server.requests[-1].connection not in left
        assert whole


@pytest.mark.parametrize("face", ["asyncio", "trio"], indirect=True)
async def test_row_51_many_streams_at_once_are_told_apart(face, chat, standing) -> None:
    async def echo(received: Received, reply: Reply) -> None:
        said = chat.codec.server.request(HttpRequest("POST", "/", (), received.body)).messages[-1].text()
        await reply.head(200, chat.headers)
        for piece in chat.said([*(TextDelta(0, said) for _ in range(20)), Done(finish_reason="stop")]):
            await reply.send(piece)
            await anyio.lowlevel.checkpoint()
        await reply.end()

    async def ask(number: int) -> None:
        if number % 3:
            assert await model.prompt(f"<{number}>").text() == f"<{number}>" * 20
        else:
            async with model.prompt(f"<{number}>") as stream:
                assert await anext(stream) == TextDelta(0, f"<{number}>")

    async with standing.serving(echo, lasting=True, seconds=5) as server:
        model = face.model(server.url)
        async with anyio.create_task_group() as tasks:
            for number in range(60):
                tasks.start_soon(ask, number)
