"""The thread behind the sync face: it runs one event loop for all calls."""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from math import inf
from queue import Empty, SimpleQueue
from typing import Generic, NoReturn, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from llmstream.errors import ConfigError
from llmstream.values.content import Attachment
from llmstream.values.events import (
    AudioDelta,
    Event,
    ImageOut,
    OpaqueOut,
    PartMetadata,
    Raw,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolResultOut,
)

T = TypeVar("T")

_CLOSE_SECONDS = 1.0


class Thread:
    """The thread that all calls run in, started by the first and stopped at exit."""

    def __init__(self) -> None:
        self.stopped = False
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._thread: threading.Thread | None = None

    def portal(self) -> BlockingPortal:
        """What brings calls into the thread.

        Raises:
            ConfigError: when the interpreter shuts down.
        """
        if self.stopped:
            raise ConfigError("expected a running interpreter, got a call while it shuts down")
        with self._lock:
            if self._portal is None:
                ready: Future[BlockingPortal] = Future()
                self._thread = threading.Thread(
                    target=anyio.run, args=(_serve, ready), name="llmstream", daemon=True
                )
                self._thread.start()
                self._portal = ready.result()
            return self._portal

    def stop(self) -> None:
        """End all calls and the thread."""
        self.stopped = True
        portal, thread, self._portal = self._portal, self._thread, None
        if portal is not None and thread is not None:
            portal.start_task_soon(portal.stop, True)
            thread.join(_CLOSE_SECONDS)

    def forget(self) -> None:
        """After a fork the thread is gone, and its lock may be held for ever: begin anew."""
        self._lock = threading.Lock()
        self._portal = self._thread = None


async def _serve(ready: Future[BlockingPortal]) -> None:
    async with BlockingPortal() as portal:
        ready.set_result(portal)
        await portal.sleep_until_stopped()


thread = Thread()
atexit.register(thread.stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=thread.forget)


class Task(Generic[T]):
    """A task of the portal that can be cancelled and waited for until it has closed what it held.

    An interrupt may come between any two steps of the calling thread. So the task is made before it is
    started, has a cancel scope of its own, and speaks through queues, which an interrupt leaves whole: a
    thread that is interrupted in a Condition may keep its lock, and the portal would wait for it for ever.
    """

    def __init__(self, function: Callable[[], Awaitable[T]]) -> None:
        self._function = function
        self._outcome: SimpleQueue[Callable[[], T]] = SimpleQueue()
        self._ended: SimpleQueue[None] = SimpleQueue()
        self._over = self._cancelled = False
        self._scope: anyio.CancelScope | None = None

    def start(self) -> None:
        """Begin, in the other thread."""
        thread.portal().start_task_soon(self._run)

    def result(self) -> T:
        """Begin, and wait for what comes of it; an interrupt cancels it first."""
        try:
            self.start()
            return self._outcome.get()()
        except Exception:
            raise
        except BaseException:
            self.cancel()
            raise

    def cancel(self) -> None:
        """End it, and wait until it has closed what it held."""
        self._cancelled = True
        if not self._over:
            thread.portal().start_task_soon(self._stop)
            with suppress(Empty):
                self._ended.get(timeout=_CLOSE_SECONDS)

    async def _run(self) -> None:
        outcome: Callable[[], T] = _gone
        try:
            with anyio.CancelScope() as self._scope:
                if self._cancelled:
                    self._scope.cancel()
                outcome = await _outcome_of(self._function)
        finally:
            self._over = True
            self._outcome.put(outcome)
            self._ended.put(None)

    async def _stop(self) -> None:
        if self._scope is not None:
            self._scope.cancel()


async def _outcome_of(function: Callable[[], Awaitable[T]]) -> Callable[[], T]:
    """What a function gives or raises, to be given or raised again in another thread."""
    try:
        value = await function()
    except anyio.get_cancelled_exc_class():
        raise
    except BaseException as error:  # noqa: BLE001 - raised again by whoever asks; a tool may call sys.exit
        failure = error
    else:
        return lambda: value

    def fail() -> T:
        raise failure

    return fail


def _gone() -> NoReturn:
    raise ConfigError("expected the call to run to its end, got the end of its thread")


class Channel(Generic[T]):
    """Batches of events, or of outcomes, on their way from the portal's thread to the caller's.

    So many items may wait, and so many of the bytes that `weigh` finds in a batch; one batch always goes.
    Each side counts for itself, and looks at the other's count only after it has told its own.
    """

    def __init__(
        self,
        most: int,
        *,
        most_bytes: float = inf,
        weigh: Callable[[Sequence[T]], int] = lambda _: 0,
    ) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._weigh = weigh
        self._given_bytes = self._taken_bytes = 0
        self._weights: deque[int] = deque()
        self._batches: SimpleQueue[Sequence[T] | None] = SimpleQueue()
        self._given = self._taken = 0
        self._room: anyio.Event | None = None
        self._error: BaseException | None = None
        self._over = False

    async def put(self, batch: Sequence[T]) -> None:
        """Hand over a batch, and wait while too much has not been taken."""
        weight = self._weigh(batch)
        self._given += len(batch)
        self._given_bytes += weight
        self._weights.append(weight)
        self._batches.put(batch)
        if self._is_full():
            self._room = room = anyio.Event()
            if self._is_full():
                await room.wait()
            self._room = None

    def _is_full(self) -> bool:
        if self._given - self._taken >= self._most:
            return True
        return self._given_bytes - self._taken_bytes >= self._most_bytes

    def end(self, error: BaseException | None) -> None:
        """Say that nothing follows, and what went wrong."""
        self._error = error
        self._batches.put(None)

    def take(self) -> list[T]:
        """All that is there, waiting for some; empty at the end."""
        events: list[T] = []
        while not self._over and (not events or not self._batches.empty()):
            batch = self._batches.get()
            if batch is None:
                self._over = True
            else:
                events.extend(batch)
                self._taken_bytes += self._weights.popleft()
        self._taken += len(events)
        room = self._room
        if room is not None:
            thread.portal().start_task_soon(_set, room)
        if not events and self._error is not None:
            raise self._error
        return events

    def drained(self) -> bool:
        """Whether the end was taken."""
        return self._over


async def _set(event: anyio.Event) -> None:
    event.set()


# Of so few events each is weighed; more of them came together in one read, which is bounded.
_FEW = 8
_READ_BYTES = 64 * 1024


def weight(batch: Sequence[Event]) -> int:
    """About how many bytes of content a batch holds; cheap where events are many."""
    if len(batch) <= _FEW:
        return sum(map(_bytes, batch))
    # A frame that was larger than one read comes first or last in what the read brought.
    return _READ_BYTES + _bytes(batch[0]) + _bytes(batch[-1])


def _bytes(event: Event) -> int:
    match event:
        case TextDelta(text=text) | ReasoningDelta(text=text):
            return len(text)
        case ToolCallArgsDelta(json=text):
            return len(text)
        case AudioDelta(data=data) | ImageOut(attachment=Attachment(data=bytes(data))):
            return len(data)
        case Raw(data=value) | OpaqueOut(data=value) | PartMetadata(data=value) | ToolResultOut(output=value):
            return len(repr(value))
        case _:
            return 0


async def pump(read: Callable[[Channel[T]], Awaitable[None]], channel: Channel[T]) -> None:
    """Fill a channel, and end it whatever happens."""
    try:
        await read(channel)
    except anyio.get_cancelled_exc_class():
        channel.end(None)
        raise
    except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
        channel.end(error)
    else:
        channel.end(None)
