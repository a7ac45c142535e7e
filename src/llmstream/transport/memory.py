"""A transport without a network: a script runs behind its codec's server half, in process.

What the script yields is encoded to the bytes of the wire, and the client half decodes them again, so
that a scripted model is as real as a wire can be made without a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from math import inf
from typing import TypeAlias

import anyio.lowlevel

from llmstream.errors import ConnectionLost, ProviderError
from llmstream.stage import run
from llmstream.transport.base import Exchange, HttpCall
from llmstream.values.events import Event
from llmstream.values.request import Request
from llmstream.wire.codec import Codec
from llmstream.wire.http import ResponseHead

Script: TypeAlias = Callable[[Request], Iterable[Event]]


class MemoryTransport:
    """Answers calls by a script that speaks through a codec.

    A `ProviderError` that the script raises before it yields becomes a refusal on the wire.
    """

    def __init__(self, codec: Codec, script: Script) -> None:
        self._codec = codec
        self._script = script

    async def open(self, call: HttpCall, /) -> Exchange:
        """Read the call as a server of the wire would, and start the script."""
        await anyio.lowlevel.checkpoint()
        server = self._codec.server
        try:
            request = server.request(call.plain())
            events = _started(self._script(request))
        except ProviderError as error:
            refusal = server.refuse(error)
            return PiecesExchange(refusal.head, [refusal.body])
        return PiecesExchange(server.head(request), run(server.encoder(request), events))


class PiecesExchange:
    """A response whose body is at hand in pieces; reading it is a checkpoint all the same."""

    def __init__(self, head: ResponseHead, pieces: Iterable[bytes]) -> None:
        self.head = head
        self._pieces = iter(pieces)
        self.closed = False

    async def read(self, deadline: float = inf, /) -> bytes:
        """The next piece; empty at the end. It is at hand, so no time runs out."""
        await anyio.lowlevel.checkpoint()
        if self.closed:
            raise ConnectionLost("the exchange was closed")
        for piece in self._pieces:
            if piece:
                return piece
        return b""

    def interrupt(self) -> None:
        """Give no more pieces."""
        self.closed = True

    async def aclose(self) -> None:
        """Give no more pieces, and let go of what made them."""
        self.closed = True
        self._pieces = iter(())


def _started(events: Iterable[Event]) -> Iterator[Event]:
    """Run a script to its first event, so that a refusal comes before the head."""
    iterator = iter(events)
    first = list(islice(iterator, 1))
    return chain(first, iterator)
