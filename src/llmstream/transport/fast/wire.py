"""What an exchange needs of a connection, and how a connection fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, Protocol, TypeAlias

import attrs

Kind: TypeAlias = Literal[
    "ConnectError",
    "ConnectTimeout",
    "LocalProtocolError",
    "PoolTimeout",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "WriteError",
    "WriteTimeout",
]
"""The exceptions of httpx and httpx2 that a fault becomes, by name."""

Answered: TypeAlias = Callable[[bytes], bool]
"""Is given what came in while a request was sent; says whether the answer has begun."""

READ_BYTES = 64 * 1024
# What may be sent before the other side is looked at again.
SLICE_BYTES = 64 * 1024
# Of what came in and was not asked for yet; one more read may come on top.
UNREAD_BYTES = 256 * 1024


class ExchangeError(Exception):
    """A failure of this transport, before it has become the HTTP library's exception."""

    def __init__(self, kind: Kind, words: str) -> None:
        super().__init__(words)
        self.kind = kind


def bare(error: OSError) -> OSError:
    """The error without the frames and exceptions around it, which may hold what was sent."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


@attrs.frozen
class Origin:
    """Where a connection leads; connections to one origin serve each other's requests.

    `address` is what is dialled in place of the host, where somebody has resolved it; the certificate is
    the host's still.
    """

    secure: bool
    host: str
    port: int
    address: str | None = None


class Wire(Protocol):
    """One connection, plain or over TLS; used by one exchange at a time."""

    origin: Origin
    idle_since: float

    async def send(self, data: bytes, deadline: float, answered: Answered) -> bool:
        """Send data; stop and return False when the answer has begun, or the connection has ended.

        Raises:
            ExchangeError: WriteTimeout, at `deadline` by the event loop's clock.
        """
        ...

    def take(self) -> bytes | None:
        """What has come in; empty at the end, and None while there is nothing yet.

        Raises:
            ExchangeError: ReadError, also when the wire was aborted.
        """
        ...

    def coming(self, deadline: float) -> Awaitable[bool]:
        """Wait until `take` has something; False at `deadline`, by the event loop's clock.

        Cancelling it loses nothing.
        """
        ...

    def abort(self) -> None:
        """Drop the connection at once; whoever waits for it fails. May be called again."""
        ...

    def rest(self, on_end: Callable[[Wire], None]) -> bool:
        """Be idle from here on; False when the connection has ended or something came in unasked.

        `on_end` may be called when that happens later.
        """
        ...

    def wake(self) -> bool:
        """Be idle no more; False as with `rest`."""
        ...


class Dialler(Protocol):
    """Makes wires for one event loop."""

    async def __call__(self, origin: Origin, /) -> Wire:
        """Connect, and shake hands over TLS.

        Raises:
            ExchangeError: ConnectError.
        """
        ...


async def receive(wire: Wire, deadline: float) -> bytes:
    """Wait for what comes in on a wire; empty at the end.

    Raises:
        ExchangeError: ReadError, and ReadTimeout at `deadline`.
    """
    data = wire.take()
    if data is None:
        await wire.coming(deadline)
        data = wire.take()
    if data is None:
        raise late()
    return data


def late() -> ExchangeError:
    """The failure of a read that lasted too long."""
    return ExchangeError("ReadTimeout", "nothing came in within the time limit")


def late_sent() -> ExchangeError:
    """The failure of a request that took too long to send."""
    return ExchangeError("WriteTimeout", "the request could not be sent on within the time limit")
