"""A transport that is listened to: what passes through it is told to somebody, bytes and all."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Protocol

from llmstream.errors import LLMStreamError
from llmstream.transport.base import Exchange, HttpCall, Transport
from llmstream.wire.http import ResponseHead

_STARS = b"***"


class Listener(Protocol):
    """Who is told of a call's exchanges."""

    def sent(self, call: HttpCall, /) -> None:
        """A call is about to be sent."""
        ...

    def opened(self, head: ResponseHead, /) -> None:
        """The head of its response has come."""
        ...

    def read(self, data: bytes, /) -> None:
        """More of the body was read; nothing is its end."""
        ...

    def lost(self, error: LLMStreamError | TimeoutError, /) -> None:
        """There is no response, or no more of it."""
        ...


class TappedTransport:
    """Sends calls through another transport and tells a listener."""

    def __init__(self, transport: Transport, listener: Listener) -> None:
        self._transport = transport
        self._listener = listener

    async def open(self, call: HttpCall, /) -> Exchange:
        """Send a call; as `Transport.open`."""
        self._listener.sent(call)
        try:
            exchange = await self._transport.open(call)
        except LLMStreamError as error:
            self._listener.lost(error)
            raise
        try:
            self._listener.opened(exchange.head)
        except BaseException:
            await exchange.aclose()
            raise
        return TappedExchange(exchange, self._listener)


class TappedExchange:
    """A response whose bytes are told to a listener before they are given."""

    def __init__(self, exchange: Exchange, listener: Listener) -> None:
        self.head = exchange.head
        self._exchange = exchange
        self._listener = listener

    async def read(self, deadline: float = inf, /) -> bytes:
        """Wait for more of the body; see `Exchange`."""
        try:
            data = await self._exchange.read(deadline)
        except (LLMStreamError, TimeoutError) as error:
            self._listener.lost(error)
            raise
        self._listener.read(data)
        return data

    def interrupt(self) -> None:
        """End a read that is pending; see `Exchange`."""
        self._exchange.interrupt()

    async def aclose(self) -> None:
        """Release the connection at once."""
        await self._exchange.aclose()


class Concealed:
    """Bytes with words starred out, also where a word comes in pieces; a stage.

    What may be the beginning of a word is held back until it is known.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = tuple(word.encode() for word in words)
        self._held = b""

    def feed(self, data: bytes, /) -> bytes:
        """Give what is known to hold no word."""
        data = self._held + data
        for word in self._words:
            data = data.replace(word, _STARS)
        held = max((_begun(data, word) for word in self._words), default=0)
        self._held = data[len(data) - held :]
        return data[: len(data) - held]

    def feed_eof(self) -> bytes:
        """Give what was held back: it was no word."""
        held, self._held = self._held, b""
        return held


def _begun(data: bytes, word: bytes) -> int:
    """How much of a word stands at the end of the data."""
    lengths = range(min(len(word) - 1, len(data)), 0, -1)
    return next((length for length in lengths if data.endswith(word[:length])), 0)
