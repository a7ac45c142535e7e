"""Many prompts for one model: in order, so many at a time, each failure its own."""

from __future__ import annotations

from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Sized,
)
from inspect import isasyncgen, isawaitable, isgenerator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, TypedDict, TypeVar, Unpack

import anyio
import attrs
from anyio.abc import TaskGroup

from llmstream.errors import ConfigError, LLMStreamError, TruncatedStreamError
from llmstream.model.ask import ChoiceLike, OptionsLike
from llmstream.model.model import Model
from llmstream.model.response import Response
from llmstream.model.terms import must_be_terms
from llmstream.output import SchemaLike
from llmstream.tools.toolset import ToolLike
from llmstream.values import response as pure
from llmstream.values.content import Attachment
from llmstream.values.messages import Message
from llmstream.values.request import Request

if TYPE_CHECKING:
    from llmstream.client.budget import Budget
    from llmstream.client.retries import Retries
    from llmstream.client.timeouts import Timeouts

R = TypeVar("R", bound=pure.Response)
Prompt: TypeAlias = str | Request | Iterable[Message]


class PromptTerms(TypedDict, total=False):
    """What all prompts have in common; each as in `Model.prompt`."""

    system: str | Message | None
    attachments: Iterable[Attachment]
    tools: Iterable[ToolLike]
    tool_choice: ChoiceLike | None
    schema: SchemaLike[Any] | None
    options: OptionsLike | None
    timeouts: Timeouts | None
    retries: Retries | None
    budget: Budget | None


@attrs.frozen(kw_only=True)
class Outcome(Generic[R]):
    """What came of one prompt: a response, or an error; `index` is the prompt's position."""

    index: int
    response: R | None = None
    error: Exception | None = None

    def unwrap(self) -> R:
        """The response; where there is none, the error is raised."""
        if self.response is None:
            raise self.error or LLMStreamError("expected a response or an error, got neither")
        return self.response


@attrs.frozen(kw_only=True)
class PromptProgress:
    """How many prompts are finished, and how many of those failed; `total` is None for prompts to come."""

    finished: int
    failed: int
    total: int | None


Report: TypeAlias = Callable[[PromptProgress], Awaitable[None] | None]


class PromptMap:
    """The outcomes of many prompts, in their order; see `map_prompts`."""

    def __init__(
        self,
        model: Model,
        prompts: Iterable[Prompt] | AsyncIterable[Prompt],
        terms: PromptTerms,
        *,
        concurrency: int,
        on_progress: Report | None,
    ) -> None:
        _check_concurrency(concurrency)
        must_be_terms(**{name: terms.get(name) for name in ("timeouts", "retries", "budget")})
        self._model = model
        self._prompts = _Prompts(prompts)
        self._terms = terms
        self._concurrency = concurrency
        self._report = on_progress
        self._finished = self._failed = 0
        # How many prompts were taken, and how many outcomes given; those between are asked or wait.
        self._taken = self._given = 0
        self._outcomes: dict[int, Outcome[Response]] = {}
        self._failure: Exception | None = None
        self._exhausted = False
        self._group: TaskGroup | None = None
        self._scope: anyio.CancelScope | None = None
        self._idle = anyio.Event()
        self._lock = anyio.Lock()
        self._signal: anyio.Event | None = None

    def __await__(self) -> Generator[Any, None, list[Outcome[Response]]]:
        return self._all().__await__()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome[Response]:
        if self._scope is None and self._group is not None:
            self._scope = anyio.CancelScope()
            self._group.start_soon(self._run, self._scope)
        while self._given not in self._outcomes:
            if self._exhausted and self._given == self._taken:
                await self._prompts.aclose()
                raise self._failure or StopAsyncIteration
            await (self._window() if self._group is None else self._change())
        outcome = self._outcomes.pop(self._given)
        self._given += 1
        self._wake()
        return outcome

    async def __aenter__(self) -> Self:
        group = anyio.create_task_group()
        await group.__aenter__()
        self._group = group
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        group, self._group = self._group, None
        self._stop()
        try:
            if group is not None:
                # Not told of the error, which it would wrap.
                await group.__aexit__(None, None, None)
        finally:
            await self._prompts.aclose()

    async def aclose(self) -> None:
        """Close all calls now; no more outcomes come."""
        self._stop()
        if self._scope is not None:
            await self._idle.wait()
        await self._prompts.aclose()

    def _stop(self) -> None:
        if self._scope is not None:
            self._scope.cancel()
        if not (self._exhausted and self._given == self._taken):
            self._failure = TruncatedStreamError(
                "the prompts were left before all were answered", phase="consumer"
            )
        self._exhausted, self._given = True, self._taken
        self._outcomes.clear()
        self._wake()

    async def _all(self) -> list[Outcome[Response]]:
        async with self:
            return [outcome async for outcome in self]

    async def _run(self, scope: anyio.CancelScope) -> None:
        """Answer prompts until there are no more."""
        try:
            with scope:
                async with anyio.create_task_group() as workers:
                    for _ in range(self._concurrency):
                        workers.start_soon(self._work)
        finally:
            self._idle.set()

    async def _window(self) -> None:
        """Answer the next few prompts, for a plain loop: no task may outlive the await in it."""
        async with anyio.create_task_group() as workers:
            for _ in range(self._concurrency):
                workers.start_soon(self._work_once)

    async def _work(self) -> None:
        while await self._work_once():
            pass

    async def _work_once(self) -> bool:
        """Answer one prompt; False when there is none."""
        try:
            taken = await self._next()
            if taken is None:
                return False
            index, prompt = taken
            await self._note(await self._outcome(index, prompt))
        except Exception as error:  # noqa: BLE001 - raised again where the outcomes are taken
            self._failure, self._exhausted = error, True
        finally:
            self._wake()
        return True

    async def _next(self) -> tuple[int, Prompt] | None:
        """The next prompt, when not too many outcomes wait."""
        async with self._lock:
            while self._taken - self._given >= 2 * self._concurrency:
                await self._change()
            if self._exhausted:
                return None
            try:
                prompt = await anext(self._prompts)
            except StopAsyncIteration:
                self._exhausted = True
                return None
            self._taken += 1
            return self._taken - 1, prompt

    async def _outcome(self, index: int, prompt: Prompt) -> Outcome[Response]:
        try:
            if isinstance(prompt, str | Request):
                stream = self._model.prompt(prompt, **self._terms)
            else:
                stream = self._model.prompt(messages=prompt, **self._terms)
            async with stream:
                return Outcome(index=index, response=await stream)
        except Exception as error:  # noqa: BLE001 - it is the outcome
            return Outcome(index=index, error=error)

    async def _note(self, outcome: Outcome[Response]) -> None:
        """Tell of an outcome, and only then let it be taken: after the last there may be no time."""
        self._finished += 1
        self._failed += outcome.error is not None
        progress = PromptProgress(finished=self._finished, failed=self._failed, total=self._prompts.total)
        try:
            told = None if self._report is None else self._report(progress)
            if isawaitable(told):
                await told
        finally:
            self._outcomes[outcome.index] = outcome

    async def _change(self) -> None:
        self._signal = self._signal or anyio.Event()
        await self._signal.wait()

    def _wake(self) -> None:
        signal, self._signal = self._signal, None
        if signal is not None:
            signal.set()


def _check_concurrency(given: object) -> None:
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise ConfigError(f"expected a whole number of at least 1 as concurrency, got {given!r}")


def _check_several(given: object) -> None:
    kind = type(given).__name__
    if isinstance(given, str | Request):
        raise ConfigError(f"expected several prompts, got one {kind}")
    if not isinstance(given, Iterable | AsyncIterable):
        raise ConfigError(f"expected an iterable of prompts, got {kind}")


class _Prompts:
    """Prompts from any iterable, taken one at a time."""

    def __init__(self, prompts: Iterable[Prompt] | AsyncIterable[Prompt]) -> None:
        _check_several(prompts)
        self._prompts: Iterator[Prompt] | AsyncIterator[Prompt] = (
            aiter(prompts) if isinstance(prompts, AsyncIterable) else iter(prompts)
        )
        self.total = len(prompts) if isinstance(prompts, Sized) else None

    async def __anext__(self) -> Prompt:
        if isinstance(self._prompts, AsyncIterator):
            return await anext(self._prompts)
        for prompt in self._prompts:
            return prompt
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close what is a generator."""
        # Any: what a generator may be sent is nothing to us.
        prompts: Any = self._prompts
        if isgenerator(prompts):
            prompts.close()
        elif isasyncgen(prompts):
            await prompts.aclose()


def map_prompts(
    model: Model,
    prompts: Iterable[Prompt] | AsyncIterable[Prompt],
    /,
    *,
    concurrency: int = 8,
    on_progress: Report | None = None,
    **terms: Unpack[PromptTerms],
) -> PromptMap:
    """Ask a model many prompts and give an outcome for each, in their order.

    Awaited, it gives the list. Inside `async with map_prompts(...) as outcomes:` they are given as soon as
    they and those before are there, while others are being asked. A plain loop asks `concurrency` prompts,
    gives their outcomes and asks the next, for no task may go on between its turns.

    A prompt that fails is an outcome with an error. The prompts are taken one by one, never more than
    2 * `concurrency` ahead of the outcomes that were given. Leaving closes all calls at once.

    Args:
        prompts: strings, Requests, or lists of messages.
        concurrency: how many are asked at a time.
        on_progress: told after each answer, in the order in which they come; may be asynchronous. What it
            raises ends all.
        terms: as in `Model.prompt`, for all prompts.
    """
    return PromptMap(model, prompts, terms, concurrency=concurrency, on_progress=on_progress)
