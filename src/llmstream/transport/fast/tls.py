"""TLS without I/O: OpenSSL between two buffers in memory.

asyncio's own TLS keeps 256 KiB for each connection; here what was decrypted is read into one buffer that
all connections of an event loop share, and is copied from before the next one reads.
"""

from __future__ import annotations

import os
import ssl
from typing import cast

from llmstream.transport.fast.wire import READ_BYTES, ExchangeError

# OpenSSL's buffers in memory grow to the most that was ever in them, and never shrink.
_PIECE_BYTES = 16 * 1024


def default_context() -> ssl.SSLContext:
    """Make the context for calls that bring none: SSL_CERT_FILE, SSL_CERT_DIR, the system's, certifi's.

    Takes tens of milliseconds.
    """
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file or folder:
        return ssl.create_default_context(cafile=file or None, capath=None if file else folder)
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not paths.cafile and not paths.capath and not context.get_ca_certs():
        # A system without a store of its own: slim containers, some builds of Python.
        import certifi

        context.load_verify_locations(certifi.where())
    return context


class Tls:
    """One client connection's TLS.

    Attributes:
        secure: the handshake is done.
        ended: nothing more will come: the other side has said so, or there was a failure.
        failure: what it was.
    """

    __slots__ = ("_in", "_object", "_out", "_plain", "ended", "failure", "secure")

    def __init__(self, context: ssl.SSLContext, host: str, *, plain: memoryview | None = None) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._in, self._out, server_hostname=host)
        self._plain = memoryview(bytearray(READ_BYTES)) if plain is None else plain
        self.secure = False
        self.ended = False
        self.failure: str | None = None

    def shake(self) -> bytes:
        """Go on with the handshake; return what is to be sent.

        Raises:
            ExchangeError: ConnectError, when it failed.
        """
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return self._out.read()
        except (ssl.SSLError, ssl.CertificateError) as error:
            raise ExchangeError("ConnectError", str(error)) from error
        if self._object.selected_alpn_protocol() not in {None, "http/1.1"}:
            raise ExchangeError(
                "ConnectError", "expected the server to speak http/1.1 over TLS, got another protocol"
            )
        self.secure = True
        return self._out.read()

    def farewell(self) -> bytes:
        """What is left to be sent, such as the alert that says why a handshake failed."""
        return self._out.read()

    def take(self, data: bytes | memoryview) -> None:
        """Take what came in during the handshake."""
        self._in.write(data)

    def open(self, data: bytes | memoryview) -> bytes:
        """Take what came in and decrypt it; of what was tampered with or is no TLS, what came before."""
        parts: list[bytes] = []
        try:
            for at in range(0, len(data) or 1, _PIECE_BYTES):
                self._in.write(data[at : at + _PIECE_BYTES])
                self._decrypt(parts)
        except ssl.SSLError as error:
            self.ended, self.failure = True, str(error)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _decrypt(self, parts: list[bytes]) -> None:
        read, plain = self._object.read, self._plain
        # Asking is cheaper than the exception that says there is no more.
        while (self._in.pending or self._object.pending()) and not self.ended:
            try:
                # The stub has it give bytes; into a buffer, it gives their number.
                size = cast("int", read(READ_BYTES, plain))
            except ssl.SSLWantReadError:
                return
            if size:
                parts.append(bytes(plain[:size]))
            else:
                self.ended = True

    def seal(self, data: bytes) -> bytes:
        """Encrypt; return what is to be sent.

        Raises:
            ExchangeError: WriteError.
        """
        try:
            if data:
                self._object.write(data)
        except ssl.SSLError as error:
            raise ExchangeError("WriteError", str(error)) from error
        return self._out.read()
