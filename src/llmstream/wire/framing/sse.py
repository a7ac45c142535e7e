"""Server-sent events, the framing of `text/event-stream`, by the WHATWG rules.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

A read is cut at LF alone; `_settle` has turned CR and CRLF into LF before, and strips the byte order mark.
`block` reads a whole frame of the usual two forms, one line of data, alone or behind a line with its name;
`_take` reads all others line by line, and leaves to `_field` what is no usual line. Lines stay bytes until
their values are decoded: in UTF-8 no LF, colon or space is part of a longer sequence, so this gives what
decoding the whole body would, and sizes count bytes however the reads fall. Between two reads are
held: the fields of the unfinished frame, and the unfinished line, of which a comment is only its colon.

As the standard has it, a frame that the end of the body cuts off is dropped without a word. Whether an
answer was complete is the decoder's to say: it knows the wire's last frame, and bytes do not. Two options
are for a wire that keeps the standard less well: `unended` and `bare_json`.
"""

from __future__ import annotations

from collections.abc import Iterable

from llmstream.errors import FrameTooLargeError
from llmstream.wire.framing.elements import ElementFramer
from llmstream.wire.framing.frame import MAX_FRAME_BYTES, Frame, fail_after, too_large

_BOM = b"\xef\xbb\xbf"
_BRACKETS = b"{["
_COLON = ord(":")
_CR = ord("\r")
_LF = ord("\n")
_MOST_NAMES = 64
_LONGEST_NAME = 128


class SSEFramer:
    """A stage from the bytes of an event stream to its frames.

    A frame's size is that of its lines, each with one byte for its end; comments do not count.
    `error_field` makes a frame of its own, `event="error"`, of each line whose field is `error`. With
    `unended` the last frame counts though no blank line ends it. With `bare_json` a line that begins with a
    bracket ends the event stream, and the documents of JSON from there on are frames without an event.

    Raises:
        FrameTooLargeError: from what `feed` gives, when a frame, finished or not, exceeds `max_frame_bytes`.
    """

    __slots__ = (
        "_after_cr",
        "_bare",
        "_bare_json",
        "_data",
        "_error_field",
        "_id",
        "_limit",
        "_line",
        "_name",
        "_names",
        "_retry",
        "_size",
        "_start",
        "_unended",
        "_unsettled",
    )

    def __init__(
        self,
        *,
        max_frame_bytes: int = MAX_FRAME_BYTES,
        error_field: bool = False,
        unended: bool = False,
        bare_json: bool = False,
    ) -> None:
        self._limit = max_frame_bytes
        self._error_field = error_field
        self._unended = unended
        self._bare_json = bare_json
        self._bare: ElementFramer | None = None
        self._start: bytes | None = b""
        self._after_cr = False
        self._unsettled = True
        self._line = bytearray()
        self._size = 0
        self._data: bytes | bytearray | None = None
        self._name = ""
        self._names: dict[bytes, str] = {}
        self._id = ""
        self._retry: int | None = None

    def feed(self, chunk: bytes, /) -> Iterable[Frame]:
        """Take the next bytes and give the frames that end in them."""
        if self._unsettled or _CR in chunk:
            chunk = self._settle(chunk)
        frames: list[Frame] = []
        try:
            if self._size or self._line:
                # Behind the next blank line nothing is held.
                end = chunk.find(b"\n\n") + 2
                self._lines(chunk[:end] if end >= 2 else chunk, frames)
                chunk = chunk[end:] if end >= 2 else b""
            self._blocks(chunk, frames)
        except FrameTooLargeError as error:
            return fail_after(frames, error)
        return frames

    @property
    def event_stream(self) -> SSEFramer:
        """The framer itself, for who asks another framer the same."""
        return self

    @property
    def max_frame_bytes(self) -> int:
        """How large a frame may be."""
        return self._limit

    @property
    def holds(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._size or self._line)

    @property
    def takes_blocks(self) -> bool:
        """Whether bytes without a CR may now be given as blocks, cut at their blank lines."""
        return not (self._unsettled or self._size or self._line) and self._bare is None

    def block(self, block: bytes, /) -> list[Frame]:
        """Take a whole frame, without the blank line that ends it, when nothing is held."""
        frames: list[Frame] = []
        self._block(block, frames)
        return frames

    def _block(self, block: bytes, frames: list[Frame]) -> None:
        """Read a frame of one line of data, alone or behind its name, at half the price of reading lines."""
        if len(block) < self._limit and self._retry is None:
            if block[:6] == b"data: ":
                name, data = "message", block[6:]
            else:
                head, _, data = block.partition(b"\ndata: ")
                name = self._name_in(head) if data else ""
            if name and b"\n" not in data:
                frames.append(Frame(name, data.decode("utf-8", "replace"), self._id))
                return
        self._take([*block.split(b"\n"), b""], frames)

    def _blocks(self, chunk: bytes, frames: list[Frame]) -> None:
        *blocks, tail = chunk.split(b"\n\n")
        for block in blocks:
            self._block(block, frames)
        if tail:
            self._lines(tail, frames)

    def _name_in(self, line: bytes) -> str:
        """The name that a line gives its frame, of which a stream has few; empty for any other line."""
        name = self._names.get(line)
        if name is None:
            name = line[7:].decode("utf-8", "replace") if line[:7] == b"event: " and b"\n" not in line else ""
            if len(self._names) < _MOST_NAMES and len(line) < _LONGEST_NAME:
                self._names[line] = name
        return name

    def _lines(self, chunk: bytes, frames: list[Frame]) -> None:
        lines = chunk.split(b"\n")
        tail = lines.pop()
        if lines:
            if self._line:
                self._hold(lines[0])
                lines[0] = bytes(self._line)
                self._line.clear()
            self._take(lines, frames)
        if tail:
            self._hold(tail)

    def feed_eof(self) -> Iterable[Frame]:
        """Give nothing, unless an option says so: what is unfinished now is dropped."""
        line = bytes(self._line)
        self._line.clear()
        frames: list[Frame] = []
        try:
            if line and (self._unended or self._is_bare(line)):
                self._take([line], frames)
            if self._unended:
                self._take([b""], frames)
            if self._bare is not None:
                frames += self._bare.feed_eof()
        except FrameTooLargeError as error:
            return fail_after(frames, error)
        return frames

    def _settle(self, chunk: bytes) -> bytes:
        if self._start is not None:
            chunk = self._start + chunk
            if _BOM.startswith(chunk):
                self._start = chunk
                return b""
            self._start = None
            chunk = chunk.removeprefix(_BOM)
        if chunk:
            if self._after_cr:
                chunk = chunk.removeprefix(b"\n")
            self._after_cr = self._unsettled = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if _CR in chunk else chunk

    def _hold(self, piece: bytes) -> None:
        """Lengthen the unfinished line."""
        line = self._line
        if not line and piece[0] == _COLON:
            line += b":"
        elif not line.startswith(b":"):
            line += piece
            if self._size + len(line) > self._limit:
                raise too_large("a frame of server-sent events", self._limit)

    def _take(self, lines: list[bytes], frames: list[Frame]) -> None:
        """Read finished lines and append the frames that they end."""
        data, name, size, limit = self._data, self._name, self._size, self._limit
        for line in lines:
            if not line:
                if data is not None:
                    text = data.decode("utf-8", "replace")
                    frames.append(Frame(name or "message", text, self._id, self._retry))
                    self._retry = data = None
                name = ""
                size = 0
                continue
            if line[0] == _COLON:
                continue
            size += len(line) + 1
            if size > limit:
                raise too_large("a frame of server-sent events", limit)
            if data is None and line[:6] == b"data: ":
                data = line[6:]
            elif line[:7] == b"event: ":
                name = line[7:].decode("utf-8", "replace")
            else:
                self._data, self._name = data, name
                self._field(line, frames)
                data, name = self._data, self._name
        self._data, self._name, self._size = data, name, size

    def _field(self, line: bytes, frames: list[Frame]) -> None:
        """Read one line that is neither blank nor a comment."""
        if self._is_bare(line):
            self._document(line, frames)
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match field:
            case b"data":
                self._add_data(value)
            case b"event":
                self._name = value.decode("utf-8", "replace")
            case b"id" if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
            # Beyond 18 digits it is no time to wait, and Python refuses to read thousands of them.
            case b"retry" if value.isdigit() and len(value) <= 18:
                self._retry = int(value)
            # gpustack: a failure comes as a field of this name (corpus: openai-chat/gpustack)
            case b"error" if self._error_field:
                frames.append(Frame("error", value.decode("utf-8", "replace"), self._id))
            case _:
                pass

    def _is_bare(self, line: bytes) -> bool:
        """Whether a line is of a document of JSON; once one has begun, all that are no fields are."""
        return self._bare_json and (self._bare is not None or line[0] in _BRACKETS)

    def _document(self, line: bytes, frames: list[Frame]) -> None:
        """Take a line of a document; the frame before it counts though no blank line ends it."""
        if self._data is not None:
            frames.append(Frame(self._name or "message", self._data.decode("utf-8", "replace"), self._id))
            self._data = None
        self._bare = self._bare or ElementFramer(max_frame_bytes=self._limit)
        frames += self._bare.feed(line + b"\n")

    def _add_data(self, value: bytes) -> None:
        if self._data is None:
            self._data = value
            return
        if isinstance(self._data, bytes):
            self._data = bytearray(self._data)
        self._data += b"\n"
        self._data += value
