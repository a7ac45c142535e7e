"""Law 9: a call that is left, in whatever way, has released its connection when control returns.

The garbage collector is off, and nothing may be said on the way: no warning, no unraisable exception,
no word of an event loop's logger, no task left behind.
"""

import asyncio  # noqa: TID251 - its own way to cancel is tested beside anyio's
import gc
import itertools
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from importlib import import_module
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import pytest
import trio.lowlevel  # noqa: TID251 - likewise

import llmstream
from llmstream import (
    ConnectionLost,
    EventStream,
    Model,
    RateLimiter,
    Request,
    Response,
    Retries,
    TextDelta,
    TimeoutExceeded,
    Timeouts,
    TruncatedStreamError,
    get_model,
    user,
)
from llmstream.jsontext import dump_bytes
from llmstream.stage import run
from llmstream.testing.loopback import Received, Reply, Server, in_turn, replies, serve
from llmstream.wire import find

pytestmark = pytest.mark.anyio

AT_ONCE = 0.1  # seconds that the law gives
A_WHILE = 0.08  # seconds after which a call that nothing ends is given up
HEAD = {"content-type": "text/event-stream"}


def data(**fields: object) -> bytes:
    return b"data: " + dump_bytes(fields) + b"\n\n"


def words(*texts: str) -> list[bytes]:
    return [data(choices=[{"index": 0, "delta": {"content": text}}]) for text in texts]


END = [data(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]), b"data: [DONE]\n\n"]


async def whole(_: Received, reply: Reply) -> None:
    await reply.head(200, HEAD)
    for piece in [*words("a", "b", "c"), *END]:
        await reply.send(piece)
    await reply.end()


async def half(_: Received, reply: Reply) -> None:
    await reply.head(200, HEAD)
    for piece in words("a", "b", "c"):
        await reply.send(piece)
    await reply.hang()


async def headless(_: Received, reply: Reply) -> None:
    await reply.hang()


async def open_ended(_: Received, reply: Reply) -> None:
    await reply.head(200, HEAD)
    for piece in [*words("a"), *END]:
        await reply.send(piece)
    await reply.hang()


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is collected by chance, and nothing is said."""
    unraisable: list[str] = []
    gc.collect()
    gc.disable()
    hook, sys.unraisablehook = (
        sys.unraisablehook,
        lambda it: unraisable.append(f"{it.object!r}: {it.exc_value!r}"),
    )
    try:
        yield
        gc.collect()
    finally:
        sys.unraisablehook = hook
        gc.enable()
    assert unraisable == []
    assert [
        record.getMessage() for record in caplog.records if record.levelname not in {"DEBUG", "INFO"}
    ] == []


@pytest.fixture(params=["direct", "httpx", "httpx2", "shared httpx", "shared httpx2"])
async def connect(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Model]]:
    """Make models of a server that share connections: of a given client, of the loop's client, or ours."""
    how, _, library = request.param.rpartition(" ")

    def make(url: str, provider: str = "openai-chat", **more: Any) -> Model:
        return get_model(f"{provider}/m", base_url=f"{url}/v1", key="k", **more)

    if library == "direct":
        yield make
    elif how == "shared":
        # With a proxy in the environment, though it is not for this server, calls go through a library.
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("LLMSTREAM_HTTP", library)
        yield make
    else:
        async with import_module(library).AsyncClient(verify=False) as client:
            yield partial(make, http=client)


async def settled(tasks: int) -> None:
    """Wait until no more tasks run than before; those of the server end with their connections."""
    for _ in range(100):
        await anyio.wait_all_tasks_blocked()
        if len(anyio.get_running_tasks()) <= tasks:
            return
    raise AssertionError(f"expected {tasks} tasks, got {anyio.get_running_tasks()}")


@asynccontextmanager
async def closing(server: Server) -> AsyncIterator[None]:
    """What happens inside leaves no open connection and no task."""
    await anyio.wait_all_tasks_blocked()
    tasks = len(anyio.get_running_tasks())
    yield
    await server.wait_closed(AT_ONCE)
    await settled(tasks)


# What is called at each suspension of the task that has it in its context, and of those it starts.
STEP: ContextVar[Callable[[], None]] = ContextVar("STEP")


class Counted:
    """A coroutine that calls a function at each of its suspensions."""

    def __init__(self, coroutine: Coroutine[Any, Any, object], step: Callable[[], None]) -> None:
        self._coroutine = coroutine
        self._step = step

    def __await__(self) -> Generator[Any, Any, object]:
        resume: Callable[[Any], Any] = self._coroutine.send
        given: Any = None
        while True:
            try:
                trap = resume(given)
            except StopIteration as end:
                return end.value
            self._step()
            try:
                resume, given = self._coroutine.send, (yield trap)
            except BaseException as error:  # noqa: BLE001 - handed on as it is
                resume, given = self._coroutine.throw, error


async def count(coroutine: Coroutine[Any, Any, object], step: Callable[[], None]) -> object:
    return await Counted(coroutine, step)


def counting_tasks(loop: Any, coroutine: Coroutine[Any, Any, object], **more: Any) -> asyncio.Task[object]:
    step = STEP.get(None)
    return asyncio.Task(coroutine if step is None else count(coroutine, step), loop=loop, **more)


class CountingSteps(trio.abc.Instrument):
    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if STEP in task.context:
            task.context[STEP]()


@contextmanager
def steps_counted() -> Iterator[None]:
    if trio.lowlevel.in_trio_run():
        instrument = CountingSteps()
        trio.lowlevel.add_instrument(instrument)
        yield
        trio.lowlevel.remove_instrument(instrument)
    else:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(counting_tasks)
        yield
        loop.set_task_factory(None)


async def cancelled(use: Callable[[], Coroutine[Any, Any, object]], k: int) -> bool:
    """Cancel a use at its k-th suspension, wherever below it that is; whether it came so far."""
    scope, steps = anyio.CancelScope(), itertools.count(1)

    async def main() -> None:
        with scope:
            await use()

    with steps_counted():
        async with anyio.create_task_group() as tasks:
            mark = STEP.set(lambda: scope.cancel() if next(steps) == k else None)
            tasks.start_soon(main)
            STEP.reset(mark)
    return scope.cancel_called


async def cancelled_by_asyncio(
    use: Callable[[], Coroutine[Any, Any, object]], k: int, again: int = 0
) -> bool:
    """The same by asyncio's own means, which no shield holds off; and `again` so many suspensions later."""
    steps, hits, limits = itertools.count(1), list[int](), list[anyio.CancelScope]()

    async def main() -> None:
        with anyio.move_on_after(A_WHILE) as limit:
            limits.append(limit)
            await use()

    def step() -> None:
        number = next(steps)
        if number in {k, k + again}:
            hits.append(number)
            task.cancel()

    with steps_counted():
        mark = STEP.set(step)
        task = asyncio.create_task(main())
        STEP.reset(mark)
        with suppress(asyncio.CancelledError):
            await task
    # A limit that runs out in the same step takes the cancellation for its own.
    assert task.cancelled() is bool(hits) or limits[0].cancel_called
    return bool(hits)


async def entered(model: Model) -> None:
    async with model.prompt("hi") as stream:
        async for event in stream:
            if event == TextDelta(0, "c"):
                break


async def texts(model: Model) -> None:
    async with model.prompt("hi") as stream:
        async for text in stream.text_deltas():
            if text == "c":
                break


async def closed_by_hand(model: Model) -> None:
    stream = model.prompt("hi")
    try:
        await anext(stream)
    finally:
        await stream.aclose()


async def awaited(model: Model) -> None:
    await model.prompt("hi")


async def looped(model: Model) -> None:
    async for _ in model.prompt("hi"):
        pass


async def replied_twice(model: Model) -> None:
    response = await model.prompt("hi")
    await response.reply("again")


# The sweeps are long, and the shared clients differ from these only in who made them.
given_clients = pytest.mark.parametrize("connect", ["direct", "httpx", "httpx2"], indirect=True)
LEFT = [entered, texts, closed_by_hand]
READ = [awaited, looped]


async def sweep(server: Server, use: Callable[[], Coroutine[Any, Any, object]], *, most: int = 1000) -> int:
    """Cancel a use at its first suspension, its second, … until it runs through; how many there were."""
    for k in range(1, most):
        async with closing(server):
            came_so_far = await cancelled(use, k)
        if not came_so_far:
            return k - 1
    return most - 1


@given_clients
@pytest.mark.parametrize("use", LEFT)
async def test_a_stream_cancelled_at_every_await(connect, use) -> None:
    async with serve(half) as server:
        model = connect(server.url)
        assert await sweep(server, lambda: use(model)) > 2
        assert server.accepted > 1


@given_clients
@pytest.mark.parametrize("use", READ)
@pytest.mark.parametrize("handler", [headless, half])
async def test_a_call_cancelled_at_every_await(connect, use, handler) -> None:
    async with serve(handler) as server:
        model = connect(server.url)

        async def for_a_while() -> None:
            with anyio.move_on_after(A_WHILE):
                await use(model)

        assert await sweep(server, for_a_while) > 2
        assert server.accepted > 1


@pytest.mark.parametrize("use", [entered, awaited, replied_twice])
async def test_the_next_call_works_wherever_one_was_cancelled(connect, use) -> None:
    async with serve(whole) as server:
        model = connect(server.url)
        going, k = True, 0
        while going:
            going, k = await cancelled(lambda: use(model), k + 1), k + 1
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(looped, model)
            # Nothing but connections that can serve again is left.
            assert server.open_connections <= 3
        assert k > 2


@given_clients
async def test_the_next_call_works_wherever_one_that_was_made_again_was_cancelled(connect) -> None:
    """A turn of the limiter that is lost would hold every call after it."""
    refusals = 0

    async def refused_at_first(received: Received, reply: Reply) -> None:
        nonlocal refusals
        if refusals:
            refusals -= 1
            await reply.head(503, chunked=0)
        else:
            await whole(received, reply)

    async with serve(refused_at_first) as server:
        again = Retries(3, first_wait=0)
        model = connect(server.url, retries=again, limiter=RateLimiter(concurrency=1))
        going, k = True, 0
        while going:
            refusals = 2
            going, k = await cancelled(lambda: awaited(model), k + 1), k + 1
            refusals = 0
            with anyio.fail_after(5):
                await looped(model)
            assert server.open_connections <= 1
        assert k > 6


@given_clients
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("use", [entered, awaited])
@pytest.mark.parametrize("again", [0, 1, 2, 3])
async def test_cancelled_by_asyncio_itself_once_and_twice(connect, use, again) -> None:
    async with serve(half) as server:
        model = connect(server.url)
        for k in itertools.count(1):
            async with closing(server):
                going = await cancelled_by_asyncio(lambda: use(model), k, again)
            if not going:
                break
        assert k > 4


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_left_by_asyncios_own_time_limits(connect) -> None:
    async with serve(half) as server:
        model = connect(server.url)
        for use in READ:
            async with closing(server):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await use(model)
            async with closing(server):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(use(model), 0.05)


async def left_by_break(stream: EventStream[Response]) -> None:
    async with stream:
        async for _ in stream:
            break


async def left_by_return(stream: EventStream[Response]) -> object:
    async with stream:
        async for event in stream:
            return event
    return None


async def left_by_exception(stream: EventStream[Response]) -> None:
    async with stream:
        async for _ in stream:
            raise ZeroDivisionError


async def left_by_a_limit(stream: EventStream[Response]) -> None:
    with anyio.fail_after(0.05):
        async with stream:
            async for _ in stream:
                pass


@pytest.mark.parametrize("leave", [left_by_break, left_by_return, left_by_exception, left_by_a_limit])
async def test_however_a_stream_is_left_it_is_closed(connect, leave) -> None:
    async with serve(half) as server:
        stream = connect(server.url).prompt("hi")
        async with closing(server):
            with suppress(ZeroDivisionError, TimeoutError):
                await leave(stream)
        assert stream.state == "cancelled"


async def test_a_clock_that_runs_out_closes_and_hands_over_what_came(connect) -> None:
    async with serve(half) as server:
        model = connect(server.url)
        async with closing(server):
            with pytest.raises(TimeoutExceeded, match="stall") as caught:
                await model.prompt("hi", timeouts=Timeouts(stall=0.05))
        assert caught.value.partial is not None
        assert caught.value.partial.text() == "abc"


async def test_a_limit_that_the_consumer_opened_between_two_events_is_his(connect) -> None:
    async with serve(half) as server, closing(server), connect(server.url).prompt("hi") as stream:
        assert await anext(stream) == TextDelta(0, "a")
        with pytest.raises(TimeoutError), anyio.fail_after(0.05):
            async for _ in stream:
                pass
        assert stream.state == "cancelled"


@pytest.mark.parametrize("connect", ["direct"], indirect=True)
async def test_a_head_that_does_not_come_on_a_connection_used_before(connect) -> None:
    """No connection is dialled, so the wait for the head is the first that a clock or a task can end."""
    async with serve(in_turn(whole, headless, whole, headless)) as server:
        model = connect(server.url, timeouts=Timeouts(first_event=0.05), retries=Retries(1))
        await model.prompt("hi")
        async with closing(server):
            with pytest.raises(TimeoutExceeded) as caught:
                await model.prompt("hi")
        assert (caught.value.clock, caught.value.phase) == ("first_event", "headers")
        model = connect(server.url)
        await model.prompt("hi")
        async with closing(server), anyio.create_task_group() as tasks:
            stream = model.prompt("hi")
            tasks.start_soon(read_until_closed, stream)
            while len(server.requests) < 4:
                await anyio.wait_all_tasks_blocked()
            await stream.aclose()
        assert server.accepted == 2


async def read_until_closed(stream: EventStream[Response]) -> None:
    with pytest.raises(TruncatedStreamError, match="closed before"):
        await stream


@pytest.mark.parametrize("handler", [headless, half])
async def test_closed_by_another_task_while_a_read_is_pending(connect, handler) -> None:
    async def read(stream, ended: anyio.Event) -> None:
        await read_until_closed(stream)
        ended.set()

    async with serve(handler) as server:
        model = connect(server.url)
        async with closing(server), anyio.create_task_group() as tasks:
            stream, ended = model.prompt("hi"), anyio.Event()
            tasks.start_soon(read, stream, ended)
            with anyio.move_on_after(0.05):
                await ended.wait()
            assert stream.state == "open"
            await stream.aclose()
            await server.wait_closed(AT_ONCE)
            assert stream.state == "cancelled"


async def test_cancelled_during_the_handshake(connect) -> None:
    """The server takes the connection, and the greeting, and never answers it."""

    async def handle(tcp: anyio.abc.SocketStream) -> None:
        taken.append(tcp)
        async with tcp:
            try:
                while True:
                    await tcp.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                gone.append(tcp)

    taken: list[object] = []
    gone: list[object] = []
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, handle)
        model = connect(f"https://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}")
        for use in (entered, awaited, looped):
            with anyio.move_on_after(0.1) as scope:
                await use(model)
            assert scope.cancelled_caught
        with pytest.raises(TimeoutExceeded) as caught:
            await model.prompt("hi", timeouts=Timeouts(connect=0.1))
        assert (caught.value.clock, caught.value.seconds, caught.value.phase) == ("connect", 0.1, "connect")
        with anyio.fail_after(AT_ONCE):
            while len(gone) < len(taken):
                await anyio.lowlevel.checkpoint()
        assert taken
        tasks.cancel_scope.cancel()


async def test_a_plain_loop_that_ends_or_raises_has_closed(connect) -> None:
    async def cut(_: Received, reply: Reply) -> None:
        await reply.head(200, HEAD)
        await reply.send(words("a")[0])

    async with serve(in_turn(whole, cut, whole)) as server:
        model = connect(server.url)
        await looped(model)
        with pytest.raises(ConnectionLost):
            await looped(model)
        await server.wait_closed(AT_ONCE)
        await looped(model)


async def test_a_plain_loop_that_is_left_warns_and_is_closed_by_the_finaliser(connect) -> None:
    async with serve(half) as server:
        model = connect(server.url)
        # trio has a warning of its own for this.
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            async with closing(server):
                async for _ in model.prompt("hi"):
                    break
                await server.wait_closed(AT_ONCE)
        ours = [str(one.message) for one in said if "async with model.prompt" in str(one.message)]
        assert len(ours) == 1
        assert {one.category for one in said} == {ResourceWarning}


async def test_a_whole_answer_leaves_its_connection_to_the_next(connect) -> None:
    async with serve(whole) as server:
        model = connect(server.url)
        for use in (awaited, looped, replied_twice):
            await use(model)
        assert (server.accepted, len(server.requests)) == (1, 4)


async def test_a_connection_is_free_when_done_is_seen(connect) -> None:
    async with serve(whole) as server:
        model = connect(server.url)
        async with model.prompt("hi") as stream:
            async for event in stream:
                if isinstance(event, llmstream.Done):
                    await model.prompt("meanwhile")
        assert server.accepted == 1


async def test_a_connection_that_was_left_is_not_used_again(connect) -> None:
    async with serve(in_turn(half, whole, half, whole)) as server:
        model = connect(server.url)
        for _ in range(2):
            async with model.prompt("hi") as stream:
                await anext(stream)
            assert (await model.prompt("hi")).text() == "abc"
        # The third request went over the connection that the second left whole.
        assert [request.connection for request in server.requests] == [0, 1, 1, 2]


async def test_a_body_that_is_left_open_after_its_last_frame_does_not_hold_the_caller(connect) -> None:
    async with serve(open_ended) as server:
        model = connect(server.url)
        for use in READ:
            async with closing(server):
                began = anyio.current_time()
                await use(model)
                assert anyio.current_time() - began < 1


@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic"])
async def test_each_dialect_leaves_its_connection_whole_or_closed(connect, dialect) -> None:
    events = [TextDelta(0, "a"), TextDelta(0, "b"), llmstream.Done(finish_reason="stop")]
    encoder = find(dialect).server.encoder(Request("m", [user("hi")]))
    pieces = list(run(encoder, events))

    async def left_open(_: Received, reply: Reply) -> None:
        await reply.head(200, HEAD)
        for piece in pieces:
            await reply.send(piece)
        await reply.hang()

    answer = replies(pieces)
    async with serve(in_turn(answer, answer, left_open, left_open)) as server:
        model = connect(server.url, dialect)
        for _ in range(2):
            assert (await model.prompt("hi")).text() == "ab"
        assert server.accepted == 1
        assert (await model.prompt("hi")).state == "complete"
        await server.wait_closed(AT_ONCE)
        async with model.prompt("hi") as stream:
            await anext(stream)
        await server.wait_closed(AT_ONCE)
