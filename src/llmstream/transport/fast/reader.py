"""What comes back on an HTTP/1.1 connection, read as it comes: bytes in, a head and body bytes out.

A pure state machine after RFC 9112. A read is handed on whole: all body bytes in it, of however many
chunks, in one piece. What breaks the protocol is no exception but `failure`, so that the body bytes
before it are not lost, and so that neither depends on where the reads were cut.

Strict where two programs could read one message differently, which is where smuggling lives: a bare CR or
LF in a head, a folded line, a control character, lengths that disagree, a length beside a transfer-encoding,
a chunk size with anything but hexadecimal digits and an extension, bytes after the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import attrs

# Interim heads count too, and trailers have the same bounds of their own.
MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 200
MAX_CHUNK_LINE = 4 * 1024

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9][0-9])(?: (.*))?")
# The end of the data may cut a CRLF in two.
_STRAY = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n|\Z)")
# What may stand in a line. Deleting it is twenty times as fast as looking for what may not.
_TEXT = bytes({*b"\t", *range(0x20, 0x7F), *range(0x80, 0x100)})
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\r\n\x00]*)?[ \t]*")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CRLF = b"\r\n"
_BLANK = b"\r\n\r\n"
_NO_BODY = (204, 304)
_FRAMING = (b"content-length", b"transfer-encoding")
_TELLING = frozenset({*_FRAMING, b"connection"})
_UNKNOWN = -1
_BATCH_BYTES = 1024
# Longer names are not remembered: they are nobody's, and would fill the memory.
_LONG_NAME = 64

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]


class BadResponseError(Exception):
    """The peer broke HTTP/1.1; says how."""


@attrs.frozen
class Head:
    """The head of a final response; header names are as they were written."""

    status: int
    reason: bytes
    headers: Headers
    minor: int = 1
    """Of the version: HTTP/1.0 or HTTP/1.1."""

    @property
    def version(self) -> bytes:
        """As a status line has it."""
        return b"HTTP/1.%d" % self.minor

    def telling(self) -> dict[bytes, list[bytes]]:
        """The elements, in lower case, of the headers that say where the body and the connection end."""
        told: dict[bytes, list[bytes]] = {}
        for key, value in self.headers:
            name = key.lower()
            if name in _TELLING:
                told.setdefault(name, []).extend(e.strip(b" \t").lower() for e in value.split(b","))
        return told


class ResponseReader:
    """Reads the one response to a request.

    Attributes:
        head: the head of the final response, once it has come.
        over: nothing more is to come, or to be believed.
        failure: what the peer broke, where it did.
    """

    __slots__ = (
        "_batching",
        "_bodiless",
        "_budget",
        "_lasting",
        "_left",
        "_rest",
        "_state",
        "failure",
        "head",
        "over",
    )

    def __init__(self, method: str) -> None:
        self.head: Head | None = None
        self.over = False
        self.failure: str | None = None
        self._bodiless = method == "HEAD"
        self._budget = MAX_HEAD_BYTES
        self._batching = True
        self._lasting = False
        self._rest: bytes = b""
        self._left = _UNKNOWN
        # A plain function and not a bound method: that would be a circle, which waits for the collector.
        self._state: Callable[[ResponseReader, bytes], bytes] = ResponseReader._in_head

    @property
    def reusable(self) -> bool:
        """The response is complete, and its connection may serve another request."""
        return self.over and self.failure is None and self._lasting

    def feed(self, data: bytes) -> bytes:
        """Take what one read brought; return the body bytes in it."""
        if self.over:
            return self._excess(data)
        return self._state(self, data)

    def feed_eof(self) -> None:
        """Take the end of the connection."""
        if self.over:
            return
        if self._state is ResponseReader._until_close:
            self.over = True
        elif self.head is not None:
            self._fail("expected more of the body, got the end of the connection")
        elif self._rest or self._budget < MAX_HEAD_BYTES:
            self._fail("expected more of the head, got the end of the connection")
        else:
            self._fail("server disconnected without sending a response")

    def _fail(self, words: str) -> bytes:
        if self.failure is None:
            self.failure = words
        self.over = True
        self._rest = b""
        return b""

    def _excess(self, data: bytes) -> bytes:
        return self._fail(f"expected no bytes after the response, got {data[:20]!r}") if data else b""

    def _in_head(self, data: bytes) -> bytes:
        data = self._rest + data
        try:
            if data[:7] != b"HTTP/1."[: len(data)]:
                raise BadResponseError(f"expected HTTP/1.1, got {data[:20]!r}")
            while (end := _section(data, self._budget)) is not None:
                head = parse_head(data[: end - len(_BLANK)])
                data = data[end:]
                self._budget -= end
                if head.status >= 200:
                    self._rest = b""
                    self._begin(head)
                    return self.feed(data)
                if head.status == 101:
                    raise BadResponseError("expected no change of protocol, got status 101")
        except BadResponseError as bad:
            return self._fail(str(bad))
        self._rest = data
        return b""

    def _begin(self, head: Head) -> None:
        told = head.telling()
        length = _framing(told, head.minor)
        options = told.get(b"connection", ())
        self._lasting = b"close" not in options and (head.minor > 0 or b"keep-alive" in options)
        if self._bodiless or head.status in _NO_BODY:
            length = 0
        if length is None:
            self._state = ResponseReader._in_chunks
        elif length == _UNKNOWN:
            self._state = ResponseReader._until_close
            self._lasting = False
        else:
            self._state = ResponseReader._counted
            self._left = length
            self.over = not length
        self.head = head

    def _until_close(self, data: bytes) -> bytes:
        return data

    def _counted(self, data: bytes) -> bytes:
        part = data[: self._left]
        self._left -= len(part)
        if not self._left:
            self.over = True
            self._excess(data[len(part) :])
        return part

    def _in_chunks(self, data: bytes) -> bytes:
        if self._rest:
            data = self._rest + data
            self._rest = b""
        elif self._left < 0 and data[-2:] == _CRLF:
            # One chunk and no more, as a live stream's reads are.
            end = data.find(_CRLF, 0, MAX_CHUNK_LINE)
            if end > 0 and 0 < chunk_size(data[:end]) == len(data) - end - 4:
                return data[end + 2 : -2]
        parts: list[bytes] = []
        find, total, at, left = data.find, len(data), 0, self._left
        while True:
            if left < 0:
                if self._batching and total - at > _BATCH_BYTES:
                    at = self._batch(data, at, parts)
                end = find(_CRLF, at)
                if end < 0:
                    self._keep_line(data[at:])
                    break
                left = chunk_size(data[at:end])
                at = end + 2
                if left <= 0:
                    self._last_chunk(left, data[at:])
                    break
            stop = at + left
            if total < stop + 2:
                if at < total and left:
                    parts.append(data[at:stop])
                left -= min(left, total - at)
                self._keep_end(data[stop:])
                break
            parts.append(data[at:stop])
            if data[stop : stop + 2] != _CRLF:
                self._keep_end(data[stop : stop + 2])
                break
            at, left = stop + 2, _UNKNOWN
        self._left = left
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _batch(self, data: bytes, at: int, parts: list[bytes]) -> int:
        """Take whole chunks at the price of splitting, where no data has a CRLF in it; say where they end.

        When every other line is as long as the line before it says, the lines are what reading them one by
        one would have found. That takes a half longer, and is what happens where this does not fit.
        """
        lines = data[at:].split(_CRLF) if at else data.split(_CRLF)
        end = (len(lines) - 1) // 2 * 2
        if end and lines[end - 2] == b"0":
            end -= 2
        bodies = lines[1:end:2]
        sizes = [*map(chunk_size, lines[:end:2])]
        if 0 in sizes or sizes != [*map(len, bodies)]:
            self._batching = False
            return at
        parts += bodies
        return len(data) - sum(map(len, lines[end:])) - len(_CRLF) * (len(lines) - end - 1)

    def _keep_line(self, line: bytes) -> None:
        """Wait for the rest of a chunk's size, unless it is wrong already."""
        if len(line) > MAX_CHUNK_LINE + 1 or b"\n" in line:
            self._fail(f"expected a chunk size and CRLF, got {line[:20]!r}")
        self._rest = line

    def _keep_end(self, end: bytes) -> None:
        """Wait for the rest of the CRLF after a chunk's data, unless it is wrong already."""
        if not _CRLF.startswith(end):
            self._fail(f"expected CRLF after the data of a chunk, got {end!r}")
        self._rest = end

    def _last_chunk(self, size: int, data: bytes) -> None:
        if size < 0:
            self._fail("expected a chunk size in hexadecimal, got something else")
            return
        self._budget = MAX_HEAD_BYTES
        self._state = ResponseReader._in_trailers
        self._in_trailers(data)

    def _in_trailers(self, data: bytes) -> bytes:
        # The blank line may be the first: a section without fields.
        data = (self._rest or _CRLF) + data
        try:
            end = _section(data, self._budget)
            if end is None:
                self._rest = data
                return b""
            if end > len(_BLANK):
                fields = parse_fields(data[len(_CRLF) : end - len(_BLANK)].split(_CRLF))
                if any(name.lower() in _FRAMING for name, _ in fields):
                    raise BadResponseError("expected trailers, got a header that says where the body ends")
        except BadResponseError as bad:
            return self._fail(str(bad))
        self._rest = b""
        self.over = True
        return self._excess(data[end:])


def _section(data: bytes, budget: int) -> int | None:
    """Find the end of a head that data begins with; refuse one that cannot become a good one."""
    end = data.find(_BLANK) + len(_BLANK)
    found = end >= len(_BLANK)
    if not found:
        end = len(data)
    if end > budget or (end == budget and not found):
        raise BadResponseError(f"expected a head of at most {MAX_HEAD_BYTES} bytes, got more")
    whole = data[:end].replace(_CRLF, b"").translate(None, _TEXT) if found else data
    if whole and (stray := _STRAY.search(data, 0, end)):
        raise BadResponseError(f"expected lines of text in a head, got {stray[0]!r} in them")
    return end if found else None


def parse_head(raw: bytes) -> Head:
    """Parse a status line and headers, without the blank line at their end.

    Raises:
        BadResponseError: when they break the grammar.
    """
    first, *lines = raw.split(_CRLF)
    status = _STATUS_LINE.fullmatch(first)
    if status is None:
        raise BadResponseError(f"expected a status line of HTTP/1.1, got {first[:40]!r}")
    return Head(int(status[2]), status[3] or b"", parse_fields(lines), min(int(status[1]), 1))


def parse_fields(lines: list[bytes]) -> Headers:
    """Parse header or trailer lines.

    Raises:
        BadResponseError: when there are too many, or one is none. A folded line is none.
    """
    if len(lines) > MAX_HEADERS:
        raise BadResponseError(f"expected at most {MAX_HEADERS} headers, got {len(lines)}")
    fields: list[tuple[bytes, bytes]] = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not (_is_name(name) if len(name) < _LONG_NAME else TOKEN.fullmatch(name)):
            raise BadResponseError(f"expected a header, got a line that begins with {line[:20]!r}")
        fields.append((name, value.strip(b" \t")))
    return tuple(fields)


@lru_cache(maxsize=512)
def _is_name(name: bytes) -> bool:
    """Whether this may name a header; remembered, because the responses of a server have the same ones."""
    return TOKEN.fullmatch(name) is not None


def _framing(told: dict[bytes, list[bytes]], minor: int) -> int | None:
    """Say how long the body is: a number, None for chunks, -1 for the end of the connection."""
    lengths = set(told.get(b"content-length", ()))
    codings = told.get(b"transfer-encoding")
    if codings:
        # RFC 9112, 6.1 and 6.3: either could be the sign of a request or response that was tampered with.
        if lengths or minor == 0:
            raise BadResponseError("expected one way to tell the body's length, got two")
        if codings != [b"chunked"]:
            raise BadResponseError(f"expected the transfer-encoding chunked, got {codings!r}")
        return None
    if not lengths:
        return _UNKNOWN
    length = lengths.pop()
    if lengths or _LENGTH.fullmatch(length) is None:
        raise BadResponseError(f"expected one number as content-length, got {length[:20]!r}")
    return int(length)


@lru_cache(maxsize=512)
def chunk_size(line: bytes) -> int:
    """Read the size in a chunk's first line; -1 where there is none.

    Remembered, because the chunks of a stream have few different sizes.
    """
    size = _CHUNK_LINE.fullmatch(line) if len(line) <= MAX_CHUNK_LINE else None
    return int(size[1], 16) if size else _UNKNOWN
