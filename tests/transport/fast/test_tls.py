"""TLS over buffers in memory: whom it trusts, and that bytes come through whole."""

import socket
import ssl
import struct
from contextlib import asynccontextmanager

import anyio
import pytest
import trustme

from llmstream.testing.loopback import Received, Reply, in_turn, replies, serve
from llmstream.transport.fast import FastTransport, Limits
from llmstream.transport.fast.tls import Tls, default_context
from llmstream.transport.fast.wire import ExchangeError

pytestmark = pytest.mark.anyio


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names or ("127.0.0.1", "localhost")).configure_cert(context)
    return context


@pytest.fixture
def context(authority) -> ssl.SSLContext:
    return server_context(authority)


@pytest.fixture
def trusting(authority) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def transport(library, trusting):
    return FastTransport.under(library, ssl_context=trusting)


def ssl_cause(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__
    return error


async def test_a_trusted_server_is_spoken_to_and_its_connection_kept(client, context):
    async with serve(replies([b"one", b"two"]), ssl_context=context) as server:
        for _ in range(3):
            assert (await client.post(server.url, json={"a": 1})).text == "onetwo"
        assert server.accepted == 1
        assert server.requests[2].json() == {"a": 1}


async def test_large_bodies_come_through_whole_and_side_by_side(client, context):
    body = bytes(range(256)) * 8_000

    async def echo(received: Received, reply: Reply) -> None:
        await replies(received.body)(received, reply)

    async with serve(echo, ssl_context=context) as server, anyio.create_task_group() as tasks:

        async def one(content: bytes) -> None:
            assert (await client.post(server.url, content=content)).content == content

        for number in range(3):
            tasks.start_soon(one, body[number:])


async def test_the_name_asked_for_is_sent_and_checked(client, context, trusting):
    names = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with serve(replies(b"ok"), ssl_context=context) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        assert (await client.get(url)).text == "ok"
    assert names == ["localhost"]


@pytest.mark.parametrize("names", [("other.example",), ("127.0.0.2",)])
async def test_a_certificate_for_another_name_is_refused(client, library, authority, names):
    async with serve(replies(b"no"), ssl_context=server_context(authority, *names)) as server:
        with pytest.raises(library.ConnectError, match=r"mismatch|not valid") as caught:
            await client.get(server.url)
        assert ssl_cause(caught.value)
        assert server.requests == []
        await server.wait_closed()


async def test_an_unknown_authority_is_refused(client, library):
    async with serve(replies(b"no"), ssl_context=server_context(trustme.CA())) as server:
        with pytest.raises(library.ConnectError, match="verify failed") as caught:
            await client.get(server.url)
        assert ssl_cause(caught.value)
        assert server.requests == []
        await server.wait_closed()


async def test_the_default_context_does_not_trust_strangers(library, context, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    client = library.AsyncClient(transport=FastTransport.under(library))
    async with serve(replies(b"no"), ssl_context=context) as server, client:
        with pytest.raises(library.ConnectError, match="verify failed"):
            await client.get(server.url)


async def test_the_default_context_trusts_the_file_in_the_environment(
    library, context, authority, monkeypatch, tmp_path
):
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    client = library.AsyncClient(transport=FastTransport.under(library))
    async with serve(replies(b"ok"), ssl_context=context) as server, client:
        assert (await client.get(server.url)).text == "ok"


def test_the_default_context_trusts_only_that_file(authority, monkeypatch, tmp_path):
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    assert len(default_context().get_ca_certs()) == 1
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert default_context().get_ca_certs() == []


def test_without_a_store_of_the_system_the_bundled_one_is_taken(monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda *_: None)
    nowhere = ssl.DefaultVerifyPaths(None, None, "", "", "", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)
    context = default_context()
    assert context.get_ca_certs()
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


async def test_tls_on_a_plain_request_is_an_error(client, library, context):
    async with serve(replies(b"no"), ssl_context=context) as server:
        with pytest.raises((library.RemoteProtocolError, library.ReadError)):
            await client.get(server.url.replace("https:", "http:"), timeout=2)


@asynccontextmanager
async def served(converse):
    """A server whose connections are each handed to `converse`, without TLS."""

    async def closing(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await converse(stream)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, closing)
            yield f"https://127.0.0.1:{port}/"
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize("how", ["stalls", "closes", "answers plainly"])
async def test_a_handshake_that_does_not_succeed_is_told(client, library, transport, pooled, how):
    async def converse(stream: anyio.abc.SocketStream) -> None:
        await stream.receive()
        if how == "stalls":
            await anyio.sleep_forever()
        elif how == "answers plainly":
            await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await anyio.sleep_forever()

    async with served(converse) as url:
        with pytest.raises(library.ConnectTimeout if how == "stalls" else library.ConnectError) as caught:
            await client.get(url, timeout=library.Timeout(5, connect=0.2))
    assert (ssl_cause(caught.value) is not None) is (how == "answers plainly")
    assert pooled(transport).slots == 0


async def test_a_connection_cut_in_the_middle_of_a_record_is_an_error(client, library, context):
    async def half(_received: Received, reply: Reply) -> None:
        await reply.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")

    async with serve(half, ssl_context=context) as server:
        with pytest.raises(library.RemoteProtocolError, match="more of the body"):
            await client.get(server.url)
        await server.wait_closed()


async def test_what_is_no_tls_after_the_handshake_is_a_read_error(client, library, context):
    async def spoilt(_received: Received, reply: Reply) -> None:
        await reply.head()
        await reply._peer._tcp.send(b"HTTP/1.1 400 plain\r\n\r\n" * 4)
        await reply.hang()

    async with serve(spoilt, ssl_context=context) as server:
        with pytest.raises(library.ReadError):
            await client.get(server.url)
        await server.wait_closed()


async def test_bytes_between_two_responses_end_the_connection(client, context):
    gate = anyio.Event()

    async def chatty(_received: Received, reply: Reply) -> None:
        await reply.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await gate.wait()
        await reply.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
        await reply.end()

    async with serve(in_turn(chatty, replies(b"good")), ssl_context=context) as server:
        assert (await client.get(server.url)).text == "ok"
        gate.set()
        await anyio.wait_all_tasks_blocked()
        assert (await client.get(server.url)).text == "good"
        assert server.accepted == 2


async def test_a_server_that_closed_is_not_asked_again(client, context):
    async def closing(_received: Received, reply: Reply) -> None:
        await reply.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    async with serve(in_turn(closing, replies(b"again")), ssl_context=context) as server:
        assert (await client.get(server.url)).text == "ok"
        await anyio.wait_all_tasks_blocked()
        assert (await client.get(server.url)).text == "again"


async def test_an_early_answer_is_read_while_the_request_is_being_sent(client, context):
    async def refuse(stream: anyio.abc.SocketStream) -> None:
        wrapped = await anyio.streams.tls.TLSStream.wrap(
            stream, server_side=True, ssl_context=context, standard_compatible=False
        )
        await wrapped.receive(100)
        await wrapped.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 9\r\n\r\ntoo large")
        await anyio.sleep_forever()

    async with served(refuse) as url:
        assert (await client.post(url, content=b"x" * 20_000_000)).text == "too large"


@pytest.mark.parametrize("steps", range(34))
async def test_a_call_may_be_cancelled_at_every_step(library, trusting, context, pooled, steps):
    transport = FastTransport.under(library, ssl_context=trusting, limits=Limits(connections=1))
    client = library.AsyncClient(transport=transport, timeout=5)
    async with serve(replies([b"a", b"b"]), ssl_context=context) as server, client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.get, server.url)
            for _ in range(steps):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        assert pooled(transport).slots == pooled(transport).idle
        assert (await client.get(server.url)).text == "ab"
        assert pooled(transport).slots == 1
    await server.wait_closed()


class Pair:
    """A client's TLS and a server's, joined without I/O."""

    def __init__(self, client: ssl.SSLContext, server: ssl.SSLContext) -> None:
        self.tls = Tls(client, "localhost")
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = server.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def shake(self) -> None:
        done = False
        while not (done and self.tls.secure):
            self.incoming.write(self.tls.shake())
            try:
                self.server.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            if not self.tls.secure:
                self.tls.take(self.outgoing.read())


def test_any_cut_of_the_records_decrypts_to_the_same(trusting, context):
    pair = Pair(trusting, context)
    pair.shake()
    data = bytes(range(256)) * 300
    pair.server.write(data)
    records = pair.outgoing.read()
    plain = b"".join(pair.tls.open(records[at : at + 1000]) for at in range(0, len(records), 1000))
    pair.server.write(data)
    assert plain + pair.tls.open(pair.outgoing.read()) == data * 2
    assert not pair.tls.ended


def test_the_farewell_ends_it(trusting, context):
    pair = Pair(trusting, context)
    pair.shake()
    pair.server.write(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        pair.server.unwrap()
    assert pair.tls.open(pair.outgoing.read()) == b"last"
    assert pair.tls.ended


def test_what_came_before_a_failure_is_not_lost(trusting, context):
    pair = Pair(trusting, context)
    pair.shake()
    pair.server.write(b"good")
    assert pair.tls.open(pair.outgoing.read() + b"HTTP/1.1 400 plain\r\n\r\n") == b"good"
    assert pair.tls.ended
    assert pair.tls.failure
    with pytest.raises(ExchangeError) as caught:
        pair.tls.seal(b"more")
    assert caught.value.kind == "WriteError"


async def test_a_name_that_cannot_be_in_a_certificate_is_a_connect_error(client, library):
    with pytest.raises(library.ConnectError):
        await client.get("https://.invalid/")


async def test_a_bad_file_of_authorities_is_a_connect_error(library, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    async with library.AsyncClient(transport=FastTransport.under(library)) as client:
        with pytest.raises(library.ConnectError, match="No such file"):
            await client.get("https://127.0.0.1:1/")


async def test_a_reset_in_the_handshake_is_a_connect_error(client, library):
    async def reset(stream: anyio.abc.SocketStream) -> None:
        await stream.receive(1)
        raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await anyio.aclose_forcefully(stream)

    async with served(reset) as url:
        with pytest.raises(library.ConnectError):
            await client.get(url)


def test_another_protocol_than_http_1_1_is_refused(trusting, context):
    trusting.set_alpn_protocols(["h2"])
    context.set_alpn_protocols(["h2"])
    with pytest.raises(ExchangeError, match=r"http/1\.1"):
        Pair(trusting, context).shake()
