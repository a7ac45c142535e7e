"""An HTTP/1.1 server on 127.0.0.1 whose replies a test writes byte by byte.

Each connection is read by a task of its own for as long as it lives, also while a handler writes or
hangs, so that the moment at which the client lets go is seen and not guessed. No HTTP library takes part:
what a client under test reads is what the handler wrote.

    async with serve(replies(body)) as server:
        ...  # a client talks to server.url
        await server.wait_closed()
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType, TracebackType
from typing import Literal, Self, TypeAlias

import anyio
import anyio.abc
import attrs
from anyio.streams.tls import TLSStream

from llmstream.jsontext import JSON, loads

MAX_HEAD_BYTES = 64 * 1024
MAX_UNREAD_BYTES = 64 * 1024 * 1024
# On a machine that stood still, a limit runs out together with what it waited for.
LATE_TURNS = 5

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, ssl.SSLError)


@attrs.frozen
class Received:
    """One request as it came in.

    Attributes:
        headers: with names in lower case; of a repeated one the last.
        connection: which connection of the server it came on, from 0.
    """

    method: str
    path: str
    headers: dict[str, str] = attrs.field(kw_only=True)
    body: bytes = attrs.field(kw_only=True, repr=lambda body: f"<{len(body)} bytes>")
    connection: int = attrs.field(default=0, kw_only=True)

    def json(self) -> JSON:
        """The body, read as JSON.

        Raises:
            JSONError: when it is none.
        """
        return loads(self.body)


class BadRequestError(Exception):
    """What the client sends is not HTTP/1.1 as this server knows it."""


class _Peer:
    """One connection: what came in, and the news that the client has gone."""

    def __init__(self, tcp: anyio.abc.SocketStream, number: int) -> None:
        self.stream: anyio.abc.ByteStream = tcp
        self.number = number
        self.gone = anyio.Event()
        self._tcp = tcp
        self._unread = bytearray()
        self._news = anyio.Event()

    async def secure(self, context: ssl.SSLContext) -> None:
        self.stream = await TLSStream.wrap(
            self._tcp, server_side=True, ssl_context=context, standard_compatible=False
        )

    async def listen(self) -> None:
        try:
            while len(self._unread) < MAX_UNREAD_BYTES:
                self._unread += await self.stream.receive()
                self._tell()
        except _GONE:
            pass
        finally:
            self.gone.set()
            self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()

    async def line(self) -> bytes:
        while (end := self._unread.find(b"\r\n")) < 0:
            if len(self._unread) > MAX_HEAD_BYTES:
                raise BadRequestError("expected a line, got none in 64 KiB")
            await self._more()
        return self._take(end + 2)[:-2]

    async def exactly(self, size: int) -> bytes:
        while len(self._unread) < size:
            await self._more()
        return self._take(size)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._unread[:size])
        del self._unread[:size]
        return taken

    async def _more(self) -> None:
        if self.gone.is_set():
            raise anyio.EndOfStream
        await self._news.wait()

    async def end(self) -> None:
        """Send FIN and go on listening: the client's own close is still to be seen.

        TLS too ends without its own farewell; clients take that for the end of the body.
        """
        try:
            await self._tcp.send_eof()
        except (OSError, *_GONE):
            self.gone.set()

    async def close(self, *, reset: bool = False) -> None:
        if reset:
            raw = self._tcp.extra(anyio.abc.SocketAttribute.raw_socket)  # noqa: S610 - not Django's
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await anyio.aclose_forcefully(self._tcp)
        self.gone.set()


async def _receive(peer: _Peer) -> Received:
    try:
        method, path, _ = (await peer.line()).decode("latin-1").split(" ")
        headers: dict[str, str] = {}
        while line := await peer.line():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        body = await _body(peer, headers)
    except ValueError as error:
        raise BadRequestError(f"expected a request of HTTP/1.1, got one that breaks it: {error}") from error
    return Received(method, path, headers=headers, body=body, connection=peer.number)


async def _body(peer: _Peer, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await peer.exactly(int(headers.get("content-length", "0")))
    body = bytearray()
    while size := int((await peer.line()).split(b";")[0], 16):
        body += await peer.exactly(size)
        await peer.line()
    while await peer.line():
        pass
    return bytes(body)


class Reply:
    """The pen of a handler: writes one reply, well formed or not.

    A handler that returns before its reply is complete ends the connection there, so that the client
    reads a body that is cut off. Writing to a client that has gone raises; a handler need not catch it.
    """

    def __init__(self, peer: _Peer) -> None:
        self._peer = peer
        self._until: Literal["raw", "chunk", "length", "close"] = "raw"
        self._left = 0
        self._complete = False
        self._aborted = False

    async def head(
        self, status: int = 200, headers: Mapping[str, str] = _NO_HEADERS, *, chunked: bool | int = True
    ) -> None:
        """Write the status line and the headers.

        `chunked` says how the body is delimited: True by chunks, False by the end of the connection, a
        number by a content-length of that many bytes.
        """
        pairs = list(headers.items())
        if chunked is True:
            self._until = "chunk"
            pairs.append(("transfer-encoding", "chunked"))
        elif chunked is False:
            self._until = "close"
            pairs.append(("connection", "close"))
        else:
            self._until, self._left, self._complete = "length", chunked, chunked == 0
            pairs.append(("content-length", str(chunked)))
        lines = [f"HTTP/1.1 {status} ", *(f"{name}: {value}" for name, value in pairs), "", ""]
        await self.raw("\r\n".join(lines).encode("latin-1"))

    async def send(self, data: bytes) -> None:
        """Write more of the body: one chunk, if it goes by chunks."""
        if not data:
            return
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data) if self._until == "chunk" else data)
        if self._until == "length":
            self._left -= len(data)
            self._complete = self._left <= 0

    async def end(self) -> None:
        """End the body; after `raw` alone, say that the reply was whole."""
        match self._until:
            case "chunk":
                await self.raw(b"0\r\n\r\n")
                self._complete = True
            case "close":
                await self._peer.end()
            case "raw":
                self._complete = True
            case "length":
                pass

    async def raw(self, data: bytes) -> None:
        """Write bytes as they are."""
        await self._peer.stream.send(data)

    def abort(self) -> None:
        """Reset the connection (RST) as soon as the handler returns."""
        self._aborted = True

    async def hang(self) -> None:
        """Write nothing more and wait until the client goes."""
        await self._peer.gone.wait()

    async def leave(self) -> bool:
        """Settle the connection and say whether it may serve another request."""
        if self._aborted:
            await self._peer.close(reset=True)
        elif not self._complete:
            await self._peer.end()
        return self._complete and not self._aborted


Handler: TypeAlias = Callable[[Received, Reply], Awaitable[None]]


def replies(
    body: bytes | Iterable[bytes],
    *,
    content_type: str = "text/event-stream",
    status: int = 200,
    headers: Mapping[str, str] = _NO_HEADERS,
    chunked: bool = True,
) -> Handler:
    """Make a handler that gives every request one reply, an iterable piece by piece."""
    pieces = (body,) if isinstance(body, bytes) else tuple(body)
    fields = {"content-type": content_type, **headers}

    async def handler(_received: Received, reply: Reply) -> None:
        await reply.head(status, fields, chunked=chunked)
        for piece in pieces:
            await reply.send(piece)
        await reply.end()

    return handler


def in_turn(*handlers: Handler) -> Handler:
    """Make a handler that gives each request to the next of `handlers`."""
    left = iter(handlers)

    async def handler(received: Received, reply: Reply) -> None:
        following = next(left, None)
        assert following is not None, f"expected {len(handlers)} requests, got one more: {received}"
        await following(received, reply)

    return handler


class Server:
    """A server that runs while it is entered.

    What a handler raises is raised when the server is left.

    Attributes:
        requests: what came in, in order.
        url: its address, without a slash at the end; known once it is entered.
    """

    def __init__(self, handler: Handler, ssl_context: ssl.SSLContext | None) -> None:
        self.requests: list[Received] = []
        self.url = ""
        self._handler = handler
        self._context = ssl_context
        self._peers: list[_Peer] = []
        self._failures: list[Exception] = []

    @property
    def accepted(self) -> int:
        """How many connections were made so far."""
        return len(self._peers)

    @property
    def open_connections(self) -> int:
        """How many connections the client has neither closed nor reset."""
        return sum(not peer.gone.is_set() for peer in self._peers)

    async def wait_closed(self, timeout: float = 1.0) -> None:  # noqa: ASYNC109 - a test's own limit
        """Wait until the client has let go of every connection.

        Raises:
            TimeoutError: when some are still open after `timeout` seconds.
        """
        with anyio.move_on_after(timeout):
            for peer in self._peers:
                await peer.gone.wait()
        for _ in range(LATE_TURNS if self.open_connections else 0):
            await anyio.wait_all_tasks_blocked()
        if self.open_connections:
            raise TimeoutError(f"{self.open_connections} connections are open after {timeout} s")

    async def __aenter__(self) -> Self:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610
        self.url = f"{'https' if self._context else 'http'}://127.0.0.1:{port}"
        self._tasks = await anyio.create_task_group().__aenter__()
        self._tasks.start_soon(self._listen, listener)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tasks.cancel_scope.cancel()
        # The body's own exception is not the tasks' affair: told of it, they would wrap it in a group.
        await self._tasks.__aexit__(None, None, None)
        for failure in self._failures:
            if error is None:
                raise failure
            error.add_note(f"a handler of the loopback server failed: {failure!r}")

    async def _listen(self, listener: anyio.abc.Listener[anyio.abc.SocketStream]) -> None:
        async with listener:
            await listener.serve(self._converse)

    async def _converse(self, tcp: anyio.abc.SocketStream) -> None:
        peer = _Peer(tcp, len(self._peers))
        self._peers.append(peer)
        try:
            if self._context is not None:
                await peer.secure(self._context)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(peer.listen)
                await self._answer(peer)
        except _GONE:
            pass
        finally:
            await peer.close()

    async def _answer(self, peer: _Peer) -> None:
        """Answer requests until the client, or a reply, ends the connection."""
        try:
            lasting = True
            while lasting:
                received = await _receive(peer)
                self.requests.append(received)
                reply = Reply(peer)
                await self._handler(received, reply)
                lasting = await reply.leave()
        except _GONE:
            pass
        except Exception as failure:  # noqa: BLE001 - raised where the server is left
            self._failures.append(failure)
            await peer.close(reset=True)


def serve(handler: Handler, *, ssl_context: ssl.SSLContext | None = None) -> Server:
    """Make a server that runs for the length of an `async with`."""
    return Server(handler, ssl_context)
