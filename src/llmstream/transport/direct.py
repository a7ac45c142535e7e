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

import anyio.lowlevel
import attrs

from llmstream.errors import ConfigError, ConnectionLost
from llmstream.transport.base import Exchange, HttpCall, shown
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
from llmstream.transport.inflate import inflater
from llmstream.values.secret import Secret
from llmstream.wire.http import ResponseHead

_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_PORTS = {"http": 80, "https": 443}


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
            return DirectExchange(_head(head), call, exchange)
        except BaseException:
            exchange.close()
            raise
    # Outside the handler: the frames below know the key.
    raise failure or AssertionError("a failed exchange has a failure")


async def _sent(sender: Sender, call: HttpCall, way: Route) -> tuple[Head, FastExchange]:
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
    headers = [*(header for header in ours if header[0] not in given), *headers]
    writer = RequestWriter(call.method, way.target, headers)
    timeouts = Timeouts(connect=call.connect, pool=call.pool)
    return await sender.send(way.origin, writer, call.body, timeouts=timeouts)


def _head(head: Head) -> ResponseHead:
    headers: dict[str, str] = {}
    for name, value in head.headers:
        key, text = _name(name), value.decode("utf-8", "replace")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return ResponseHead(head.status, headers)


@lru_cache(maxsize=512)
def _name(name: bytes) -> str:
    """A header's name in lower case: one string for all responses, which have few different names."""
    return name.decode("latin-1").lower()


class DirectExchange:
    """A response on one of our own connections.

    Its time limit is the connection's lazy timer, and closing is one call that waits for nothing.
    """

    __slots__ = ("_call", "_fast", "_inflater", "head")

    def __init__(self, head: ResponseHead, call: HttpCall, fast: FastExchange) -> None:
        self.head = head
        self._call = call
        self._fast = fast
        self._inflater = inflater(head.headers.get("content-encoding", ""))

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


@attrs.frozen
class _Held:
    """What a loop has: connections, unless there are proxies, and the generator that closes them with it."""

    sender: Sender | None
    keeper: AsyncGenerator[Sender, None] | None


_held: anyio.lowlevel.RunVar[_Held] = anyio.lowlevel.RunVar("llmstream_connections")


async def loop_sender() -> Sender | None:
    """The running event loop's connections, closed with it; None where the environment names a proxy."""
    held = _held.get(None)
    if held is None:
        keeper = None if has_proxies() else _keep()
        held = _Held(None if keeper is None else await anext(keeper), keeper)
        _held.set(held)
    return held.sender


async def _keep() -> AsyncGenerator[Sender, None]:
    sender = Sender(_tls, limits=Limits())
    try:
        yield sender
    finally:
        sender.close()


@cache
def _tls() -> ssl.SSLContext:
    """The TLS context of every loop's connections: making one takes tens of milliseconds."""
    context = default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
