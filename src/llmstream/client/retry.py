"""Whether a call that failed is made again, and when; only before its first event.

The decision is `wait_before`, a pure function of the error. `attempts` makes the calls: a generator
around the generators of single ones, which after the first event hands on what comes and no more.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from math import inf

import anyio

from llmstream.client.drive import Call, batches
from llmstream.client.limiter import RateLimiter, paced
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
    chance: Callable[[], float] = random.random,  # noqa: S311 - no secret hangs on it
) -> AsyncGenerator[Sequence[Event], None]:
    """The events of one call as `drive.batches` gives them, in as many attempts as it takes.

    Each attempt waits for a turn of `limiter`; `chance` is that of `attempts`.

    Raises:
        LLMStreamError: what ended the last attempt.
    """
    line = line or Line()

    def begin(began: float) -> AsyncGenerator[Sequence[Event], None]:
        if limiter is None:
            return batches(call, line, began)
        return paced(call, line, began, limiter)

    return attempts(begin, retries, line=line, total=call.timeouts.total, chance=chance)


async def attempts(
    begin: Callable[[float], AsyncGenerator[Sequence[Event], None]],
    /,
    retries: Retries,
    *,
    line: Line | None = None,
    total: float | None = None,
    chance: Callable[[], float] = random.random,  # noqa: S311 - no secret hangs on it
) -> AsyncGenerator[Sequence[Event], None]:
    """The events of the first attempt that brings any.

    Args:
        begin: makes an attempt; it is told when the first one began, by the event loop's clock.
        line: ends a wait between two attempts, if it is interrupted.
        total: seconds in which the last attempt must begin, beside `retries.within`.
        chance: gives numbers from 0 to 1 for the jitter.

    Raises:
        LLMStreamError: what ended the last attempt; its `attempts` are the errors of those before.
    """
    course = _Course(retries, line or Line(), total, chance)
    while True:
        begun = False
        try:
            async with aclosing(begin(course.began)) as source:
                async for batch in source:
                    begun = begun or bool(batch)
                    yield batch  # noqa: ASYNC119 - aclosing is the cleanup
            return
        except LLMStreamError as error:
            error.attempts = course.failed
            if begun or not await course.goes_on(error):
                raise


class _Course:
    """What became of the attempts so far.

    Attributes:
        began: when the first one did, by the event loop's clock.
        failed: how they ended.
    """

    __slots__ = ("_chance", "_last", "_line", "_retries", "began", "failed")

    def __init__(
        self, retries: Retries, line: Line, total: float | None, chance: Callable[[], float]
    ) -> None:
        self.began = anyio.current_time()
        limits = [seconds for seconds in (retries.within, total) if seconds is not None]
        self._last = self.began + min(limits, default=inf)
        self._retries = retries
        self._line = line
        self._chance = chance
        self.failed: tuple[LLMStreamError, ...] = ()

    async def goes_on(self, error: LLMStreamError) -> bool:
        """Note that an attempt failed; wait for the next one, or say that there is none.

        Raises:
            ConnectionLost: when the wait was ended by another task.
        """
        if self._line.cut:
            return False
        number, now = len(self.failed) + 1, anyio.current_time()
        wait = wait_before(number + 1, error, self._retries, chance=self._chance())
        if wait is not None and now + wait > self._last:
            wait = None
        if self._retries.listener is not None:
            self._retries.listener(Attempt(number, error, wait))
        if wait is None:
            return False
        self.failed = (*self.failed, error)
        await self._line.pause(now + wait)
        return True
