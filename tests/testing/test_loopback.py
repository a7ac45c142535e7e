import gc
import socket
import ssl
import warnings

import anyio
import anyio.abc
import anyio.lowlevel
import httpx
import pytest
import trustme

from llmstream.testing import loopback
from llmstream.testing.loopback import BadRequestError, Received, Reply, in_turn, replies, serve

pytestmark = pytest.mark.anyio
GET = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.fixture
async def client():
    async with httpx.AsyncClient() as client:
        yield client


async def dial(url: str) -> anyio.abc.SocketStream:
    return await anyio.connect_tcp("127.0.0.1", int(url.rpartition(":")[2]))


async def read_all(stream: anyio.abc.ByteStream) -> bytes:
    read = b""
    try:
        while True:
            read += await stream.receive()
    except anyio.EndOfStream:
        return read


async def test_a_reply_is_sent_piece_by_piece_as_chunks():
    async with serve(replies([b"one", b"", b"four"], status=201, headers={"x-a": "b"})) as server:
        stream = await dial(server.url)
        async with stream:
            await stream.send(GET)
            read = await stream.receive()
            while not read.endswith(b"0\r\n\r\n"):
                read += await stream.receive()
    head, _, body = read.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 201 ",
        b"content-type: text/event-stream",
        b"x-a: b",
        b"transfer-encoding: chunked",
    ]
    assert body == b"3\r\none\r\n4\r\nfour\r\n0\r\n\r\n"


async def test_requests_are_kept_with_their_bodies(client: httpx.AsyncClient):
    async with serve(replies(b"ok")) as server:
        await client.post(f"{server.url}/v1/x?y=1", json={"a": [1]}, headers={"X-Key": "k"})
        first, second = [b'{"b":', b"2}"], server.requests[0]

        async def pieces():
            for piece in first:
                yield piece

        await client.put(server.url, content=pieces())
        assert (second.method, second.path, second.json()) == ("POST", "/v1/x?y=1", {"a": [1]})
        assert second.headers["x-key"] == "k"
        assert server.requests[1].json() == {"b": 2}
        await client.aclose()


async def test_connections_are_kept_alive_and_counted(client: httpx.AsyncClient):
    async with serve(replies(b"ok")) as server:
        for _ in range(3):
            assert (await client.get(server.url)).content == b"ok"
        assert (server.accepted, server.open_connections) == (1, 1)
        assert [request.connection for request in server.requests] == [0, 0, 0]
        await client.aclose()
        await server.wait_closed()
        assert server.open_connections == 0


async def test_a_connection_that_stays_open_fails_the_wait(client: httpx.AsyncClient):
    async with serve(replies(b"ok")) as server:
        await client.get(server.url)
        with pytest.raises(TimeoutError, match="1 connections are open"):
            await server.wait_closed(0.01)


@pytest.mark.parametrize("chunked", [True, False, 6])
async def test_a_body_ends_in_each_of_the_three_ways(client: httpx.AsyncClient, chunked: bool | int):
    async def handler(_: Received, reply: Reply) -> None:
        await reply.head(200, {"content-type": "text/plain"}, chunked=chunked)
        await reply.send(b"abc")
        await reply.send(b"def")
        await reply.end()

    async with serve(handler) as server:
        for _ in range(2):
            assert (await client.get(server.url)).text == "abcdef"
        assert server.accepted == (2 if chunked is False else 1)


async def test_a_reply_without_an_end_is_cut_off(client: httpx.AsyncClient):
    async def handler(_: Received, reply: Reply) -> None:
        await reply.head()
        await reply.send(b"half")

    async with serve(handler) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(server.url)
        await server.wait_closed()


async def test_an_abort_resets_the_connection():
    async def handler(_: Received, reply: Reply) -> None:
        await reply.head()
        reply.abort()

    async with serve(handler) as server, await dial(server.url) as stream:
        await stream.send(GET)
        with pytest.raises(anyio.BrokenResourceError):
            await read_all(stream)
        await server.wait_closed()


async def test_raw_bytes_go_out_as_they_are():
    async def handler(_: Received, reply: Reply) -> None:
        await reply.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reply.end()

    async with serve(handler) as server, await dial(server.url) as stream:
        await stream.send(GET + GET)
        await stream.send_eof()
        assert (await read_all(stream)).count(b"ok") == 2
        assert [request.path for request in server.requests] == ["/a", "/a"]


async def test_a_hanging_handler_ends_when_the_client_goes():
    seen = anyio.Event()

    async def handler(_: Received, reply: Reply) -> None:
        await reply.head()
        await reply.hang()
        seen.set()

    async with serve(handler) as server:
        stream = await dial(server.url)
        await stream.send(GET)
        await stream.receive()
        assert server.open_connections == 1
        await stream.aclose()
        with anyio.fail_after(1):
            await seen.wait()
        await server.wait_closed()


async def test_writing_to_a_client_that_has_gone_ends_the_handler_quietly():
    async def handler(_: Received, reply: Reply) -> None:
        await reply.head()
        await reply.hang()
        while True:
            await reply.send(b"x" * 65536)

    async with serve(handler) as server:
        stream = await dial(server.url)
        await stream.send(GET)
        await anyio.aclose_forcefully(stream)
        await server.wait_closed()


async def test_a_client_that_says_too_much_is_let_go(monkeypatch: pytest.MonkeyPatch):
    async def handler(_: Received, reply: Reply) -> None:
        await reply.hang()

    monkeypatch.setattr(loopback, "MAX_UNREAD_BYTES", 1000)
    async with serve(handler) as server, await dial(server.url) as stream:
        await stream.send(GET + b"x" * 2000)
        await server.wait_closed()


async def test_handlers_serve_in_turn_and_then_fail(client: httpx.AsyncClient):
    async def ask_three_times() -> None:
        async with serve(in_turn(replies(b"no", status=429), replies(b"yes"))) as server:
            assert (await client.get(server.url)).status_code == 429
            assert (await client.get(server.url)).text == "yes"
            with pytest.raises(httpx.TransportError):
                await client.get(server.url)

    with pytest.raises(AssertionError, match="expected 2 requests, got one more"):
        await ask_three_times()


async def fail(_: Received, _reply: Reply) -> None:
    raise LookupError("in the handler")


async def test_a_failing_handler_is_noted_on_the_failure_of_the_test(client: httpx.AsyncClient):
    async def ask() -> None:
        async with serve(fail) as server:
            await client.get(server.url)

    with pytest.raises(httpx.TransportError) as caught:
        await ask()
    assert "in the handler" in caught.value.__notes__[0]


async def test_leaving_ends_handlers_that_wait_for_ever(client: httpx.AsyncClient):
    async def handler(_: Received, reply: Reply) -> None:
        await reply.head()
        await anyio.sleep_forever()

    async with serve(handler) as server, client.stream("GET", server.url) as response:
        assert response.status_code == 200


async def test_a_deadline_around_the_server_ends_it():
    with anyio.move_on_after(0.02) as scope:
        async with serve(replies(b"")):
            await anyio.sleep_forever()
    assert scope.cancelled_caught


@pytest.mark.parametrize(
    "request_bytes", [b"hello\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n", b"x" * 70_000]
)
async def test_what_is_no_request_is_reset_and_reported(request_bytes: bytes):
    async def say() -> None:
        async with serve(replies(b"")) as server, await dial(server.url) as stream:
            await stream.send(request_bytes)
            with pytest.raises(anyio.BrokenResourceError):
                await stream.receive()

    with pytest.raises(BadRequestError):
        await say()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.mark.parametrize("chunked", [True, False])
async def test_tls_serves_and_sees_the_client_go(
    authority: trustme.CA, server_context: ssl.SSLContext, chunked: bool
):
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with serve(replies(b"ok", chunked=chunked), ssl_context=server_context) as server:
        assert server.url.startswith("https://")
        async with httpx.AsyncClient(verify=trusting) as client:
            assert (await client.get(server.url)).text == "ok"
            assert server.accepted == 1
        await server.wait_closed()


async def test_a_refused_handshake_leaves_nothing_open(server_context: ssl.SSLContext):
    async with serve(replies(b"ok"), ssl_context=server_context) as server:
        async with httpx.AsyncClient() as distrusting:
            with pytest.raises(httpx.ConnectError):
                await distrusting.get(server.url)
        await server.wait_closed()
        assert server.requests == []


def test_leaving_drops_what_a_client_does_not_read():
    async def handler(_: Received, reply: Reply) -> None:
        await reply.head()
        while True:
            await reply.send(b"x" * 1_000_000)

    async def leave_it_unread(client: socket.socket) -> None:
        async with serve(handler) as server:
            client.connect(("127.0.0.1", int(server.url.rpartition(":")[2])))
            client.send(GET)
            while not server.requests:
                await anyio.lowlevel.checkpoint()

    with socket.socket() as client, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        anyio.run(leave_it_unread, client)
        gc.collect()
    assert [str(warning.message) for warning in caught] == []
