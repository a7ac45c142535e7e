"""Calls without an HTTP library: where they go, what they say of themselves, and when they are not taken."""

import asyncio  # noqa: TID251 - what it leaves behind is tested
import gc
import itertools
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from weakref import ref

import anyio
import anyio.abc
import anyio.lowlevel
import attrs
import pytest
from anyio.abc import SocketAttribute

from llmstream import Secret
from llmstream.testing.loopback import Received, Reply, replies, serve
from llmstream.transport import direct
from llmstream.transport.base import HttpCall
from llmstream.transport.direct import DirectExchange, route
from llmstream.transport.fast import reader
from llmstream.transport.fast.wire import Origin
from llmstream.transport.http import HttpTransport
from llmstream.wire import http
from llmstream.wire.http import ResponseHead

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("url", "origin", "target", "host"),
    [
        ("http://a.test", Origin(False, "a.test", 80), b"/", b"a.test"),
        ("https://a.test/v1/x?y=1", Origin(True, "a.test", 443), b"/v1/x?y=1", b"a.test"),
        ("https://A.test:8443/v1", Origin(True, "a.test", 8443), b"/v1", b"a.test:8443"),
        ("http://a.test:80/", Origin(False, "a.test", 80), b"/", b"a.test"),
        ("http://[::1]:8000/v1", Origin(False, "::1", 8000), b"/v1", b"[::1]:8000"),
    ],
)
def test_an_address_is_a_server_and_what_is_asked_of_it(url, origin, target, host) -> None:
    way = route(url)
    assert way is not None
    assert (way.origin, way.target, way.host) == (origin, target, host)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.test/",
        "http://user@a.test/",
        "http://bücher.test/",
        "http://a.test/é",
        "http://a.test/a b",
        "http://a\nb/",
        "http://a.test:99999/",
        "http:///x",
        "http://[::1/",
        "",
    ],
)
def test_an_address_that_has_yet_to_be_encoded_is_for_a_library(url: str) -> None:
    assert route(url) is None


async def test_a_request_says_what_http_asks_for_and_what_the_call_says() -> None:
    async with serve(replies(b"ok", headers={"x-a": "1"})) as server:
        headers = (("x-api-key", Secret("k-1")), ("User-Agent", "me"), ("content-type", "application/json"))
        exchange = await HttpTransport().open(HttpCall("POST", f"{server.url}/v1/x?y=1", headers, b"{}"))
        assert isinstance(exchange, DirectExchange)
        assert (exchange.head.status, exchange.head.headers["x-a"]) == (200, "1")
        assert await exchange.read() == b"ok"
        assert await exchange.read() == b""
        await exchange.aclose()
        received = server.requests[0]
    assert (received.method, received.path, received.body) == ("POST", "/v1/x?y=1", b"{}")
    wanted = {
        "host": server.url.removeprefix("http://"),
        "accept": "*/*",
        "content-length": "2",
        "content-type": "application/json",
        "user-agent": "me",
        "x-api-key": "k-1",
    }
    assert received.headers == wanted


async def test_it_names_itself_and_repeated_headers_are_one() -> None:
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-a: 1\r\nX-A: 2\r\n\r\n"

    async def handler(_, reply) -> None:
        await reply.raw(raw)

    async with serve(handler) as server:
        exchange = await HttpTransport().open(HttpCall("GET", server.url))
        await exchange.aclose()
        assert server.requests[0].headers["user-agent"] == "llmstream"
        assert exchange.head.headers["x-a"] == "1, 2"


async def test_names_of_headers_that_nobody_has_are_not_remembered() -> None:
    fresh = itertools.count()

    async def handler(_, reply) -> None:
        lines = b"".join(b"x-%d-%b: 1\r\n" % (next(fresh), b"A" * 300) for _ in range(100))
        await reply.raw(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n" + lines + b"\r\n")

    caches = [reader._is_name, direct._known, http._known]
    async with serve(handler) as server:
        call = HttpCall("GET", server.url)
        before: list[int] = []
        for _ in range(2):
            exchange = await HttpTransport().open(call)
            await exchange.aclose()
            assert ResponseHead(200, dict(exchange.head.headers)) == exchange.head
            # The first brings the names that every response has.
            before = before or [cache.cache_info().misses for cache in caches]
    assert exchange.head.headers["x-199-" + "a" * 300] == "1"
    assert [cache.cache_info().misses for cache in caches] == before


async def test_a_proxy_in_the_environment_is_for_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    async with serve(replies(b"ok")) as server:
        exchange = await HttpTransport().open(HttpCall("GET", server.url))
        assert not isinstance(exchange, DirectExchange) or "httpx" in server.requests[0].headers["user-agent"]
        await exchange.aclose()


def test_each_loop_has_connections_that_are_closed_with_it() -> None:
    async def main() -> None:
        async with serve(replies(b"ok")) as server:
            for _ in range(2):
                exchange = await HttpTransport().open(HttpCall("GET", server.url))
                while await exchange.read():
                    pass
                await exchange.aclose()
            assert server.accepted == 1
            senders.append(await direct.loop_sender())

    senders: list[object] = []
    for backend in ("asyncio", "trio", "asyncio"):
        anyio.run(main, backend=backend)
        gc.collect()
    assert len(set(map(id, senders))) == 3


@pytest.mark.parametrize("library", [None, "httpx", "httpx2"])
def test_a_loop_that_is_over_is_let_go(library, monkeypatch: pytest.MonkeyPatch) -> None:
    if library is not None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    async def main() -> None:
        loops.append(ref(anyio.lowlevel.current_token().native_token))
        async with serve(replies(b"ok")) as server:
            await used(HttpTransport(library=library), HttpCall("GET", server.url))

    loops: list[ref[object]] = []
    for backend in ("asyncio", "trio", "asyncio"):
        anyio.run(main, backend=backend)
    gc.collect()
    # Trio itself holds the last run's.
    assert [loop() for loop in loops[::2]] == [None, None]


def test_a_loop_that_was_closed_without_its_generators_is_let_go_by_the_next() -> None:
    async def main() -> None:
        loops.append(ref(asyncio.get_running_loop()))
        async with serve(replies(b"ok")) as server:
            await used(HttpTransport(), HttpCall("GET", server.url, (("connection", "close"),)))

    loops: list[ref[object]] = []
    for _ in range(2):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        loop.close()
        del loop
        gc.collect()
    assert [loop() is None for loop in loops] == [True, False]
    asyncio.run(main())
    gc.collect()
    assert [loop() for loop in loops] == [None, None, None]


async def test_a_read_that_is_pending_can_be_ended_by_another_task() -> None:
    async def handler(_, reply) -> None:
        await reply.head(200)
        await reply.hang()

    async with serve(handler) as server:
        exchange = await HttpTransport().open(HttpCall("GET", server.url))
        async with anyio.create_task_group() as tasks:

            async def cut() -> None:
                await anyio.wait_all_tasks_blocked()
                exchange.interrupt()

            tasks.start_soon(cut)
            with pytest.raises(direct.ConnectionLost):
                await exchange.read()
        await exchange.aclose()
        await server.wait_closed(0.1)


def at_hand(transport: HttpTransport, call: HttpCall) -> DirectExchange | None:
    return transport.at_hand(call, anyio.lowlevel.current_token().native_token)


async def said(exchange: DirectExchange) -> bytes:
    """The body of an exchange that is started, read to its end."""
    await exchange.start(inf)
    body = b""
    while data := await exchange.read():
        body += data
    await exchange.aclose()
    return body


async def used(transport: HttpTransport, call: HttpCall) -> None:
    """Leave an idle connection."""
    exchange = await transport.open(call)
    while await exchange.read():
        pass
    await exchange.aclose()


async def test_a_connection_at_hand_serves_the_next_call_without_being_opened() -> None:
    transport = HttpTransport()
    async with serve(replies(b"ok")) as server:
        call = HttpCall("POST", f"{server.url}/v1", (("x-api-key", Secret("k-1")),), b"one")
        assert at_hand(transport, call) is None
        await used(transport, call)
        for body in (b"", b"more", b"m" * 100_000):
            exchange = at_hand(transport, attrs.evolve(call, body=body))
            assert exchange is not None
            assert at_hand(transport, call) is None
            assert await said(exchange) == b"ok"
        assert server.accepted == 1
        sent = server.requests
    assert [len(one.body) for one in sent] == [3, 0, 4, 100_000]
    assert [one.headers["content-length"] for one in sent] == ["3", "0", "4", "100000"]
    assert {one.headers["x-api-key"] for one in sent} == {"k-1"}


async def test_headers_of_another_call_are_sent_as_they_are() -> None:
    transport = HttpTransport()
    async with serve(replies(b"ok")) as server:
        call = HttpCall("POST", f"{server.url}/v1", (("x-a", "1"),), b"{}")
        await used(transport, call)
        others = [
            attrs.evolve(call, headers=(("x-a", "2"),)),
            attrs.evolve(call, url=f"{server.url}/v2"),
            attrs.evolve(call, method="PUT"),
            attrs.evolve(call, headers=(("Content-Length", "2"), ("x-a", "3"))),
            attrs.evolve(call, headers=(*call.headers, ("connection", "close"))),
        ]
        for other in others:
            exchange = at_hand(transport, other)
            assert exchange is not None
            assert await said(exchange) == b"ok"
        sent = [(one.method, one.path, one.headers["x-a"], one.body) for one in server.requests[1:]]
    assert sent == [
        ("POST", "/v1", "2", b"{}"),
        ("POST", "/v2", "1", b"{}"),
        ("PUT", "/v1", "1", b"{}"),
        ("POST", "/v1", "3", b"{}"),
        ("POST", "/v1", "1", b"{}"),
    ]


async def test_requests_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "_MOST_WRITTEN", 2)
    transport = HttpTransport()
    async with serve(replies(b"ok")) as server:
        calls = [HttpCall("POST", server.url, (("x-a", str(number)),)) for number in range(5)]
        await used(transport, calls[0])
        for call in [*calls, *calls]:
            exchange = at_hand(transport, call)
            assert exchange is not None
            await said(exchange)
        assert [one.headers["x-a"] for one in server.requests[1:]] == [*"01234", *"01234"]


async def test_what_cannot_be_sent_is_refused_by_open_alone() -> None:
    transport = HttpTransport()
    async with serve(replies(b"ok")) as server:
        call = HttpCall("POST", server.url)
        await used(transport, call)
        assert at_hand(transport, attrs.evolve(call, headers=(("x-a", "1\r\nx-b: 2"),))) is None
        assert at_hand(transport, attrs.evolve(call, url="http://user@127.0.0.1/")) is None
        exchange = at_hand(transport, call)
        assert exchange is not None
        await said(exchange)


async def headless_later(request: Received, reply: Reply) -> None:
    if request.body:
        await reply.hang()
    await reply.head(200)
    await reply.end()


@asynccontextmanager
async def unanswered() -> AsyncIterator[DirectExchange]:
    """A call at hand whose head never comes; its connection is let go."""
    transport = HttpTransport()
    async with serve(headless_later) as server:
        call = HttpCall("POST", server.url)
        await used(transport, call)
        exchange = at_hand(transport, attrs.evolve(call, body=b"{}"))
        assert exchange is not None
        yield exchange
        await server.wait_closed(0.1)


async def test_a_head_that_does_not_come_in_time_is_waited_for_no_longer() -> None:
    async with unanswered() as exchange:
        with pytest.raises(TimeoutError):
            await exchange.start(anyio.current_time() + 0.05)


async def test_a_request_that_is_not_taken_in_time_is_sent_no_longer() -> None:
    async def deaf(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            await anyio.sleep_forever()

    transport = HttpTransport()
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(SocketAttribute.local_port)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, deaf)
            call = HttpCall("POST", f"http://127.0.0.1:{port}")
            await used(transport, call)
            exchange = at_hand(transport, attrs.evolve(call, body=b"x" * 50_000_000))
            assert exchange is not None
            with pytest.raises(TimeoutError):
                await exchange.start(anyio.current_time() + 0.05)
            tasks.cancel_scope.cancel()


async def test_a_wait_for_the_head_can_be_ended_by_another_task() -> None:
    async with unanswered() as exchange, anyio.create_task_group() as tasks:

        async def cut() -> None:
            await anyio.wait_all_tasks_blocked()
            exchange.interrupt()

        tasks.start_soon(cut)
        with pytest.raises(direct.ConnectionLost):
            await exchange.start(inf)


def test_no_http_library_is_imported_for_a_direct_call() -> None:
    script = """
import sys, anyio, llmstream
from llmstream.testing.loopback import Received, Reply, replies, serve
async def main():
    async with serve(replies(b'{"choices": [{"message": {"content": "hi"}}]}')) as server:
        model = llmstream.get_model("openai-chat/m", base_url=server.url, key="k")
        assert (await model.prompt("x")).text() == "hi"
anyio.run(main)
print(sorted({name.partition(".")[0] for name in sys.modules} & {"httpx", "httpx2", "httpcore", "h11"}))
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]", run.stderr
