"""The binary framing of `application/vnd.amazon.eventstream`, in both directions.

https://smithy.io/2.0/aws/amazon-eventstream.html

A message is: its length, the length of its headers, a checksum of these two, headers, payload, a checksum
of all before. The prelude is proven before its lengths are believed, so that a limit is hit before the
message is waited for.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TypeAlias
from zlib import crc32

from llmstream.errors import (
    FrameTooLargeError,
    MalformedFrameError,
    TruncatedStreamError,
    UnsupportedError,
    WireError,
)
from llmstream.wire.framing.frame import MAX_FRAME_BYTES, Frame, fail_after, too_large

HeaderValue: TypeAlias = bool | int | str | bytes

# The protocol's own limits.
MAX_HEADERS_BYTES = 128 * 1024
MAX_PAYLOAD_BYTES = 24 * 1024 * 1024

_PRELUDE = struct.Struct(">III")
_LENGTHS = struct.Struct(">II")
_CHECKSUM = struct.Struct(">I")
_OVERHEAD = _PRELUDE.size + _CHECKSUM.size
_LENGTH = struct.Struct(">H")

_TRUE, _FALSE, _INT32, _INT64, _BYTES, _STRING, _UUID = 0, 1, 4, 5, 6, 7, 9
# Type 8, a timestamp, stays a count of milliseconds: its range is beyond that of a datetime.
_INTEGERS = {
    code: struct.Struct(form) for code, form in ((2, ">b"), (3, ">h"), (4, ">i"), (5, ">q"), (8, ">q"))
}


class EventStreamFramer:
    """A stage from the bytes of an event stream to its messages.

    Raises:
        MalformedFrameError: from what `feed` gives, when a length, a checksum or a header is wrong.
        FrameTooLargeError: likewise, when a message announces more than `max_frame_bytes` or than
            the protocol allows.
        TruncatedStreamError: from what `feed_eof` gives, when the body ends inside a message.
    """

    __slots__ = ("_buffer", "_limit", "_need")

    def __init__(self, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._limit = max_frame_bytes
        self._buffer = bytearray()
        self._need = _PRELUDE.size

    def feed(self, chunk: bytes, /) -> Iterable[Frame]:
        """Take the next bytes and give the messages that end in them."""
        self._buffer += chunk
        if len(self._buffer) < self._need:
            return ()
        frames: list[Frame] = []
        try:
            self._take(frames)
        except WireError as error:
            return fail_after(frames, error)
        return frames

    def feed_eof(self) -> Iterable[Frame]:
        """Give nothing; a body ends between two messages."""
        if not self._buffer:
            return ()
        got = f"the end of the body after {len(self._buffer)} bytes of it"
        return fail_after((), TruncatedStreamError(f"expected a whole event stream message, got {got}"))

    def _take(self, frames: list[Frame]) -> None:
        buffer = self._buffer
        at, self._need = 0, _PRELUDE.size
        with memoryview(buffer) as view:
            while len(view) - at >= _PRELUDE.size:
                total, headers = _lengths(view[at:], self._limit)
                if total > len(view) - at:
                    self._need = total
                    break
                frames.append(_message(view[at : at + total], headers))
                at += total
        # One cut for all the messages of a read: each cut moves what is left.
        del buffer[:at]


def encode_message(headers: Mapping[str, HeaderValue], payload: bytes = b"") -> bytes:
    """Write one message; an integer takes four bytes if it fits, else eight.

    Raises:
        UnsupportedError: when a header or the message is longer than the framing can say.
    """
    block = b"".join(_write_header(name, value) for name, value in headers.items())
    _check_sizes(len(block), len(payload), UnsupportedError)
    lengths = _LENGTHS.pack(len(block) + len(payload) + _OVERHEAD, len(block))
    message = b"".join((lengths, _CHECKSUM.pack(crc32(lengths)), block, payload))
    return message + _CHECKSUM.pack(crc32(message))


def _lengths(message: memoryview, limit: int) -> tuple[int, int]:
    """Prove and read the prelude: the lengths of the message and of its headers."""
    total, headers, checksum = _PRELUDE.unpack_from(message)
    if crc32(message[: _LENGTHS.size]) != checksum:
        got = f"lengths {total} and {headers} with another"
        raise MalformedFrameError(f"expected a matching checksum in an event stream prelude, got {got}")
    if headers > total - _OVERHEAD:
        got = f"{headers} in a message of {total}"
        raise MalformedFrameError(f"expected fewer bytes of event stream headers than fit, got {got}")
    if total > limit:
        raise too_large("an event stream message", limit)
    _check_sizes(headers, total - headers - _OVERHEAD, FrameTooLargeError)
    return total, headers


def _check_sizes(headers: int, payload: int, error: type[FrameTooLargeError | UnsupportedError]) -> None:
    if headers > MAX_HEADERS_BYTES or payload > MAX_PAYLOAD_BYTES:
        limits = f"{MAX_HEADERS_BYTES} bytes of headers and {MAX_PAYLOAD_BYTES} of payload"
        raise error(f"expected at most {limits} in an event stream message, got {headers} and {payload}")


def _message(message: memoryview, headers_length: int) -> Frame:
    (checksum,) = _CHECKSUM.unpack_from(message, len(message) - _CHECKSUM.size)
    if crc32(message[: -_CHECKSUM.size]) != checksum:
        got = f"another over {len(message)} bytes"
        raise MalformedFrameError(
            f"expected a matching checksum at the end of an event stream message, got {got}"
        )
    split = _PRELUDE.size + headers_length
    headers = dict(_read_headers(bytes(message[_PRELUDE.size : split])))
    payload = bytes(message[split : -_CHECKSUM.size])
    kind = headers.get(":event-type") or headers.get(":exception-type")
    return Frame(
        kind if isinstance(kind, str) else "",
        payload.decode("utf-8", "replace"),
        headers=headers,
        payload=payload,
    )


# The messages of a stream have few different headers, the same byte for byte.
@lru_cache(maxsize=16)
def _read_headers(block: bytes) -> Mapping[str, object]:
    headers: dict[str, object] = {}
    at = 0
    try:
        while at < len(block):
            start = at + 1
            name = _part(block, start, block[at]).decode()
            at = start + block[at]
            if not name or name in headers:
                expected = "each event stream header to have a name of its own"
                raise MalformedFrameError(f"expected {expected}, got {name!r} again or empty")
            headers[name], at = _read_value(block, at + 1, block[at])
    except (IndexError, UnicodeDecodeError, struct.error) as error:
        got = f"{type(error).__name__} at byte {at} of {len(block)}"
        raise MalformedFrameError(f"expected whole event stream headers, got {got}") from error
    return headers


def _read_value(block: bytes, at: int, code: int) -> tuple[HeaderValue, int]:
    """Read the value of type `code` at `at`; also where it ends."""
    if code in {_STRING, _BYTES}:
        (length,) = _LENGTH.unpack_from(block, at)
        start = at + _LENGTH.size
        value = _part(block, start, length)
        return (value.decode() if code == _STRING else value), start + length
    if code in {_TRUE, _FALSE}:
        return code == _TRUE, at
    if code == _UUID:
        return _part(block, at, 16), at + 16
    if code in _INTEGERS:
        integer = _INTEGERS[code]
        return int(integer.unpack_from(block, at)[0]), at + integer.size
    raise MalformedFrameError(f"expected an event stream header of type 0 to 9, got {code} at byte {at - 1}")


def _part(block: bytes, at: int, length: int) -> bytes:
    part = block[at : at + length]
    if len(part) < length:
        raise IndexError(at)
    return part


def _write_header(name: str, value: HeaderValue) -> bytes:
    raw = name.encode()
    if not 1 <= len(raw) <= 255:
        raise UnsupportedError(f"expected an event stream header's name of 1 to 255 bytes, got {len(raw)}")
    return bytes((len(raw),)) + raw + _write_value(name, value)


def _write_value(name: str, value: HeaderValue) -> bytes:
    if isinstance(value, bool):
        return bytes((_TRUE if value else _FALSE,))
    if isinstance(value, int):
        code = _INT32 if -(2**31) <= value < 2**31 else _INT64
        if not -(2**63) <= value < 2**63:
            raise UnsupportedError(f"expected at most 64 bits in the event stream header {name}, got {value}")
        return bytes((code,)) + _INTEGERS[code].pack(value)
    code, raw = (_STRING, value.encode()) if isinstance(value, str) else (_BYTES, value)
    if len(raw) > 0xFFFF:
        raise UnsupportedError(
            f"expected at most 65535 bytes in the event stream header {name}, got {len(raw)}"
        )
    return bytes((code,)) + _LENGTH.pack(len(raw)) + raw
