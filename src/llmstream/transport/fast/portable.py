"""Connections of any event loop that anyio knows; in practice trio's."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress

import anyio
from anyio.abc import SocketAttribute, SocketStream

from llmstream.transport.fast.tls import Tls
from llmstream.transport.fast.wire import (
    READ_BYTES,
    SLICE_BYTES,
    Answered,
    ExchangeError,
    Origin,
    Wire,
    bare,
    late_sent,
)

# So much goes into the socket's own buffer without waiting for the other side.
_SMALL_BYTES = 16 * 1024
_GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


class AnyioDialler:
    """Dials through anyio."""

    def __init__(self, context: Callable[[], ssl.SSLContext]) -> None:
        self._context = context
        # Reading and decrypting is one step without an await, so one buffer serves all.
        self._plain = memoryview(bytearray(READ_BYTES))

    async def __call__(self, origin: Origin, /) -> AnyioWire:
        """Connect, and shake hands over TLS; cancelled or failed, it leaves nothing open.

        Raises:
            ExchangeError: ConnectError.
        """
        try:
            tls = Tls(self._context(), origin.host, plain=self._plain) if origin.secure else None
            stream = await anyio.connect_tcp(origin.address or origin.host, origin.port)
            wire = AnyioWire(origin, stream, tls)
        except (OSError, ValueError) as error:
            raise ExchangeError("ConnectError", str(error)) from error
        try:
            if tls is not None:
                await wire.secure(tls)
        except _GONE as error:
            wire.abort()
            raise ExchangeError(
                "ConnectError", str(error) or "the connection broke in the TLS handshake"
            ) from error
        except BaseException:
            wire.abort()
            raise
        return wire


class AnyioWire:
    """One connection."""

    __slots__ = (
        "_cause", "_ended", "_lost", "_part", "_sent", "_socket", "_stream", "_tls", "idle_since", "origin",
    )  # fmt: skip

    def __init__(self, origin: Origin, stream: SocketStream, tls: Tls | None) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self._stream = stream
        self._socket = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - not Django's
        self._tls = tls
        self._part = b""
        self._sent = False
        self._ended = False
        self._lost: str | None = None
        self._cause: OSError | None = None

    async def secure(self, tls: Tls) -> None:
        """Shake hands.

        Raises:
            ExchangeError: ConnectError.
        """
        while True:
            try:
                greeting = tls.shake()
            except ExchangeError:
                with suppress(*_GONE):
                    await self._stream.send(tls.farewell())
                raise
            await self._stream.send(greeting)
            if tls.secure:
                break
            try:
                tls.take(await self._stream.receive(READ_BYTES))
            except anyio.EndOfStream:
                words = "the server closed the connection in the TLS handshake"
                raise ExchangeError("ConnectError", words) from None
        self._took(b"")

    def _took(self, data: bytes) -> None:
        """Keep what came in, decrypted."""
        if self._tls is None:
            self._part += data
            return
        self._part += self._tls.open(data)
        if self._tls.ended:
            self._end(self._tls.failure)

    def _end(self, lost: str | None) -> None:
        if not self._ended:
            self._ended, self._lost = True, lost

    async def _pull(self) -> None:
        """Wait for what comes in."""
        try:
            data = await self._stream.receive(READ_BYTES)
        except anyio.EndOfStream:
            self._end(None)
        except _GONE as error:
            cause = error.__cause__ or error
            if isinstance(cause, OSError) and not self._ended:
                self._cause = bare(cause)
            self._end(str(cause) or "the connection broke")
        else:
            self._took(data)

    async def send(self, data: bytes, deadline: float, answered: Answered) -> bool:
        """Send data; see `Wire`.

        Raises:
            ExchangeError: WriteTimeout.
        """
        for at in range(0, len(data), SLICE_BYTES):
            piece = data[at : at + SLICE_BYTES]
            if self._ended or answered(self._taken()):
                return False
            piece = piece if self._tls is None else self._tls.seal(piece)
            with anyio.CancelScope(deadline=deadline) as sending:
                if not await self._push(piece, answered):
                    return False
            if sending.cancelled_caught:
                raise late_sent()
        return not self._ended

    async def _push(self, piece: bytes, answered: Answered) -> bool:
        """Send a piece, and listen meanwhile where sending may have to wait."""
        first, self._sent = not self._sent, True
        if first and len(piece) <= _SMALL_BYTES:
            return await self._put(piece)
        whole = False
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen, answered, tasks.cancel_scope)
            whole = await self._put(piece)
            tasks.cancel_scope.cancel()
        return whole

    async def _put(self, piece: bytes) -> bool:
        try:
            await self._stream.send(piece)
        except _GONE:
            # The answer may be there all the same; receiving says what became of the connection.
            return False
        return True

    async def _listen(self, answered: Answered, sending: anyio.CancelScope) -> None:
        while not self._ended:
            await self._pull()
            if answered(self._taken()):
                break
        sending.cancel()

    def take(self) -> bytes | None:
        """What has come in; see `Wire`.

        Raises:
            ExchangeError: ReadError.
        """
        if self._part:
            return self._taken()
        if not self._ended:
            return None
        if self._lost is not None:
            raise ExchangeError("ReadError", self._lost) from self._cause
        return b""

    async def coming(self, deadline: float) -> bool:
        """Wait for what comes in; see `Wire`."""
        try:
            with anyio.CancelScope(deadline=deadline):
                while not self._part and not self._ended:
                    await self._pull()
        except anyio.BusyResourceError:
            raise RuntimeError("expected one task to read from a connection, got two") from None
        return bool(self._part) or self._ended

    def _taken(self) -> bytes:
        data, self._part = self._part, b""
        return data

    def abort(self) -> None:
        """Drop the connection at once; see `Wire`."""
        self._part = b""
        self._end("the connection was closed while it was read")
        if self._socket.fileno() >= 0:
            anyio.notify_closing(self._socket)
            self._socket.close()

    def rest(self, on_end: Callable[[Wire], None]) -> bool:
        """Be idle; nobody listens, so `on_end` is not called."""
        self._sent = False
        return not self._ended and not self._part

    def wake(self) -> bool:
        """Be idle no more; looks once whether something came in meanwhile."""
        try:
            while not self._ended and not self._part:
                data = self._socket.recv(READ_BYTES)
                if data:
                    self._took(data)
                else:
                    self._end(None)
        except BlockingIOError:
            pass
        except OSError as error:
            self._end(str(error))
        return not self._ended and not self._part
