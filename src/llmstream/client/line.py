"""What a call waits for now, and since when it does, so that another task can end the wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import anyio.lowlevel

from llmstream.errors import ConnectionLost, LLMStreamError
from llmstream.transport.base import Exchange

T = TypeVar("T")


class Line:
    """The one thing that a call waits for, over all its attempts.

    It stands in for a cancel scope around each read, which costs as much as all else of a read.

    Attributes:
        exchange: what is read from, once there is one.
        cut: whether the call was ended by another task.
    """

    __slots__ = ("_began", "_loop", "_now", "_scope", "cut", "exchange")

    def __init__(self) -> None:
        self.exchange: Exchange | None = None
        self.cut = False
        self._scope: anyio.CancelScope | None = None
        self._loop: object = None
        self._now: Callable[[], float] | None = None
        self._began: float | None = None

    @property
    def loop(self) -> object:
        """The running event loop's own token."""
        if self._loop is None:
            self._loop = anyio.lowlevel.current_token().native_token
        return self._loop

    @property
    def now(self) -> Callable[[], float]:
        """The event loop's clock: asked of the loop itself where it has one, at a tenth of the price."""
        now = self._now
        if now is None:
            now = self._now = getattr(self.loop, "time", None) or anyio.current_time
        return now

    def began(self) -> float:
        """When the first attempt began, by that clock: when this was asked first."""
        if self._began is None:
            self._began = self.now()
        return self._began

    def read_from(self, exchange: Exchange) -> None:
        """Wait for this exchange from here on.

        Raises:
            ConnectionLost: when the call was ended in the moment in which it came.
        """
        self.exchange = exchange
        if self.cut:
            raise self._closed()

    def interrupt(self) -> None:
        """End the wait: the call fails, with whatever error."""
        self.cut = True
        if self._scope is not None:
            self._scope.cancel()
        if self.exchange is not None:
            self.exchange.interrupt()

    async def wait(
        self, deadline: float, ready: Callable[[], Awaitable[T]], late: Callable[[], LLMStreamError]
    ) -> T:
        """Wait for something before there is an exchange, until `deadline` by the event loop's clock.

        Raises:
            LLMStreamError: what `late` makes, when the time is over.
            ConnectionLost: when the wait was ended.
        """
        if not self.cut:
            with anyio.CancelScope(deadline=deadline) as self._scope:
                result = await ready()
                self._scope = None
                return result
        raise self._closed() if self.cut else late()

    async def pause(self, until: float) -> None:
        """Wait for nothing but a time.

        Raises:
            ConnectionLost: when the wait was ended.
        """
        if not self.cut:
            with anyio.CancelScope() as self._scope:
                await anyio.sleep_until(until)
            self._scope = None
        if self.cut:
            raise self._closed()

    def _closed(self) -> ConnectionLost:
        return ConnectionLost("the call was closed")
