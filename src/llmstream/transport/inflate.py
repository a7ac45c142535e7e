"""Bodies that a peer compressed although it was asked not to, unpacked piece by piece.

The HTTP libraries unpack a chunk in one go, which lets 64 KiB become 64 MiB at once. Here a piece has a
limit, and what is left waits for the next reading.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable

from llmstream.errors import MalformedFrameError, UnexpectedContentError

MAX_PIECE_BYTES = 256 * 1024

# zlib's own numbers: find out gzip or zlib by the header; a deflate stream without any header.
_WITH_HEADER = 47
_WITHOUT_HEADER = -15


class Inflater:
    """Unpacks one body; `packed` is what was fed and not unpacked yet."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._unpack = zlib.decompressobj(_WITH_HEADER)
        self._begun = False
        self.packed = b""

    def feed(self, data: bytes) -> None:
        """Add more of the packed body."""
        self.packed += data

    def piece(self) -> bytes:
        """Unpack some; empty when more must be fed first.

        Raises:
            MalformedFrameError: when the body is not packed so.
        """
        piece = b""
        # Two bytes say whether there is a header.
        while len(self.packed) >= (1 if self._begun else 2) and not piece:
            piece = self._next()
            if self._unpack.eof:
                # A gzip body may be several, one after the other.
                self._unpack = zlib.decompressobj(_WITH_HEADER)
        return piece

    async def read(self, more: Callable[[], Awaitable[bytes]]) -> bytes:
        """Unpack the next piece, with `more` of the packed body as it is needed; empty at its end.

        Raises:
            MalformedFrameError: as `piece`.
        """
        while not (piece := self.piece()):
            data = await more()
            if not data:
                return b""
            self.feed(data)
        return piece

    def _next(self) -> bytes:
        data = self.packed
        try:
            piece = self._unpack.decompress(data, MAX_PIECE_BYTES)
        except zlib.error as error:
            if self._begun or self._encoding != "deflate":
                raise MalformedFrameError(
                    f"expected a body packed with {self._encoding}, got one that is not: {error}"
                ) from error
            self._begun, self._unpack = True, zlib.decompressobj(_WITHOUT_HEADER)
            return b""
        self._begun = True
        self.packed = self._unpack.unused_data if self._unpack.eof else self._unpack.unconsumed_tail
        return piece


def inflater(encoding: str) -> Inflater | None:
    """What unpacks a body of this content encoding; None where there is nothing to unpack.

    Raises:
        UnexpectedContentError: when the encoding is another than gzip and deflate.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate" as known:
            return Inflater(known)
        case other:
            raise UnexpectedContentError(
                f"expected the content encoding identity, gzip or deflate, got {other!r}"
            )
