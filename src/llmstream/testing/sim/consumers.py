"""What a caller does with a stream: read it, or leave it in one of the ways in which streams are left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeAlias

import anyio
import attrs

from llmstream.errors import ConfigError
from llmstream.model.response import Response
from llmstream.model.stream import EventStream
from llmstream.testing.sim.seed import Seed
from llmstream.values.events import Event

_MOST_EVENTS = 12
_MOST_AWAITS = 40


class BodyError(Exception):
    """What the body of a caller's loop raises."""


@attrs.frozen
class Act:
    """How one caller behaves.

    Attributes:
        after: how many events, or awaits, come before he leaves.
        again: how many awaits come between a cancellation and the next.
        seconds: when he closes, or what he takes for each event.
        keep: as `prompt` takes it.
    """

    name: str
    run: Callable[[Stream, Act, Seen], Awaitable[None]]
    after: int = 0
    again: int = 0
    seconds: float = 0.0
    keep: bool = True


Stream: TypeAlias = EventStream[Response]


@attrs.define
class Seen:
    """What one caller saw.

    Attributes:
        left: he left before the stream's end, or tried to.
        caught: the exception that came out of the stream.
        cancelled: a cancellation of his was delivered: False when it was not, None when he tried none.
        slow: seconds that he took for himself.
    """

    events: list[Event] = attrs.field(factory=list[Event])
    left: bool = False
    caught: Exception | None = None
    response: Response | None = None
    cancelled: bool | None = None
    slow: float = 0.0
    began: float = 0.0
    ended: float = 0.0


async def whole(stream: Stream, _act: Act, seen: Seen) -> None:
    """Await the response."""
    seen.response = await stream
    seen.events += await stream.take()


async def iterate(stream: Stream, act: Act, seen: Seen) -> None:
    """Read the events inside a block."""
    async with stream:
        async for event in stream:
            seen.events.append(event)
    seen.response = await stream if act.keep else None


async def plain(stream: Stream, _act: Act, seen: Seen) -> None:
    """Read the events in a plain loop."""
    async for event in stream:
        seen.events.append(event)


async def batches(stream: Stream, _act: Act, seen: Seen) -> None:
    """Read the events as they come, several at a time."""
    async with stream:
        while events := await stream.take():
            seen.events += events
        stream.raise_failure()


async def slowly(stream: Stream, act: Act, seen: Seen) -> None:
    """Read the events, and take time for each."""
    async with stream:
        async for event in stream:
            seen.events.append(event)
            seen.slow += act.seconds
            await anyio.sleep(act.seconds)


async def leave(stream: Stream, act: Act, seen: Seen) -> None:
    """Break after some events."""
    async with stream:
        async for event in stream:
            seen.events.append(event)
            if len(seen.events) > act.after:
                seen.left = True
                break


async def fail(stream: Stream, act: Act, seen: Seen) -> None:
    """Raise in the body of the loop."""
    async with stream:
        async for event in stream:
            seen.events.append(event)
            if len(seen.events) > act.after:
                seen.left = True
                raise BodyError


async def close(stream: Stream, act: Act, seen: Seen) -> None:
    """Have another task close the stream."""

    async def closing() -> None:
        await anyio.sleep(act.seconds)
        seen.left = True
        await stream.aclose()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(closing)
        try:
            await iterate(stream, act, seen)
        except Exception as error:  # noqa: BLE001 - out of a group it would come in a group
            seen.caught = error
        tasks.cancel_scope.cancel()


async def two_readers(stream: Stream, act: Act, seen: Seen) -> None:
    """Have another task read at the same time: he is told so, and the first reads on."""

    async def reading() -> None:
        await anyio.sleep(act.seconds)
        try:
            if stream.state in {"new", "open"}:
                seen.events += await stream.take()
        except ConfigError:
            pass

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reading)
        try:
            await batches(stream, act, seen)
        except Exception as error:  # noqa: BLE001 - as above
            seen.caught = error
        tasks.cancel_scope.cancel()


async def cancelled(stream: Stream, act: Act, seen: Seen) -> None:
    """Be cancelled at the k-th await, and once more a little later."""
    outer, scope = anyio.CancelScope(), anyio.CancelScope()
    try:
        with outer, scope:
            await Countdown(iterate(stream, act, seen), {act.after: scope, act.after + act.again: outer})
    finally:
        seen.left = scope.cancel_called or outer.cancel_called
        seen.cancelled = scope.cancelled_caught or outer.cancelled_caught


class Countdown:
    """Awaits a coroutine and cancels scopes at its k-th await, whatever the event loop."""

    def __init__(self, inner: Coroutine[Any, Any, None], at: dict[int, anyio.CancelScope]) -> None:
        # Any stands for what event loops and their tasks say to each other.
        self._inner = inner
        self._at = at
        self._awaits = 0

    def __await__(self) -> Generator[Any, Any, None]:
        send: Callable[[Any], Any] = self._inner.send
        value: Any = None
        while True:
            try:
                asked = send(value)
            except StopIteration:
                return
            self._awaits += 1
            scope = self._at.get(self._awaits)
            if scope is not None:
                scope.cancel()
            try:
                send, value = self._inner.send, (yield asked)
            except BaseException as error:  # noqa: BLE001 - handed on, as `yield from` does
                send, value = self._inner.throw, error


def drawn(seed: Seed) -> Act:
    """How some caller behaves; half of them read to the end."""
    run = seed.pick("act", _ACTS)
    return Act(
        run.__name__,
        run,
        after=seed.count("after", 1, _MOST_AWAITS if run is cancelled else _MOST_EVENTS),
        again=seed.count("again", 1, 4),
        seconds=seed.seconds("seconds", 0.0, 6.0 if run is not slowly else 2.0),
        keep=run is not iterate or not seed.once_in("forgets", 3),
    )


_ACTS = (
    whole, iterate, iterate, plain, batches, slowly, two_readers,
    leave, fail, close, cancelled, cancelled, cancelled,
)  # fmt: skip
READ = Act("iterate", iterate)
