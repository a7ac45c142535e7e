"""When the next call may go: by a caller's own limits and by what a provider's headers tell.

There is no clock here: each step is told the time, in seconds of any clock that only goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import inf

from llmstream.values.ratelimits import RateLimit, RateLimits

_MINUTE = 60.0


class Spent:
    """What a call takes of a window."""

    __slots__ = ("amount", "at")

    def __init__(self, at: float, amount: float) -> None:
        self.at = at
        self.amount = amount


class Window:
    """At most so much in any minute, wherever the minute begins."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._spent: deque[Spent] = deque()
        self._sum = 0.0

    def wait(self, amount: float, now: float) -> float:
        """Seconds until an amount fits; more than the whole limit fits where nothing else is."""
        self._forget(now)
        over = self._sum + amount - self._limit
        for spent in self._spent:
            if over <= 0:
                break
            over -= spent.amount
            wait = spent.at + _MINUTE - now
            if over <= 0 or spent is self._spent[-1]:
                return wait
        return 0.0

    def take(self, amount: float, now: float) -> Spent:
        """Spend an amount."""
        spent = Spent(now, amount)
        self._spent.append(spent)
        self._sum += amount
        return spent

    def settle(self, spent: Spent, amount: float, now: float) -> None:
        """Note that something took another amount than was thought."""
        self._forget(now)
        if self._spent and spent.at >= self._spent[0].at:
            self._sum += amount - spent.amount
        spent.amount = amount

    def _forget(self, now: float) -> None:
        while self._spent and self._spent[0].at + _MINUTE <= now:
            self._sum -= self._spent.popleft().amount


class Told:
    """What a provider said is left of one limit, less what was taken since."""

    def __init__(self) -> None:
        self._left = inf
        self._until = 0.0

    def wait(self, now: float) -> float:
        """Seconds until there is something left."""
        return max(self._until - now, 0.0) if self._left <= 0 else 0.0

    def take(self, amount: float) -> None:
        """Spend an amount."""
        self._left -= amount

    def note(self, limit: RateLimit, now: float) -> None:
        """Take over what a response says; where it does not say until when, it says nothing."""
        if limit.remaining is not None and limit.reset is not None:
            self._left, self._until = limit.remaining, now + limit.reset


class Pace:
    """The limits of requests and of tokens, those of one's own and those that were told."""

    def __init__(self, requests: float | None, tokens: float | None) -> None:
        self._requests = Window(requests) if requests is not None else None
        self._tokens = Window(tokens) if tokens is not None else None
        self._told: dict[str, Told] = {}
        self._paused = 0.0

    def wait(self, tokens: float, now: float) -> float:
        """Seconds until a call of so many tokens may go."""
        return max(self._waits(tokens, now))

    def _waits(self, tokens: float, now: float) -> Iterator[float]:
        yield self._paused - now
        if self._requests is not None:
            yield self._requests.wait(1, now)
        if self._tokens is not None:
            yield self._tokens.wait(tokens, now)
        for told in self._told.values():
            yield told.wait(now)

    def take(self, tokens: float, now: float) -> Spent | None:
        """Note that a call goes; what it takes of the tokens, where they are counted."""
        if self._requests is not None:
            self._requests.take(1, now)
        for kind, told in self._told.items():
            told.take(tokens if "token" in kind else 1)
        return None if self._tokens is None else self._tokens.take(tokens, now)

    def settle(self, spent: Spent, tokens: float, now: float) -> None:
        """Note how many tokens a call took in the end."""
        if self._tokens is not None:
            self._tokens.settle(spent, tokens, now)

    def pause(self, seconds: float, now: float) -> None:
        """Let no call go for a while."""
        self._paused = max(self._paused, now + seconds)

    def note(self, limits: RateLimits, now: float) -> None:
        """Take over what a response says of all its limits."""
        given = {"requests": limits.requests, "tokens": limits.tokens, **limits.other}
        for kind, limit in given.items():
            if limit is not None:
                self._told.setdefault(kind, Told()).note(limit, now)
