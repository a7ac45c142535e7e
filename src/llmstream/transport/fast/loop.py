"""Connections of an asyncio event loop: a protocol each, no task, no stream objects.

Reads go into one buffer of the loop: 64 KiB are read at once, larger reads map and unmap memory each time.
What came in waits in a list until it is asked for; when that grows, reading pauses. A read's time limit
is a timer that is moved only when it fires: most reads end long before.
"""

from __future__ import annotations

import asyncio  # noqa: TID251 - this room is where asyncio may be named
import math
import os
import ssl
from asyncio.trsock import TransportSocket  # noqa: TID251
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from llmstream.transport.fast.dial import connected
from llmstream.transport.fast.tls import Tls
from llmstream.transport.fast.wire import (
    READ_BYTES,
    SLICE_BYTES,
    UNREAD_BYTES,
    Answered,
    ExchangeError,
    Origin,
    Wire,
    bare,
    late_sent,
)


class LoopDialler:
    """Dials for one event loop, and holds the buffers that its connections share."""

    def __init__(self, context: Callable[[], ssl.SSLContext]) -> None:
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._plain = memoryview(bytearray(READ_BYTES))

    async def __call__(self, origin: Origin, /) -> LoopWire:
        """Connect, and shake hands over TLS; cancelled or failed, it leaves nothing open.

        Raises:
            ExchangeError: ConnectError.
        """
        try:
            tls = Tls(self._context(), origin.host, plain=self._plain) if origin.secure else None
        except (OSError, ValueError) as error:
            raise ExchangeError("ConnectError", str(error)) from error
        wire = LoopWire(origin, self._loop, self._buffer, tls)
        try:
            sock = await connected(self._loop, origin.address or origin.host, origin.port)
            try:
                await self._loop.create_connection(lambda: wire, sock=sock)
            except BaseException:
                sock.close()
                raise
            if tls is not None:
                await wire.secure(tls)
        except (OSError, ValueError) as error:
            wire.abort()
            raise ExchangeError("ConnectError", str(error)) from error
        except BaseException:
            wire.abort()
            raise
        return wire


class LoopWire(asyncio.BufferedProtocol):
    """One connection."""

    __slots__ = (
        "_buffer", "_cause", "_clogged", "_deadline", "_ended", "_loop", "_lost", "_on_end", "_parts",
        "_paused", "_reader", "_size", "_timer", "_tls", "_transport", "_writer", "idle_since", "origin",
    )  # fmt: skip

    def __init__(
        self, origin: Origin, loop: asyncio.AbstractEventLoop, buffer: memoryview, tls: Tls | None
    ) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self._loop = loop
        self._buffer = buffer
        self._tls = tls
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._paused = False
        self._clogged = False
        self._ended = False
        self._lost: str | None = None
        self._cause: OSError | None = None
        self._reader: asyncio.Future[bool] | None = None
        self._writer: asyncio.Future[bool] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._on_end: Callable[[Wire], None] | None = None

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, unless the wire was aborted meanwhile."""
        # Not isinstance: those of other loops need not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        if self._ended:
            self._transport.abort()
            self._transport = None

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the buffer of all connections: it is copied from before the next read."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Keep what came in and wake who waits for it."""
        if self._transport is None:
            return
        tls = self._tls
        if tls is None:
            self._keep(bytes(self._buffer[:nbytes]))
        elif tls.secure:
            self._decrypt(tls, self._buffer[:nbytes])
        else:
            tls.take(self._buffer[:nbytes])
            _tell(self._reader)

    def _decrypt(self, tls: Tls, data: memoryview) -> None:
        plain = tls.open(data)
        if plain:
            self._keep(plain)
        if self._transport is not None and (answer := tls.farewell()):
            self._transport.write(answer)
        if tls.ended:
            self._end(tls.failure)

    def _keep(self, data: bytes) -> None:
        if self._on_end is not None:
            self._end("expected no bytes between two responses")
            return
        self._parts.append(data)
        self._size += len(data)
        if self._size > UNREAD_BYTES and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        reader = self._reader
        if reader is not None and not reader.done():
            reader.set_result(True)
        if self._writer is not None:
            _tell(self._writer)

    def eof_received(self) -> bool:
        """Let asyncio close the connection: a half-closed one is of no use."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note of the end.

        A server that refuses a large request answers, and resets the connection while it is still being
        sent; asyncio stops at the first write that fails, with the answer unread.
        """
        if self._transport is not None and isinstance(exc, OSError):
            # Of another loop's socket the number may be in use again by now.
            sock = self._transport.get_extra_info("socket")
            if isinstance(sock, TransportSocket):
                self._look(sock.fileno())
        if isinstance(exc, OSError) and not self._ended:
            self._cause = bare(exc)
        self._end(str(exc) or type(exc).__name__ if exc else None)

    def _look(self, number: int) -> str | None:
        """Take in what the event loop has not seen yet; say how it ended, if it did."""
        while self._size <= UNREAD_BYTES and not self._ended:
            try:
                data = os.read(number, READ_BYTES)
            except BlockingIOError:
                return None
            except OSError as error:
                self._cause = bare(error)
                return str(error)
            if not data:
                return ""
            self._buffer[: len(data)] = data
            self.buffer_updated(len(data))
        return None

    def pause_writing(self) -> None:
        """What is written stays in memory."""
        self._clogged = True

    def resume_writing(self) -> None:
        """What was written has gone."""
        self._clogged = False
        _tell(self._writer)

    def _end(self, lost: str | None) -> None:
        """Be over; what came in before can still be received."""
        if self._ended:
            return
        self._ended = True
        self._lost = lost
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        transport, self._transport = self._transport, None
        if transport is not None:
            # A loop that is closed has closed its connections itself.
            with suppress(RuntimeError):
                transport.abort()
        _tell(self._reader)
        _tell(self._writer)
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(self)

    # What an exchange calls

    async def secure(self, tls: Tls) -> None:
        """Shake hands.

        Raises:
            ExchangeError: ConnectError.
        """
        while (transport := self._transport) is not None:
            try:
                transport.write(tls.shake())
            except ExchangeError:
                transport.write(tls.farewell())
                raise
            if tls.secure:
                self._decrypt(tls, memoryview(b""))
                return
            await self.coming(math.inf)
        words = self._lost or "the server closed the connection in the TLS handshake"
        raise ExchangeError("ConnectError", words)

    async def send(self, data: bytes, deadline: float, answered: Answered) -> bool:
        """Send data; see `Wire`.

        Raises:
            ExchangeError: WriteTimeout.
        """
        for at in range(0, len(data), SLICE_BYTES):
            transport = self._transport
            if transport is None:
                return False
            piece = data[at : at + SLICE_BYTES]
            transport.write(piece if self._tls is None else self._tls.seal(piece))
            while self._clogged or self._parts:
                if self._parts:
                    if answered(self.take() or b""):
                        return False
                elif self._ended:
                    return False
                else:
                    await self._room(deadline)
        return not self._ended

    async def _room(self, deadline: float) -> None:
        """Wait until more can be written, or something came in."""
        self._writer = self._loop.create_future()
        try:
            async with asyncio.timeout_at(None if deadline == math.inf else deadline):
                await self._writer
        except TimeoutError:
            raise late_sent() from None
        finally:
            self._writer = None

    def take(self) -> bytes | None:
        """What has come in; see `Wire`.

        Raises:
            ExchangeError: ReadError.
        """
        parts = self._parts
        if not parts:
            if not self._ended:
                return None
            if self._lost is not None:
                raise ExchangeError("ReadError", self._lost) from self._cause
            return b""
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._size = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    def coming(self, deadline: float) -> asyncio.Future[bool]:
        """What is done when something came in, the connection ended, or the time is over; see `Wire`."""
        reader = self._reader
        if reader is not None and not reader.done():
            raise RuntimeError("expected one task to read from a connection, got two")
        self._reader = reader = self._loop.create_future()
        if self._parts or self._ended:
            reader.set_result(True)
            return reader
        self._deadline = deadline
        if deadline != math.inf:
            timer = self._timer
            if timer is None or timer.when() > deadline:
                self._set_timer(deadline)
        return reader

    def _set_timer(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._check)

    def _check(self) -> None:
        self._timer = None
        if self._reader is None or self._reader.done() or self._deadline == math.inf:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._check)
        else:
            self._reader.set_result(False)

    def abort(self) -> None:
        """Drop the connection at once; see `Wire`."""
        self._on_end = None
        self._parts.clear()
        self._end("the connection was closed while it was read")

    def rest(self, on_end: Callable[[Wire], None]) -> bool:
        """Be idle; see `Wire`."""
        if self._ended or self._parts or self._clogged:
            return False
        self._on_end = on_end
        return True

    def wake(self) -> bool:
        """Be idle no more; see `Wire`."""
        self._on_end = None
        if self._transport is not None and os.name == "posix":
            # What came in unasked may wait in the system: read after the request, it would be its answer.
            over = self._look(self._transport.get_extra_info("socket").fileno())
            if over is not None:
                self._end(over or None)
        return not self._ended and not self._parts


def _tell(future: asyncio.Future[bool] | None) -> None:
    if future is not None and not future.done():
        future.set_result(True)
