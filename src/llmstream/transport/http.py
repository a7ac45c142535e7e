"""Calls through an HTTP library's client: httpx or httpx2, ours or the caller's.

One client serves an event loop. It is closed when the loop shuts its asynchronous generators down, which
asyncio and trio both do at the end of a run: a generator that holds the client open rides along.

The library's own generators are the trap here. Closing a response that is half read leaves the chain of
generators under `aiter_bytes` suspended; collected later, they warn on trio. So the response is closed
first, and then the chain is run into the closed connection, which ends every generator in it.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Literal, NoReturn, TypeAlias, cast

import anyio
import anyio.lowlevel

from llmstream.errors import (
    ConfigError,
    ConnectError,
    ConnectionLost,
    Phase,
    PoolTimeout,
    TimeoutExceeded,
    TLSError,
    TransportError,
)
from llmstream.transport.base import AsyncClientLike, Exchange, HttpCall, ResponseLike
from llmstream.values.secret import Secret
from llmstream.wire.http import ResponseHead

Library: TypeAlias = Literal["httpx", "httpx2"]

# Long enough for a close that goes well; a peer that does not answer must not hold the caller.
_CLOSE_SECONDS = 1.0

_ERRORS: dict[str, type[TransportError]] = {
    "ConnectError": ConnectError,
    "ProxyError": ConnectError,
    "PoolTimeout": PoolTimeout,
    "NetworkError": ConnectionLost,
    "ProtocolError": ConnectionLost,
    "DecodingError": ConnectionLost,
    "StreamError": ConnectionLost,
}


class HttpTransport:
    """A transport over a client; without one, over the event loop's shared client."""

    def __init__(self, client: AsyncClientLike | None = None, *, library: str | None = None) -> None:
        self._client = client
        self._library = library

    async def open(self, call: HttpCall, /) -> Exchange:
        """Send a call and wait for the head of its response; redirects are not followed.

        Raises:
            TransportError: when there is no connection, or it broke.
            ConfigError: when the address is none that HTTP knows.
        """
        client = self._client or await shared_client(self._library)
        headers = [
            (name, value.reveal() if isinstance(value, Secret) else value) for name, value in call.headers
        ]
        # The tuple is (connect, read, write, pool): reading has a clock of its own further up.
        timeout = (call.connect, None, None, call.pool)
        try:
            request = client.build_request(
                call.method, call.url, headers=headers, content=call.body, timeout=timeout
            )
            response = await client.send(request, stream=True, follow_redirects=False)
        except Exception as error:  # noqa: BLE001 - two libraries' trees, mapped here and nowhere else
            _reraise(error, call, "connect")
        return _HttpExchange(response, call)


class _HttpExchange:
    def __init__(self, response: ResponseLike, call: HttpCall) -> None:
        self.head = ResponseHead(response.status_code, response.headers)
        self._response = response
        self._call = call
        self._chunks = response.aiter_bytes()
        self._over = False

    async def read(self) -> bytes:
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            self._over = True
            return b""
        except Exception as error:  # noqa: BLE001 - see open
            self._over = True
            _reraise(error, self._call, "stream")
        except BaseException:
            self._over = True
            raise

    async def aclose(self) -> None:
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await self._response.aclose()
            while not self._over:
                await self._run_out()

    async def _run_out(self) -> None:
        try:
            await anext(self._chunks)
        except Exception:  # noqa: BLE001 - the connection is closed; how the chain ends does not matter
            self._over = True


def _reraise(error: Exception, call: HttpCall, phase: Phase) -> NoReturn:
    """Raise one of ours from a library's exception; anything that is no failure to talk, as it is."""
    names = [cls.__name__ for cls in type(error).__mro__]
    if {"InvalidURL", "UnsupportedProtocol"} & set(names):
        raise ConfigError(f"expected an http or https address, got {call.url!r}: {error}") from error
    if "ConnectTimeout" in names:
        raise TimeoutExceeded(
            f"no connection to {call.url} within {call.connect} s",
            clock="connect",
            seconds=call.connect or 0.0,
            phase="connect",
        ) from error
    if _tls_cause(error):
        raise TLSError(f"TLS to {call.url} failed: {_tls_cause(error)}") from error
    found = next((_ERRORS[name] for name in names if name in _ERRORS), None)
    if found is None:
        if not isinstance(
            error, OSError | anyio.ClosedResourceError | anyio.BrokenResourceError | RuntimeError
        ):
            raise error
        found = ConnectionLost
    words = str(error) or type(error).__name__
    if found is PoolTimeout:
        raise PoolTimeout(f"no connection of the pool became free within {call.pool} s") from error
    if found is ConnectError:
        raise ConnectError(f"no connection to {call.url}: {words}") from error
    raise found(f"the connection to {call.url} was lost: {words}", phase=phase) from error


def _tls_cause(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None


def library(wanted: str | None = None) -> Library:
    """Which library makes the shared client: `wanted`, else httpx2 where it is installed, else httpx.

    Raises:
        ConfigError: when `wanted` is neither, or not installed.
    """
    if wanted is None:
        return "httpx2" if find_spec("httpx2") else "httpx"
    if wanted not in {"httpx", "httpx2"}:
        raise ConfigError(f"expected httpx or httpx2 as HTTP library, got {wanted!r}")
    if find_spec(wanted) is None:
        raise ConfigError(f"expected {wanted} to be installed: pip install {wanted}")
    return cast("Library", wanted)


_Held: TypeAlias = dict[Library, tuple[AsyncClientLike, AsyncGenerator[AsyncClientLike, None]]]
_held: anyio.lowlevel.RunVar[_Held] = anyio.lowlevel.RunVar("llmstream_clients")


async def shared_client(wanted: str | None = None) -> AsyncClientLike:
    """The running event loop's client: made at its first call, closed when the loop ends."""
    name = library(wanted)
    held = _held.get(None)
    if held is None:
        held = _Held()
        _held.set(held)
    if name not in held:
        keeper = _keep(name)
        held[name] = (await anext(keeper), keeper)
    return held[name][0]


async def _keep(name: Library) -> AsyncGenerator[AsyncClientLike, None]:
    client = _make(name)
    try:
        yield client
    finally:
        with anyio.CancelScope(shield=True):
            await client.aclose()


def _make(name: Library) -> AsyncClientLike:
    module = import_module(name)
    # The number of connections is bounded further up: a bounded pool of httpx 0.28 fails for ever after
    # cancellations during connect.
    limits = module.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=60.0)
    make = cast("Callable[..., AsyncClientLike]", module.AsyncClient)
    return make(limits=limits, follow_redirects=False)
