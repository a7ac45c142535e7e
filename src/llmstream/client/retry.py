"""Whether a call that failed is made again, and when; only before its first event.

The decision is `wait_before`, a pure function of the error. `attempts` makes the calls, and after the first
event hands on what comes and no more.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from math import inf
from typing import TYPE_CHECKING, Any

from llmstream.client.drive import Call, batches
from llmstream.client.line import Line
from llmstream.client.retries import Attempt, Retries
from llmstream.errors import (
    LLMStreamError,
    PoolTimeout,
    ProviderError,
    TimeoutExceeded,
    TruncatedStreamError,
)
from llmstream.values.events import Event

if TYPE_CHECKING:
    from llmstream.client.limiter import RateLimiter

# By how much chance shortens a wait at most.
_JITTER = 0.25
# 2 to that power is more than anybody waits, and still a float.
_MOST_DOUBLINGS = 64


def is_retried(error: LLMStreamError, /) -> bool:
    """Whether a call that failed with this error before its first event is made again.

    Not every error that may pass by itself (`retryable`) is: the provider may have billed a call that
    was accepted and then stayed silent or ended without a word; and who had to wait for the own pool or
    limiter for as long as he allowed has waited enough.
    """
    match error:
        case TimeoutExceeded(clock=clock):
            return clock == "connect"
        case PoolTimeout() | TruncatedStreamError():
            return False
        case _:
            return error.retryable


def wait_before(attempt: int, error: LLMStreamError, /, retries: Retries, *, chance: float) -> float | None:
    """Seconds to wait before an attempt, from 2, after an error; None: it is not made.

    Args:
        chance: from 0 to 1; how much of the jitter is taken off a wait that nobody asked for.
    """
    if attempt > retries.attempts or not is_retried(error):
        return None
    asked = error.retry_after if isinstance(error, ProviderError) else None
    if asked is not None:
        return asked if asked <= retries.longest_wait else None
    doubled = retries.first_wait * 2.0 ** min(attempt - 2, _MOST_DOUBLINGS)
    return min(doubled, retries.longest_backoff) * (1 - _JITTER * chance)


def tried(
    call: Call,
    retries: Retries,
    line: Line | None = None,
    /,
    *,
    limiter: RateLimiter | None = None,
    chance: Callable[[], float] | None = None,
) -> AsyncGenerator[Sequence[Event], None]:
    """The events of one call as `drive.batches` gives them, in as many attempts as it takes.

    Each attempt waits for a turn of `limiter`; `chance` is that of `attempts`.

    Raises:
        LLMStreamError: what ended the last attempt.
    """
    line = line or Line()

    def begin() -> AsyncGenerator[Sequence[Event], None]:
        if limiter is None:
            return batches(call, line)
        # Not above: calls without a limiter do without.
        from llmstream.client.limiter import paced

        return paced(call, line, limiter)

    return attempts(begin, retries, line=line, total=call.timeouts.total, chance=chance)


def attempts(
    begin: Callable[[], AsyncGenerator[Sequence[Event], None]],
    /,
    retries: Retries,
    *,
    line: Line | None = None,
    total: float | None = None,
    chance: Callable[[], float] | None = None,
) -> AsyncGenerator[Sequence[Event], None]:
    """The events of the first attempt that brings any.

    Args:
        begin: makes an attempt.
        line: knows when the first one began; ends a wait between two, if it is interrupted.
        total: seconds in which the last attempt must begin, beside `retries.within`.
        chance: gives numbers from 0 to 1 for the jitter; by default random ones.

    Raises:
        LLMStreamError: what ended the last attempt; its `attempts` are the errors of those before.
    """
    return _Attempts(begin, _Course(retries, line or Line(), total, chance))


class _Attempts(AsyncGenerator[Sequence[Event], None]):
    """What `attempts` gives; no generator around that of an attempt, which would cost each event its own."""

    __slots__ = ("_begin", "_begun", "_course", "_over", "_source")

    def __init__(self, begin: Callable[[], AsyncGenerator[Sequence[Event], None]], course: _Course) -> None:
        self._begin = begin
        self._course = course
        self._source: AsyncGenerator[Sequence[Event], None] | None = None
        # An event came: it is this attempt or none.
        self._begun = False
        self._over = False

    def __anext__(self) -> Awaitable[Sequence[Event]]:  # type: ignore[override] # a coroutine or the like
        if self._begun and self._source is not None:
            return self._later(self._source) if self._course.failed else self._source.__anext__()
        return self._first()

    async def _first(self) -> Sequence[Event]:
        """The first batch with an event, or an empty one before it."""
        while not self._over:
            if self._source is None:
                self._course.begin()
                self._source = self._begin()
            source = self._source
            try:
                batch = await self._later(source)
            except StopAsyncIteration:
                self._over = True
                raise
            except LLMStreamError as error:
                self._source = None
                if not await self._goes_on(error):
                    raise
            else:
                self._begun = bool(batch)
                return batch
        raise StopAsyncIteration

    async def _goes_on(self, error: LLMStreamError) -> bool:
        going = False
        try:
            going = await self._course.goes_on(error)
        finally:
            self._over = self._over or not going
        return going

    async def _later(self, source: AsyncGenerator[Sequence[Event], None]) -> Sequence[Event]:
        try:
            return await anext(source)
        except LLMStreamError as error:
            error.attempts = self._course.failed
            raise

    async def asend(self, value: None, /) -> Sequence[Event]:
        return await self.__anext__()

    async def athrow(self, kind: Any, value: object = None, traceback: object = None, /) -> Sequence[Event]:
        """End it with an exception, which is given to the attempt that runs."""
        source, self._over = self._source, True
        if source is None:
            raise kind
        return await source.athrow(kind)

    async def aclose(self) -> None:
        self._over = True
        if self._source is not None:
            await self._source.aclose()


def _chance() -> Callable[[], float]:
    # Not above: a call that succeeds does without.
    import random

    return random.random  # noqa: S311 - no secret hangs on it


class _Course:
    """What became of the attempts so far.

    Attributes:
        failed: how they ended.
    """

    __slots__ = ("_chance", "_line", "_retries", "_total", "failed")

    def __init__(
        self, retries: Retries, line: Line, total: float | None, chance: Callable[[], float] | None
    ) -> None:
        self._retries = retries
        self._line = line
        self._total = total
        self._chance = chance
        self.failed: tuple[LLMStreamError, ...] = ()

    def begin(self) -> None:
        """Note that an attempt begins; the limits count from the first."""
        self._line.began()

    def _last(self) -> float:
        """When the last attempt must begin, by the event loop's clock."""
        limits = [seconds for seconds in (self._retries.within, self._total) if seconds is not None]
        return self._line.began() + min(limits, default=inf)

    async def goes_on(self, error: LLMStreamError) -> bool:
        """Note that an attempt failed; wait for the next one, or say that there is none.

        Raises:
            ConnectionLost: when the wait was ended by another task.
        """
        if self._line.cut:
            return False
        number, now = len(self.failed) + 1, self._line.now()
        wait = wait_before(number + 1, error, self._retries, chance=(self._chance or _chance())())
        if wait is not None and now + wait > self._last():
            wait = None
        if self._retries.listener is not None:
            self._retries.listener(Attempt(number, error, wait))
        if wait is None:
            return False
        self.failed = (*self.failed, error)
        await self._line.pause(now + wait)
        return True
