"""Requests on the connections of one event loop, whatever interface they come from."""

from __future__ import annotations

import ssl
import sys
from collections.abc import AsyncIterable, Callable, Iterable

import anyio
import anyio.lowlevel

from llmstream.transport.fast.exchange import Exchange, Timeouts
from llmstream.transport.fast.pool import Limits, Pool
from llmstream.transport.fast.reader import Head, ResponseReader
from llmstream.transport.fast.request import RequestWriter
from llmstream.transport.fast.wire import Dialler, ExchangeError, Origin, Wire

_UNLIMITED = Timeouts()


class Sender:
    """The connections of the event loop that runs when it is made.

    `dial` makes them in another way than by sockets of the loop, as simulations do.
    """

    def __init__(
        self,
        context: Callable[[], ssl.SSLContext],
        *,
        limits: Limits,
        clock: Callable[[], float] | None = None,
        dial: Dialler | None = None,
    ) -> None:
        loop = anyio.lowlevel.current_token().native_token
        # Asked of the loop itself, where it has a clock, the time costs a tenth.
        self._pool = Pool(limits, clock or getattr(loop, "time", None) or anyio.current_time)
        self._dial = dial or _dialler(loop, context)

    async def send(
        self,
        origin: Origin,
        writer: RequestWriter,
        body: bytes | AsyncIterable[bytes] | Iterable[bytes],
        *,
        timeouts: Timeouts,
    ) -> tuple[Head, Exchange]:
        """Send a request and wait for the head of its response; whoever called closes the exchange.

        Raises:
            ExchangeError: of any kind.
        """
        pool = self._pool
        wire = await pool.acquire(origin, timeouts.pool)
        if wire is None:
            wire = await _dialled(pool, self._dial, origin=origin, seconds=timeouts.connect)
        reader = ResponseReader(writer.method)
        exchange = Exchange(pool, wire, writer=writer, reader=reader, timeouts=timeouts)
        try:
            return await exchange.start(body), exchange
        except BaseException:
            exchange.close()
            raise

    def at_hand(self, origin: Origin, writer: RequestWriter) -> Exchange | None:
        """A request on an idle connection, which has yet to be started; None where there is no such one."""
        wire = self._pool.at_hand(origin)
        if wire is None:
            return None
        reader = ResponseReader(writer.method)
        return Exchange(self._pool, wire, writer=writer, reader=reader, timeouts=_UNLIMITED)

    def close(self) -> None:
        """Drop all connections, also those in use."""
        self._pool.close()


async def _dialled(pool: Pool, dial: Dialler, *, origin: Origin, seconds: float | None) -> Wire:
    """Dial in a slot of the pool; failed or cancelled, the slot is free again."""
    try:
        with anyio.fail_after(seconds):
            wire = await dial(origin)
        pool.opened(wire)
    except TimeoutError:
        pool.free()
        raise ExchangeError(
            "ConnectTimeout", f"no connection to {origin.host}:{origin.port} within {seconds} s"
        ) from None
    except BaseException:
        pool.free()
        raise
    if not wire.wake():
        pool.drop(wire)
        raise ExchangeError(
            "RemoteProtocolError", "expected a server that waits for the request, got bytes or the end"
        )
    return wire


def _dialler(loop: object, context: Callable[[], ssl.SSLContext]) -> Dialler:
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and isinstance(loop, asyncio.AbstractEventLoop):
        from llmstream.transport.fast.loop import LoopDialler

        return LoopDialler(context)
    from llmstream.transport.fast.portable import AnyioDialler

    return AnyioDialler(context)
