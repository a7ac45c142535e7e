"""One request and its response on a wire that is lent for it."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable, Mapping
from math import inf

import anyio
import attrs

from llmstream.transport.fast.pool import Pool
from llmstream.transport.fast.reader import Head, ResponseReader
from llmstream.transport.fast.request import RequestWriter
from llmstream.transport.fast.wire import SLICE_BYTES, ExchangeError, Wire, receive

# The extension of a response under which its exchange is found, by who would read it without the library.
EXCHANGE = "llmstream.exchange"


_TAKEN = Head(200, b"", ())


@attrs.frozen
class Timeouts:
    """What httpx lets one await take, in seconds; None: for ever."""

    connect: float | None = None
    read: float | None = None
    write: float | None = None
    pool: float | None = None

    @classmethod
    def of(cls, given: Mapping[str, float | None]) -> Timeouts:
        """Read a request's extension."""
        return cls(given.get("connect"), given.get("read"), given.get("write"), given.get("pool"))


class Exchange:
    """A request under way.

    Whoever makes one closes it on every way out. When the response has been read to its end, the wire
    has gone back to the pool already; before, closing drops it.
    """

    __slots__ = ("_deadline", "_part", "_pool", "_reader", "_timeouts", "_whole", "_wire", "_writer")

    def __init__(
        self, pool: Pool, wire: Wire, *, writer: RequestWriter, reader: ResponseReader, timeouts: Timeouts
    ) -> None:
        self._pool = pool
        self._wire: Wire | None = wire
        self._writer = writer
        self._reader = reader
        self._timeouts = timeouts
        self._deadline = inf
        self._part = b""
        self._whole = False

    async def start(
        self, body: bytes | AsyncIterable[bytes] | Iterable[bytes], deadline: float = inf
    ) -> Head:
        """Send the request and wait for the head of its response, which may come first.

        `deadline`, by the event loop's clock, is for each wait that the request's own timeouts do not limit.

        Raises:
            ExchangeError: of any kind but those of the pool and of connecting.
        """
        self._deadline = deadline
        if isinstance(body, bytes):
            self._whole = await self._send_bytes(body)
        else:
            self._whole = await self._send_pieces(body)
        reader = self._reader
        while reader.head is None and not reader.over:
            await self._more()
        if reader.head is None:
            raise self._broken()
        if reader.over:
            self._settle()
        self._deadline = inf
        # The reader need not keep it as long as the body lasts.
        head, reader.head = reader.head, _TAKEN
        return head

    async def _send_bytes(self, body: bytes) -> bool:
        writer = self._writer
        framed = writer.frame(body) + writer.finish()
        if len(framed) < SLICE_BYTES:
            return await self._send(writer.head + framed)
        return await self._send(writer.head) and await self._send(framed)

    async def _send_pieces(self, body: AsyncIterable[bytes] | Iterable[bytes]) -> bool:
        going = await self._send(self._writer.head)
        if isinstance(body, AsyncIterable):
            pieces = aiter(body)
            try:
                while going and (piece := await anext(pieces, None)) is not None:
                    going = await self._send(self._writer.frame(piece))
            finally:
                await _close(pieces)
        else:
            for piece in body:
                if not going:
                    break
                going = await self._send(self._writer.frame(piece))
        return going and await self._send(self._writer.finish())

    async def _send(self, data: bytes) -> bool:
        return await self._lent().send(data, self._until(self._timeouts.write), self._answered)

    def _until(self, seconds: float | None) -> float:
        return self._deadline if seconds is None else anyio.current_time() + seconds

    def _answered(self, data: bytes) -> bool:
        self._part += self._reader.feed(data)
        return self._reader.head is not None or self._reader.over

    async def _more(self) -> None:
        self._take(await receive(self._lent(), self._until(self._timeouts.read)))

    def _take(self, data: bytes) -> None:
        if data:
            self._part += self._reader.feed(data)
        else:
            self._reader.feed_eof()

    def _lent(self) -> Wire:
        if self._wire is None:
            raise ExchangeError("ReadError", "the response was closed before its end")
        return self._wire

    async def read(self) -> bytes:
        """Wait for more of the body: what one read brought; empty at its end.

        Raises:
            ExchangeError: ReadError, ReadTimeout, RemoteProtocolError.
        """
        while (part := self.part()) is None:
            await self._more()
        return part

    def part(self) -> bytes | None:
        """What is at hand of the body, as `read` gives it; None: there may be some after `coming`.

        Raises:
            ExchangeError: as `read`, but for ReadTimeout.
        """
        reader = self._reader
        if not self._part and not reader.over:
            data = (self._wire or self._lent()).take()
            if data is None:
                return None
            if data:
                self._part = reader.feed(data)
            else:
                reader.feed_eof()
            if not self._part and not reader.over:
                return None
        if reader.over:
            self._settle()
        if self._part:
            part, self._part = self._part, b""
            return part
        if reader.failure is not None:
            raise self._broken()
        return b""

    def coming(self, deadline: float) -> Awaitable[bool]:
        """Wait for what comes in; False at `deadline`, by the event loop's clock."""
        return (self._wire or self._lent()).coming(deadline)

    def _broken(self) -> ExchangeError:
        return ExchangeError("RemoteProtocolError", self._reader.failure or "expected a response, got none")

    def _settle(self) -> None:
        """Give the wire back."""
        wire, self._wire = self._wire, None
        if wire is None:
            return
        if self._reader.reusable and self._whole and self._writer.lasting:
            self._pool.release(wire)
        else:
            self._pool.drop(wire)

    def close(self) -> None:
        """Drop the connection, unless it has been given back; once more does nothing."""
        wire, self._wire = self._wire, None
        if wire is not None:
            self._part = b""
            self._pool.drop(wire)


async def _close(pieces: AsyncIterator[bytes]) -> None:
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()
