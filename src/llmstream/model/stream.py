"""EventStream: one call, to be awaited, iterated or entered.

A call is in exactly one state at a time: new, open, and then for good one of complete, incomplete,
cancelled, failed and budget. Asking again never calls the model again and never turns a failure into a
success: what was said is replayed, and a failure is raised again.

One reader at a time. Reading waits inside a cancel scope that belongs to the one `_fill` that waits, so
that `aclose` from another task can end it; no scope is ever open while a consumer holds an event.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Sequence
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeAlias, TypeVar

import anyio
import attrs

from llmstream.errors import ConfigError, LLMStreamError, TruncatedStreamError, WireError
from llmstream.reduce import Fold
from llmstream.replay import replay
from llmstream.values.events import Done, Event, TextDelta
from llmstream.values.request import Request
from llmstream.values.response import Response, State, Timing

R = TypeVar("R", bound=Response)
Source: TypeAlias = Callable[[Request], AsyncGenerator[Sequence[Event], None]]
Phase: TypeAlias = Literal["new", "open"] | State

_LEFT_OPEN = (
    "a model's stream was left before its end; write `async with model.prompt(...) as stream:` around the "
    "loop, so that its connection is closed at once"
)


class EventStream(Generic[R]):
    """The events of one model call, and the Response that they make.

    Nothing is sent before it is awaited, entered and read, or iterated. `await stream` gives the
    Response; `async for` gives the events; `async with` closes the connection on every way out.
    """

    def __init__(
        self,
        source: Source,
        request: Request,
        *,
        wrap: Callable[[Response], R],
        prepare: Callable[[Request], Awaitable[Request]] | None = None,
        keep: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._request = request
        self._wrap = wrap
        self._prepare = prepare
        self._now = now
        self._fold: Fold | None = Fold() if keep else None
        self._phase: Phase = "new"
        self._error: BaseException | None = None
        self._timing: Timing | None = None
        self._batches: AsyncGenerator[Sequence[Event], None] | None = None
        self._batch: Sequence[Event] = ()
        self._at = 0
        self._folded = 0
        self._entered = False
        self._reading: anyio.CancelScope | None = None
        self._idle: anyio.Event | None = None

    @property
    def request(self) -> Request:
        """What was asked; once it is being sent, with its attachments opened."""
        return self._request

    @property
    def state(self) -> Phase:
        """Where the call is: new, open, or how it ended."""
        return self._phase

    def __await__(self) -> Generator[Any, None, R]:
        return self.response().__await__()

    async def response(self) -> R:
        """Read to the end and give the Response; asking again gives it again.

        Raises:
            LLMStreamError: what ended the call; the same again at every later asking.
            TruncatedStreamError: when the stream was closed before the answer was complete.
            ConfigError: when the stream keeps nothing.
        """
        self._must_keep("a Response")
        while batch := await self.take():
            del batch
        self._raise_failure()
        return self.snapshot()

    async def text(self) -> str:
        """Read to the end and give the visible text; raises as `response`."""
        return (await self.response()).text()

    async def text_deltas(self) -> AsyncGenerator[str, None]:
        """The visible text as it comes, without the empty deltas."""
        async for event in self._each():
            if type(event) is TextDelta and event.text:
                yield event.text

    def snapshot(self) -> R:
        """The Response so far, whatever the call's state."""
        if self._fold is None:
            raise ConfigError("expected keep=True for a snapshot of a stream, got keep=False")
        self._catch_up(self._fold)
        phase = self._phase
        state: State = "incomplete" if phase == "new" or phase == "open" else phase  # noqa: PLR1714 - narrows
        pure = self._fold.response(request=self._request, state=state)
        return self._wrap(attrs.evolve(pure, timing=self._timing))

    def __aiter__(self) -> AsyncIterator[Event]:
        if self._entered and self._phase in {"new", "open"}:
            return self
        return self._each()

    async def __anext__(self) -> Event:
        if self._at >= len(self._batch) and not await self._fill():
            self._raise_failure()
            raise StopAsyncIteration
        self._at += 1
        return self._batch[self._at - 1]

    async def take(self) -> Sequence[Event]:
        """The events that have come and were not given yet, at least one; empty at the end.

        Raises:
            LLMStreamError: as the iteration would.
        """
        if self._at >= len(self._batch) and not await self._fill():
            return ()
        events = self._batch[self._at :] if self._at else self._batch
        self._at = len(self._batch)
        return events

    async def __aenter__(self) -> Self:
        self._entered = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Release the connection now; also from another task than the one that reads."""
        if self._reading is not None:
            self._reading.cancel()
            self._idle = self._idle or anyio.Event()
            await self._idle.wait()
            return
        batches, self._batches = self._batches, None
        self._end(self._ending() if self._answered() else "cancelled")
        if batches is not None:
            await batches.aclose()

    def __del__(self) -> None:
        if self._phase == "open" and self._batches is not None:
            warnings.warn(_LEFT_OPEN, ResourceWarning, source=self, stacklevel=2)

    async def _each(self) -> AsyncGenerator[Event, None]:
        """The events, for a loop that nobody closes: the generator's own finaliser does."""
        if self._phase not in {"new", "open"}:
            self._must_keep("a replay")
            for event in replay(self.snapshot()):
                yield event
            self._raise_failure()
            return
        try:
            while self._at < len(self._batch) or await self._fill():
                batch = self._batch
                for event in batch[self._at :] if self._at else batch:
                    self._at += 1
                    yield event
        except GeneratorExit:
            await self._left()
            raise
        self._raise_failure()

    async def _left(self) -> None:
        """A loop was left and nobody but the finaliser closes it."""
        try:
            if not self._answered():
                warnings.warn(_LEFT_OPEN, ResourceWarning, source=self, stacklevel=2)
        finally:
            await self.aclose()

    def _catch_up(self, fold: Fold) -> None:
        """Fold what was handed over since; done by the batch, because it is cheaper than by the event."""
        batch, start, self._folded = self._batch, self._folded, self._at
        try:
            for event in batch if start == 0 and self._at == len(batch) else batch[start : self._at]:
                fold.add(event)
        except WireError as error:
            self._error = self._error or error

    def _answered(self) -> bool:
        """Whether Done was handed over."""
        return self._at > 0 and self._at == len(self._batch) and type(self._batch[-1]) is Done

    def _ending(self) -> State:
        last = self._batch[-1] if self._batch else None
        return "budget" if isinstance(last, Done) and last.finish_reason == "budget" else "complete"

    async def _fill(self) -> bool:
        """Wait for the next batch that holds anything; False when there is none."""
        if self._reading is not None:
            raise ConfigError("expected one reader of a stream at a time, got a second")
        if self._phase not in {"new", "open"}:
            return False
        self._reading = scope = anyio.CancelScope()
        try:
            with scope:
                return await self._next_batch()
        except WireError as error:
            await self._close_after(error)
            raise
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            self._reading = None
            if scope.cancelled_caught:
                self._end("cancelled")
            if self._idle is not None:
                self._idle.set()
        return False

    async def _next_batch(self) -> bool:
        if self._fold is not None:
            self._catch_up(self._fold)
        if self._error is not None:
            raise self._error
        async for batch in self._batches or await self._start():
            if batch:
                self._received(batch)
                return True
        if not self._answered():
            raise TruncatedStreamError("expected Done as a model's last event, got the end of its events")
        self._end(self._ending())
        return False

    async def _start(self) -> AsyncGenerator[Sequence[Event], None]:
        if self._prepare is not None:
            self._request = await self._prepare(self._request)
        self._timing = Timing(started=self._now())
        self._batches = batches = self._source(self._request)
        self._phase = "open"
        return batches

    def _received(self, batch: Sequence[Event]) -> None:
        self._batch, self._at, self._folded = batch, 0, 0
        if self._timing is not None and self._timing.first_event is None:
            self._timing = attrs.evolve(self._timing, first_event=self._now() - self._timing.started)

    async def _close_after(self, error: WireError) -> None:
        """End after an error that may be ours, found while folding, with the model's events still open."""
        batches = self._batches
        self._fail(error)
        if batches is not None:
            await batches.aclose()

    def _end(self, state: State) -> None:
        if self._phase not in {"new", "open"}:
            return
        self._phase = state
        self._batches = None
        if self._timing is not None:
            self._timing = attrs.evolve(self._timing, ended=self._now() - self._timing.started)

    def _fail(self, error: BaseException) -> None:
        """Note what ended the call; an error of ours carries the Response so far."""
        if not isinstance(error, Exception):
            self._end("cancelled")
            return
        begun = self._timing is not None and self._timing.first_event is not None
        self._error = error
        self._end("incomplete" if isinstance(error, TruncatedStreamError) else "failed")
        if isinstance(error, LLMStreamError) and error.partial is None and begun and self._fold is not None:
            error.partial = self.snapshot()

    def _raise_failure(self) -> None:
        if self._error is not None:
            raise self._error
        if self._phase == "cancelled":
            error = TruncatedStreamError(
                "the stream was closed before the answer was complete", phase="consumer"
            )
            error.partial = self.snapshot() if self._fold is not None else None
            raise error

    def _must_keep(self, what: str) -> None:
        if self._fold is None:
            raise ConfigError(f"expected keep=True to give {what}, got keep=False")
