"""The transport under the interface of httpx, or of httpx2, whichever module it is given."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, cast
from weakref import WeakKeyDictionary

import anyio
import anyio.lowlevel

from llmstream.transport.fast.exchange import EXCHANGE, Exchange, Timeouts
from llmstream.transport.fast.pool import Limits
from llmstream.transport.fast.reader import Head
from llmstream.transport.fast.request import RequestWriter
from llmstream.transport.fast.sender import Sender
from llmstream.transport.fast.tls import default_context
from llmstream.transport.fast.wire import ExchangeError, Origin


class _Url(Protocol):
    @property
    def raw_scheme(self) -> bytes: ...
    @property
    def raw_host(self) -> bytes: ...
    @property
    def port(self) -> int | None: ...
    @property
    def raw_path(self) -> bytes: ...


class _Headers(Protocol):
    @property
    def raw(self) -> Sequence[tuple[bytes, bytes]]: ...
    def __contains__(self, name: object, /) -> bool: ...


class RequestLike(Protocol):
    """The part of an HTTP library's request that is used here."""

    method: str
    extensions: Mapping[str, Any]  # any: what the caller put there

    @property
    def url(self) -> _Url:
        """The address."""
        ...

    @property
    def headers(self) -> _Headers:
        """The headers, with host and the body's length."""
        ...

    @property
    def stream(self) -> object:
        """The body, as an iterable."""
        ...

    async def aread(self) -> bytes:
        """The body, when it is at hand."""
        ...


class TransportLike(Protocol):
    """The part of an HTTP library's asynchronous transport that is used here."""

    async def handle_async_request(self, request: Any, /) -> Any:
        """Send a request and wait for the head of its response."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


_PORTS = {b"http": 80, b"https": 443}
# Anything else asks for what is not done here: another server name, another target. A trace only looks
# on, and there is nothing to see: its events are the steps of the library's own transport.
_EXTENSIONS = {"timeout", "trace"}


def speaks(request: RequestLike) -> bool:
    """Say whether a request is for this transport; all others go to the library's own.

    A proxy and a Unix socket are properties of a transport in both libraries, and HTTP/2 of a client's
    settings: who wants them mounts, or falls back to, a transport that has them.
    """
    return (
        request.url.raw_scheme in _PORTS
        and request.method != "CONNECT"
        and "upgrade" not in request.headers
        and _EXTENSIONS.issuperset(request.extensions)
    )


class Body:
    """The body of a response: its own iterator, so that nothing is left half run when it is left early."""

    def __init__(self, exchange: Exchange, translate: Callable[[ExchangeError], Exception]) -> None:
        self._exchange = exchange
        self._translate = translate

    def __aiter__(self) -> Self:
        """Itself: a body is read once."""
        return self

    async def __anext__(self) -> bytes:
        """Wait for what the next read brings.

        Raises:
            Exception: the library's ReadError, ReadTimeout or RemoteProtocolError.
        """
        try:
            part = await self._exchange.read()
        except ExchangeError as fault:
            self._exchange.close()
            raise self._translate(fault) from fault.__cause__
        if not part:
            raise StopAsyncIteration
        return part

    async def aclose(self) -> None:
        """Drop the connection if the body has not come whole; nothing is waited for."""
        self._exchange.close()


class FastTransport:
    """Streams over HTTP/1.1, plain or TLS, at little more than the price of the socket.

    Made by `under`. It serves any number of event loops, each with connections of its own.
    """

    # Any: the module httpx or httpx2, and classes of theirs, which no common type describes.
    def __init__(
        self,
        library: Any,
        *,
        fallback: Callable[[], TransportLike] | TransportLike | None = None,
        ssl_context: ssl.SSLContext | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._library = library
        self._fallback = fallback
        self._made: TransportLike | None = None
        self._context = ssl_context
        self._limits = limits or Limits()
        self._clock = clock
        self._body: Callable[..., object] = type("FastBody", (Body, library.AsyncByteStream), {})
        self._homes: WeakKeyDictionary[object, Sender] = WeakKeyDictionary()

    @classmethod
    def under(
        cls,
        library: Any,
        *,
        fallback: Callable[[], TransportLike] | TransportLike | None = None,
        ssl_context: ssl.SSLContext | None = None,
        limits: Limits | None = None,
    ) -> FastTransport:
        """Make a transport for a client of `library`: the module httpx or httpx2.

        `fallback` is the transport for requests that `speaks` refuses, or makes it when it is first needed;
        without one it is the library's own. `ssl_context` is told to speak http/1.1.
        """
        # A subclass of theirs too, for those who ask.
        made = type("FastTransport", (cls, library.AsyncBaseTransport), {})
        return cast("FastTransport", made(library, fallback=fallback, ssl_context=ssl_context, limits=limits))

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request and wait for the head of its response.

        Raises:
            Exception: those of the library, as its own transport would.
        """
        if not speaks(request):
            return await self._other().handle_async_request(request)
        try:
            return await self._exchange(request)
        except ExchangeError as fault:
            raise self._error(fault, request) from fault.__cause__

    async def _exchange(self, request: RequestLike) -> object:
        url = request.url
        writer = RequestWriter(request.method, url.raw_path, request.headers.raw)
        secure = url.raw_scheme == b"https"
        origin = Origin(secure, url.raw_host.decode("ascii"), url.port or _PORTS[url.raw_scheme])
        timeouts = Timeouts.of(request.extensions.get("timeout") or {})
        body = await self._content(request)
        head, exchange = await self._home().send(origin, writer, body, timeouts=timeouts)
        return self._response(head, exchange, request)

    async def _content(self, request: RequestLike) -> bytes | AsyncIterable[bytes] | Iterable[bytes]:
        if isinstance(request.stream, self._library.ByteStream):
            return await request.aread()
        return cast("AsyncIterable[bytes] | Iterable[bytes]", request.stream)

    def _response(self, head: Head, exchange: Exchange, request: RequestLike) -> object:
        def translate(fault: ExchangeError) -> Exception:
            return self._error(fault, request)

        return self._library.Response(
            head.status,
            headers=head.headers,
            stream=self._body(exchange, translate),
            extensions={"http_version": head.version, "reason_phrase": head.reason, EXCHANGE: exchange},
        )

    def _error(self, fault: ExchangeError, request: RequestLike) -> Exception:
        made: Exception = getattr(self._library, fault.kind)(str(fault), request=request)
        return made

    def _home(self) -> Sender:
        """The connections of the running event loop."""
        loop = anyio.lowlevel.current_token().native_token
        home = self._homes.get(loop)
        if home is None:
            self._forget_closed()
            home = self._homes[loop] = Sender(self._tls, limits=self._limits, clock=self._clock)
        return home

    def _forget_closed(self) -> None:
        """Drop the pools of event loops that are over: they hold their loops."""
        for loop in list(self._homes):
            is_closed = getattr(loop, "is_closed", None)
            if is_closed is not None and is_closed():
                self._homes.pop(loop).close()

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = default_context()
        self._context.set_alpn_protocols(["http/1.1"])
        return self._context

    def _other(self) -> TransportLike:
        if self._made is None:
            given = self._fallback
            if given is None:
                verify = True if self._context is None else self._context
                self._made = cast("TransportLike", self._library.AsyncHTTPTransport(verify=verify))
            else:
                self._made = given() if callable(given) else given
        return self._made

    async def aclose(self) -> None:
        """Drop the connections of the running event loop, also those in use."""
        home = self._homes.pop(anyio.lowlevel.current_token().native_token, None)
        if home is not None:
            home.close()
        if self._made is not None:
            await self._made.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        await self.aclose()
