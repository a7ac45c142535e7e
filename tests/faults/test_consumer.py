"""Rows 60 to 69: consumers that leave, drop, cancel, raise, share, dawdle, and keep context."""

import asyncio  # noqa: TID251 - its own ways to cancel are tested beside anyio's
import pathlib
import random
import sys
import warnings
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from llmstream import ConfigError, Model, TextDelta, TruncatedStreamError, get_model
from llmstream.client.retries import Retries
from llmstream.testing.loopback import Handler, Received, Reply, replies, serve

pytestmark = pytest.mark.anyio
AT_ONCE = 0.1
ONCE = Retries(1)


@pytest.fixture
def anyio_backend(face) -> str:
    return face.backend


both_loops = pytest.mark.parametrize("face", ["asyncio", "trio"], indirect=True)
asyncio_only = pytest.mark.parametrize("face", ["asyncio"], indirect=True)


@pytest.fixture
def half(request) -> Handler:
    wire = request.getfixturevalue("wire" if "wire" in request.fixturenames else "chat")

    async def handler(_: Received, reply: Reply) -> None:
        await reply.head(200, wire.headers)
        for piece in wire.deltas:
            await reply.send(piece)
        await reply.hang()

    return handler


async def test_row_60_left_early_inside_with(face, wire, half, standing) -> None:
    async with standing.serving(half) as server:
        assert await face.leave(face.model(server.url, wire), 2) in {"one two ", "one "}
        await server.wait_closed(AT_ONCE)


@both_loops
async def test_row_61_left_early_without_with(face, chat, half, standing) -> None:
    async with standing.serving(half) as server:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            async for _ in face.model(server.url).prompt("hi"):
                break
            await server.wait_closed(AT_ONCE)
    (ours,) = [one for one in said if "async with model.prompt" in str(one.message)]
    assert ours.category is ResourceWarning
    assert {one.category for one in said} == {ResourceWarning}


@pytest.mark.parametrize("face", ["sync"], indirect=True)
async def test_row_61_left_early_without_await(face, wire, half, standing) -> None:
    """A generator that is no coroutine is closed by the loop that leaves it."""

    def leave() -> None:
        for _ in model.prompt("hi"):
            break

    async with standing.serving(half) as server:
        model = face.model(server.url, wire)
        await anyio.to_thread.run_sync(leave)
        await server.wait_closed(AT_ONCE)


async def test_row_62_dropped_and_never_begun(face, chat, half, standing) -> None:
    async with standing.serving(half) as server:
        model = face.model(server.url)
        for _ in range(100):
            stream = model.prompt("hi")
            iterator = aiter(stream) if face.name != "sync" else iter(stream)
            del stream, iterator
        async with anyio.create_task_group():
            pass
        assert (server.accepted, server.requests) == (0, [])


@both_loops
async def test_row_63_closed_while_a_read_is_pending(face, wire, half, standing) -> None:
    async def read() -> None:
        with pytest.raises(TruncatedStreamError, match="closed before") as caught:
            await stream
        assert caught.value.partial is not None
        ended.set()

    async with standing.serving(half) as server, anyio.create_task_group() as tasks:
        stream, ended = face.model(server.url, wire).prompt("hi"), anyio.Event()
        tasks.start_soon(read)
        while not server.requests or not stream.snapshot().parts:
            await anyio.sleep(0.002)
        with anyio.fail_after(1):
            await stream.aclose()
            await ended.wait()
        await server.wait_closed(AT_ONCE)
        assert stream.state == "cancelled"


@both_loops
async def test_row_63_two_readers_of_one_stream(face, chat, half, standing) -> None:
    async def read() -> None:
        with pytest.raises(TruncatedStreamError):
            await stream

    async with standing.serving(half) as server, anyio.create_task_group() as tasks:
        stream = face.model(server.url).prompt("hi")
        tasks.start_soon(read)
        while not stream.snapshot().parts:
            await anyio.sleep(0.002)
        with pytest.raises(ConfigError, match="one reader"):
            async for _ in stream:
                pass
        assert stream.state == "open"
        await stream.aclose()


PUSHED = 100 * 1024 * 1024


def _resident() -> int:
    """Bytes of this process in memory."""
    with pathlib.Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_row_64_a_consumer_slower_than_the_server(face, chat, standing) -> None:
    """The server would push 100 MB; it gets rid of what socket buffers and one bounded queue hold."""
    piece = chat.said([TextDelta(0, "x" * 65_536)])[0]
    pushed = 0

    async def push(_: Received, reply: Reply) -> None:
        nonlocal pushed
        await reply.head(200, chat.headers)
        while pushed < PUSHED:
            await reply.send(piece)
            pushed += len(piece)
        await reply.hang()

    async with standing.serving(push, seconds=10) as server:
        stream = face.model(server.url).prompt("hi", keep=False)
        before = _resident()
        if face.name == "sync":
            await anyio.to_thread.run_sync(next, stream)
        else:
            await anext(stream)
        # The server fills what it can; then its send blocks.
        last = -1
        while last != pushed:
            last = pushed
            await anyio.sleep(0.2)
        held = pushed
        grown = _resident() - before
        if face.name == "sync":
            await anyio.to_thread.run_sync(stream.close)
        else:
            await stream.aclose()
    assert held < PUSHED
    assert held < 24 * 1024 * 1024
    assert grown < 24 * 1024 * 1024


async def awaited(model: Model) -> None:
    await model.prompt("hi", retries=ONCE)


async def entered(model: Model) -> None:
    async with model.prompt("hi", retries=ONCE) as stream:
        async for _ in stream:
            pass


async def by_scope(use: Callable[[], Coroutine[Any, Any, None]], turns: int) -> bool:
    """Cancel a use by anyio after so many turns of the loop; whether it was still going."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(use)
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
        return True


async def by_task(use: Callable[[], Coroutine[Any, Any, None]], turns: int, again: int = 0) -> bool:
    """Cancel a use by asyncio, and again so many turns later; it ends as cancelled and in no other way."""
    task = asyncio.ensure_future(use())
    for _ in range(turns):
        await asyncio.sleep(0)
    going = not task.done()
    task.cancel()
    for _ in range(again):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait([task], timeout=5)
    assert task.done()
    assert task.cancelled() is going
    return going


async def by_wait_for(use: Callable[[], Coroutine[Any, Any, None]], seconds: float) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(use(), seconds)


async def by_timeout(use: Callable[[], Coroutine[Any, Any, None]], seconds: float) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await use()


async def by_fail_after(use: Callable[[], Coroutine[Any, Any, None]], seconds: float) -> None:
    with pytest.raises(TimeoutError), anyio.fail_after(seconds):
        await use()


TURNS = 40


@both_loops
@pytest.mark.parametrize("use", [awaited, entered])
async def test_row_65_cancelled_after_every_turn_of_the_loop(face, chat, standing, use) -> None:
    """By count of awaits: `test_the_next_call_works_wherever_one_was_cancelled` in test_closing."""
    async with standing.serving(chat.answer(chat.frames), lasting=True, seconds=10) as server:
        model = face.model(server.url)
        for turns in range(TURNS):
            await by_scope(partial(use, model), turns)
            await awaited(model)
        assert server.open_connections == 1


@asyncio_only
@pytest.mark.parametrize("use", [awaited, entered])
@pytest.mark.parametrize("again", [0, 1, 2])
async def test_row_66_cancelled_by_asyncio_once_and_again_while_it_closes(
    face, chat, half, standing, use, again
) -> None:
    async with standing.serving(half, seconds=10) as server:
        model = face.model(server.url)
        for turns in range(TURNS):
            await by_task(partial(use, model), turns, again)
            await server.wait_closed(AT_ONCE)


@both_loops
async def test_row_66_cancelled_inside_of_a_cancelled_scope(face, chat, half, standing) -> None:
    async with standing.serving(half) as server:
        stream = face.model(server.url).prompt("hi")
        with anyio.CancelScope() as scope:
            try:
                async for _ in stream:
                    scope.cancel()
            finally:
                with anyio.CancelScope() as inner:
                    inner.cancel()
                    await stream.aclose()
        await server.wait_closed(AT_ONCE)
        assert stream.state == "cancelled"


@asyncio_only
@pytest.mark.parametrize("how", [by_wait_for, by_timeout, by_fail_after])
@pytest.mark.parametrize("use", [awaited, entered])
async def test_row_65_left_by_a_limit_of_the_callers(face, chat, half, standing, how, use) -> None:
    async with standing.serving(half) as server:
        for seconds in (0.0, 0.001, 0.05):
            await how(partial(use, face.model(server.url)), seconds)
            await server.wait_closed(AT_ONCE)


async def test_row_67_the_consumer_raises(face, wire, half, standing) -> None:
    class Own(Exception):
        pass

    error = Own("mine")

    async def loop() -> None:
        async with model.prompt("hi") as stream:
            async for _ in stream:
                raise error

    def plain() -> None:
        with model.prompt("hi") as stream:
            for _ in stream:
                raise error

    async with standing.serving(half) as server:
        model = face.model(server.url, wire)
        with pytest.raises(Own) as caught:
            await (anyio.to_thread.run_sync(plain) if face.name == "sync" else loop())
        await server.wait_closed(AT_ONCE)
    assert caught.value is error
    assert (error.__cause__, error.__context__) == (None, None)


@both_loops
async def test_row_68_a_limit_opened_between_two_events_is_the_consumers(face, chat, half, standing) -> None:
    """No scope of the library's is open while a consumer holds an event; test_architecture looks for one."""
    async with standing.serving(half) as server:
        async with face.model(server.url).prompt("hi") as stream:
            assert await anext(stream) == TextDelta(0, "one ")
            with pytest.raises(TimeoutError), anyio.fail_after(0.05):
                async for _ in stream:
                    pass
            # What follows is in no scope that has been cancelled.
            await anyio.sleep(0.01)
        await server.wait_closed(AT_ONCE)

        # Scopes that open and close between items, crosswise to the stream's life, too.
        stream = face.model(server.url).prompt("hi")
        with anyio.move_on_after(5):
            await anext(stream)
        with anyio.move_on_after(5):
            await stream.aclose()


MINE: ContextVar[str] = ContextVar("MINE", default="nobody's")


@both_loops
async def test_row_69_the_consumers_context_is_kept(face, chat, standing) -> None:
    async def relayed(name: str) -> AsyncGenerator[str, None]:
        """A generator of the consumer's around the stream."""
        async with model.prompt("hi") as stream:
            async for event in stream:
                yield f"{MINE.get()} {getattr(event, 'text', 'end')}"

    async def consume(name: str) -> None:
        MINE.set(name)
        async for number, said in numbered(relayed(name)):
            assert said.startswith(f"{name}{number or ''} ")
            MINE.set(f"{name}{number + 1}")
            await anyio.lowlevel.checkpoint()

    async with standing.serving(chat.answer(chat.frames), lasting=True) as server:
        model = face.model(server.url)
        async with anyio.create_task_group() as tasks:
            for name in ("ann", "bob", "cid"):
                tasks.start_soon(consume, name)
        assert MINE.get() == "nobody's"


async def numbered(items: AsyncGenerator[str, None]) -> AsyncGenerator[tuple[int, str], None]:
    number = 0
    async for item in items:
        yield number, item
        number += 1


@pytest.fixture(params=["direct", "FastTransport in httpx", "FastTransport in httpx2", "httpx", "httpx2"])
async def connected(request, monkeypatch) -> Any:
    """Make models that share connections, by each of the ways that there are to a server."""
    how = request.param
    library = how.rpartition(" ")[2]

    def make(url: str, **more: Any) -> Model:
        return get_model("openai-chat/m", base_url=f"{url}/v1", key="k", **more)

    if how == "direct":
        yield make
    elif library != how:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("LLMSTREAM_HTTP", library)
        yield make
    else:
        module = __import__(library)
        async with module.AsyncClient(verify=False) as client:
            yield partial(make, http=client)


@both_loops
async def test_row_65_240_cancels_under_contention_and_then_a_healthy_call(face, chat, connected) -> None:
    choose = random.Random(65)

    async def slow(received: Received, reply: Reply) -> None:
        await anyio.sleep(choose.random() / 100)
        await replies(chat.body, content_type="text/event-stream")(received, reply)

    async def one(delay: float) -> None:
        with anyio.move_on_after(delay):
            await model.prompt("hi", retries=ONCE)

    async with serve(slow) as server:
        model = connected(server.url)
        async with anyio.create_task_group() as tasks:
            for _ in range(240):
                tasks.start_soon(one, choose.random() / 10)
        with anyio.fail_after(5):
            assert await model.prompt("hi", retries=ONCE).text() == "one two three"
