"""EventStream: one call, to be awaited, iterated or entered.

A call is in exactly one state at a time: new, open, and then for good one of complete, incomplete,
cancelled, failed and budget. Asking again never calls the model again and never turns a failure into a
success: what was said is replayed, and a failure is raised again.

One reader at a time, though the state and a snapshot may be asked for from anywhere, also from another
thread, as the sync face does: a lock is held while the fold is touched. `aclose` from another task ends a
read that waits: by the source's own means where it has some, else by a cancel scope that belongs to the
one `_fill` that waits. No scope is ever open while a consumer holds an event.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, Self, TypeAlias, TypeVar, cast

import anyio
import attrs

from llmstream.errors import ConfigError, LLMStreamError, OutputError, TruncatedStreamError, WireError
from llmstream.reduce import Fold
from llmstream.stage import Stage
from llmstream.unfold import unfold
from llmstream.values.events import Done, Event, TextDelta
from llmstream.values.request import Request
from llmstream.values.response import Response, State, T, Timing

if TYPE_CHECKING:
    from llmstream.model.response import Response as Face
    from llmstream.output import Output, PartialEvent

R = TypeVar("R", bound=Response)
Phase: TypeAlias = Literal["new", "open"] | State

_LEFT_OPEN = (
    "a model's stream was left before its end; write `async with model.prompt(...) as stream:` around the "
    "loop, so that its connection is closed at once"
)
_NO_DONE = "expected Done as a model's last event, got the end of its events"
# Longer than a transport takes to close.
_CLOSE_SECONDS = 2.0


@attrs.frozen
class Source:
    """Where a stream's events come from.

    Attributes:
        batches: begins one call.
        prepare: is awaited first, for the request that is sent.
        interrupt: ends a wait for the next batch, which then raises or ends; called from another task.
    """

    batches: Callable[[Request], AsyncGenerator[Sequence[Event], None]]
    prepare: Callable[[Request], Awaitable[Request]] | None = attrs.field(default=None, kw_only=True)
    interrupt: Callable[[], None] | None = attrs.field(default=None, kw_only=True)


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
        keep: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._request = request
        self._wrap: Callable[[Response], R] = wrap
        self._now = now
        self._fold: Fold | None = Fold() if keep else None
        self._lock = threading.RLock()
        self._phase: Phase = "new"
        self._error: Exception | None = None
        self._traceback: TracebackType | None = None
        self._over: Callable[[R], None] | None = None
        self._prepare: Callable[[], Awaitable[Request]] | None = None
        self._started: float | None = None
        self._first_event: float | None = None
        self._ended: float | None = None
        self._batches: AsyncGenerator[Sequence[Event], None] | None = None
        # The last batch: `_at` of its events were given, and `_folded` of those folded.
        self._batch: Sequence[Event] = ()
        self._at = 0
        self._folded = 0
        # The last batch has Done in it.
        self._final = False
        # A second batch came, so that all of the first was given.
        self._went_on = False
        self._entered = False
        self._closing = False
        self._reading = False
        self._scope: anyio.CancelScope | None = None
        self._idle: anyio.Event | None = None
        self._output: Output[Any] | None = None
        self._repairing: Callable[[EventStream[Face]], None] | None = None
        self._repaired: R | None = None

    def __reduce__(self) -> NoReturn:
        raise TypeError("an EventStream is not pickled or copied: it is one call; its Response can be")

    @property
    def request(self) -> Request:
        """What was asked; once it is being sent, with its attachments opened."""
        return self._request

    @property
    def state(self) -> Phase:
        """Where the call is: new, open, or how it ended. Done ends it when it is given."""
        self._settle()
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
        while await self.take():
            pass
        self.raise_failure()
        return self.snapshot()

    async def text(self) -> str:
        """Read to the end and give the visible text; raises as `response`."""
        return (await self.response()).text()

    def text_deltas(self) -> AsyncIterator[str]:
        """The visible text as it comes, without the empty deltas; raises as the iteration does."""
        return _Texts(aiter(self))

    def snapshot(self) -> R:
        """The Response so far, whatever the call's state.

        Raises:
            ConfigError: when the stream keeps nothing.
        """
        if self._fold is None:
            raise ConfigError("expected keep=True for a snapshot of a stream, got keep=False")
        with self._lock:
            return self._response(self._fold)

    def _response(self, fold: Fold) -> R:
        self._settle()
        self._catch_up()
        phase = self._phase
        state: State = "incomplete" if phase == "new" or phase == "open" else phase  # noqa: PLR1714 - narrows
        pure = fold.response(request=self._request, state=state)
        ending = self._error.ending if isinstance(self._error, LLMStreamError) else None
        if ending is not None:
            pure = attrs.evolve(
                pure,
                id=ending.id,
                model=ending.model,
                usage=ending.usage,
                provider_metadata=ending.provider_metadata,
            )
        made = self._wrap(attrs.evolve(pure, timing=self._timing()))
        return made if self._output is None else attrs.evolve(made, output=self._output)  # type: ignore[call-arg] # R's face

    def when_over(self, tell: Callable[[R], None], /) -> None:
        """Have one function told the Response once the call is over, however it ends.

        It is asked for before the call is read; a stream that keeps nothing tells nothing.
        """
        self._over = tell

    def when_repairing(self, tell: Callable[[EventStream[Face]], None], /) -> None:
        """Have one function told each call that asks for the answer again; see `parsed`."""
        self._repairing = tell

    def expecting(self, output: Output[T] | None, /) -> EventStream[Face[T]]:
        """The same stream, which knows what the answer is to be; None is not known."""
        self._output = output
        # R is the face's Response wherever an answer is expected; its variable is known only now.
        return cast("EventStream[Face[T]]", self)

    async def parsed(self: EventStream[Face[T]], *, repair: int = 0) -> T:
        """Read to the end and give the answer as what `schema=` asked for; once repaired, it stays so.

        In a conversation the repaired answer takes the place of the one that did not fit.

        Args:
            repair: how many times the model may be told what does not fit, and asked again.

        Raises:
            OutputError: when the answer is cut, refused, no JSON, or does not fit; of the last one.
            LLMStreamError: as `response`.
        """
        # Here and below, not above: who asks for no schema does without.
        from llmstream.output import mending

        response = self._repaired or await self.response()
        for _ in range(repair):
            try:
                return response.parsed()
            except OutputError as error:
                if not error.problems:
                    raise
                again = response.reply(mending(error))
                if self._repairing is not None:
                    self._repairing(again)
                response = self._repaired = await again
        return response.parsed()

    def partials(self: EventStream[Face[T]]) -> AsyncIterator[PartialEvent[T]]:
        """The answer as it grows: what is complete, converted, as it completes, and the whole so far, lazily.

        Raises:
            ConfigError: when the stream was asked without a schema.
            OutputError: from the iteration, when the answer can never become JSON.
        """
        return _Partials(aiter(self), self.reader())

    def reader(self: EventStream[Face[T]]) -> Stage[Event, PartialEvent[T]]:
        """The Stage that makes partials of events; raises as `partials`."""
        schema = self._request.schema
        if schema is None:
            raise ConfigError("expected schema= in the prompt for partials, got none")
        from llmstream.output import PartialReader

        return PartialReader(schema.mode, output=self._output)

    def begin_with(self, prepare: Callable[[], Awaitable[Request]], /) -> None:
        """Have a function awaited first, for the request; it is asked for before the call is read."""
        self._prepare = prepare

    def give_as(self, wrap: Callable[[R], R], /) -> None:
        """Have each Response go through a function; it is asked for before the call is read."""
        inner = self._wrap

        def both(response: Response) -> R:
            return wrap(inner(response))

        self._wrap = both

    def __aiter__(self) -> AsyncIterator[Event]:
        if self.state not in {"new", "open"}:
            self._must_keep("a replay")
            return _Replay(self._replay(), self.raise_failure)
        return self if self._entered else self._each()

    def _replay(self) -> Iterator[Event]:
        return unfold(self.snapshot())

    async def __anext__(self) -> Event:
        at, batch = self._at, self._batch
        if at >= len(batch):
            if not await self._fill():
                self.raise_failure()
                raise StopAsyncIteration
            at, batch = self._at, self._batch
        self._at = at + 1
        return batch[at]

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
        self._closing = True
        if not self._reading:
            await self._close()
            return
        if self._scope is not None:
            self._scope.cancel()
        elif self._source.interrupt is not None:
            self._source.interrupt()
        self._idle = self._idle or anyio.Event()
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await self._idle.wait()

    def raise_failure(self) -> None:
        """Raise what ended the call, if it ended in anything but an answer."""
        if self._error is not None:
            # From where it was raised first: a traceback grows with each raise.
            raise self._error.with_traceback(self._traceback)
        if self._phase == "cancelled":
            error = TruncatedStreamError(
                "the stream was closed before the answer was complete", phase="consumer"
            )
            # It was the caller's will.
            error.retryable = False
            if self._fold is not None and self._was_seen():
                error.partial = self.snapshot()
            raise error

    def __del__(self) -> None:
        if self._phase == "open" and self._batches is not None:
            warnings.warn(_LEFT_OPEN, ResourceWarning, source=self, stacklevel=2)

    async def _each(self) -> AsyncGenerator[Event, None]:
        """The events, for a loop that nobody closes: the generator's own finaliser does."""
        try:
            while self._at < len(self._batch) or await self._fill():
                while self._at < len(self._batch):
                    self._at += 1
                    yield self._batch[self._at - 1]
        except GeneratorExit:
            await self._left()
            raise
        self.raise_failure()

    async def _left(self) -> None:
        """A loop was left and nobody but the finaliser closes it."""
        try:
            if self.state == "open":
                warnings.warn(_LEFT_OPEN, ResourceWarning, source=self, stacklevel=2)
        finally:
            await self.aclose()

    async def _fill(self) -> bool:
        """Wait for the next batch that holds anything; False when there is none."""
        if self._reading:
            raise ConfigError("expected one reader of a stream at a time, got a second")
        if self._final:
            self._settle()
        if self._phase != "open" and self._phase != "new":  # noqa: PLR1714 - asked for each event
            return False
        self._reading = True
        try:
            # Folded by the batch, because that is cheaper than by the event; at the latest before the next.
            self._catch_up()
            if self._error is not None:
                raise self._error
            wait = self._next_in_scope if self._source.interrupt is None else self._next
            batch = await wait()
            while not batch and batch is not None:
                batch = await wait()
            if batch:
                if type(batch[-1]) is Done and self._batches is not None:
                    self._final = True
                    # Nothing of the call is left open when the consumer sees its end.
                    await self._batches.aclose()
                with self._lock:
                    self._batch, self._at, self._folded = batch, 0, 0
                self._went_on = self._first_event is not None
                if self._first_event is None:
                    self._first_event = self._now()
            elif not self._closing:
                raise TruncatedStreamError(_NO_DONE)
            if self._closing:
                await self._close()
        except BaseException as error:
            if not self._closing or not isinstance(error, LLMStreamError):
                self._fail(error)
                await self._close()
                raise
            # The wait was ended, and this is how its source took it.
            await self._close()
        finally:
            self._reading = False
            if self._idle is not None:
                self._idle.set()
        return self._at < len(self._batch)

    def _next(self) -> Awaitable[Sequence[Event] | None]:
        """The next batch, or None at the end."""
        batches = self._batches
        return self._first() if batches is None else anext(batches, None)

    async def _next_in_scope(self) -> Sequence[Event] | None:
        """The same, by a wait that `aclose` can end; None where it did."""
        batch = None
        with anyio.CancelScope() as self._scope:
            batch = await self._next()
        self._scope = None
        return batch

    async def _first(self) -> Sequence[Event] | None:
        """Begin the call, and wait for its first batch."""
        if self._prepare is not None:
            self._request = await self._prepare()
        if self._source.prepare is not None:
            self._request = await self._source.prepare(self._request)
        self._started = self._now()
        self._batches = self._source.batches(self._request)
        self._phase = "open"
        return await anext(self._batches, None)

    def _timing(self) -> Timing | None:
        start = self._started
        if start is None:
            return None
        first, ended = (at if at is None else at - start for at in (self._first_event, self._ended))
        return Timing(started=start, first_event=first, ended=ended)

    def _was_seen(self) -> bool:
        """Whether the consumer was given an event."""
        return self._at > 0 or self._went_on

    def _catch_up(self) -> None:
        """Fold what was given since the last time; a break of the grammar is the call's failure."""
        if self._fold is None:
            return
        with self._lock:
            start, self._folded = self._folded, self._at
            try:
                self._fold.extend(self._batch[start : self._folded])
            except WireError as error:
                self._error = self._error or error

    def _settle(self) -> None:
        """End the call once Done was given."""
        with self._lock:
            if self._phase != "open" or not self._at or self._at < len(self._batch):
                return
            last = self._batch[-1]
            if isinstance(last, Done):
                self._catch_up()
                done: State = "budget" if last.finish_reason == "budget" else "complete"
                self._end(done if self._error is None else "failed")

    def _fail(self, error: BaseException) -> None:
        """Note what ended the call; an error of ours carries the Response so far."""
        if not isinstance(error, Exception):
            self._end("cancelled")
            return
        self._error, self._traceback = error, error.__traceback__
        if isinstance(error, LLMStreamError) and self._was_seen():
            # Law 12: the consumer has seen events, so nobody may ask again by himself.
            error.retryable = False
        self._end("incomplete" if isinstance(error, TruncatedStreamError) else "failed")

    async def _close(self) -> None:
        """End the call if it has not ended, and close what it reads from."""
        self._settle()
        self._end("cancelled" if self._error is None else "failed")
        batches, self._batches = self._batches, None
        if batches is not None:
            await batches.aclose()

    def _end(self, state: State) -> None:
        with self._lock:
            if self._phase not in {"new", "open"}:
                return
            self._phase = state
            self._ended = self._now()
            # What came and was not given is not given any more.
            self._batch = self._batch[: self._at]
            if self._fold is None:
                return
            error = self._error
            if isinstance(error, LLMStreamError) and error.partial is None and self._was_seen():
                error.partial = self.snapshot()
            if self._over is not None:
                self._over(self.snapshot())

    def _must_keep(self, what: str) -> None:
        if self._fold is None:
            raise ConfigError(f"expected keep=True to give {what}, got keep=False")


class _Texts:
    """The text of events. No generator: one that is dropped half-way must not be anybody's to close."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while True:
            event = await anext(self._events)
            if type(event) is TextDelta and event.text:
                return event.text


class _Partials(Generic[T]):
    """What events make of the answer; no generator, as `_Texts`."""

    def __init__(self, events: AsyncIterator[Event], reader: Stage[Event, PartialEvent[T]]) -> None:
        self._events = events
        self._reader = reader
        self._ready: deque[PartialEvent[T]] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> PartialEvent[T]:
        while not self._ready:
            self._ready.extend(self._reader.feed(await anext(self._events)))
        return self._ready.popleft()


class _Replay:
    """The events of a call that is over, and then its failure, if it has one."""

    def __init__(self, events: Iterator[Event], fail: Callable[[], None]) -> None:
        self._events = events
        self._fail = fail

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        for event in self._events:
            return event
        self._fail()
        raise StopAsyncIteration
