"""The same peer a level lower: HTTP/1.1 bytes on connections in memory, under our own client's stack."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Literal

import anyio
import anyio.lowlevel
import attrs

from llmstream.errors import ConfigError, LLMStreamError
from llmstream.testing.sim.peer import Visit, follow, piece
from llmstream.testing.sim.plan import Break, Plan, Step
from llmstream.testing.splits import cut
from llmstream.transport.base import Exchange, HttpCall
from llmstream.transport.direct import open_directly, route
from llmstream.transport.fast.pool import Limits
from llmstream.transport.fast.sender import Sender
from llmstream.transport.fast.wire import Answered, ExchangeError, Origin, Wire

# A call dials and sends in its own task, so this says for whom a connection is used.
_planned: ContextVar[Plan] = ContextVar("llmstream_sim_plan")


class WiredPeer:
    """A transport of our own connections, which lead to a peer in process.

    Attributes:
        wires: the connections that were made, in order.
    """

    def __init__(self, visit: Callable[[HttpCall], Visit], *, connections: int) -> None:
        self.wires: list[MemoryWire] = []
        self._visit = visit
        self._sender = Sender(ssl.create_default_context, limits=Limits(connections), dial=self._dial)

    async def open(self, call: HttpCall, /) -> Exchange:
        """Take a call.

        Raises:
            TransportError: when the plan of the call says so.
        """
        way = route(call.url)
        if way is None:
            raise ConfigError(f"expected an address with a direct route, got {call.address}")
        visit = self._visit(call)
        plan = visit.begin()
        if plan.dialling:
            # What goes wrong with dialling is not to be got around by a connection that is there already.
            host = f"{len(self.wires)}.{way.origin.host}"
            way = attrs.evolve(way, origin=attrs.evolve(way.origin, host=host))
        token = _planned.set(plan)
        try:
            return await visit.through(open_directly(call, way, self._sender))
        finally:
            _planned.reset(token)

    @property
    def lent(self) -> int:
        """How many connections are in use."""
        return sum(wire.state == "lent" for wire in self.wires)

    async def _dial(self, origin: Origin, /) -> Wire:
        try:
            await follow(_planned.get().dialling)
        except LLMStreamError as error:
            full = any(step == Break("full") for step in _planned.get().dialling)
            raise ExchangeError("PoolTimeout" if full else "ConnectError", str(error)) from None
        wire = MemoryWire(origin)
        self.wires.append(wire)
        return wire


class MemoryWire:
    """One connection in memory; see `Wire`.

    Attributes:
        state: lent to an exchange, idle, or gone.
    """

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self.state: Literal["lent", "idle", "gone"] = "lent"
        self._steps: Iterator[Step] = iter(())
        self._closing = False
        self._came: bytes | None = None
        self._lost: str | None = None
        self._scope: anyio.CancelScope | None = None

    async def send(self, data: bytes, deadline: float, answered: Answered) -> bool:
        """Take a request, which comes whole."""
        await anyio.lowlevel.checkpoint()
        plan = _planned.get()
        self._steps = http(plan)
        self._closing = plan.framing.flaw == "closed while idle"
        return self.state != "gone"

    def take(self) -> bytes | None:
        """What has come in.

        Raises:
            ExchangeError: ReadError.
        """
        lost = "the connection was closed while it was read" if self.state == "gone" else self._lost
        if lost is not None:
            raise ExchangeError("ReadError", lost)
        data, self._came = self._came, None
        return data

    async def coming(self, deadline: float) -> bool:
        """Wait for what comes in; False at the deadline."""
        with anyio.CancelScope(deadline=deadline) as self._scope:
            try:
                self._came = await piece(self._steps)
            except LLMStreamError as error:
                self._lost = str(error)
            return True
        return self.state == "gone"

    def abort(self) -> None:
        """Drop the connection."""
        self.state = "gone"
        if self._scope is not None:
            self._scope.cancel()

    def rest(self, on_end: Callable[[Wire], None]) -> bool:
        """Be idle, unless more comes than was asked for."""
        if self.state == "gone" or next(self._steps, None) is not None:
            return False
        self.state = "idle"
        return True

    def wake(self) -> bool:
        """Be idle no more; False when the peer has closed the connection meanwhile."""
        if self.state == "idle":
            self.state = "gone" if self._closing else "lent"
        return self.state == "lent"


_ENDLESS = 70 * 1024


def http(plan: Plan, /) -> Iterator[Step]:
    """A plan as what comes in on a connection."""
    yield from plan.opening
    for step in _response(plan):
        if isinstance(step, bytes):
            yield from cut(step, [plan.framing.cut % (len(step) + 1)])
        else:
            yield step


def _response(plan: Plan) -> Iterator[Step]:
    flaw = plan.framing.flaw
    if flaw == "early hints":
        yield b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    if flaw == "status line that is none":
        yield b"ICY two hundred\r\n\r\n"
    if flaw == "endless header":
        yield b"HTTP/1.1 200 OK\r\nx-long: " + b"a" * _ENDLESS
    if plan.head.status == 204:
        yield _head(plan, [])
    elif plan.framing.by == "chunks" or plan.endless:
        yield from _chunked(plan)
    else:
        yield from _plain(plan)


def _head(plan: Plan, own: list[tuple[str, str]]) -> bytes:
    lines = [f"{name}: {value}" for name, value in (*plan.head.headers.items(), *own)]
    return "\r\n".join([f"HTTP/1.1 {plan.head.status} Said", *lines, "", ""]).encode("latin-1")


def _chunked(plan: Plan) -> Iterator[Step]:
    flaw = plan.framing.flaw
    lengths = [("content-length", "7")] if flaw == "two lengths" else []
    yield _head(plan, [("transfer-encoding", "chunked"), *lengths])
    for number, step in enumerate(plan.body()):
        if flaw == "chunk size that is no number" and number == 1:
            yield b"what\r\n"
        if not isinstance(step, bytes):
            yield step
        elif step:
            yield b"%x\r\n%b\r\n" % (len(step), step)
    if flaw != "no last chunk":
        yield b"0\r\n\r\n"
    if flaw == "bytes behind the end":
        yield b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


_SHORTER = {"length too long": -64, "length too short": 16}


def _plain(plan: Plan) -> Iterator[Step]:
    """A body with a length, or one that ends with the connection."""
    steps = tuple(plan.body())
    length = sum(len(step) for step in steps if isinstance(step, bytes))
    lost = 64 if Break("lost") in steps else 0
    length = max(length + lost - _SHORTER.get(plan.framing.flaw or "", 0), 0)
    by_length = plan.framing.by == "length"
    yield _head(plan, [("content-length", str(length)) if by_length else ("connection", "close")])
    yield from steps
