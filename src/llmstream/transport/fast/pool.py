"""Which connection serves a request: idle ones by origin, and how many there may be at all.

Every connection holds one slot from before it is dialled until it is dropped. All that changes the
pool is synchronous; the one await is the queue for a slot, and who is cancelled there gives back what
was given in the same moment. So no cancellation leaves a slot or a place in the queue behind.

Each request costs the same however many connections there are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import anyio
import attrs

from llmstream.transport.fast.wire import ExchangeError, Origin, Wire


@attrs.frozen
class Limits:
    """How many connections a pool may have, and for how long an idle one is kept; None: no limit.

    Attributes:
        connections: all of them, in use or idle.
        idle: how many are kept for later.
        expiry: for how many seconds.
    """

    connections: int | None = None
    idle: int | None = 100
    expiry: float | None = 60.0


class _Waiter:
    """A request in the queue; it is given a slot, with an idle wire to its origin or without."""

    __slots__ = ("event", "given", "origin", "wire")

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.event = anyio.Event()
        self.given = False
        self.wire: Wire | None = None

    def give(self, wire: Wire | None) -> None:
        self.given, self.wire = True, wire
        self.event.set()


class Pool:
    """The connections of one event loop.

    Whoever got a wire or a slot from `acquire` gives it back once: by `release` or `drop` the wire, by
    `free` the slot.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._slots = 0
        self._by_origin: dict[Origin, dict[Wire, None]] = {}
        self._by_age: OrderedDict[Wire, None] = OrderedDict()
        self._queue: OrderedDict[_Waiter, None] = OrderedDict()
        self._busy: set[Wire] = set()
        self._closed = False

    @property
    def slots(self) -> int:
        """How many connections there are: in use, idle and being made."""
        return self._slots

    @property
    def idle(self) -> int:
        """How many connections are idle."""
        return len(self._by_age)

    async def acquire(self, origin: Origin, seconds: float | None) -> Wire | None:
        """Wait for an idle wire, or for a slot to dial one in (None).

        Raises:
            ExchangeError: PoolTimeout.
        """
        wire = self.at_hand(origin)
        if wire is not None:
            return wire
        limit = self._limits.connections
        if not self._queue:
            if limit is not None and self._slots >= limit and self._by_age:
                self._forget_oldest()
            if limit is None or self._slots < limit:
                self._slots += 1
                return None
        return await self._wait(_Waiter(origin), seconds)

    def at_hand(self, origin: Origin) -> Wire | None:
        """An idle wire, if there is one that nobody waits for; as from `acquire`."""
        self._expire()
        return None if self._queue else self._take(origin)

    async def _wait(self, waiter: _Waiter, seconds: float | None) -> Wire | None:
        self._queue[waiter] = None
        try:
            with anyio.fail_after(seconds):
                await waiter.event.wait()
        except TimeoutError:
            self._leave(waiter)
            raise ExchangeError("PoolTimeout", f"no connection became free within {seconds} s") from None
        except BaseException:
            self._leave(waiter)
            raise
        wire = waiter.wire
        if wire is None or wire.wake():
            return wire
        # It ended between two turns of the event loop; its slot is still this request's.
        self._busy.discard(wire)
        wire.abort()
        return None

    def _leave(self, waiter: _Waiter) -> None:
        self._queue.pop(waiter, None)
        if not waiter.given:
            return
        if waiter.wire is None:
            self.free()
        else:
            self.release(waiter.wire)

    def opened(self, wire: Wire) -> None:
        """Take note of the wire that was dialled in a slot.

        Raises:
            ExchangeError: ConnectError, when the pool was closed meanwhile.
        """
        if self._closed:
            wire.abort()
            raise ExchangeError("ConnectError", "the transport was closed while it connected")
        self._busy.add(wire)

    def free(self) -> None:
        """Give a slot back."""
        if self._queue:
            waiter, _ = self._queue.popitem(last=False)
            waiter.give(None)
        else:
            self._slots -= 1

    def drop(self, wire: Wire) -> None:
        """Give a wire back that cannot serve another request; once more does nothing."""
        if wire in self._busy:
            self._busy.discard(wire)
            wire.abort()
            self.free()

    def release(self, wire: Wire) -> None:
        """Give a wire back that can serve another request."""
        if wire not in self._busy:
            return
        wanted = next(iter(self._queue)).origin == wire.origin if self._queue else self._limits.idle != 0
        if not wanted or not wire.rest(self._ended):
            self.drop(wire)
            return
        if self._queue:
            waiter, _ = self._queue.popitem(last=False)
            waiter.give(wire)
            return
        self._busy.discard(wire)
        wire.idle_since = self._clock()
        self._by_origin.setdefault(wire.origin, {})[wire] = None
        self._by_age[wire] = None
        self._expire()
        if self._limits.idle is not None and len(self._by_age) > self._limits.idle:
            self._forget_oldest()

    def close(self) -> None:
        """Drop all connections, also those in use and those that are being made."""
        self._closed = True
        while self._by_age:
            self._forget_oldest()
        for wire in list(self._busy):
            self.drop(wire)

    def _take(self, origin: Origin) -> Wire | None:
        """The youngest idle wire to an origin that is still good."""
        while wires := self._by_origin.get(origin):
            wire = next(reversed(wires))
            self._unlist(wire)
            if wire.wake():
                self._busy.add(wire)
                return wire
            wire.abort()
            self.free()
        return None

    def _unlist(self, wire: Wire) -> None:
        del self._by_age[wire]
        wires = self._by_origin[wire.origin]
        del wires[wire]
        if not wires:
            del self._by_origin[wire.origin]

    def _ended(self, wire: Wire) -> None:
        if wire in self._by_age:
            self._forget(wire)

    def _forget(self, wire: Wire) -> None:
        self._unlist(wire)
        wire.abort()
        self.free()

    def _forget_oldest(self) -> None:
        self._forget(next(iter(self._by_age)))

    def _expire(self) -> None:
        expiry = self._limits.expiry
        if expiry is None or not self._by_age:
            return
        # One duration for all, so the oldest is the first to expire.
        before = self._clock() - expiry
        while self._by_age and next(iter(self._by_age)).idle_since <= before:
            self._forget_oldest()
