"""From bytes to events: a framer and a decoder, with a short way for the frames that fill a stream.

Of a stream of tokens nearly all frames look alike. A decoder that says how they begin is handed their data
as it came, without a frame around it, and appends what it means; any other it leaves to the long way, which
gives the same events at twice the price. The laws hold one against the other: a stream that is cut inside a
frame takes the long way there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Protocol, Self, cast

import msgspec

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


class Template:
    """A frame's data of which one string changes from frame to frame, and no byte around it.

    Where the bytes around are those of a frame that was read as a whole, and a JSON string stands between
    them, nothing else of the frame needs to be read again. Letters and digits that hide how long the text is
    may follow it, as OpenAI's `obfuscation` does, and are no matter.
    """

    __slots__ = ("_after", "_before", "_end", "_padded", "_start", "_string")

    def __init__(self, before: bytes, after: bytes, /) -> None:
        padded = _PADDING.fullmatch(after)
        self._before = before
        self._after = after
        self._padded = None if padded is None else (padded[1], padded[2])
        self._start = len(before)
        self._end = -len(after)
        # The quotes belong to what is around, and to the string.
        self._string = slice(self._start - 1, self._end + 1 or None)

    @classmethod
    def of(cls, data: bytes, text: str, read: Callable[[bytes], str | None], /) -> Self | None:
        """Learn from data that holds `text`; `read` finds in data the text that it is about.

        None where it cannot be told which bytes are the text: it may be written with escapes.
        """
        before, string, after = data.partition(msgspec.json.encode(text))
        try:
            if string and read(b'%b"~%b"%b' % (before, string[1:-1], after)) == f"~{text}":
                return cls(before + b'"', b'"' + after)
        except (msgspec.DecodeError, UnicodeError):
            # What was changed is no text but a name.
            pass
        return None

    def text_in(self, data: bytes, /) -> str | None:
        """The string in data of this form; None where it is of another."""
        if data[: self._start] != self._before:
            return None
        string = self._string
        if data[self._end :] != self._after:
            if self._padded is None or (end := self._before_padding(data)) < 0:
                return None
            string = slice(self._start - 1, end + 1)
        try:
            return _read_string(data[string])
        except (msgspec.DecodeError, UnicodeError):
            return None

    def _before_padding(self, data: bytes) -> int:
        """Where what stands between text and padding begins; -1 where data ends in another way."""
        after, last = self._padded or (b"", b"")
        at = data.find(after, self._start)
        padding = data[at + len(after) : -len(last)]
        return at if padding.isalnum() and data[-len(last) :] == last else -1


# A proof that what is passed over is a string that ends where it seems to.
_PADDING = re.compile(rb'(.*"obfuscation": ?")[0-9A-Za-z]+("\s*}\s*)', re.DOTALL)
_read_string = msgspec.json.Decoder(str).decode


def piped(framer: Stage[bytes, Frame], decoder: Stage[Frame, Event], /) -> Stage[bytes, Event]:
    """Put a decoder behind a framer, by the short way where both have one."""
    # Asked of the class, because asking a Protocol costs as much as ten events.
    if hasattr(type(decoder), "plain_head"):
        return PlainPipe(framer, cast("PlainDecoder", decoder))
    return Pipe(framer, decoder)


class PlainPipe:
    """A stage from the bytes of a body to its events."""

    __slots__ = ("_decoder", "_framer", "_head", "_sse", "_take")

    def __init__(self, framer: Stage[bytes, Frame], decoder: PlainDecoder, /) -> None:
        self._framer = framer
        self._decoder = decoder
        self._take = decoder.plain
        self._head = decoder.plain_head
        self._sse: SSEFramer | None = None

    def feed(self, chunk: bytes, /) -> Iterable[Event]:
        """Take the next bytes and give their events."""
        out: list[Event] = []
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
        head, take = self._head, self._take
        size, small = len(head), len(chunk) < sse.max_frame_bytes
        blocks = chunk.split(b"\n\n")
        tail = blocks.pop()
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
