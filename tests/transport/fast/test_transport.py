"""Requests over real sockets, through the clients of httpx and httpx2, on asyncio and trio."""

import gc
import socket
import struct
from contextlib import asynccontextmanager

import anyio
import pytest

from llmstream.testing.loopback import Received, Reply, in_turn, replies, serve
from llmstream.transport.fast import FastTransport, Limits
from llmstream.transport.fast.transport import speaks

pytestmark = pytest.mark.anyio
LASTING = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
PIECES = [b"one", b"two", b"three"]


def raw(data: bytes, *, then: str = "end"):
    """A handler that writes bytes as they are, and then keeps, ends, resets or holds the connection."""

    async def handler(_received: Received, reply: Reply) -> None:
        await reply.raw(data)
        match then:
            case "keep":
                await reply.end()
            case "hang":
                await reply.hang()
            case "reset":
                reply.abort()
            case _:
                pass

    return handler


async def test_a_body_comes_piece_by_piece_and_the_connection_is_kept(client):
    async with serve(replies(PIECES, headers={"x-a": "b"}, status=201)) as server:
        for _ in range(3):
            async with client.stream("POST", f"{server.url}/p?q=1", json={"a": 1}) as response:
                assert b"".join([part async for part in response.aiter_bytes()]) == b"onetwothree"
        assert response.status_code == 201
        assert response.headers["x-a"] == "b"
        assert response.http_version == "HTTP/1.1"
        assert (server.accepted, server.open_connections) == (1, 1)
    assert server.requests[0].path == "/p?q=1"
    assert server.requests[0].json() == {"a": 1}


@pytest.mark.parametrize(
    "reply",
    [
        LASTING,
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\na: b\r\n\r\n" + LASTING,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nx-trailer: a\r\n\r\n",
    ],
)
async def test_any_framing_that_lasts_is_reused(client, reply):
    async with serve(raw(reply, then="keep")) as server:
        for _ in range(2):
            assert (await client.get(server.url)).text == "ok"
        assert server.accepted == 1


@pytest.mark.parametrize("status", [204, 304])
async def test_statuses_without_a_body_have_none(client, status):
    async with serve(raw(b"HTTP/1.1 %d x\r\netag: a\r\n\r\n" % status, then="keep")) as server:
        for _ in range(2):
            assert (await client.get(server.url)).content == b""
        assert server.accepted == 1


async def test_an_answer_to_head_has_no_body(client):
    async with serve(raw(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", then="keep")) as server:
        for _ in range(2):
            assert (await client.head(server.url)).headers["content-length"] == "5"
        assert server.accepted == 1


async def test_a_body_until_the_end_of_the_connection(client):
    async with serve(replies(PIECES, chunked=False)) as server:
        for _ in range(2):
            assert (await client.get(server.url)).content == b"onetwothree"
        assert server.accepted == 2
        await server.wait_closed()


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_a_connection_that_the_server_will_close_is_not_reused(client, version):
    reply = b"HTTP/%b 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok" % version
    async with serve(raw(reply, then="keep")) as server:
        for _ in range(2):
            assert (await client.get(server.url)).text == "ok"
        assert server.accepted == 2
        await server.wait_closed()


async def test_a_request_that_asks_to_close_is_the_last(client):
    async with serve(replies(b"ok")) as server:
        for _ in range(2):
            assert (await client.get(server.url, headers={"connection": "close"})).text == "ok"
        assert server.accepted == 2


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nmore",
        b"HTTP/1.1 200 OK\r\nx: " + b"x" * 70_000,
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
)
async def test_what_breaks_the_protocol_is_an_error_and_the_connection_goes(client, library, reply):
    async with serve(raw(reply, then="hang")) as server:
        with pytest.raises(library.RemoteProtocolError) as caught:
            await client.get(server.url)
        assert caught.value.request.url == server.url
        await server.wait_closed()


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 20",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
    ],
)
async def test_a_response_that_is_cut_off_is_an_error(client, library, reply):
    async with serve(raw(reply)) as server:
        with pytest.raises(library.RemoteProtocolError):
            await client.get(server.url)
        await server.wait_closed()


async def test_a_reset_is_a_read_error_after_what_came_before(client, library):
    # A plain socket: what closes one more gracefully would send FIN before RST.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        async with anyio.create_task_group() as tasks:
            accepted = []

            async def answer() -> None:
                await anyio.wait_readable(listener)
                peer, _ = listener.accept()
                accepted.append(peer)
                await anyio.wait_readable(peer)
                peer.recv(65536)
                peer.send(b"HTTP/1.1 200 OK\r\n\r\nok")

            tasks.start_soon(answer)
            async with client.stream("GET", url) as response:
                parts = aiter(response.stream)
                assert await anext(parts) == b"ok"
                accepted[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                accepted[0].close()
                with pytest.raises(library.ReadError, match="reset"):
                    await anext(parts)
                await parts.aclose()


async def test_no_server_is_a_connect_error(client, library):
    async with serve(replies(b"")) as server:
        url = server.url
    with pytest.raises(library.ConnectError):
        await client.get(url)


async def test_a_name_that_does_not_resolve_is_a_connect_error(client, library):
    with pytest.raises(library.ConnectError):
        await client.get("http://name.invalid/")
    with pytest.raises(library.ConnectError):
        await client.get(f"http://{'a' * 70}.invalid/")


async def test_a_name_with_several_addresses_is_tried_until_one_answers(client):
    async with serve(replies(b"ok")) as server:
        port = server.url.rpartition(":")[2]
        assert (await client.get(f"http://localhost:{port}/")).text == "ok"


async def test_a_silent_server_is_a_read_timeout(client, library):
    async with serve(raw(b"", then="hang")) as server:
        with pytest.raises(library.ReadTimeout):
            await client.get(server.url, timeout=0.05)
        await server.wait_closed()


async def test_each_read_has_its_own_time_limit(client, library, transport):
    async def slowly(_received: Received, reply: Reply) -> None:
        await reply.head()
        for _ in range(4):
            await reply.send(b"x")
            await anyio.sleep(0.05)
        await reply.hang()

    async with serve(in_turn(replies(b"ok"), slowly)) as server:
        await client.get(server.url, timeout=60)
        # The timer of the first read, a minute ahead, must not hide the shorter one.
        async with client.stream("GET", server.url, timeout=0.15) as response:
            parts = aiter(response.stream)
            assert await anext(parts)
            with pytest.raises(library.ReadTimeout):
                async for _ in parts:
                    pass
        await server.wait_closed()


async def test_a_limit_of_an_earlier_read_does_not_end_a_later_one(client):
    gate = anyio.Event()

    async def gated(_received: Received, reply: Reply) -> None:
        await reply.head(chunked=2)
        await gate.wait()
        await reply.send(b"ok")

    async with serve(in_turn(replies(b"ok"), gated)) as server:
        await client.get(server.url, timeout=0.05)
        async with (
            client.stream("GET", server.url, timeout=None) as response,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(response.aread)
            await anyio.sleep(0.15)
            gate.set()
    assert response.text == "ok"


async def test_closing_in_the_middle_drops_the_connection_at_once(client, transport, pooled):
    async with serve(raw(b"HTTP/1.1 200 OK\r\n\r\nok", then="hang")) as server:
        async with client.stream("GET", server.url) as response:
            assert pooled(transport).slots == 1
            with anyio.CancelScope() as scope:
                scope.cancel()
                await response.stream.aclose()
            assert pooled(transport).slots == 0
        await server.wait_closed()


async def test_closing_ends_another_task_that_reads(client, library):
    caught = []

    async def read(parts) -> None:
        try:
            await anext(parts)
        except library.ReadError as error:
            caught.append(error)
        finally:
            await parts.aclose()

    async with serve(raw(b"HTTP/1.1 200 OK\r\n\r\nok", then="hang")) as server:
        async with client.stream("GET", server.url) as response, anyio.create_task_group() as tasks:
            parts = aiter(response.stream)
            assert await anext(parts) == b"ok"
            tasks.start_soon(read, parts)
            await anyio.wait_all_tasks_blocked()
            await response.stream.aclose()
        assert len(caught) == 1
        await server.wait_closed()


async def test_two_tasks_cannot_read_one_body(transport, library):
    async with serve(raw(b"HTTP/1.1 200 OK\r\n\r\n", then="hang")) as server, transport:
        response = await transport.handle_async_request(library.Request("GET", server.url))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.wait_all_tasks_blocked)

            async def first() -> None:
                with pytest.raises(library.ReadError):
                    await anext(response.stream)

            tasks.start_soon(first)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(RuntimeError, match="one task"):
                await anext(response.stream)
            await response.stream.aclose()


async def test_a_cancelled_read_loses_nothing(transport, library):
    gate = anyio.Event()

    async def gated(_received: Received, reply: Reply) -> None:
        await reply.head()
        await gate.wait()
        await reply.send(b"ok")
        await reply.end()

    async with serve(gated) as server, transport:
        response = await transport.handle_async_request(library.Request("GET", server.url))
        with anyio.move_on_after(0.02):
            await anext(response.stream)
        gate.set()
        assert [part async for part in response.stream] == [b"ok"]
        with pytest.raises(StopAsyncIteration):
            await anext(response.stream)


async def test_a_slow_reader_holds_the_server_back(client):
    sent = 0

    async def flood(_received: Received, reply: Reply) -> None:
        nonlocal sent
        await reply.head()
        for _ in range(400):
            await reply.send(b"x" * 65536)
            sent += 65536
        await reply.end()

    async with serve(flood) as server:
        async with client.stream("GET", server.url) as response:
            parts = aiter(response.stream)
            size = len(await anext(parts))
            await anyio.sleep(0.2)
            assert sent < 20_000_000  # the buffers of the system, and a bounded one
            async for part in parts:
                assert len(part) < 600_000
                size += len(part)
        assert size == 400 * 65536
        assert server.open_connections == 1


class Gone:
    """Anything whose last reference may or may not be gone."""


@pytest.mark.usefixtures("uncollected")
async def test_nothing_waits_for_the_collector(transport, library, anyio_backend):
    def wires() -> int:
        return sum(
            type(thing).__name__ in {"LoopWire", "AnyioWire", "ResponseReader"} for thing in gc.get_objects()
        )

    before = wires()
    for handler in (
        replies(PIECES),
        raw(b"HTTP/1.1 200 OK\r\n\r\nok", then="hang"),
        raw(b"bad", then="hang"),
    ):
        async with serve(handler) as server:
            for _ in range(3):
                try:
                    response = await transport.handle_async_request(library.Request("GET", server.url))
                    await anext(response.stream)
                    await response.stream.aclose()
                    del response
                except library.RemoteProtocolError:
                    pass
            await transport.aclose()
            await server.wait_closed()
    await anyio.sleep(0)
    assert wires() <= before


async def test_a_large_body_arrives_whole(client):
    body = bytes(range(256)) * 20_000

    async with serve(replies(b"ok")) as server:
        for _ in range(2):
            assert (await client.post(server.url, content=body)).text == "ok"
        assert server.accepted == 1
    assert server.requests[0].body == body


async def test_a_body_may_come_from_an_iterator(client):
    async def pieces():
        for number in range(50):
            yield b"%d," % number * 1000
        yield b""
        yield b"end"

    expected = b"".join(b"%d," % number * 1000 for number in range(50)) + b"end"
    async with serve(replies(b"ok")) as server:
        assert (await client.post(server.url, content=pieces())).text == "ok"
        headers = {"content-length": str(len(expected))}
        assert (await client.post(server.url, content=pieces(), headers=headers)).text == "ok"
        assert server.accepted == 1
    assert [request.body for request in server.requests] == [expected, expected]
    assert server.requests[0].headers["transfer-encoding"] == "chunked"


async def test_a_body_may_be_a_plain_iterable(transport, library):
    headers = {"transfer-encoding": "chunked"}
    async with serve(replies(b"ok")) as server, transport:
        request = library.Request("POST", server.url, content=iter([b"a", b"", b"b"]), headers=headers)
        response = await transport.handle_async_request(request)
        assert await anext(response.stream) == b"ok"
        # What is read as its end was read with it needs no more reading.
        assert [part async for part in response.stream] == []
    assert server.requests[0].body == b"ab"


async def test_an_early_answer_ends_a_plain_iterable(transport, library):
    async with served(answers_early) as url, transport:
        content = iter([b"x" * 100_000] * 1_000)
        response = await transport.handle_async_request(library.Request("POST", url, content=content))
        assert response.status_code == 413
        await response.stream.aclose()
        assert len(list(content)) > 0


async def test_a_closed_body_cannot_be_read(transport, library):
    async with serve(raw(b"HTTP/1.1 200 OK\r\n\r\nok", then="hang")) as server, transport:
        response = await transport.handle_async_request(library.Request("GET", server.url))
        await response.stream.aclose()
        await response.stream.aclose()
        with pytest.raises(library.ReadError, match="closed"):
            await anext(response.stream)


async def test_files_may_be_sent(client):
    async with serve(replies(b"ok")) as server:
        assert (await client.post(server.url, files={"f": b"content"})).text == "ok"
    assert b"content" in server.requests[0].body


@pytest.mark.parametrize("length", ["1", "9"])
async def test_a_body_of_another_length_than_announced_is_refused(client, library, length):
    async with serve(replies(b"ok")) as server:
        with pytest.raises(library.LocalProtocolError):
            await client.post(server.url, content=Pieces(b"12345"), headers={"content-length": length})
        await server.wait_closed()


async def test_a_failing_body_drops_the_connection(client):
    async def pieces():
        yield b"1"
        raise ZeroDivisionError

    async with serve(replies(b"ok")) as server:
        with pytest.raises(ZeroDivisionError):
            await client.post(server.url, content=pieces())
        await server.wait_closed()


class Pieces:
    """No generator: the libraries do not close one that they leave early."""

    def __init__(self, piece: bytes, times: int = 1) -> None:
        self._left = [piece] * times

    def __aiter__(self):
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


@pytest.mark.parametrize("kind", ["bytes", "pieces"])
async def test_an_early_answer_is_read_while_the_request_is_being_sent(client, kind):
    content = b"x" * 30_000_000 if kind == "bytes" else Pieces(b"x" * 10_000, 10_000)
    async with served(answers_early) as url:
        response = await client.post(url, content=content)
    assert response.status_code == 413
    assert response.text == "too large"


@asynccontextmanager
async def served(converse):
    """A server whose connections are each handed to `converse`."""

    async def closing(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await converse(stream)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, closing)
            yield f"http://127.0.0.1:{port}/"
            tasks.cancel_scope.cancel()


async def answers_early(stream: anyio.abc.SocketStream) -> None:
    """Answer when the head has come, and read no more."""
    await stream.receive(100)
    await stream.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    await stream.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 9\r\n\r\ntoo large")
    await anyio.sleep_forever()


async def resets_early(stream: anyio.abc.SocketStream) -> None:
    """Answer when the head has come, and close with the body unread, which resets the connection."""
    await stream.receive(100)
    await stream.send(b"HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 9\r\n\r\ntoo large")


@pytest.mark.parametrize("size", [300_000, 5_000_000])
async def test_an_answer_before_a_reset_is_read(client, size):
    async with served(resets_early) as url:
        for _ in range(10):
            assert (await client.post(url, content=b"x" * size)).text == "too large"


async def test_a_server_that_does_not_read_is_a_write_timeout(client, library):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(library.WriteTimeout):
            await client.post(url, content=b"x" * 30_000_000, timeout=0.1)


@pytest.mark.parametrize("kind", ["bytes", "pieces"])
async def test_a_call_may_be_cancelled_while_it_sends(client, transport, pooled, kind):
    content = b"x" * 30_000_000 if kind == "bytes" else Pieces(b"x" * 100_000, 300)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with anyio.move_on_after(0.05) as scope:
            await client.post(url, content=content)
    assert scope.cancelled_caught
    assert pooled(transport).slots == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"x": "a\r\nb: c"},
        {"x": "a\nb"},
        {"x": "\x00"},
        {"a b": "c"},
        {"": "c"},
        {"transfer-encoding": "gzip"},
    ],
)
async def test_a_request_that_would_be_two_is_refused(client, library, headers):
    async with serve(replies(b"ok")) as server:
        with pytest.raises(library.LocalProtocolError):
            await client.post(server.url, headers=headers)
        assert server.accepted == 0


async def test_what_is_not_spoken_goes_to_the_fallback(library):
    seen = []

    def answer(request):
        seen.append(str(request.url))
        return library.Response(200, text="other")

    transport = FastTransport.under(library, fallback=lambda: library.MockTransport(answer))
    async with serve(replies(b"ok")) as server, library.AsyncClient(transport=transport) as client:
        assert (await client.get(server.url)).text == "ok"
        assert not seen
        assert (await client.get(server.url, headers={"upgrade": "websocket"})).text == "other"
        assert (await client.get(server.url, extensions={"sni_hostname": "x"})).text == "other"
        assert (await client.request("CONNECT", server.url)).text == "other"
    assert len(seen) == 3


async def test_without_a_fallback_it_is_the_librarys_own(library):
    client = library.AsyncClient(transport=FastTransport.under(library))
    async with serve(replies(b"ok")) as server, client:
        assert (await client.get(server.url, headers={"upgrade": "x"})).text == "ok"


async def test_it_speaks_plain_requests_of_both_libraries(library):
    assert speaks(library.Request("GET", "http://x/"))
    assert speaks(library.Request("POST", "https://x/", extensions={"timeout": {}}))
    assert not speaks(library.Request("GET", "ftp://x/"))
    assert isinstance(FastTransport.under(library), library.AsyncBaseTransport)


async def test_a_port_and_an_ipv6_address_are_understood(client):
    listener = await anyio.create_tcp_listener(local_host="::1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        assert (await client.get(f"http://[::1]:{port}/")).text == "ok"
        tasks.cancel_scope.cancel()


def test_a_loop_that_ended_without_a_farewell_is_forgotten(library):
    transport = FastTransport.under(library)

    async def main() -> None:
        async with serve(replies(b"ok")) as server:
            request = library.Request("GET", server.url, headers={"connection": "close"})
            response = await transport.handle_async_request(request)
            assert [part async for part in response.stream] == [b"ok"]

    for _ in range(3):
        anyio.run(main)
        assert len(transport._homes) == 1


def test_one_transport_serves_several_event_loops(library):
    transport = FastTransport.under(library, limits=Limits(connections=1))

    async def main() -> None:
        async with serve(replies(b"ok")) as server, library.AsyncClient(transport=transport) as client:
            assert (await client.get(server.url)).text == "ok"

    for backend in ("asyncio", "trio", "asyncio", "trio"):
        anyio.run(main, backend=backend)
    assert len(transport._homes) == 0
