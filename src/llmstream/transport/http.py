"""Calls through an HTTP library's client: httpx or httpx2, ours or the caller's.

One client serves an event loop. It is closed when the loop shuts its asynchronous generators down, which
asyncio and trio both do at the end of a run: a generator that holds the client open rides along.

The library's own generators are a trap. Closing a response that is half read leaves the chain of
generators under its stream suspended; collected later, they warn on trio. So the response is closed
first, and then the chain is run into the closed connection, which ends every generator in it.

So is asyncio's own cancellation. It breaks into the library's housekeeping, which is shielded against
anyio's only, and a connection stays open for ever. So opening and closing run in a task apart: what
reaches that task is a cancellation of anyio's.

Without a client of the caller's, and without a proxy, none of this takes part: see `direct`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from math import inf
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, cast

import anyio
import anyio.lowlevel

from llmstream.errors import ConfigError, ConnectionLost
from llmstream.transport import direct
from llmstream.transport.base import AsyncClientLike, Exchange, HttpCall, ResponseLike
from llmstream.transport.failures import failure_of
from llmstream.transport.fast.exchange import EXCHANGE
from llmstream.transport.inflate import Inflater, inflater
from llmstream.values.secret import Secret
from llmstream.wire.http import ResponseHead

if TYPE_CHECKING:
    import ssl

Library: TypeAlias = Literal["httpx", "httpx2"]

# Long enough for a close that goes well; a peer that does not answer must not hold the caller.
_CLOSE_SECONDS = 1.0

# The libraries read 64 KiB at a time: more chunks than that do not lie between a connection and its end.
_MOST_CHUNKS = 65_536

# Each has a connection to itself; streams of HTTP/2 share one.
_OWN_CONNECTION = (b"HTTP/1.0", b"HTTP/1.1")


class HttpTransport:
    """A transport over a client; without one, over the event loop's shared client.

    Raises:
        ConfigError: when `library` is none that is known and installed.
    """

    def __init__(self, client: AsyncClientLike | None = None, *, library: str | None = None) -> None:
        self._client = client
        self._library = which(library) if client is None else None

    def at_hand(self, call: HttpCall, loop: object, /) -> direct.DirectExchange | None:
        """A call on an idle connection, which has yet to be started; None: it is for `open`."""
        return direct.at_hand(call, loop) if self._client is None else None

    async def open(self, call: HttpCall, /) -> Exchange:
        """Send a call and wait for the head of its response; redirects are not followed.

        Raises:
            TransportError: when there is no connection, or it broke.
            ConfigError: when the address is none that HTTP knows, or the client is closed.
            UnexpectedContentError: when the body comes in a content encoding that was not asked for.
        """
        if self._client is None and (way := direct.route(call.url)) is not None:
            sender = await direct.loop_sender()
            if sender is not None:
                return await direct.open_directly(call, way, sender)
        opening = _Opening(self._client or await shared_client(self._library), call)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(opening.send)
            return opening.exchange()
        except BaseException:
            await _unbroken(opening.abandon)
            raise


class _Opening:
    """A call that is being sent.

    It notes the connections that it makes, by the libraries' trace hook: one whose TLS handshake is
    cancelled is forgotten by the library and stays open. (Streams of HTTP/2 share one; it is left alone.)
    """

    def __init__(self, client: AsyncClientLike, call: HttpCall) -> None:
        self._client = client
        self._call = call
        self._made: list[Any] = []
        self._response: ResponseLike | None = None
        self._failure: Exception | None = None

    async def send(self) -> None:
        """Send the call; what comes of it is noted, so that no frame that knows the key is on a traceback."""
        call = self._call
        headers = [
            (name, value.reveal() if isinstance(value, Secret) else value) for name, value in call.headers
        ]
        try:
            request = self._client.build_request(
                call.method,
                call.url,
                headers=headers,
                content=call.body,
                # (connect, read, write, pool): reading has a clock of its own further up.
                timeout=(call.connect, None, None, call.pool),
                extensions={"trace": self._trace},
            )
            request.stream = _body(request.stream, request.content)
            self._response = await self._client.send(request, stream=True, follow_redirects=False)
        except Exception as error:  # noqa: BLE001 - two libraries' trees, mapped here and nowhere else
            self._failure = failure_of(error, call, "headers") or error

    def exchange(self) -> Exchange:
        """What came of it."""
        failure, self._failure = self._failure, None
        if failure is not None or self._response is None:
            raise failure or AssertionError("a call that was sent has a response or a failure")
        fast = self._response.extensions.get(EXCHANGE)
        if fast is not None and not self._response.is_stream_consumed:
            head = ResponseHead(self._response.status_code, self._response.headers)
            return direct.DirectExchange(self._call, fast, head)
        return _HttpExchange(self._response, self._call)

    async def abandon(self) -> None:
        """Release what was opened."""
        if self._response is not None:
            await self._response.aclose()
        for stream in self._made:
            await stream.aclose()

    async def _trace(self, name: str, info: Mapping[str, Any]) -> None:
        if name == "connection.connect_tcp.complete":
            self._made.append(info["return_value"])
        elif name.startswith("http2."):
            self._made.clear()


async def _unbroken(close: Callable[[], Awaitable[None]]) -> None:
    """Close something to the end, however often the caller is cancelled meanwhile."""

    async def run() -> None:
        with suppress(Exception), anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await close()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)


class _Body:
    """A whole body as a stream, without the generator that the library's own is.

    That one is left suspended when sending is cancelled, and warns on trio when it is collected.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return iter((self._body,))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Pieces(iter(self))


class _Pieces:
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


_bodies: dict[object, Callable[[bytes], object]] = {}


def _body(stream: object, body: bytes) -> object:
    """A `_Body` that is also one of the library's own streams, on which it insists."""
    kind = type(stream)
    if kind not in _bodies:
        _bodies[kind] = type("Body", (_Body, kind), {})
    return _bodies[kind](body)


class _HttpExchange:
    def __init__(self, response: ResponseLike, call: HttpCall) -> None:
        self.head = ResponseHead(response.status_code, response.headers)
        self._response = response
        self._call = call
        self._inflater: Inflater | None = None
        self._chunks: AsyncIterator[bytes]
        if response.is_stream_consumed:
            self._chunks = response.aiter_bytes()
        else:
            self._inflater = inflater(self.head.headers.get("content-encoding", ""))
            self._chunks = aiter(response.stream)
        self._reading: anyio.CancelScope | None = None
        self._cut = False
        # Over: the chain of generators has ended. Whole: it ended with the body.
        self._over = self._whole = self._closed = False

    async def read(self, deadline: float = inf, /) -> bytes:
        if self._inflater is None:
            return await self._next(deadline)
        return await self._inflater.read(lambda: self._next(deadline))

    async def _next(self, deadline: float) -> bytes:
        with anyio.CancelScope(deadline=deadline) as self._reading:
            return await self._chunk()
        if self._cut:
            raise ConnectionLost("the exchange was closed")
        raise TimeoutError

    def interrupt(self) -> None:
        self._cut = True
        if self._reading is not None:
            self._reading.cancel()

    async def _chunk(self) -> bytes:
        if self._closed or self._cut:
            raise ConnectionLost("the exchange was closed")
        try:
            while not (chunk := await anext(self._chunks)):
                pass
        except StopAsyncIteration:
            self._over = self._whole = True
            return b""
        except Exception as error:
            self._over = True
            failure = failure_of(error, self._call, "stream")
            if failure is None:
                raise
        except BaseException:
            self._over = True
            raise
        else:
            return chunk
        raise failure

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            await _unbroken(self._close)

    async def _close(self) -> None:
        with suppress(Exception):
            await self._response.aclose()
        for _ in range(_MOST_CHUNKS):
            if self._over:
                break
            await self._run_out()
        extensions = self._response.extensions
        connection = extensions.get("network_stream")
        if not self._whole and connection and extensions.get("http_version") in _OWN_CONNECTION:
            # The library's own closing may have been broken off by a cancellation of asyncio's.
            await connection.aclose()

    async def _run_out(self) -> None:
        try:
            await anext(self._chunks)
        except Exception:  # noqa: BLE001 - the connection is closed; how the chain ends does not matter
            self._over = True


def which(wanted: str | None = None) -> Library:
    """Which library makes the shared client: `wanted`, else httpx2 where it is installed, else httpx.

    Raises:
        ConfigError: when `wanted` is neither, or not installed.
    """
    if wanted is None:
        return "httpx2" if _installed("httpx2") else "httpx"
    if wanted not in {"httpx", "httpx2"}:
        raise ConfigError(f"expected httpx or httpx2 as HTTP library, got {wanted!r}")
    if not _installed(wanted):
        raise ConfigError(f"expected {wanted} to be installed: pip install {wanted}")
    return cast("Library", wanted)


@cache
def _installed(name: str) -> bool:
    return find_spec(name) is not None


_Held: TypeAlias = dict[Library, tuple[AsyncClientLike, AsyncGenerator[AsyncClientLike, None]]]
_held: anyio.lowlevel.RunVar[_Held] = anyio.lowlevel.RunVar("llmstream_clients")


async def shared_client(wanted: str | None = None) -> AsyncClientLike:
    """The running event loop's client: made at its first call, closed when the loop ends.

    Raises:
        ConfigError: as `which`.
    """
    name = which(wanted)
    held = _held.get(None)
    if held is None:
        held = _Held()
        _held.set(held)
    if name not in held:
        keeper = _keep(name, held)
        held[name] = (await anext(keeper), keeper)
    return held[name][0]


async def _keep(name: Library, held: _Held) -> AsyncGenerator[AsyncClientLike, None]:
    client = _make(name)
    try:
        yield client
    finally:
        # Its connections hold their loop, which would stay for ever as what they are found by.
        held.pop(name, None)
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await client.aclose()


def _make(name: Library) -> AsyncClientLike:
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    from llmstream.transport.fast.proxies import environment_mounts
    from llmstream.transport.fast.transport import FastTransport

    module = import_module(name)
    make = cast("Callable[..., AsyncClientLike]", module.AsyncClient)
    transport = FastTransport.under(module, fallback=lambda: _own(name))
    # No cookies: the calls of one loop may be made for many users.
    cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    mounts = environment_mounts(module)
    return make(transport=transport, mounts=mounts, follow_redirects=False, cookies=cookies)


def _own(name: Library) -> Any:
    """The library's own transport, for what ours does not do."""
    module = import_module(name)
    # The number of connections is bounded further up: a bounded pool of httpx 0.28 fails for ever after
    # cancellations during connect.
    limits = module.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=60.0)
    return module.AsyncHTTPTransport(limits=limits, verify=_tls(name))


@cache
def _tls(name: Library) -> ssl.SSLContext:
    """The TLS context of every loop's client: making one takes nearly all of a client's time."""
    context: ssl.SSLContext = import_module(name).create_ssl_context()
    return context
