"""Files fetched from addresses that others wrote: checked, pinned to what was checked, and bounded.

A name is resolved once, every address that it stands for is checked, and the connection goes to one of
those: a name that stands for another machine a moment later changes nothing. Redirects are followed by
hand, each as the first. The connections are our own and serve one fetch: no proxy of the environment, no
HTTP client, no cookie and no credential takes part.
"""

from __future__ import annotations

import binascii
import re
import socket
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable, Sequence
from math import inf
from typing import Protocol, TypeAlias
from urllib.parse import unquote, unquote_to_bytes, urljoin, urlsplit

import anyio
import attrs

from llmstream.client.attach import MAX_FILE_BYTES
from llmstream.client.media import received_type
from llmstream.client.timeouts import Timeouts
from llmstream.errors import (
    ConfigError,
    ConnectError,
    Phase,
    TimeoutExceeded,
    UnexpectedContentError,
)
from llmstream.transport import direct
from llmstream.transport.addresses import Target, allowed_by_name, checked, target_of
from llmstream.transport.base import Exchange, HttpCall, shown
from llmstream.transport.fast.sender import Sender
from llmstream.values.content import Attachment
from llmstream.wire.http import ResponseHead

FETCH_TIMEOUTS = Timeouts(first_event=30.0, stall=30.0, total=120.0)
MAX_REDIRECTS = 3

_REDIRECTS = {301, 302, 303, 307, 308}
# A host with more has them for other reasons than to be reached.
_MAX_ADDRESSES = 4
_LENGTH = re.compile(r"[0-9]{1,18}")
# Compressed, a small file may become a large one; what is compressed all the same is unpacked in pieces.
_HEADERS = (("accept-encoding", "identity"),)

Resolve: TypeAlias = Callable[[str, int], Awaitable[Iterable[str]]]


class Check(Protocol):
    """As `llmstream.transport.addresses.checked`."""

    def __call__(
        self, target: Target, addresses: Iterable[str], /, *, allow_private: bool
    ) -> tuple[str, ...]:
        """The addresses that may be connected to; raises ConfigError when any may not."""
        ...


async def fetch_attachment(
    url: str,
    /,
    *,
    max_bytes: int = MAX_FILE_BYTES,
    allow_private: bool = False,
    timeouts: Timeouts | None = None,
) -> Attachment:
    """Fetch a file from an http or https address, for a model whose wire takes no addresses.

    The address may come from a stranger: what is not reachable from anywhere is refused, after each of
    at most 3 redirects anew, and the connection goes to the very address that was checked. Nothing that
    tells who asks is sent. `max_bytes` bounds the file as unpacked. Where `timeouts` say nothing, there are
    10 s to connect, 30 s for the first byte and for each next one, 120 s for all; proxies of the environment
    are not used.

    Args:
        url: with the scheme http or https, or data, which is read without a connection.
        allow_private: also from private networks and this machine, though never from the addresses at
            which clouds give out credentials.

    Raises:
        ConfigError: when the address, or one that it redirects to, may not be asked for; when nothing
            tells the media type.
        UnexpectedContentError: when there is no such file, it is too large, or of another kind than is said.
        TransportError: when there is no connection, it broke, or a clock ran out.
    """
    if url[:5].lower() == "data:":
        return _unpacked(url, max_bytes)
    limits = _limits(timeouts)
    return await Fetcher(max_bytes=max_bytes, allow_private=allow_private, timeouts=limits).fetch(url)


def _limits(given: object) -> Timeouts:
    """What was given, over the limits of a fetch."""
    if given is None:
        return FETCH_TIMEOUTS
    if not isinstance(given, Timeouts):
        raise ConfigError(f"expected Timeouts as timeouts, got {given!r}")
    return given.over(FETCH_TIMEOUTS)


async def addresses_of(host: str, port: int, /) -> list[str]:
    """All that the system's resolver says of a host.

    Raises:
        ConnectError: when it says nothing.
    """
    try:
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConnectError(f"expected an address for the host {host!r}, got: {error}") from None
    return [str(address[0]) for _, _, _, _, address in found]


@attrs.frozen
class Fetcher:
    """How files are fetched.

    Attributes:
        resolve: all addresses of a host; asked once for each hop.
        check: which of them may be connected to; it raises when any may not.
        connections: makes those of one hop, on the event loop that runs.
    """

    max_bytes: int = MAX_FILE_BYTES
    allow_private: bool = False
    timeouts: Timeouts = FETCH_TIMEOUTS
    resolve: Resolve = addresses_of
    check: Check = checked
    connections: Callable[[], Sender] = direct.own_sender

    async def fetch(self, url: str, /) -> Attachment:
        """Fetch a file; see `fetch_attachment`."""
        with anyio.move_on_after(self.timeouts.total):
            return await self._followed(url)
        raise _late(url, "total", self.timeouts.total)

    async def _followed(self, url: str) -> Attachment:
        where = url
        for _ in range(MAX_REDIRECTS + 1):
            target = target_of(where)
            allowed_by_name(target, allow_private=self.allow_private)
            found = [target.host] if target.literal else await self.resolve(target.host, target.port)
            got = await self._asked(target, self.check(target, found, allow_private=self.allow_private))
            if isinstance(got, Attachment):
                return got
            where = got
        raise UnexpectedContentError(
            f"expected at most {MAX_REDIRECTS} redirects from {shown(url)}, got one more", phase="headers"
        )

    async def _asked(self, target: Target, addresses: Sequence[str]) -> Attachment | str:
        """The file, or the address that a redirect names."""
        sender = self.connections()
        try:
            exchange = await self._opened(target, addresses, sender)
            try:
                return _redirected(exchange.head, target) or await self._file(exchange, target)
            finally:
                await exchange.aclose()
        finally:
            sender.close()

    async def _opened(self, target: Target, addresses: Sequence[str], sender: Sender) -> Exchange:
        with anyio.move_on_after(self.timeouts.first_event):
            return await self._connected(target, addresses[:_MAX_ADDRESSES], sender)
        raise _late(target.url, "first_event", self.timeouts.first_event, "headers")

    async def _connected(self, target: Target, addresses: Sequence[str], sender: Sender) -> Exchange:
        """Ask the first of the addresses that answers; all of them were checked."""
        call = HttpCall("GET", target.url, _HEADERS, connect=self.timeouts.connect, pool=self.timeouts.pool)
        *others, last = (direct.pinned(target.url, address) for address in addresses)
        for way in others:
            try:
                return await direct.open_directly(call, way, sender)
            except (ConnectError, TimeoutExceeded):
                continue
        return await direct.open_directly(call, last, sender)

    async def _file(self, exchange: Exchange, target: Target) -> Attachment:
        head = exchange.head
        if head.status != 200:
            raise UnexpectedContentError(
                f"expected a file at {shown(target.url)}, got status {head.status}", phase="headers"
            )
        length = head.headers.get("content-length", "")
        if _LENGTH.fullmatch(length) and int(length) > self.max_bytes:
            raise _too_large(target.url, self.max_bytes)
        data = await self._body(exchange, target)
        name = unquote(urlsplit(target.url).path).rpartition("/")[2]
        media_type = received_type(data, head.media_type, name=name)
        return Attachment(media_type, data=data, name=name if name and name.isprintable() else None)

    async def _body(self, exchange: Exchange, target: Target) -> bytes:
        body = bytearray()
        while chunk := await self._chunk(exchange, target):
            body += chunk
            if len(body) > self.max_bytes:
                raise _too_large(target.url, self.max_bytes)
        return bytes(body)

    async def _chunk(self, exchange: Exchange, target: Target) -> bytes:
        # Any byte of a file is progress, so the two clocks are one here.
        clock = "stall"
        seconds = self.timeouts.stall
        if self.timeouts.liveness is not None and (seconds is None or self.timeouts.liveness < seconds):
            clock, seconds = "liveness", self.timeouts.liveness
        try:
            return await exchange.read(inf if seconds is None else anyio.current_time() + seconds)
        except TimeoutError:
            raise _late(target.url, clock, seconds) from None


def _redirected(head: ResponseHead, target: Target) -> str | None:
    where = head.headers.get("location")
    if head.status not in _REDIRECTS or not where:
        return None
    try:
        return urljoin(target.url, where)
    except ValueError:
        raise UnexpectedContentError(
            f"expected a redirect from {shown(target.url)} to an address, got none", phase="headers"
        ) from None


def _unpacked(url: str, max_bytes: int) -> Attachment:
    """Read a data URL: https://www.rfc-editor.org/rfc/rfc2397 ."""
    head, comma, payload = url[5:].partition(",")
    said, *parameters = (part.strip().lower() for part in head.split(";"))
    is_base64 = "base64" in parameters
    if not comma or len(payload) > max_bytes * (4 if is_base64 else 3):
        raise ConfigError(f"expected a data URL of at most {max_bytes} bytes, got another")
    data = unquote_to_bytes(payload)
    try:
        data = b64decode(data, validate=True) if is_base64 else data
    except binascii.Error as error:
        raise ConfigError(f"expected base64 in a data URL, got none: {error}") from None
    if len(data) > max_bytes:
        raise ConfigError(f"expected a data URL of at most {max_bytes} bytes, got {len(data)}")
    return Attachment(received_type(data, said or "text/plain"), data=data)


def _late(url: str, clock: str, seconds: float | None, phase: Phase = "stream") -> TimeoutExceeded:
    message = f"expected the file at {shown(url)} within {seconds} s ({clock})"
    return TimeoutExceeded(message, clock=clock, seconds=seconds or 0.0, phase=phase)


def _too_large(url: str, max_bytes: int) -> UnexpectedContentError:
    return UnexpectedContentError(f"expected at most {max_bytes} bytes at {shown(url)}, got more")
