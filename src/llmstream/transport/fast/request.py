"""What goes out on an HTTP/1.1 connection: the bytes of a request, checked so that they are one request.

The HTTP library's headers may hold anything; what could end a line or a message early is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from llmstream.transport.fast.reader import TOKEN
from llmstream.transport.fast.wire import ExchangeError

_TARGET = re.compile(rb"[\x21-\x7e]+")
_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_SINGLE = (b"host", b"content-length", b"transfer-encoding")


class RequestWriter:
    """The bytes of one request: `head`, then `frame` for each piece of the body, then `finish`.

    Attributes:
        head: the request line and the headers.
        method: as it was given.
        lasting: the request lets the connection serve another.

    Raises:
        ExchangeError: LocalProtocolError, also from its methods, when the request breaks HTTP/1.1.
    """

    __slots__ = ("_chunked", "_left", "head", "lasting", "method")

    def __init__(self, method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
        verb = method.encode("latin-1", "replace")
        if TOKEN.fullmatch(verb) is None or _TARGET.fullmatch(target) is None:
            raise _local(f"expected a method and a target without spaces, got {method!r} and {target!r}")
        self.method = method
        lines = [b"%b %b HTTP/1.1\r\n" % (verb, target)]
        found: dict[bytes, bytes] = {}
        self.lasting = True
        for name, value in headers:
            if TOKEN.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
                raise _local(f"expected a header's name and value in one line, got them in {name!r}")
            key = name.lower()
            if key in found and key in _SINGLE:
                raise _local(f"expected one {key.decode()} header, got two")
            if key == b"connection" and b"close" in value.lower():
                self.lasting = False
            found[key] = value
            lines.append(b"%b: %b\r\n" % (name, value))
        lines.append(b"\r\n")
        self.head = b"".join(lines)
        self._frame_as(found)

    def _frame_as(self, found: dict[bytes, bytes]) -> None:
        if b"host" not in found:
            raise _local("expected a host header, got none")
        length, coding = found.get(b"content-length"), found.get(b"transfer-encoding")
        if coding is not None and (length is not None or coding.lower() != b"chunked"):
            raise _local("expected a content-length or the transfer-encoding chunked, got something else")
        if length is not None and _LENGTH.fullmatch(length) is None:
            raise _local(f"expected a number as content-length, got {length!r}")
        self._chunked = coding is not None
        self._left = int(length or 0)

    def again(self, length: int) -> RequestWriter:
        """The same request for a body of another length; its last header is the content-length."""
        writer = object.__new__(RequestWriter)
        writer.head = b"%b%d\r\n\r\n" % (self.head[: self.head.rindex(b" ") + 1], length)
        writer.method = self.method
        writer.lasting = self.lasting
        writer._chunked = False
        writer._left = length
        return writer

    def frame(self, data: bytes) -> bytes:
        """A piece of the body as it is sent."""
        if self._chunked:
            return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        self._left -= len(data)
        if self._left < 0:
            raise _local(f"expected a body of the length that was announced, got {-self._left} bytes more")
        return data

    def finish(self) -> bytes:
        """What ends the body."""
        if self._chunked:
            return b"0\r\n\r\n"
        if self._left:
            raise _local(f"expected a body of the length that was announced, got {self._left} bytes less")
        return b""


def _local(words: str) -> ExchangeError:
    return ExchangeError("LocalProtocolError", words)
