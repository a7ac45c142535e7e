"""Calls of tools, made: the one place that runs a user's functions.

Nothing that a tool or a hook raises leaves its task: it is noted, and raised in the task that waits. So
no event loop ever sees a SystemExit of a tool's, and asyncio and trio end alike.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel
import attrs
from anyio.abc import TaskGroup

from llmstream.errors import ConfigError
from llmstream.jsontext import JSONObject
from llmstream.schema.problems import MisfitError
from llmstream.tools.function import FunctionTool
from llmstream.tools.limits import ToolLimits
from llmstream.tools.result import failure, raised, result_of, said, shown
from llmstream.tools.signals import CancelToolCall, PauseChain, Progress
from llmstream.tools.threads import in_thread
from llmstream.tools.toolset import Toolset
from llmstream.values.content import ToolCallPart, ToolResultPart

# A hook may be async: what it gives is awaited then, and else not looked at.
BeforeCall: TypeAlias = Callable[[FunctionTool | None, ToolCallPart], Any]
AfterCall: TypeAlias = Callable[[FunctionTool | None, ToolCallPart, ToolResultPart], Any]

# Reports that nobody has read yet; the oldest go first.
_MOST_REPORTS = 1024


def _hook(_: object, field: Any, value: object) -> None:
    # Any: the attribute's type is its own.
    if value is not None and not callable(value):
        raise ConfigError(f"expected a function as {field.name}_call=, got {type(value).__name__}")


def _limits(_: object, __: object, value: object) -> None:
    if not isinstance(value, ToolLimits):
        raise ConfigError(f"expected ToolLimits as the limits of calls, got {type(value).__name__}")


@attrs.frozen(kw_only=True)
class Bench:
    """What calls are made with."""

    tools: Toolset = attrs.field(factory=Toolset)
    before: BeforeCall | None = attrs.field(default=None, validator=_hook)
    after: AfterCall | None = attrs.field(default=None, validator=_hook)
    limits: ToolLimits = attrs.field(factory=ToolLimits, validator=_limits)


@attrs.frozen
class Report:
    """What a tool told while it ran."""

    position: int
    call: ToolCallPart
    data: Any  # JSON


@attrs.define(eq=False)
class _Job:
    position: int
    rank: int
    call: ToolCallPart
    # Set when the hooks of the calls before it were asked, and when its own was.
    turn: anyio.Event
    asked: anyio.Event = attrs.field(factory=anyio.Event)
    scope: anyio.CancelScope = attrs.field(factory=anyio.CancelScope)
    tool: FunctionTool | None = None
    result: ToolResultPart | None = None
    over: bool = False


class Crew:
    """The calls of one round in the making: add them, begin them in a group, ask for news.

    Hooks are asked in call order, one at a time; tools run side by side, as many as the limit allows.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._functions = bench.tools.functions()
        self._jobs: list[_Job] = []
        self._ranked: list[_Job] | None = None
        self._begun = self._told = self._running = 0
        self._places = anyio.CapacityLimiter(bench.limits.parallel)
        self._reports: deque[Report] = deque(maxlen=_MOST_REPORTS)
        self._news = anyio.Event()
        self._failure: BaseException | None = None
        self._failed_at: int | None = None
        self._pauses: dict[int, PauseChain] = {}

    @property
    def size(self) -> int:
        """How many calls there are."""
        return len(self._jobs)

    @property
    def results(self) -> tuple[ToolResultPart, ...]:
        """What has come, in call order."""
        return tuple(job.result for job in self._by_rank() if job.result is not None)

    @property
    def over(self) -> bool:
        """Whether no call runs any more."""
        return self._begun == len(self._jobs) and not self._running

    def add(self, call: ToolCallPart, /, *, rank: int, result: ToolResultPart | None = None) -> None:
        """Add a call to be begun after the others, unless it has a `result`; its result is told by `rank`."""
        turn = self._jobs[-1].asked if self._jobs else anyio.Event()
        if not self._jobs:
            turn.set()
        tool = self._functions.get(call.name)
        self._jobs.append(_Job(len(self._jobs), rank, call, turn, tool=tool, result=result))

    def begin(self, group: TaskGroup, /) -> None:
        """Begin the calls that were not begun, as tasks of a group."""
        for job in self._jobs[self._begun :]:
            self._running += 1
            group.start_soon(self._attend, job)
        self._begun = len(self._jobs)

    async def work(self) -> None:
        """Make all calls, here and now."""
        async with anyio.create_task_group() as group:
            self.begin(group)

    async def news(self) -> Sequence[Report | ToolResultPart]:
        """Wait for reports, and for results in call order; empty when all is over and told."""
        while not (found := self._take()) and not self.over:
            self._news = anyio.Event()
            await self._news.wait()
        return found

    async def heard(self, other: Callable[[], bool], /) -> None:
        """Wait for a report, or until something else is true; whoever makes it true calls `wake`."""
        while not (self._reports or other()):
            self._news = anyio.Event()
            await self._news.wait()

    def wake(self) -> None:
        """Have who waits look again."""
        self._news.set()

    def reports(self) -> Sequence[Report]:
        """The reports that have come and were not told, without waiting."""
        found = tuple(self._reports)
        self._reports.clear()
        return found

    def raise_failure(self) -> None:
        """Raise what ended the round, once all is over: an interrupt, a hook's exception, or a pause."""
        if self._failure is not None:
            raise self._failure
        if self._pauses:
            first = min(self._pauses)
            pause = self._pauses[first]
            pause.call, pause.results = self._jobs[first].call, self.results
            raise pause

    async def aclose(self) -> None:
        """Cancel what still runs, and wait for its end."""
        self._cancel()
        with anyio.CancelScope(shield=True):
            while self._running:
                self._news = anyio.Event()
                await self._news.wait()

    def _by_rank(self) -> list[_Job]:
        if self._ranked is None or len(self._ranked) < len(self._jobs):
            self._ranked = sorted(self._jobs, key=lambda job: job.rank)
        return self._ranked

    def _cancel(self) -> None:
        for job in self._jobs:
            job.scope.cancel()

    def _take(self) -> Sequence[Report | ToolResultPart]:
        found: list[Report | ToolResultPart] = [*self.reports()]
        jobs = self._by_rank()
        while self._told < len(jobs) and jobs[self._told].over:
            result = jobs[self._told].result
            self._told += 1
            if result is not None:
                found.append(result)
        return found

    async def _attend(self, job: _Job) -> None:
        try:
            with job.scope:
                await self._see_to(job)
        finally:
            job.asked.set()
            job.over = True
            self._running -= 1
            self._news.set()

    async def _see_to(self, job: _Job) -> None:
        try:
            await job.turn.wait()
            if job.result is None and not self._is_off(job):
                await self._make(job)
        except anyio.get_cancelled_exc_class():
            raise
        except PauseChain as pause:
            self._pauses[job.position] = pause
        except BaseException as error:  # noqa: BLE001 - raised by `raise_failure`
            if self._failure is None:
                self._failure, self._failed_at = error, job.position
            if not isinstance(error, Exception):
                self._cancel()

    def _is_off(self, job: _Job) -> bool:
        """Whether a call is not begun any more: behind a failure, and where it blocks behind a pause."""
        failed = self._failed_at is not None and self._failed_at < job.position
        paused = bool(self._pauses) and min(self._pauses) < job.position
        return failed or (paused and (job.tool is None or job.tool.is_sync))

    async def _make(self, job: _Job) -> None:
        try:
            await _called(self._bench.before, job.tool, job.call)
        except CancelToolCall as error:
            job.result = _cancelled(job.call, error)
            return
        finally:
            job.asked.set()
        async with self._places:
            if self._is_off(job):
                return
            result = await self._result(job)
        # First, so that what was done is not done again when the hook pauses.
        job.result = result
        await _called(self._bench.after, job.tool, job.call, result)

    async def _result(self, job: _Job) -> ToolResultPart:
        call, tool = job.call, job.tool
        if tool is None:
            names = {getattr(known, "name", None) for known in self._bench.tools.offered()}
            lacks = "has no implementation" if call.name in names else "does not exist"
            return failure(call, f'tool "{shown(call.name)}" {lacks}')
        given = _given(call)
        if given is None:
            why = call.error or "expected a JSON object as arguments"
            return failure(call, f"Error: {why}; the tool did not run")
        try:
            function = tool.bound(call, given)
        except MisfitError as error:
            return failure(call, f"Error: {said(error)}; the tool did not run")
        return await self._ran(job, tool, function)

    async def _ran(self, job: _Job, tool: FunctionTool, function: Callable[[], Any]) -> ToolResultPart:
        seconds = self._bench.limits.seconds if tool.seconds is None else tool.seconds
        value: object = None
        with anyio.move_on_after(seconds):
            try:
                value = await self._value(job, tool, function)
                return result_of(job.call, value, self._bench.limits)
            except PauseChain:
                raise
            except CancelToolCall as error:
                return _cancelled(job.call, error)
            except anyio.get_cancelled_exc_class():
                # Either of a scope around this, which raises it again here, or of the tool's own making.
                await anyio.lowlevel.checkpoint_if_cancelled()
                return failure(job.call, "Error: the tool was cancelled")
            except Exception as error:  # noqa: BLE001 - the model is told, and may do better
                return raised(job.call, error)
        return failure(job.call, f"Error: timed out after {seconds} s", error="timed out")

    async def _value(self, job: _Job, tool: FunctionTool, function: Callable[[], Any]) -> object:
        if tool.is_generator:
            return await self._last(job, function())
        value = await in_thread(function) if tool.is_sync else function()
        return await value if inspect.isawaitable(value) else value

    async def _last(self, job: _Job, items: AsyncGenerator[object, None]) -> object:
        """What a generator yields last, beside its reports."""
        value: object = None
        async with aclosing(items):
            async for item in items:
                if isinstance(item, Progress):
                    self._reports.append(Report(job.position, job.call, item.data))
                    self._news.set()
                    await anyio.lowlevel.checkpoint()
                else:
                    value = item
        return value


async def make_calls(calls: Iterable[ToolCallPart], bench: Bench, /) -> tuple[ToolResultPart, ...]:
    """Make calls side by side; the results are in call order.

    Raises:
        PauseChain: when a hook or a tool raised it.
    """
    crew = Crew(bench)
    for rank, call in enumerate(calls):
        crew.add(call, rank=rank)
    await crew.work()
    crew.raise_failure()
    return crew.results


async def _called(hook: Callable[..., Any] | None, *args: object) -> None:
    if hook is not None:
        answer = hook(*args)
        if inspect.isawaitable(answer):
            await answer


def _given(call: ToolCallPart) -> JSONObject | None:
    """The arguments; a call of free text has it as `input`, as everywhere."""
    return {"input": call.raw} if call.custom else call.arguments


def _cancelled(call: ToolCallPart, error: CancelToolCall) -> ToolResultPart:
    why = said(error) if error.args else "no reason was given"
    return failure(call, f"Cancelled: {why}")
