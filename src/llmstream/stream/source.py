"""What the combinators read from: any asynchronous events, opened and closed alike."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from llmstream.errors import ConfigError
from llmstream.values.events import Event
from llmstream.values.response import Response


class Source:
    """An EventStream, a generator or any other events: entered if they can be, closed if they can be."""

    __slots__ = ("_entered", "_events", "_stream")

    def __init__(self, stream: AsyncIterable[Event], /) -> None:
        # Any: whether it can be entered, closed or asked for a snapshot is found out.
        self._stream: Any = stream
        self._events: AsyncIterator[Event] | None = None
        self._entered = False

    async def __aenter__(self) -> Self:
        if hasattr(self._stream, "__aenter__"):
            await self._stream.__aenter__()
            self._entered = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if self._events is None:
            self._events = aiter(self._stream)
        return await anext(self._events)

    async def aclose(self) -> None:
        """Close the events, and what iterates over them."""
        if self._entered:
            self._entered = False
            await self._stream.__aexit__(None, None, None)
        # The stream first: what iterates over it warns of one that was left open.
        closables: tuple[Any, ...] = (self._stream, self._events)
        for closable in closables:
            if hasattr(closable, "aclose"):
                await closable.aclose()

    def partial(self) -> Response | None:
        """The Response so far, if the events know it."""
        if hasattr(self._stream, "snapshot"):
            # Of a stream that keeps nothing.
            with suppress(ConfigError):
                snapshot: Response = self._stream.snapshot()
                return snapshot
        return None
