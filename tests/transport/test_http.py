"""Calls over real sockets, by both HTTP libraries: what arrives, what fails and how, what is kept."""

import contextlib
import gc
import gzip
import pickle
import socket
import ssl
import traceback
from importlib import import_module
from types import SimpleNamespace

import anyio
import pytest
import trustme

from llmstream import (
    ConfigError,
    ConnectError,
    ConnectionLost,
    LLMStreamError,
    MalformedFrameError,
    PoolTimeout,
    Secret,
    TimeoutExceeded,
    TLSError,
    UnexpectedContentError,
)
from llmstream.testing.loopback import Received, Reply, in_turn, replies, serve
from llmstream.transport import http
from llmstream.transport.base import HttpCall
from llmstream.transport.http import HttpTransport, shared_client, which

pytestmark = pytest.mark.anyio
KEY = "sk-sentinel-0123456789"


def call(url: str, **more) -> HttpCall:
    headers = (
        ("accept", "text/event-stream"),
        ("x-api-key", Secret(KEY)),
        ("authorization", Secret(f"Bearer {KEY}")),
    )
    return HttpCall("POST", url, headers, b'{"a": 1}', **more)


async def read(exchange) -> bytes:
    body = b""
    while piece := await exchange.read():
        body += piece
    return body


async def fetch(client, url: str) -> bytes:
    exchange = await HttpTransport(client).open(call(url))
    try:
        return await read(exchange)
    finally:
        await exchange.aclose()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


def tls(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def abort(_: Received, reply: Reply) -> None:
    reply.abort()


async def test_a_call_goes_out_as_it_is_and_its_body_comes_in(client) -> None:
    async with serve(replies([b"one", b"two"], headers={"X-Request-Id": "r1"})) as server:
        exchange = await HttpTransport(client).open(call(f"{server.url}/v1/chat?a=b"))
        assert (exchange.head.status, exchange.head.media_type) == (200, "text/event-stream")
        assert exchange.head.headers["x-request-id"] == "r1"
        assert await read(exchange) == b"onetwo"
        assert await exchange.read() == b""
        await exchange.aclose()
        await exchange.aclose()
        received = server.requests[0]
        assert (received.method, received.path, received.body) == ("POST", "/v1/chat?a=b", b'{"a": 1}')
        assert received.headers["x-api-key"] == KEY
        assert received.headers["authorization"] == f"Bearer {KEY}"


async def test_a_connection_serves_again_after_a_whole_body_and_never_after_a_part(client) -> None:
    async with serve(replies([b"one", b"two"])) as server:
        for _ in range(3):
            assert await fetch(client, server.url) == b"onetwo"
        assert server.accepted == 1
        exchange = await HttpTransport(client).open(call(server.url))
        await exchange.read()
        await exchange.aclose()
        await server.wait_closed(0.1)
        assert await fetch(client, server.url) == b"onetwo"
        assert server.accepted == 2


async def test_an_idle_connection_that_the_server_closed_is_replaced(client) -> None:
    async def once(_: Received, reply: Reply) -> None:
        await reply.head(200, chunked=2)
        await reply.send(b"ok")
        reply.abort()

    async with serve(in_turn(once, replies(b"again"))) as server:
        assert await fetch(client, server.url) == b"ok"
        await server.wait_closed()
        assert await fetch(client, server.url) == b"again"


async def test_a_reader_that_takes_its_time_holds_the_sender_back(client) -> None:
    sent = 0

    async def flood(_: Received, reply: Reply) -> None:
        nonlocal sent
        await reply.head()
        while True:
            await reply.send(bytes(256 * 1024))
            sent += 256 * 1024

    async with serve(flood) as server:
        exchange = await HttpTransport(client).open(call(server.url))
        await exchange.read()
        before = -1
        while sent > before:
            before = sent
            await anyio.wait_all_tasks_blocked()
        # What the buffers of two sockets and of the library hold.
        assert sent < 32 * 1024 * 1024
        await exchange.aclose()
        await server.wait_closed(0.1)


# Failures before the head.


async def test_a_refused_connection(client) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with pytest.raises(ConnectError, match=r"127\.0\.0\.1") as caught:
            await HttpTransport(client).open(call(url))
    assert (caught.value.retryable, caught.value.phase) == (True, "connect")
    assert isinstance(caught.value.__cause__, OSError)


async def test_a_name_that_does_not_resolve(client) -> None:
    with pytest.raises(ConnectError, match=r"nx\.invalid"):
        await HttpTransport(client).open(call("http://nx.invalid/"))


async def test_a_certificate_that_nobody_vouches_for(library, authority) -> None:
    async with (
        serve(replies(b""), ssl_context=tls(authority)) as server,
        import_module(library).AsyncClient() as client,
    ):
        with pytest.raises(TLSError, match="certificate verify failed") as caught:
            await HttpTransport(client).open(call(server.url))
        assert (caught.value.retryable, caught.value.phase) == (False, "connect")
        assert isinstance(caught.value.__cause__, ssl.SSLError)
        assert server.requests == []


async def test_a_certificate_of_another_name(library, authority) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with (
        serve(replies(b"ok"), ssl_context=tls(authority, "example.org")) as server,
        import_module(library).AsyncClient(verify=trusting) as client,
    ):
        with pytest.raises(TLSError, match=r"127\.0\.0\.1"):
            await HttpTransport(client).open(call(server.url))
        assert server.requests == []


async def test_a_certificate_that_is_trusted(library, authority) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with (
        serve(replies(b"ok"), ssl_context=tls(authority)) as server,
        import_module(library).AsyncClient(verify=trusting) as client,
    ):
        assert await fetch(client, server.url) == b"ok"
        exchange = await HttpTransport(client).open(call(server.url))
        await exchange.aclose()
        await server.wait_closed(0.1)


async def test_tls_to_a_plain_port(client) -> None:
    async def handle(tcp) -> None:
        async with tcp:
            await tcp.receive()
            await tcp.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, handle)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        with pytest.raises(TLSError) as caught:
            await HttpTransport(client).open(call(f"https://127.0.0.1:{port}/"))
        assert not caught.value.retryable
        tasks.cancel_scope.cancel()


async def test_plain_to_a_tls_port(client, authority) -> None:
    async with serve(replies(b""), ssl_context=tls(authority)) as server:
        with anyio.fail_after(1), pytest.raises(ConnectionLost) as caught:
            await HttpTransport(client).open(call(server.url.replace("https", "http")))
        assert caught.value.phase == "headers"


async def test_a_connection_that_is_never_made(client) -> None:
    """The kernel takes no more than the backlog; the rest waits for an answer that does not come."""
    with socket.socket() as full, contextlib.ExitStack() as others:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            other = others.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/"
        with pytest.raises(TimeoutExceeded, match=r"0\.1 s \(connect\)") as caught:
            await HttpTransport(client).open(call(url, connect=0.1))
    assert (caught.value.clock, caught.value.seconds, caught.value.phase) == ("connect", 0.1, "connect")


async def test_a_reset_before_the_head(client) -> None:
    async with serve(abort) as server:
        with pytest.raises(ConnectionLost) as caught:
            await HttpTransport(client).open(call(server.url))
        assert (caught.value.retryable, caught.value.phase) == (True, "headers")


async def test_a_head_that_is_none(client) -> None:
    async def nonsense(_: Received, reply: Reply) -> None:
        await reply.raw(b"hello\r\n\r\n")

    async with serve(nonsense) as server:
        with pytest.raises(ConnectionLost):
            await HttpTransport(client).open(call(server.url))


async def test_no_free_connection_in_the_pool(library) -> None:
    async def hang(_: Received, reply: Reply) -> None:
        await reply.head()
        await reply.hang()

    module = import_module(library)
    async with module.AsyncClient(limits=module.Limits(max_connections=1)) as client, serve(hang) as server:
        first = await HttpTransport(client).open(call(server.url))
        with pytest.raises(PoolTimeout, match=r"pool within 0\.05 s") as caught:
            await HttpTransport(client).open(call(server.url, pool=0.05))
        assert caught.value.phase == "connect"
        await first.aclose()


@pytest.mark.parametrize(
    "url", ["ftp://example.org/", "/v1/chat", "http://", "http://h:port/", "http://a\nb/"]
)
async def test_an_address_that_http_does_not_know(client, url) -> None:
    with pytest.raises(ConfigError, match="http or https address"):
        await HttpTransport(client).open(call(url))


async def test_a_client_that_was_closed(library) -> None:
    client = import_module(library).AsyncClient()
    await client.aclose()
    with pytest.raises(ConfigError, match="open HTTP client"):
        await HttpTransport(client).open(call("http://127.0.0.1:1/"))


async def test_what_is_no_failure_to_talk_is_raised_as_it_is(library) -> None:
    async def hook(request) -> None:
        raise KeyError("mine")

    async with import_module(library).AsyncClient(event_hooks={"request": [hook]}) as client:
        with pytest.raises(KeyError, match="mine"):
            await HttpTransport(client).open(call("http://127.0.0.1:1/"))


# Failures inside the body.


async def cut(_: Received, reply: Reply) -> None:
    await reply.head()
    await reply.send(b"half")


async def reset(_: Received, reply: Reply) -> None:
    await reply.head()
    await reply.send(b"half")
    reply.abort()


@pytest.mark.parametrize("handler", [cut, reset])
async def test_a_body_that_breaks_off(client, handler) -> None:
    async with serve(handler) as server:
        exchange = await HttpTransport(client).open(call(server.url))
        with pytest.raises(ConnectionLost, match="lost") as caught:
            await read(exchange)
        await exchange.aclose()
        assert (caught.value.retryable, caught.value.phase) == (True, "stream")
        await server.wait_closed(0.1)


async def test_a_body_that_is_longer_than_it_says(client) -> None:
    async def handler(_: Received, reply: Reply) -> None:
        await reply.head(chunked=2)
        await reply.raw(b"longer")

    async with serve(handler) as server:
        if client is None:
            # Ours are strict: what follows may be the answer to a request that nobody made.
            with pytest.raises(ConnectionLost, match="after the response"):
                await fetch(client, server.url)
        else:
            assert await fetch(client, server.url) == b"lo"
        await server.wait_closed(0.1)


async def test_a_packed_body_comes_out_event_by_event(client) -> None:
    packed = gzip.compress(b"data: 1\n\n")
    async with serve(replies([packed[:12], packed[12:]], headers={"content-encoding": "gzip"})) as server:
        assert await fetch(client, server.url) == b"data: 1\n\n"


async def test_a_body_that_is_not_packed_as_it_says(client) -> None:
    async with serve(replies(b"plain text", headers={"content-encoding": "gzip"})) as server:
        with pytest.raises(MalformedFrameError, match="gzip"):
            await fetch(client, server.url)
        if client is not None:
            # Ours has read the whole of a short body, and keeps its connection.
            await server.wait_closed(0.1)


async def test_an_encoding_that_was_not_asked_for(client) -> None:
    async with serve(replies(b"...", headers={"content-encoding": "br"})) as server:
        with pytest.raises(UnexpectedContentError, match="'br'"):
            await fetch(client, server.url)
        await server.wait_closed(0.1)


async def test_a_body_that_a_hook_of_the_client_has_read(library) -> None:
    async def hook(response) -> None:
        await response.aread()

    packed = {"content-encoding": "gzip"}
    async with (
        import_module(library).AsyncClient(event_hooks={"response": [hook]}) as client,
        serve(replies(gzip.compress(b"all"), headers=packed)) as server,
    ):
        assert await fetch(client, server.url) == b"all"


async def test_reading_is_cancelled_and_then_closed(client) -> None:
    async def hang(_: Received, reply: Reply) -> None:
        await reply.head()
        await reply.hang()

    async with serve(hang) as server:
        exchange = await HttpTransport(client).open(call(server.url))
        with anyio.move_on_after(0.05):
            await exchange.read()
        await exchange.aclose()
        await server.wait_closed(0.1)
        with pytest.raises(ConnectionLost, match="closed"):
            await exchange.read()


class Stream:
    """What a library would read from: pieces, and then maybe an error."""

    def __init__(self, *steps: bytes | Exception) -> None:
        self._steps = iter(steps)
        self.closed = 0

    def __aiter__(self):
        return self

    async def __anext__(self) -> bytes:
        for step in self._steps:
            if isinstance(step, Exception):
                raise step
            return step
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed += 1


class Library:
    """A library that connects, maybe speaks HTTP/2, and then fails or answers."""

    is_stream_consumed = False
    status_code = 200

    def __init__(self, outcome: Stream | Exception, *, traced: tuple[str, ...] = ()) -> None:
        self.outcome = outcome
        self.made = Stream()
        self.closed = 0
        self.headers: dict[str, str] = {}
        self.extensions: dict[str, object] = {}
        self._traced = ("connection.connect_tcp.complete", *traced)

    @property
    def stream(self):
        return self.outcome

    def build_request(self, method, url, /, *, content, headers, timeout, extensions):
        self._trace = extensions["trace"]
        return SimpleNamespace(stream=Stream(), content=content)

    async def send(self, request, /, *, stream, follow_redirects):
        for name in self._traced:
            await self._trace(name, {"return_value": self.made})
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self

    async def aclose(self) -> None:
        self.closed += 1


async def test_a_connection_that_a_failed_call_made_is_closed_unless_it_is_shared() -> None:
    library = Library(OSError("no"))
    with pytest.raises(ConnectionLost):
        await HttpTransport(library).open(call("http://h/"))
    assert library.made.closed == 1
    library = Library(
        OSError("no"), traced=("connection.start_tls.complete", "http2.send_request_headers.started")
    )
    with pytest.raises(ConnectionLost):
        await HttpTransport(library).open(call("http://h/"))
    assert library.made.closed == 0


async def test_empty_pieces_are_not_the_end() -> None:
    exchange = await HttpTransport(Library(Stream(b"", b"a", b"", b"b"))).open(call("http://h/"))
    assert await read(exchange) == b"ab"


async def test_a_bug_in_a_body_is_raised_as_it_is_and_closing_goes_on() -> None:
    library = Library(Stream(b"a", KeyError("bug"), b"b", b"c"))
    exchange = await HttpTransport(library).open(call("http://h/"))
    with pytest.raises(KeyError):
        await read(exchange)
    await exchange.aclose()
    assert library.closed == 1


async def test_closing_takes_no_offence_at_how_a_body_ends() -> None:
    library = Library(Stream(b"a", b"b", KeyError("bug")))
    exchange = await HttpTransport(library).open(call("http://h/"))
    await exchange.read()
    await exchange.aclose()
    assert library.closed == 1


async def test_closing_goes_on_when_a_part_of_it_fails() -> None:
    class Failing(Library):
        async def aclose(self) -> None:
            raise RuntimeError("no")

    library = Failing(Stream(b"a", b"b"))
    connection = Stream()
    library.extensions = {"http_version": b"HTTP/1.1", "network_stream": connection}
    exchange = await HttpTransport(library).open(call("http://h/"))
    await exchange.read()
    await exchange.aclose()
    assert connection.closed == 1


async def test_closing_does_not_read_a_body_without_an_end() -> None:
    def endless():
        while True:
            yield b"more"

    body = Stream()
    body._steps = endless()
    exchange = await HttpTransport(Library(body)).open(call("http://h/"))
    await exchange.read()
    await exchange.aclose()


async def test_a_redirect_is_not_followed(client) -> None:
    async with serve(replies(b"stolen")) as other:
        away = replies(b"", status=307, headers={"location": other.url})
        async with serve(away) as server:
            exchange = await HttpTransport(client).open(call(server.url))
            assert exchange.head.status == 307
            await exchange.aclose()
        assert other.requests == []


async def test_a_client_that_follows_redirects_does_not_do_so_here(library) -> None:
    async with (
        serve(replies(b"stolen")) as other,
        import_module(library).AsyncClient(follow_redirects=True) as client,
    ):
        async with serve(replies(b"", status=308, headers={"location": other.url})) as server:
            exchange = await HttpTransport(client).open(call(server.url))
            await exchange.aclose()
        assert other.requests == []


# Law 13.


def everything_said_by(error: BaseException) -> str:
    """All that a log, a report with local variables, or a pickle would show of an error."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    links = [error]
    while links[-1].__cause__ or links[-1].__context__:
        links.append(links[-1].__cause__ or links[-1].__context__)
    shown = [f"{link!s} {link!r} {vars(link)!r} {pickle.dumps(link)!r}" for link in links]
    reached = [
        repr(vars(value)) for link in links for value in vars(link).values() if hasattr(value, "__dict__")
    ]
    return "".join([*told.format(), *shown, *reached])


async def refused(client) -> None:
    await HttpTransport(client).open(call("http://127.0.0.1:1/"))


async def reset_early(client) -> None:
    async with serve(abort) as server:
        await HttpTransport(client).open(call(server.url))


async def cut_short(client) -> None:
    async with serve(cut) as server:
        await fetch(client, server.url)


async def not_packed(client) -> None:
    async with serve(replies(b"plain", headers={"content-encoding": "gzip"})) as server:
        await fetch(client, server.url)


async def bad_address(client) -> None:
    await HttpTransport(client).open(call(f"http://me:{KEY}@[?key={KEY}"))


async def no_tls(client) -> None:
    async with serve(abort) as server:
        await HttpTransport(client).open(call(server.url.replace("http", "https"), connect=0.1))


@pytest.mark.parametrize("failing", [refused, reset_early, cut_short, not_packed, bad_address, no_tls])
async def test_the_key_is_in_nothing_that_an_error_shows(client, failing) -> None:
    with pytest.raises(LLMStreamError) as caught:
        await failing(client)
    assert KEY not in everything_said_by(caught.value)


async def test_the_key_is_in_no_log(client, caplog) -> None:
    caplog.set_level("DEBUG")
    async with serve(replies(b"ok")) as server:
        await fetch(client, server.url)
    with pytest.raises(ConnectError):
        await refused(client)
    assert caplog.records or client is None
    assert KEY not in caplog.text


# The shared client.


def test_httpx2_is_taken_where_it_is_installed_and_httpx_where_it_is_asked_for() -> None:
    assert which() == "httpx2"
    assert which("httpx") == "httpx"


def test_without_httpx2_it_is_httpx(monkeypatch) -> None:
    monkeypatch.setattr(http, "_installed", lambda name: name == "httpx")
    assert which() == "httpx"
    with pytest.raises(ConfigError, match="pip install httpx2"):
        which("httpx2")


def test_another_library_is_refused_when_the_transport_is_made() -> None:
    with pytest.raises(ConfigError, match="httpx or httpx2"):
        HttpTransport(library="requests")


async def test_one_client_serves_a_loop(library) -> None:
    clients = {id(await shared_client(library)) for _ in range(3)}
    assert len(clients) == 1


def test_each_loop_has_a_client_that_is_closed_with_it(library) -> None:
    async def main() -> None:
        clients.append(await shared_client(library))
        async with serve(replies(b"ok")) as server:
            transport = HttpTransport(library=library)
            exchange = await transport.open(call(server.url))
            assert await read(exchange) == b"ok"
            await exchange.aclose()

    clients = []
    for backend in ("asyncio", "trio", "asyncio"):
        anyio.run(main, backend=backend)
        gc.collect()
    assert len({id(client) for client in clients}) == 3
    assert all(client.is_closed for client in clients)


async def test_the_shared_client_keeps_no_cookies(library) -> None:
    async with serve(replies(b"ok", headers={"set-cookie": "who=me; Path=/"})) as server:
        transport = HttpTransport(library=library)
        for _ in range(2):
            exchange = await transport.open(call(server.url))
            await read(exchange)
            await exchange.aclose()
        assert "cookie" not in server.requests[1].headers
