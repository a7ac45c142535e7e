"""Sends the bodies on 127.0.0.1, in a process of its own; ends when its standard input does.

    python -m streams.server [--tls KEY_AND_CERTIFICATE]

A client's base address says how it is served, before the wire's own path:

    /burst-COUNT/…              all at once, one HTTP chunk an event
    /paced-GAP-COUNT-GROUP/…    a delta each GAP milliseconds, whose text is the time it was sent

Paced streams wait until GROUP of them are open, and then begin, batch by batch, spread over one gap: so all
are open at once for their whole length, however long the opening took.
"""

from __future__ import annotations

import argparse
import asyncio  # noqa: TID251 - the server is a bare asyncio protocol
import sys
import time
from collections import deque
from functools import cache
from typing import cast

from streams.bodies import WIRES, Wire
from streams.meter import allow_many_files, certified, stay_on_core

HEAD = (
    b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-type: text/event-stream\r\n"
    b"cache-control: no-cache\r\nx-request-id: req_5d0c2a6b\r\nx-ratelimit-remaining-requests: 9999\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
MISSING = b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
LAST = b"0\r\n\r\n"
STAMP_DIGITS = 20
PATIENCE = 60.0
# An inference server makes a token of each sequence of a batch in one step, and sends them together.
BATCH = 64


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@cache
def burst(wire: Wire, count: int) -> bytes:
    return HEAD + b"".join(map(chunked, wire.answer(count))) + LAST


@cache
def stamped(wire: Wire) -> tuple[bytes, bytes]:
    """A chunk of one delta, as it is around its text."""
    left, right = chunked(wire.delta("@" * STAMP_DIGITS)).split(b"@" * STAMP_DIGITS)
    return left, right


class Group:
    """Paced streams that begin together, all moved on by one timer.

    All have the same gap, so that those due next are always at the head of a queue: a timer for each would
    make the server dearer than its clients.
    """

    def __init__(self, *, gap: float, count: int, size: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._gap, self._count, self._size = gap, count, size
        self._waiting: list[Connection] = []
        self._due: deque[tuple[float, int, Connection]] = deque()
        self.begun = False
        # A client that cannot open them all is still served, and reports what it lost.
        self._loop.call_later(PATIENCE, self._begin)

    def join(self, connection: Connection) -> None:
        self._waiting.append(connection)
        if len(self._waiting) == self._size:
            self._begin()

    def _begin(self) -> None:
        if self.begun:
            return
        self.begun = True
        start = self._loop.time()
        step = self._gap / max(len(self._waiting) / BATCH, 1)
        self._due.extend(
            (start + self._gap + number // BATCH * step, 0, one) for number, one in enumerate(self._waiting)
        )
        self._tick()

    def _tick(self) -> None:
        now, due = self._loop.time(), self._due
        while due and due[0][0] <= now:
            at, sent, connection = due.popleft()
            if sent == self._count:
                connection.finish()
            else:
                connection.delta()
                due.append((at + self._gap, sent + 1, connection))
        if due:
            self._loop.call_at(due[0][0], self._tick)


groups: dict[str, Group] = {}


def group_of(key: str, size: int) -> Group:
    """The group that is being filled for this address."""
    group = groups.get(key)
    if group is None or group.begun:
        _, gap, count, _ = key.split("-")
        group = groups[key] = Group(gap=float(gap) / 1000, count=int(count), size=size)
    return group


class Connection(asyncio.Protocol):
    """One client's connection; requests come one after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._unread = b""

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n") + 4) >= 4:
            head = self._unread[:end]
            _, _, after = head.lower().partition(b"\r\ncontent-length:")
            length = int(after.split(b"\r\n", 1)[0]) if after else 0
            if len(self._unread) < end + length:
                return
            self._unread = self._unread[end + length :]
            self._answer(head.split(b" ", 2)[1].decode())

    def _answer(self, target: str) -> None:
        _, how, path = target.split("?", maxsplit=1)[0].split("/", 2)
        wire = next((wire for wire in WIRES.values() if wire.path == f"/{path}"), None)
        mode, *numbers = how.split("-")
        if wire is None or mode not in {"burst", "paced"}:
            self._transport.write(MISSING)
        elif mode == "burst":
            self._transport.write(burst(wire, int(numbers[0])))
        else:
            self._wire = wire
            self._left, self._right = stamped(wire)
            self._transport.write(HEAD + chunked(b"".join(wire.head)))
            group_of(how, int(numbers[2])).join(self)

    def delta(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(b"%b%020d%b" % (self._left, time.monotonic_ns(), self._right))

    def finish(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(chunked(b"".join(self._wire.tail)) + LAST)


async def serve(certificate: str) -> None:
    tls = certified(certificate) if certificate else None
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=4096, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def main() -> None:
    stay_on_core()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tls", default="")
    options = parser.parse_args()
    allow_many_files()
    try:
        import uvloop  # a faster server hides less of a client
    except ImportError:
        asyncio.run(serve(options.tls))
    else:
        uvloop.run(serve(options.tls))


if __name__ == "__main__":
    main()
