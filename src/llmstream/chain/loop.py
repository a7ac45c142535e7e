"""The loop: the model is asked, its calls are made, and it is asked again.

Each step is one await that ends in events. Tools run in a task group of whoever reads the chain, or,
where there is none, in one that a single step opens and closes: none is ever open while events are held.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

import anyio
import attrs
from anyio.abc import TaskGroup

from llmstream.chain.limits import ChainLimits, exceeded
from llmstream.chain.rounds import CallIds, Round, round_done
from llmstream.errors import ConfigError, LLMStreamError, TruncatedStreamError
from llmstream.tools.pending import answered, unanswered
from llmstream.tools.result import failure
from llmstream.tools.run import Bench, Crew, Report
from llmstream.tools.signals import PauseChain
from llmstream.values.content import ToolCallPart, ToolResultPart
from llmstream.values.events import Done, Event, ToolProgress, ToolResultOut
from llmstream.values.messages import Message
from llmstream.values.request import Request, ToolChoice
from llmstream.values.response import Response
from llmstream.values.usage import Usage

T = TypeVar("T")

# After these the model has said its last word, whatever it had begun to call.
_ENDS = frozenset({"content_filter", "refusal", "error", "budget"})
_CUT = "Error: the answer was cut by its length limit; the tool did not run"


class Call(Protocol):
    """One call of a model, as the loop reads it."""

    @property
    def request(self) -> Request:
        """What was asked."""
        ...

    async def take(self) -> Sequence[Event]:
        """More events; none at the end."""
        ...

    def snapshot(self) -> Response:
        """The Response so far."""
        ...

    async def aclose(self) -> None:
        """Release what the call holds."""
        ...


class _Listening:
    """The model's next events, waited for in a task, so that tools are heard while it is silent."""

    def __init__(self, call: Call, wake: Callable[[], None]) -> None:
        self.over = False
        self._call = call
        self._wake = wake
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        self._batch: Sequence[Event] = ()
        self._failure: BaseException | None = None

    async def run(self) -> None:
        """Wait; what goes wrong is noted, not raised."""
        try:
            with self._scope:
                self._batch = await self._call.take()
                self.over = True
        except anyio.get_cancelled_exc_class():
            # Not over: who waits is cancelled, too, and is not to take this for the model's end.
            raise
        except BaseException as error:  # noqa: BLE001 - raised by `result`
            self._failure, self.over = error, True
        finally:
            self._ended.set()
            self._wake()

    def result(self) -> Sequence[Event]:
        """What came, or why nothing did."""
        if self._failure is not None:
            raise self._failure
        return self._batch

    async def aclose(self) -> None:
        """Wait no longer."""
        self._scope.cancel()
        await self._ended.wait()


class Chain:
    """One chain, read once.

    Attributes:
        requests: what was asked in each round.
        group: where tools run while events are read; None runs them in one step.
    """

    def __init__(
        self, ask: Callable[[Request], Call], bench: Bench, limits: ChainLimits, *, eager: bool = False
    ) -> None:
        self.requests: list[Request] = []
        self.group: TaskGroup | None = None
        self._ask = ask
        self._bench = bench
        self._limits = limits
        self._eager = eager
        self._deadline: float | None = None
        self._request = Request("")
        self._ids = CallIds()
        self._call: Call | None = None
        self._listening: _Listening | None = None
        self._round = Round(0, self._ids)
        self._step: Callable[[], Awaitable[Sequence[Event]]] = self._read
        # Of the round whose calls are made: who makes them, where they stand, and the answer so far.
        self._crew = Crew(bench)
        self._indices: list[int | None] = []
        self._history: tuple[Message, ...] = ()
        self._answer: Response | None = None
        self._next = self._calls = 0
        self._usage: Usage | None = None

    async def batches(self, request: Request, /) -> AsyncGenerator[Sequence[Event], None]:
        """The events of all rounds, in lists.

        Raises:
            ChainLimitError: when a limit is met before the model is done.
            PauseChain: when a hook or a tool raised it.
            ConfigError: when tools are to start early and nobody holds a group for them.
        """
        if self._eager and self.group is None:
            raise ConfigError(
                "expected `async with model.chain(..., eager=True) as chain:` around the loop, or an await, "
                "got a loop alone, which has nowhere to run tools while it reads"
            )
        if self._limits.seconds is not None:
            self._deadline = anyio.current_time() + self._limits.seconds
        self._history = request.messages
        try:
            await self._in_time(partial(self._open, request))
            while True:
                batch = await self._in_time(self._step)
                yield batch
                if batch and type(batch[-1]) is Done:
                    return
        finally:
            await self._close()

    async def _open(self, request: Request) -> None:
        await self._bench.tools.ready()
        if self._bench.tools.boxes:
            request = attrs.evolve(request, tools=self._bench.tools.offered())
        self._request = request
        self._ids = CallIds(request.messages)
        pending = unanswered(request.messages) if self._bench.tools.runs else ()
        self._crew = Crew(self._bench)
        self._step = self._begin
        for call in pending:
            self._hand_on(call, None)
        if pending:
            self._step = self._work

    async def _begin(self) -> Sequence[Event]:
        """Ask the model."""
        self.requests.append(self._request)
        self._round = Round(self._next, self._ids, eager=self._eager)
        self._crew = Crew(self._bench)
        self._indices = []
        self._call = self._ask(self._request)
        self._step = self._read
        return await self._read()

    async def _read(self) -> Sequence[Event]:
        """More of what the model says."""
        call = self._call
        batch = await self._taken(call) if call is not None else ()
        if batch is None:
            return self._told(self._crew.reports())
        if call is None or not batch:
            raise TruncatedStreamError("expected Done as a model's last event, got the end of its events")
        self.requests[-1] = call.request
        events, done = self._round.take(batch)
        self._next = self._round.next
        for at, complete in self._round.complete:
            self._hand_on(complete, self._round.index_of(at))
        if self.group is not None and self._eager:
            calls = self._calls + self._crew.size
            if self._limits.allow(rounds=len(self.requests), calls=calls):
                self._crew.begin(self.group)
            events = [*self._told(self._crew.reports()), *events]
        return events if done is None else [*events, *await self._ended(call, done)]

    async def _taken(self, call: Call) -> Sequence[Event] | None:
        """The model's next events, none at its end; None when a tool reports before they come."""
        if self.group is None or (self._listening is None and self._crew.over):
            return await call.take()
        if self._listening is None:
            self._listening = _Listening(call, self._crew.wake)
            self.group.start_soon(self._listening.run)
        listening = self._listening
        await self._crew.heard(lambda: listening.over)
        if not listening.over:
            return None
        self._listening = None
        return listening.result()

    async def _ended(self, call: Call, done: Done) -> Sequence[Event]:
        """The end of a round, and of the chain, if no call is to be made."""
        response = call.snapshot()
        await call.aclose()
        self._call = None
        parts = self._round.named(response.parts)
        self._answer = attrs.evolve(response, parts=parts)
        self._history = (*self.requests[-1].messages, *self._answer.messages())
        if done.usage is not None:
            self._usage = done.usage if self._usage is None else self._usage + done.usage
        calls = [
            (self._round.index_of(at), part)
            for at, part in enumerate(parts)
            if isinstance(part, ToolCallPart) and not part.server_executed
        ]
        ending = round_done(done)
        if done.finish_reason in _ENDS or not (calls or done.finish_reason == "pause"):
            return [ending, attrs.evolve(done, usage=self._usage)]
        self._calls += len(calls)
        known = set(self._indices)
        for index, part in calls:
            if index not in known:
                cut = done.finish_reason == "length"
                self._hand_on(part, index, failure(part, _CUT) if cut else None)
        self._step = self._checked
        return [ending]

    async def _checked(self) -> Sequence[Event]:
        """Begin to make the calls, if there may be more rounds."""
        used = self._usage.total if self._usage else 0
        self._limits.check(rounds=len(self.requests), calls=self._calls, tokens=used, history=self._so_far())
        self._step = self._work
        return await self._work()

    async def _work(self) -> Sequence[Event]:
        """What comes of the calls that are being made."""
        if self.group is None:
            await self._crew.work()
        else:
            self._crew.begin(self.group)
        news = await self._crew.news()
        if news:
            return self._told(news)
        history = self._history = self._so_far()
        try:
            self._crew.raise_failure()
        except PauseChain as pause:
            pause.history, pause.partial = history, self._answer
            raise
        self._request = attrs.evolve(self._request, messages=history, tool_choice=self._choice())
        return await self._begin()

    def _so_far(self) -> tuple[Message, ...]:
        """The history; once an answer is part of it, with those results of its calls that have come."""
        return self._history if self._call is not None else answered(self._history, self._crew.results)

    def _choice(self) -> ToolChoice | None:
        """A call that was forced once is not forced for ever."""
        choice = self._request.tool_choice
        forced = choice is not None and choice.mode == "required" and bool(self.requests)
        return None if forced else choice

    def _hand_on(self, call: ToolCallPart, index: int | None, result: ToolResultPart | None = None) -> None:
        self._crew.add(call, rank=len(self._indices) if index is None else index, result=result)
        self._indices.append(index)

    def _told(self, news: Sequence[Report | ToolResultPart]) -> list[Event]:
        events: list[Event] = []
        for item in news:
            if isinstance(item, ToolResultPart):
                events.append(_out(self._next, item))
                self._next += 1
            else:
                index = self._indices[item.position]
                # The call of a chain that was taken up again is no part of this stream.
                if index is not None:
                    events.append(ToolProgress(index, item.call.id, data=item.data))
        return events

    async def _in_time(self, step: Callable[[], Awaitable[T]]) -> T:
        if self._deadline is None:
            return await step()
        with anyio.CancelScope(deadline=self._deadline) as scope:
            return await step()
        if scope.cancelled_caught:
            raise exceeded("seconds", self._limits.seconds or 0, self._so_far())
        raise LLMStreamError("expected a step to end or to be out of time")

    async def _close(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._crew.aclose()
            if self._listening is not None:
                await self._listening.aclose()
            if self._call is not None:
                await self._call.aclose()


def _out(index: int, result: ToolResultPart) -> ToolResultOut:
    return ToolResultOut(
        index,
        result.tool_call_id,
        name=result.name,
        output=result.output,
        attachments=result.attachments,
        error=result.error,
    )
