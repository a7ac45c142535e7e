"""From bytes to events: a framer and a decoder, with a short way for the frames that fill a stream.

Of a stream of tokens nearly all frames look alike. A decoder that says how they begin is handed their data
as it came, without a frame around it, and appends what it means; any other it leaves to the long way, which
gives the same events at twice the price. The laws hold one against the other: a stream that is cut inside a
frame takes the long way there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, cast

from llmstream.errors import LLMStreamError
from llmstream.stage import Pipe, Stage
from llmstream.values.events import Event
from llmstream.wire.framing import Frame
from llmstream.wire.framing.frame import fail_after
from llmstream.wire.framing.sse import SSEFramer


class PlainDecoder(Protocol):
    """A decoder with a short way.

    Attributes:
        plain_head: the bytes that the frames it is for begin with, up to their data.
    """

    plain_head: bytes

    def feed(self, frame: Frame, /) -> Iterable[Event]:
        """Take one frame."""
        ...

    def feed_eof(self) -> Iterable[Event]:
        """Say that no frame follows."""
        ...

    def plain(self, data: bytes | str, out: list[Event], /) -> bool:
        """Append the events of a frame with this data; False, with nothing done, leaves it to `feed`."""
        ...


def piped(framer: Stage[bytes, Frame], decoder: Stage[Frame, Event], /) -> Stage[bytes, Event]:
    """Put a decoder behind a framer, by the short way where both have one."""
    # Asked of the class, because asking a Protocol costs as much as ten events.
    if hasattr(type(decoder), "plain_head"):
        return PlainPipe(framer, cast("PlainDecoder", decoder))
    return Pipe(framer, decoder)


class PlainPipe:
    """A stage from the bytes of a body to its events."""

    __slots__ = ("_decoder", "_framer", "_head", "_most", "_size", "_sse", "_take", "_whole")

    def __init__(self, framer: Stage[bytes, Frame], decoder: PlainDecoder, /) -> None:
        self._framer = framer
        self._decoder = decoder
        self._take = decoder.plain
        self._head = decoder.plain_head
        self._size = len(decoder.plain_head)
        self._sse: SSEFramer | None = None
        self._most = 0
        # Whether the last chunk ended with a frame that took the short way: then nothing is held.
        self._whole = False

    def feed(self, chunk: bytes, /) -> Iterable[Event]:
        """Take the next bytes and give their events."""
        out: list[Event] = []
        if self._whole:
            # A live stream is read a token at a time.
            size, end = self._size, len(chunk) - 2
            if chunk[:size] == self._head and chunk.find(b"\n", size) == end and chunk[-1:] == b"\n":
                data = chunk[size:end]
                if b"\r" not in data and end < self._most and self._take(data, out):
                    return out
            self._whole = False
        try:
            sse = self._sse
            if sse is not None and b"\r" not in chunk:
                if sse.holds:
                    # Behind the next blank line nothing is held.
                    end = chunk.find(b"\n\n") + 2
                    self._long(chunk[:end] if end >= 2 else chunk, out)
                    chunk = chunk[end:] if end >= 2 else b""
                if sse.takes_blocks:
                    self._blocks(sse, chunk, out)
                    return out
            self._long(chunk, out)
            self._sse = getattr(self._framer, "event_stream", None)
        except LLMStreamError as error:
            return fail_after(out, error)
        return out

    def feed_eof(self) -> Iterable[Event]:
        """End the framer, then the decoder."""
        for frame in self._framer.feed_eof():
            yield from self._decoder.feed(frame)
        yield from self._decoder.feed_eof()

    def _blocks(self, sse: SSEFramer, chunk: bytes, out: list[Event]) -> None:
        head, take, size = self._head, self._take, self._size
        self._most = sse.max_frame_bytes
        small = len(chunk) < self._most
        blocks = chunk.split(b"\n\n")
        tail = blocks.pop()
        self._whole = small and not tail
        for block in blocks:
            if small and block[:size] == head:
                data = block[size:]
                if b"\n" not in data and take(data, out):
                    continue
            for frame in sse.block(block):
                out.extend(self._decoder.feed(frame))
        if tail:
            self._long(tail, out)

    def _long(self, chunk: bytes, out: list[Event]) -> None:
        feed = self._decoder.feed
        for frame in self._framer.feed(chunk):
            out.extend(feed(frame))
