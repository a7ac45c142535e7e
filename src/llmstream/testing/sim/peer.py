"""A peer in memory: it takes a call as a transport does, and does with it what its plan says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from math import inf

import anyio
import anyio.lowlevel
import attrs

from llmstream.errors import ConnectError, ConnectionLost, PoolTimeout, TimeoutExceeded
from llmstream.testing.fakes import Pause
from llmstream.testing.sim.plan import Break, Plan, Step
from llmstream.transport.base import Exchange, HttpCall


class Watched:
    """An exchange that notes what is done with it.

    Attributes:
        delivered: what was read.
        closed: how often it was closed to the end.
        late: it was read after it was closed.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.head = exchange.head
        self.delivered = bytearray()
        self.closed = 0
        self.late = False
        self._exchange = exchange

    async def read(self, deadline: float = inf, /) -> bytes:
        """Read on."""
        self.late = self.late or self.closed > 0
        chunk = await self._exchange.read(deadline)
        self.delivered += chunk
        return chunk

    def interrupt(self) -> None:
        """End a read that is pending."""
        self._exchange.interrupt()

    async def aclose(self) -> None:
        """Close it."""
        await self._exchange.aclose()
        self.closed += 1


@attrs.define
class Visit:
    """One call from the peer's side.

    Attributes:
        plan: what is done with the attempt that was made last.
        later: what is done with those after it; when there is nothing more, the same again.
        before: what was done with those before it.
        asked: how many events the caller had seen at each attempt.
        times: when each began, by the event loop's clock.
        exchange: what was opened for the last one, as far as it came.
        exchanges: what was opened for all of them.
        seen: tells how many events the caller has seen.
    """

    plan: Plan
    later: list[Plan] = attrs.field(factory=list[Plan])
    before: list[Plan] = attrs.field(factory=list[Plan])
    asked: list[int] = attrs.field(factory=list[int])
    times: list[float] = attrs.field(factory=list[float])
    exchange: Watched | None = None
    exchanges: list[Watched] = attrs.field(factory=list[Watched])
    seen: Callable[[], int] = lambda: 0

    def begin(self) -> Plan:
        """Note an attempt, and say what is done with it."""
        if self.asked:
            self.before.append(self.plan)
            self.plan = self.later.pop(0) if self.later else self.plan
        self.asked.append(self.seen())
        self.times.append(anyio.current_time())
        self.exchange = None
        return self.plan

    async def through(self, opening: Awaitable[Exchange]) -> Watched:
        """Note what an attempt opens."""
        self.exchange = exchange = Watched(await opening)
        self.exchanges.append(exchange)
        return exchange


class MemoryPeer:
    """A transport to a peer in process; `visit` says what is done with each call."""

    def __init__(self, visit: Callable[[HttpCall], Visit]) -> None:
        self._visit = visit

    async def open(self, call: HttpCall, /) -> Exchange:
        """Take a call, as far as its plan lets it come.

        Raises:
            TransportError: when the plan says so.
        """
        visit = self._visit(call)
        return await visit.through(self._opened(call, visit.begin()))

    async def _opened(self, call: HttpCall, plan: Plan) -> Exchange:
        seconds = inf if call.connect is None else call.connect
        with anyio.move_on_after(seconds) as connecting:
            await follow(plan.dialling)
        if connecting.cancelled_caught:
            words = f"expected a connection to {call.address} within {seconds} s (connect)"
            raise TimeoutExceeded(words, clock="connect", seconds=seconds, phase="connect")
        await follow(plan.opening)
        return PlannedExchange(plan)


class PlannedExchange:
    """A response whose body follows a plan."""

    def __init__(self, plan: Plan) -> None:
        self.head = plan.head
        self._steps = iter(plan.body())
        self._reading: anyio.CancelScope | None = None
        self._cut = False

    async def read(self, deadline: float = inf, /) -> bytes:
        """The next piece; empty at the end.

        Raises:
            TimeoutError: when it did not come before `deadline`.
            ConnectionLost: when the plan says so, or the exchange was closed.
        """
        with anyio.CancelScope(deadline=deadline) as self._reading:
            if not self._cut:
                return await piece(self._steps)
        if self._cut:
            raise ConnectionLost("the exchange was closed")
        raise TimeoutError

    def interrupt(self) -> None:
        """End a read that is pending."""
        self._cut = True
        if self._reading is not None:
            self._reading.cancel()

    async def aclose(self) -> None:
        """Give no more pieces; it takes a turn of the loop, as closing of real connections may."""
        self._cut = True
        with anyio.CancelScope(shield=True):
            await anyio.lowlevel.checkpoint()


async def follow(steps: Iterable[Step], /) -> None:
    """Do what stands before the body.

    Raises:
        TransportError: when the plan says so.
    """
    await anyio.lowlevel.checkpoint()
    for step in steps:
        if isinstance(step, Pause):
            await pause(step)
        elif isinstance(step, Break):
            raise _failure(step)


async def piece(steps: Iterable[Step], /) -> bytes:
    """The next bytes of steps; empty at their end.

    Raises:
        ConnectionLost: when the plan says so.
    """
    for step in steps:
        if isinstance(step, bytes):
            await anyio.lowlevel.checkpoint()
            return step
        if isinstance(step, Break):
            await anyio.lowlevel.checkpoint()
            raise _failure(step, phase="stream")
        await pause(step)
    await anyio.lowlevel.checkpoint()
    return b""


async def pause(step: Pause, /) -> None:
    """Wait; for ever, if the plan says so."""
    if step.seconds < inf:
        await anyio.sleep(step.seconds)
    else:
        await anyio.sleep_forever()


def _failure(step: Break, phase: str = "headers") -> ConnectError | PoolTimeout | ConnectionLost:
    match step.kind:
        case "refused":
            return ConnectError("expected a connection, got: refused")
        case "full":
            return PoolTimeout("expected a free connection of the pool, got none")
        case "lost":
            return ConnectionLost(
                "the connection was reset", phase="stream" if phase == "stream" else "headers"
            )
