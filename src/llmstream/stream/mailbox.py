"""What waits between two tasks of one event loop: bounded, with an end."""

from __future__ import annotations

from typing import Generic, NoReturn, Protocol, TypeVar

import anyio

T = TypeVar("T")


class Store(Protocol[T]):
    """Where what waits is kept: a deque, or events that are joined."""

    def __len__(self) -> int: ...

    def append(self, item: T, /) -> None:
        """Let one wait, behind the others."""
        ...

    def popleft(self) -> T:
        """Take the first."""
        ...


class Mailbox(Generic[T]):
    """At most `most` things that wait for a taker, and then the end.

    Attributes:
        over: no more will come; what waits is still taken.
    """

    def __init__(self, store: Store[T], most: int, /) -> None:
        self._store = store
        self._most = most
        self._error: Exception | None = None
        self._signal: anyio.Event | None = None
        self.over = False

    def __len__(self) -> int:
        return len(self._store)

    @property
    def full(self) -> bool:
        """Whether `put` would wait."""
        return len(self._store) >= self._most

    async def put(self, item: T, /) -> None:
        """Let one wait, when there is room; after the end nothing is kept."""
        while self.full and not self.over:
            await self._change()
        self.give(item)

    def give(self, item: T, /) -> None:
        """Let one wait, whether or not there is room."""
        if not self.over:
            self._store.append(item)
            self._wake()

    def drop(self) -> None:
        """Forget the first."""
        self._store.popleft()

    async def take(self) -> T:
        """The first of what waits; at the end StopAsyncIteration, or what went wrong."""
        await self.filled()
        if not self._store:
            self.finish()
        item = self._store.popleft()
        self._wake()
        return item

    async def filled(self) -> None:
        """Wait until there is something to take, or the end."""
        while not self._store and not self.over:
            await self._change()

    async def ended(self) -> None:
        """Wait for the end."""
        while not self.over:
            await self._change()

    def end(self, error: Exception | None = None, /) -> None:
        """Say that no more will come, and what went wrong; only the first such word counts."""
        if not self.over:
            self.over, self._error = True, error
            self._wake()

    def finish(self) -> NoReturn:
        """Raise the end."""
        if self._error is None:
            raise StopAsyncIteration
        raise self._error

    async def _change(self) -> None:
        self._signal = self._signal or anyio.Event()
        await self._signal.wait()

    def _wake(self) -> None:
        signal, self._signal = self._signal, None
        if signal is not None:
            signal.set()
