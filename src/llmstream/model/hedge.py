"""Hedge: a call that is slow to begin is made a second time, and the first to begin answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeAlias

import anyio

from llmstream.errors import ConfigError, LLMStreamError, TruncatedStreamError
from llmstream.model.batched import BatchedModel, must_be_model
from llmstream.model.model import Model
from llmstream.model.terms import Terms
from llmstream.values.amounts import is_amount
from llmstream.values.events import Event
from llmstream.values.request import Request

if TYPE_CHECKING:
    from llmstream.client.retries import Retries
    from llmstream.client.timeouts import Timeouts

_Batches: TypeAlias = AsyncGenerator[Sequence[Event], None]


def hedge(model: Model, *, after: float, attempts: int = 2) -> Model:
    """A model that calls `model` again when no event came in time, and gives the first answer that begins.

    The others are closed before its first event is given; providers may bill them. A call that fails while
    another is under way is left out; when the last one fails, that is raised, with the failures before it
    as `.failures`. Failures start no call: that is what `retries` are for.

    Args:
        after: seconds without an event before the next call is made beside those under way.
        attempts: how many calls at most, with the first.

    Raises:
        ConfigError: when a value is none that can be meant.
    """
    must_be_model(model, "hedge")
    if not is_amount(after):
        raise ConfigError(f"expected 0 seconds or more as after, got {after!r}")
    if not is_amount(attempts, 1):
        raise ConfigError(f"expected 1 or more attempts, got {attempts!r}")
    return Hedge(model, after=after, attempts=attempts)


class Hedge(BatchedModel):
    """A model whose calls race; see `hedge`."""

    def __init__(self, model: Model, *, after: float, attempts: int) -> None:
        self.id = model.id
        self.name = model.name
        self.first = self._model = model
        self._after = after
        self._attempts = attempts

    def batches(
        self, request: Request, /, *, timeouts: Timeouts | None = None, retries: Retries | None = None
    ) -> _Batches:
        """The events of the call that began first.

        Raises:
            LLMStreamError: the failure of the last call under way, with those before it as `.failures`.
        """
        terms = Terms(timeouts=timeouts, retries=retries).of_a_call()
        return self._raced(lambda: self._model.batches(request, **terms))

    async def _raced(self, call: Callable[[], _Batches]) -> _Batches:
        first, batches = await self._winner(_Race(call))
        async with aclosing(batches):
            yield first  # noqa: ASYNC119 - closed with the generator
            async for batch in batches:
                yield batch  # noqa: ASYNC119 - closed with the generator

    async def _winner(self, race: _Race) -> tuple[Sequence[Event], _Batches]:
        """The first batch, and where the rest comes from; the race is over when this returns."""
        try:
            async with anyio.create_task_group() as tasks:
                for _ in range(self._attempts):
                    race.running += 1
                    tasks.start_soon(race.run)
                    with anyio.move_on_after(self._after):
                        await race.over.wait()
                    if race.over.is_set():
                        break
                await race.over.wait()
                tasks.cancel_scope.cancel()
        except BaseException:
            await race.drop()
            raise
        return race.result()


class _Race:
    """Calls that are under way until one of them brings an event, or all have failed."""

    def __init__(self, call: Callable[[], _Batches]) -> None:
        self.over = anyio.Event()
        self.running = 0
        self._call = call
        self._winner: tuple[Sequence[Event], _Batches] | None = None
        self._failures: list[Exception] = []

    async def run(self) -> None:
        try:
            await self._begin(self._call())
        except Exception as error:  # noqa: BLE001 - raised by `result`, if nobody wins
            self._failures.append(error)
        self.running -= 1
        if not self.running:
            self.over.set()

    async def _begin(self, batches: _Batches) -> None:
        try:
            async for batch in batches:
                if batch:
                    if self._winner is None:
                        self._winner = (batch, batches)
                        self.over.set()
                    return
            raise TruncatedStreamError("expected Done as a model's last event, got the end of its events")
        finally:
            if self._winner is None or self._winner[1] is not batches:
                with anyio.CancelScope(shield=True):
                    await batches.aclose()

    async def drop(self) -> None:
        """Close what won a race that nobody waits for any more."""
        if self._winner is not None:
            with anyio.CancelScope(shield=True):
                await self._winner[1].aclose()

    def result(self) -> tuple[Sequence[Event], _Batches]:
        """What won.

        Raises:
            Exception: the last failure, when nothing did.
        """
        if self._winner is not None:
            return self._winner
        *before, last = self._failures
        if before and isinstance(last, LLMStreamError):
            last.failures = tuple(error for error in before if isinstance(error, LLMStreamError))
        raise last
