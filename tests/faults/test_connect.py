"""Rows 1 to 13 of the faults: nobody there, nobody who speaks, and nothing that could be read yet.

Each outcome is typed, bounded in time, without the key in it, and leaves no connection open.
"""

import contextlib
import datetime as dt
import pickle
import socket
import ssl
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache
from importlib import import_module

import anyio
import anyio.abc
import anyio.to_thread
import pytest
import trustme

from llmstream import (
    ConnectError,
    ConnectionLost,
    LLMStreamError,
    PoolTimeout,
    RateLimiter,
    Retries,
    Secret,
    TimeoutExceeded,
    Timeouts,
    TLSError,
    get_model,
    sync,
)
from llmstream.jsontext import dump_bytes
from llmstream.testing.loopback import Received, Reply, Server, in_turn, serve
from llmstream.transport import direct
from llmstream.transport.fast.transport import FastTransport

pytestmark = pytest.mark.anyio
KEY = "sk-SENTINEL-0123456789"
# As a Secret: the frames of these tests are in the tracebacks, too.
GIVEN = Secret(KEY)
ONCE = Retries(1)
SOON = Retries(3, first_wait=0.01)


def data(**fields: object) -> bytes:
    return b"data: " + dump_bytes(fields) + b"\n\n"


async def whole(_: Received, reply: Reply) -> None:
    await reply.head(200, {"content-type": "text/event-stream"})
    await reply.send(data(choices=[{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]))
    await reply.send(b"data: [DONE]\n\n")
    await reply.end()


async def abort(_: Received, reply: Reply) -> None:
    reply.abort()


async def hang(_: Received, reply: Reply) -> None:
    await reply.hang()


@pytest.fixture(params=["direct", "httpx", "httpx2"])
async def connect_client(request: pytest.FixtureRequest) -> AsyncIterator[object]:
    """None stands for our own connections without a library."""
    if request.param == "direct":
        yield None
    else:
        async with import_module(request.param).AsyncClient(verify=False) as client:
            yield client


def checked(error: LLMStreamError, phase: str, *, retryable: bool) -> LLMStreamError:
    """S3 and S4: typed, before any event, and without the key wherever one might look."""
    assert (error.phase, error.retryable, error.partial) == (phase, retryable, None)
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown = [str(error), repr(error), "".join(trace.format()), repr(pickle.dumps(error)), repr(vars(error))]
    assert not [text for text in shown if KEY in text]
    return error


async def failure(
    url: str,
    client: object = None,
    *,
    retries: Retries = ONCE,
    timeouts: Timeouts | None = None,
    within: float = 1.0,
    face: str = "async",
) -> LLMStreamError:
    """What a call ends in; S1: it does so in time."""
    began = time.monotonic()
    with pytest.raises(LLMStreamError) as caught:
        await answered(url, client, retries=retries, timeouts=timeouts, face=face)
    assert time.monotonic() - began < within
    return caught.value


async def answered(
    url: str,
    client: object = None,
    *,
    retries: Retries = ONCE,
    timeouts: Timeouts | None = None,
    face: str = "async",
) -> str:
    given = {"base_url": f"{url}/v1", "key": GIVEN, "retries": retries}
    if face == "async":
        model = get_model("openai-chat/m", http=client, **given)
        return await model.prompt("hi", timeouts=timeouts).text()
    blocking = sync.get_model("openai-chat/m", **given)
    return await anyio.to_thread.run_sync(lambda: blocking.prompt("hi", timeouts=timeouts).text())


both_faces = pytest.mark.parametrize("face", ["async", "sync"])


@contextlib.contextmanager
def closed_port() -> Iterator[str]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}"


@contextlib.asynccontextmanager
async def closing(server: Server) -> AsyncIterator[None]:
    """S2: what happens inside leaves no connection open, and no task."""
    await anyio.wait_all_tasks_blocked()
    tasks = len(anyio.get_running_tasks())
    yield
    await server.wait_closed(1.0)
    # Those of the server end when they next write.
    with anyio.move_on_after(1.0):
        while len(anyio.get_running_tasks()) > tasks:
            await anyio.sleep(0.01)
    assert len(anyio.get_running_tasks()) <= tasks


@both_faces
async def test_row_01_connection_refused(connect_client, face) -> None:
    told: list[object] = []
    with closed_port() as url:
        error = await failure(url, connect_client, face=face)
        assert type(checked(error, "connect", retryable=True)) is ConnectError
        again = Retries(3, first_wait=0.01, listener=told.append)
        error = await failure(url, connect_client, retries=again, face=face)
    assert [type(before) for before in error.attempts] == [ConnectError] * 2
    assert len(told) == 3


@both_faces
async def test_row_02_dns_failure(connect_client, face, monkeypatch) -> None:
    def unknown(host: object, *_: object, **__: object) -> None:
        if host in {"127.0.0.1", b"127.0.0.1"}:
            raise AssertionError("a number needs no resolver")
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = await failure("http://nx.invalid", connect_client, retries=SOON, face=face)
    assert type(checked(error, "connect", retryable=True)) is ConnectError
    assert "nx.invalid" in str(error)
    assert len(error.attempts) == 2


async def test_row_03_dns_slow(connect_client, monkeypatch) -> None:
    released = threading.Event()

    def slow(host: object, port: object, family=0, type=0, proto=0, flags=0) -> None:
        # trio asks first, and without a thread, whether the name is a number.
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "no number")
        released.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "late")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    try:
        error = await failure("http://slow.invalid", connect_client, timeouts=Timeouts(connect=0.1))
        assert isinstance(checked(error, "connect", retryable=True), TimeoutExceeded)
        assert "0.1 s (connect)" in str(error)
        began = time.monotonic()
        with anyio.move_on_after(0.1) as scope:
            await answered("http://slow.invalid", connect_client)
        assert scope.cancelled_caught
        assert time.monotonic() - began < 1
    finally:
        released.set()


@both_faces
async def test_row_04_connect_hangs(connect_client, face) -> None:
    """The kernel takes no more than the backlog; the rest waits for an answer that does not come."""
    with socket.socket() as full, contextlib.ExitStack() as others:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            other = others.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        error = await failure(url, connect_client, timeouts=Timeouts(connect=0.1), face=face)
    assert isinstance(checked(error, "connect", retryable=True), TimeoutExceeded)
    assert (error.clock, error.seconds) == ("connect", 0.1)
    assert Timeouts().connect == 10


def served(authority: trustme.CA, name: str = "127.0.0.1", **more: object) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, **more).configure_cert(context)
    return context


@pytest.fixture(scope="module")
def connect_authority() -> trustme.CA:
    return trustme.CA()


LAST_YEAR = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize("library", ["httpx", "httpx2", "ours"])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("self-signed", "certificate verify failed"),
        ("another name", "127.0.0.1"),
        ("expired", "expired"),
    ],
)
async def test_row_05_tls_refused(connect_authority, library, fault, words) -> None:
    context = {
        "self-signed": lambda: served(trustme.CA()),
        "another name": lambda: served(connect_authority, "example.org"),
        "expired": lambda: served(connect_authority, not_after=LAST_YEAR),
    }[fault]()
    trusting = ssl.create_default_context()
    connect_authority.configure_trust(trusting)
    module = import_module("httpx2" if library == "ours" else library)
    how = (
        {"transport": FastTransport.under(module, ssl_context=trusting)}
        if library == "ours"
        else {"verify": trusting}
    )
    async with serve(whole, ssl_context=context) as server, module.AsyncClient(**how) as client:
        async with closing(server):
            error = await failure(server.url, client, retries=Retries())
        assert type(checked(error, "connect", retryable=False)) is TLSError
        assert words in str(error)
        assert (server.requests, error.attempts) == ([], ())


async def test_row_06_tls_to_a_plain_port_and_plain_to_a_tls_port(connect_client, connect_authority) -> None:
    async def plain(tcp: anyio.abc.SocketStream) -> None:
        async with tcp:
            await tcp.receive()
            await tcp.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, plain)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        error = await failure(f"https://127.0.0.1:{port}", connect_client, retries=Retries())
        assert type(checked(error, "connect", retryable=False)) is TLSError
        tasks.cancel_scope.cancel()
    async with serve(whole, ssl_context=served(connect_authority)) as server:
        error = await failure(server.url.replace("https", "http"), connect_client)
        assert type(checked(error, "headers", retryable=True)) is ConnectionLost
        await server.wait_closed()


async def test_row_07_tls_handshake_stalls(connect_client) -> None:
    taken: list[object] = []

    async def silent(tcp: anyio.abc.SocketStream) -> None:
        async with tcp:
            taken.append(tcp)
            with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                while True:
                    await tcp.receive()
            taken.remove(tcp)

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, silent)
        url = f"https://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
        error = await failure(url, connect_client, timeouts=Timeouts(connect=0.2))
        assert isinstance(checked(error, "connect", retryable=True), TimeoutExceeded)
        assert (error.clock, error.seconds) == ("connect", 0.2)
        with anyio.fail_after(1):
            while taken:
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()


@both_faces
async def test_row_08_reset_before_headers(connect_client, face) -> None:
    async with serve(in_turn(abort, abort, whole)) as server:
        error = await failure(server.url, connect_client, face=face)
        assert type(checked(error, "headers", retryable=True)) is ConnectionLost
        assert await answered(server.url, connect_client, retries=SOON, face=face) == "a"
        assert len(server.requests) == 3


async def test_row_09_a_reused_idle_connection_that_the_server_closed(connect_client) -> None:
    async def and_closed(received: Received, reply: Reply) -> None:
        await whole(received, reply)
        reply.abort()

    async with serve(in_turn(and_closed, whole, abort, whole)) as server:
        assert await answered(server.url, connect_client, retries=SOON) == "a"
        await server.wait_closed()
        assert await answered(server.url, connect_client, retries=SOON) == "a"
        # And one that is closed at the very moment at which it is used again.
        assert await answered(server.url, connect_client, retries=SOON) == "a"
        assert [request.connection for request in server.requests] == [0, 1, 1, 2]


@both_faces
async def test_row_10_slow_headers_are_bounded_in_total(connect_client, face) -> None:
    async def dripping(_: Received, reply: Reply) -> None:
        await reply.raw(b"HTTP/1.1 200 OK\r\nx-slow: ")
        while True:
            await reply.raw(b"a")
            await anyio.sleep(0.02)

    async with serve(dripping) as server:
        async with closing(server):
            error = await failure(
                server.url, connect_client, timeouts=Timeouts(first_event=0.3), retries=Retries(), face=face
            )
        assert isinstance(checked(error, "headers", retryable=True), TimeoutExceeded)
        assert (error.clock, error.seconds, len(server.requests)) == ("first_event", 0.3, 1)
        async with closing(server):
            error = await failure(server.url, connect_client, timeouts=Timeouts(total=0.1), face=face)
        assert isinstance(checked(error, "headers", retryable=True), TimeoutExceeded)
        assert (error.clock, error.seconds) == ("total", 0.1)


@pytest.mark.parametrize("shape", ["one long line", "many lines"])
async def test_row_11_huge_headers(connect_client, shape) -> None:
    async def huge(_: Received, reply: Reply) -> None:
        await reply.raw(b"HTTP/1.1 200 OK\r\n")
        if shape == "one long line":
            await reply.raw(b"x-long: " + b"a" * 1_000_000)
        else:
            await reply.raw(b"".join(b"x-%d: %d\r\n" % (n, n) for n in range(10_000)))
        await reply.hang()

    async with serve(huge) as server:
        async with closing(server):
            error = await failure(server.url, connect_client, within=2)
        assert type(checked(error, "headers", retryable=True)) is ConnectionLost


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
async def test_row_12_pool_exhausted(library) -> None:
    module = import_module(library)
    async with module.AsyncClient(limits=module.Limits(max_connections=1)) as client, serve(hang) as server:
        await _second_waits_for_the_first(server, client, None, "pool")


async def test_row_12_turns_of_a_limiter_exhausted(connect_client) -> None:
    async with serve(hang) as server:
        await _second_waits_for_the_first(server, connect_client, RateLimiter(concurrency=1), r"\(pool\)")


async def _second_waits_for_the_first(
    server: Server, client: object, limiter: RateLimiter | None, words: str
) -> None:
    model = get_model(
        "openai-chat/m", base_url=f"{server.url}/v1", key=GIVEN, http=client, limiter=limiter, retries=ONCE
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(model.prompt("hi").text)
        while not server.requests:
            await anyio.sleep(0.01)
        began = time.monotonic()
        with pytest.raises(PoolTimeout, match=words) as caught:
            await model.prompt("hi", timeouts=Timeouts(pool=0.1))
        checked(caught.value, "connect", retryable=True)
        assert "network" not in str(caught.value)
        assert time.monotonic() - began < 1
        tasks.cancel_scope.cancel()
    await server.wait_closed()


@cache
def _trusting_anybody() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Slow:
    """A port before a TLS server: connections are taken at once, and their bytes come a little later."""

    def __init__(self, behind: str) -> None:
        self._port = int(behind.rpartition(":")[2])
        self.open = 0

    async def handle(self, tcp: anyio.abc.SocketStream) -> None:
        self.open += 1
        try:
            async with tcp, await anyio.connect_tcp("127.0.0.1", self._port) as behind:
                await anyio.sleep(0.02)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_pump, tcp, behind, tasks.cancel_scope.cancel)
                    tasks.start_soon(_pump, behind, tcp, tasks.cancel_scope.cancel)
        finally:
            self.open -= 1


async def _pump(
    source: anyio.abc.SocketStream, sink: anyio.abc.SocketStream, end: Callable[[], None]
) -> None:
    with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        while True:
            await sink.send(await source.receive())
    end()


async def test_row_13_240_cancels_while_connecting_then_a_healthy_call(
    connect_client, connect_authority, monkeypatch
) -> None:
    """Our own limiter bounds the connections: a bounded pool of httpx 0.28.1 fails for ever after this."""
    monkeypatch.setattr(direct, "_tls", _trusting_anybody)
    async with (
        serve(whole, ssl_context=served(connect_authority)) as server,
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        slow = Slow(server.url)
        tasks.start_soon(listener.serve, slow.handle)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        model = get_model(
            "openai-chat/m",
            base_url=f"https://127.0.0.1:{port}/v1",
            key=GIVEN,
            http=connect_client,
            limiter=RateLimiter(concurrency=3),
        )

        async def left(seconds: float) -> None:
            with anyio.move_on_after(seconds):
                await model.prompt("hi")

        for round in range(12):
            async with anyio.create_task_group() as calls:
                for number in range(20):
                    calls.start_soon(left, (number * 12 + round) / 240 * 0.04)
        with anyio.fail_after(5):
            for _ in range(4):
                assert await model.prompt("hi").text() == "a"
            while slow.open > 3:
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
