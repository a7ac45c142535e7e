"""Finding an address of a host that answers, for asyncio, without a stream or transport around it."""

from __future__ import annotations

import asyncio  # noqa: TID251 - this room is where asyncio may be named
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import TypeAlias

import anyio

# RFC 8305's delay before the next address is tried beside the one that has not answered yet.
_NEXT_ADDRESS_SECONDS = 0.25

_Address: TypeAlias = "tuple[int, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]"


async def connected(loop: asyncio.AbstractEventLoop, host: str, port: int) -> socket.socket:
    """Connect to the first address of a host that answers."""
    addresses = _literal(host, port)
    if not addresses:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [(family, address) for family, _, _, _, address in found]
    if len(addresses) == 1:
        return await _connect(loop, addresses[0])
    return await _Race(loop).run(_interleaved(addresses))


def _literal(host: str, port: int) -> list[_Address]:
    """An address needs no resolver, which asyncio would run in a thread."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError, ValueError):
            socket.inet_pton(family, host)
            return [(family, (host, port))]
    return []


def _interleaved(addresses: Sequence[_Address]) -> list[_Address]:
    first = [address for address in addresses if address[0] == addresses[0][0]]
    others = [address for address in addresses if address[0] != addresses[0][0]]
    mixed = [address for pair in zip(first, others, strict=False) for address in pair]
    return mixed + first[len(others) :] + others[len(first) :]


async def _connect(loop: asyncio.AbstractEventLoop, where: _Address) -> socket.socket:
    family, address = where
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


class _Race:
    """Tries several addresses, each a little after the one before; the first that answers wins."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._winner: socket.socket | None = None
        self._failures: list[str] = []

    async def run(self, addresses: list[_Address]) -> socket.socket:
        try:
            async with anyio.create_task_group() as tasks:
                for address in addresses:
                    over = anyio.Event()
                    tasks.start_soon(self._try, address, over, tasks.cancel_scope)
                    with anyio.move_on_after(_NEXT_ADDRESS_SECONDS):
                        await over.wait()
        except BaseException:
            if self._winner is not None:
                self._winner.close()
            raise
        if self._winner is None:
            raise OSError("; ".join(self._failures))
        return self._winner

    async def _try(self, address: _Address, over: anyio.Event, scope: anyio.CancelScope) -> None:
        try:
            sock = await _connect(self._loop, address)
        except OSError as error:
            self._failures.append(str(error))
            over.set()
            return
        if self._winner is None:
            self._winner = sock
            scope.cancel()
        else:
            sock.close()
