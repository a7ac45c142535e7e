"""Who may call now: one's own bound on calls at a time and on their pace.

The number of connections is bounded here and not in a pool of connections: one of httpx 0.28 fails for
ever after cancellations during connect.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from math import inf
from weakref import WeakKeyDictionary

import anyio
import anyio.lowlevel

from llmstream.client.drive import Call, batches
from llmstream.client.line import Line
from llmstream.client.pace import Pace, Spent
from llmstream.errors import ConfigError, LLMStreamError, PoolTimeout, TimeoutExceeded
from llmstream.values.amounts import is_amount
from llmstream.values.events import Done, Event
from llmstream.values.usage import Usage
from llmstream.wire.http import ResponseHead
from llmstream.wire.limits import header_wait, rate_limits

# The refusals after which nobody else need try before the time that they name.
_BUSY = (429, 503, 529)


class RateLimiter:
    """Lets calls go in the order in which they came, as many and as fast as the limits allow.

    One limiter may serve any number of models and tasks; it counts by the event loop, so that the sync
    face's calls are counted together and apart from those of other loops. It learns from the rate-limit
    headers of answers and of refusals: where nothing is left it waits until there is. How long a call may
    wait for its turn is `Timeouts.pool`; then it fails with PoolTimeout.

    Args:
        concurrency: calls at a time, each from its request to the end of its answer.
        requests_per_minute: in any 60 seconds.
        tokens_per_minute: likewise, of input and output; estimated when a call goes, a token for 4 bytes,
            and counted when its answer has said how many there were.

    Raises:
        ConfigError: when a limit is less than one.
    """

    def __init__(
        self,
        *,
        concurrency: int | None = None,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
    ) -> None:
        given = {
            "concurrency": concurrency,
            "requests_per_minute": requests_per_minute,
            "tokens_per_minute": tokens_per_minute,
        }
        for name, limit in given.items():
            if limit is not None and not is_amount(limit, 1):
                raise ConfigError(f"expected at least 1 as {name}, got {limit!r}")
        self._limits = {name: limit for name, limit in given.items() if limit is not None}
        self._lanes: WeakKeyDictionary[object, _Lane] = WeakKeyDictionary()

    async def admit(self, size: int = 0) -> Permit:
        """Wait for the turn of a call whose request has so many bytes, as long as it takes."""
        lane = self._lane()
        spent = await lane.turn(size / _BYTES_PER_TOKEN)
        return Permit(lane, spent)

    def _lane(self) -> _Lane:
        loop = anyio.lowlevel.current_token().native_token
        lane = self._lanes.get(loop)
        if lane is None:
            pace = Pace(self._limits.get("requests_per_minute"), self._limits.get("tokens_per_minute"))
            lane = self._lanes[loop] = _Lane(pace, self._limits.get("concurrency", inf))
        return lane

    def __repr__(self) -> str:
        limits = ", ".join(f"{name}={limit:g}" for name, limit in self._limits.items())
        return f"<{type(self).__name__} {limits or 'by headers'}>"


_BYTES_PER_TOKEN = 4


class _Lane:
    """The calls of one event loop."""

    def __init__(self, pace: Pace, concurrency: float) -> None:
        self.pace = pace
        self.busy = 0
        self._concurrency = concurrency
        # Who has it is the next to go; the others wait for it in turn.
        self._head = anyio.Lock(fast_acquire=True)
        self._changed: anyio.Event | None = None

    async def turn(self, tokens: float) -> Spent | None:
        async with self._head:
            while True:
                now = anyio.current_time()
                wait = self.pace.wait(tokens, now)
                if wait <= 0 and self.busy < self._concurrency:
                    break
                await self._change(now + wait if wait > 0 else inf)
            self.busy += 1
            return self.pace.take(tokens, now)

    async def _change(self, until: float) -> None:
        """Wait until a call ends or tells something, or for a time."""
        self._changed = anyio.Event()
        try:
            with anyio.CancelScope(deadline=until):
                await self._changed.wait()
        finally:
            self._changed = None

    def tell(self) -> None:
        if self._changed is not None:
            self._changed.set()


class Permit:
    """A call's leave to go, given back once with `release`."""

    __slots__ = ("_lane", "_spent")

    def __init__(self, lane: _Lane, spent: Spent | None) -> None:
        self._lane: _Lane | None = lane
        self._spent = spent

    def note(self, head: ResponseHead) -> None:
        """Learn what a response tells of the account's limits."""
        if self._lane is None:
            return
        now, wait = anyio.current_time(), header_wait(head)
        if wait is not None and head.status in _BUSY:
            self._lane.pace.pause(wait, now)
        elif (limits := rate_limits(head)) is not None:
            self._lane.pace.note(limits, now)
        self._lane.tell()

    def release(self, usage: Usage | None = None) -> None:
        """End the call; once more does nothing."""
        lane, self._lane = self._lane, None
        if lane is None:
            return
        lane.busy -= 1
        if usage is not None and self._spent is not None:
            lane.pace.settle(self._spent, usage.input + usage.output, anyio.current_time())
        lane.tell()


async def paced(call: Call, line: Line, limiter: RateLimiter, /) -> AsyncGenerator[Sequence[Event], None]:
    """The events of one call as `drive.batches` gives them, once it is its turn.

    Raises:
        PoolTimeout: when its turn did not come in time.
        LLMStreamError: whatever ended the call before its answer was complete.
    """
    permit = await _admitted(call, line, limiter)
    before, head, usage = line.exchange, None, None
    try:
        async with aclosing(batches(call, line)) as source:
            async for batch in source:
                if head is None and line.exchange is not None:
                    head = line.exchange.head
                    permit.note(head)
                if type(last := batch[-1]) is Done:
                    usage = last.usage
                yield batch  # noqa: ASYNC119 - aclosing is the cleanup
    finally:
        # A refusal has a head and no events.
        if head is None and line.exchange is not None and line.exchange is not before:
            permit.note(line.exchange.head)
        permit.release(usage)


async def _admitted(call: Call, line: Line, limiter: RateLimiter) -> Permit:
    pool, total = call.timeouts.pool, call.timeouts.total
    turn = inf if pool is None else anyio.current_time() + pool
    end = inf if total is None else line.began() + total

    def late() -> LLMStreamError:
        if end < turn:
            message = f"expected the whole answer within {total} s (total)"
            return TimeoutExceeded(message, clock="total", seconds=total or 0.0, phase="connect")
        return PoolTimeout(f"expected a turn of {limiter!r} within {pool} s (pool), got none")

    return await line.wait(min(turn, end), lambda: limiter.admit(len(call.http.body)), late)
