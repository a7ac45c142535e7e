"""Calls on uvloop, the event loop of others: nothing is left open after any way out."""

import asyncio  # noqa: TID251 - whose loop it is, is asked of asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from llmstream import Model, TextDelta, get_model
from llmstream.jsontext import dump_bytes
from llmstream.testing.loopback import Received, Reply, Server, serve

pytestmark = [pytest.mark.anyio, pytest.mark.peer]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


def data(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return b"data: " + dump_bytes({"choices": [choice]}) + b"\n\n"


async def answer(received: Received, reply: Reply) -> None:
    """Say two words and end; or, asked to wait, say one and hang."""
    await reply.head(200, {"content-type": "text/event-stream"})
    await reply.send(data({"content": "Good "}))
    if b"wait" in received.body:
        await reply.hang()
        return
    await reply.send(data({"content": "day."}))
    await reply.send(data({}, "stop") + b"data: [DONE]\n\n")
    await reply.end()


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Server, Model]]:
    """A server on uvloop and a model there; at the end no more tasks run than before."""
    import uvloop

    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
    before = asyncio.all_tasks()
    async with serve(answer) as server:
        yield server, get_model("openai-chat/m", base_url=f"{server.url}/v1", key="k")
    await anyio.wait_all_tasks_blocked()
    assert asyncio.all_tasks() <= before


async def test_a_call_is_streamed() -> None:
    async with serving() as (server, model):
        async with model.prompt("Say it.") as stream:
            texts = [event.text async for event in stream if isinstance(event, TextDelta)]
        assert texts == ["Good ", "day."]
        assert (await model.prompt("Say it.")).text() == "Good day."
        # one connection, kept for the next call
        assert (server.accepted, server.open_connections) == (1, 1)


async def test_a_stream_that_is_left_lets_its_connection_go() -> None:
    async with serving() as (server, model):
        async with model.prompt("Say it and wait.") as stream:
            async for _ in stream:
                break
        await server.wait_closed()
        assert stream.state == "cancelled"


async def test_a_call_that_is_cancelled_lets_its_connection_go() -> None:
    async with serving() as (server, model):
        stream, begun = model.prompt("Say it and wait."), anyio.Event()

        async def read() -> None:
            async with stream:
                async for _ in stream:
                    begun.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await begun.wait()
            tasks.cancel_scope.cancel()
        await server.wait_closed()
        assert stream.state == "cancelled"
        assert stream.snapshot().text() == "Good "
        assert (await model.prompt("Say it.")).text() == "Good day."
