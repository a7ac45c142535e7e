"""Calls on our own connections, without an HTTP library between: none is even imported.

This is the way of a model that was given no client, wherever the environment names no proxy. What an HTTP
client would add to a call of ours is little, and is done here: a Host, a length, a name for ourselves.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncGenerator, Awaitable
from functools import cache, lru_cache
from math import inf
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import anyio.lowlevel
import attrs

from llmstream.errors import ConfigError, ConnectionLost
from llmstream.transport.base import Exchange, Header, HttpCall, shown
from llmstream.transport.failures import failure_of
from llmstream.transport.fast.exchange import Exchange as FastExchange
from llmstream.transport.fast.exchange import Timeouts
from llmstream.transport.fast.pool import Limits
from llmstream.transport.fast.proxies import has_proxies
from llmstream.transport.fast.reader import Head
from llmstream.transport.fast.request import RequestWriter
from llmstream.transport.fast.sender import Sender
from llmstream.transport.fast.tls import default_context
from llmstream.transport.fast.wire import ExchangeError, Origin
from llmstream.transport.inflate import Inflater, inflater
from llmstream.values.secret import Secret
from llmstream.wire.http import LowerHeaders, ResponseHead

_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_PORTS = {"http": 80, "https": 443}
_UNKNOWN = ResponseHead(0)
# Longer names are not remembered: they are nobody's, and would fill the memory.
_LONG_NAME = 64
_LATE = {"ReadTimeout", "WriteTimeout"}


@attrs.frozen
class Route:
    """Where a call goes: a server, what is asked of it, and what it is called there."""

    origin: Origin
    target: bytes
    host: bytes


@lru_cache(maxsize=256)
def route(url: str, /) -> Route | None:
    """The direct route to an address; None for what an HTTP library must see to.

    That is an address with a user, or with a host or a path that has yet to be encoded.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    # The whole of it: urlsplit passes over line ends.
    host, scheme = parts.hostname or "", parts.scheme
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    plain = _VISIBLE.fullmatch(url) and _HOST.fullmatch(host) and "@" not in parts.netloc
    if scheme not in _PORTS or not plain:
        return None
    port = port or _PORTS[scheme]
    name = f"[{host}]" if ":" in host else host
    authority = name if port == _PORTS[scheme] else f"{name}:{port}"
    return Route(Origin(scheme == "https", host, port), target.encode("ascii"), authority.encode("ascii"))


def pinned(url: str, address: str, /) -> Route:
    """The route to an address of a URL's host that somebody has resolved and checked.

    Raises:
        ConfigError: when there is no direct route.
    """
    way = route(url)
    if way is None:
        raise ConfigError(f"expected an http or https address in ASCII, got {shown(url)!r}")
    return attrs.evolve(way, origin=attrs.evolve(way.origin, address=address))


def own_sender() -> Sender:
    """Connections that no other call shares, none of which is kept; whoever makes them closes them."""
    return Sender(_tls, limits=Limits(idle=0))


async def open_directly(call: HttpCall, way: Route, sender: Sender) -> Exchange:
    """Send a call and wait for the head of its response; redirects are not followed.

    Raises:
        TransportError: when there is no connection, or it broke.
        UnexpectedContentError: when the body comes in a content encoding that was not asked for.
    """
    try:
        head, exchange = await _sent(sender, call, way)
    except ExchangeError as error:
        failure = failure_of(error, call, "headers")
    else:
        try:
            return DirectExchange(call, exchange, _head(head))
        except BaseException:
            exchange.close()
            raise
    # Outside the handler: the frames below know the key.
    raise failure or AssertionError("a failed exchange has a failure")


async def _sent(sender: Sender, call: HttpCall, way: Route) -> tuple[Head, FastExchange]:
    timeouts = Timeouts(connect=call.connect, pool=call.pool)
    return await sender.send(way.origin, _writer(call, way), call.body, timeouts=timeouts)


def _writer(call: HttpCall, way: Route) -> RequestWriter:
    headers = [
        (name.encode("ascii"), (value.reveal() if isinstance(value, Secret) else value).encode("ascii"))
        for name, value in call.headers
    ]
    given = {name.lower() for name, _ in headers}
    ours = [
        (b"host", way.host),
        (b"accept", b"*/*"),
        (b"user-agent", b"llmstream"),
        (b"content-length", b"%d" % len(call.body)),
    ]
    own = [header for header in ours if header[0] not in given]
    return RequestWriter(call.method, way.target, [*own[:-1], *headers, *own[-1:]])


def at_hand(call: HttpCall, loop: object) -> DirectExchange | None:
    """A call on an idle connection of the running event loop, which has yet to be started.

    None where there is none, or where the call is for a library.
    """
    held = _held.get(loop)
    if held is None or held.sender is None:
        return None
    way = route(call.url)
    if way is None:
        return None
    try:
        exchange = held.sender.at_hand(way.origin, held.writer(call, way))
    except ExchangeError:
        # What cannot be sent is refused where it would be sent.
        return None
    return None if exchange is None else DirectExchange(call, exchange)


def _head(head: Head) -> ResponseHead:
    headers = LowerHeaders()
    for name, value in head.headers:
        key = _known(name) if len(name) < _LONG_NAME else _name(name)
        text = value.decode("utf-8", "replace")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return ResponseHead(head.status, headers)


def _name(name: bytes) -> str:
    return name.decode("latin-1").lower()


# Of all responses, which have few different names: one string for each.
_known = lru_cache(maxsize=512)(_name)


class DirectExchange:
    """A response on one of our own connections.

    Its time limit is the connection's lazy timer, and closing is one call that waits for nothing.
    """

    __slots__ = ("_call", "_fast", "_inflater", "head")

    def __init__(self, call: HttpCall, fast: FastExchange, head: ResponseHead | None = None) -> None:
        self._call = call
        self._fast = fast
        self._inflater: Inflater | None = None
        self.head = _UNKNOWN
        if head is not None:
            self._begin(head)

    def _begin(self, head: ResponseHead) -> None:
        self.head = head
        encoding = head.headers.get("content-encoding")
        if encoding:
            self._inflater = inflater(encoding)

    async def start(self, deadline: float, /) -> None:
        """Send the call and wait for the head of its response, until `deadline` by the event loop's clock.

        Raises:
            TimeoutError: when it did not come in time; the exchange can then only be closed.
            LLMStreamError: as `open_directly`.
        """
        failure: Exception | None = None
        try:
            head = await self._fast.start(self._call.body, deadline)
        except ExchangeError as error:
            late = error.kind in _LATE
            failure = TimeoutError() if late else failure_of(error, self._call, "headers")
        else:
            self._begin(_head(head))
            return
        self._fast.close()
        # Outside the handler: the frames below know the key.
        raise failure or AssertionError("a failed exchange has a failure")

    def read(self, deadline: float = inf, /) -> Awaitable[bytes]:
        """Wait for more of the body; see `Exchange`."""
        if self._inflater is None:
            return self._next(deadline)
        return self._inflater.read(lambda: self._next(deadline))

    async def _next(self, deadline: float) -> bytes:
        fast = self._fast
        try:
            part = fast.part()
            while part is None:
                came = await fast.coming(deadline)
                part = fast.part()
                if part is None and not came:
                    fast.close()
                    raise TimeoutError
        except ExchangeError as error:
            fast.close()
            raise ConnectionLost(
                f"the connection to {self._call.address} was lost: {error}"
            ) from error.__cause__
        return part

    def interrupt(self) -> None:
        """End a read that is pending; see `Exchange`."""
        self._fast.close()

    async def aclose(self) -> None:
        """Release the connection at once."""
        self._fast.close()


# Models of one program with headers of their own.
_MOST_WRITTEN = 64


@attrs.frozen
class _Written:
    """A request that was sent: those of one model differ in their bodies alone."""

    headers: tuple[Header, ...]
    method: str
    way: Route
    writer: RequestWriter

    def serves(self, call: HttpCall, way: Route) -> bool:
        """Whether a call is this one with another body."""
        return self.headers is call.headers and self.method == call.method and self.way == way


@attrs.frozen
class _Held:
    """What a loop has: connections, unless there are proxies, and the generator that closes them with it."""

    sender: Sender | None
    keeper: AsyncGenerator[Sender, None] | None
    _written: dict[int, _Written] = attrs.field(init=False, factory=dict[int, _Written])

    def writer(self, call: HttpCall, way: Route) -> RequestWriter:
        """The bytes of a call; headers that were sent before are known by their identity."""
        headers = call.headers
        written = self._written.get(id(headers))
        if written is None or not written.serves(call, way):
            writer = _writer(call, way)
            if any(name.lower() == "content-length" for name, _ in headers):
                return writer
            if len(self._written) >= _MOST_WRITTEN:
                self._written.clear()
            written = self._written[id(headers)] = _Written(headers, call.method, way, writer)
        return written.writer.again(len(call.body))


_held: WeakKeyDictionary[object, _Held] = WeakKeyDictionary()


async def loop_sender() -> Sender | None:
    """The running event loop's connections, closed with it; None where the environment names a proxy."""
    loop = anyio.lowlevel.current_token().native_token
    held = _held.get(loop)
    if held is None:
        _forget_closed()
        keeper = None if has_proxies() else _keep(loop)
        held = _held[loop] = _Held(None if keeper is None else await anext(keeper), keeper)
    return held.sender


async def _keep(loop: object) -> AsyncGenerator[Sender, None]:
    sender = Sender(_tls, limits=Limits())
    try:
        yield sender
    finally:
        sender.close()
        # Connections hold their loop, which would stay for ever as what it is found by.
        _held.pop(loop, None)


def _forget_closed() -> None:
    """Let go of event loops that were closed without their generators."""
    for loop in list(_held):
        is_closed = getattr(loop, "is_closed", None)
        if is_closed is not None and is_closed():
            _held.pop(loop, None)


@cache
def _tls() -> ssl.SSLContext:
    """The TLS context of every loop's connections: making one takes tens of milliseconds."""
    context = default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
