"""Fallback: models that stand in for each other, in order."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Literal

import attrs

from llmstream.errors import (
    ConfigError,
    InvalidRequestError,
    LLMStreamError,
    ProviderError,
    TransportError,
    TruncatedStreamError,
    UnsupportedError,
    WireError,
)
from llmstream.model.batched import BatchedModel, must_be_model
from llmstream.model.continued import Continued, How
from llmstream.model.model import Model
from llmstream.model.portable import portability_report, ported
from llmstream.model.terms import CallTerms, Terms
from llmstream.output import shaped
from llmstream.values.events import Done, Event
from llmstream.values.request import Request

if TYPE_CHECKING:
    from llmstream.client.retries import Retries
    from llmstream.client.timeouts import Timeouts

# What the user showed is not left out behind his back; the next model may see it.
_SHOWN = frozenset({"refused", "file id"})


def another_may_do_better(error: LLMStreamError, /) -> bool:
    """Whether a failure is one model's own: what could not be reached, said or answered there.

    Not the caller's: a wrong set-up, and a request that the provider calls invalid, are to be seen. A
    request that is too long for one model may fit another.
    """
    if isinstance(error, ProviderError):
        return not isinstance(error, InvalidRequestError)
    return isinstance(error, TransportError | WireError | UnsupportedError)


def fallback(
    *models: Model,
    continue_partial: bool | Literal["prefill"] = False,
    when: Callable[[LLMStreamError], bool] = another_may_do_better,
) -> Model:
    """A model that asks the first of `models`, and where that fails before its first event, the next.

    Each is asked under its own id, with the history in the form that it takes (`ported`); options go as
    they are. Time limits and retries hold for each call by itself. What is raised is the last failure, with
    those before it as `.failures`. The id and name are those of the first; `Response.model` tells who
    answered.

    Args:
        continue_partial: go on after the first event, too: the next model gets what was said and is
            instructed to go on from there, or with "prefill" finds it as the beginning of its own turn,
            which few models still take. `Restarted` tells the consumer. What is said twice is left out,
            and so are calls that were made already; calls are held back until they are complete. Text
            that has to fit a schema is not continued.
        when: whether the next model is asked after a failure, and not the failure raised; by default
            `another_may_do_better` says so.

    Raises:
        ConfigError: when there is no model, or a value is of the wrong kind.
    """
    if not models:
        raise ConfigError("expected one or more models to fall back on, got none")
    for model in models:
        must_be_model(model, "fall back on")
    if not isinstance(continue_partial, bool) and continue_partial != "prefill":
        raise ConfigError(f'expected True, False or "prefill" as continue_partial, got {continue_partial!r}')
    if not callable(when):
        raise ConfigError(f"expected a function of an error as when, got {when!r}")
    return Fallback(models, continue_partial=continue_partial, when=when)


class Fallback(BatchedModel):
    """Models that are asked in order; see `fallback`."""

    def __init__(
        self,
        models: Sequence[Model],
        *,
        continue_partial: bool | Literal["prefill"],
        when: Callable[[LLMStreamError], bool],
    ) -> None:
        self.id = models[0].id
        self.name = models[0].name
        self.first = models[0]
        self._models = tuple(models)
        self._how: How | None = "instruction" if continue_partial is True else continue_partial or None
        self._when = when

    def batches(
        self, request: Request, /, *, timeouts: Timeouts | None = None, retries: Retries | None = None
    ) -> AsyncGenerator[Sequence[Event], None]:
        """The events of one call, in the lists in which they came.

        Raises:
            LLMStreamError: the last failure, with those before it as `.failures`.
        """
        return self._asked(request, Terms(timeouts=timeouts, retries=retries).of_a_call())

    async def _asked(self, request: Request, terms: CallTerms) -> AsyncGenerator[Sequence[Event], None]:
        answer = _Plain() if self._how is None else Continued(self._how)
        failures: list[LLMStreamError] = []
        for number, model in enumerate(self._models, 1):
            try:
                asked = answer.request(request)
                # Somebody else's model may have been named to the first, as without a fallback.
                asked = asked if number == 1 else _for_another(model, asked)
                async with aclosing(_called(model, asked, terms)) as batches:
                    async for batch in batches:
                        if events := answer.take(_named(batch, model) if failures else batch):
                            yield events  # noqa: ASYNC119 - closed with the generator
                return
            except LLMStreamError as error:
                goes_on = not answer.begun or answer.may_go_on(request)
                if number == len(self._models) or not goes_on or not self._when(error):
                    _tell(error, failures)
                    raise
                failures.append(error)
                answer.restart(error, f"{model.name} failed: {_shown(error)}")


def _for_another(model: Model, request: Request) -> Request:
    """The request in another model's name and form."""
    for loss in portability_report(request.messages, model):
        if loss.what in _SHOWN and request.messages[loss.message].role == "user":
            raise UnsupportedError(f"{loss.why}, at messages[{loss.message}]")
    messages = ported(request.messages, model, otherwise="text")
    return model.moded(attrs.evolve(request, model=model.id, messages=messages))


async def _called(model: Model, request: Request, terms: CallTerms) -> AsyncGenerator[Sequence[Event], None]:
    """One model's events; that it stops without an end is a failure like others."""
    ended = False
    # The first one's mode is seen to outside; another may need one of its own.
    ask = shaped(lambda request: model.batches(request, **terms))
    async with aclosing(ask(request)) as batches:
        async for batch in batches:
            ended = bool(batch) and isinstance(batch[-1], Done)
            yield batch  # noqa: ASYNC119 - closed with the generator
    if not ended:
        raise TruncatedStreamError("expected Done as a model's last event, got the end of its events")


class _Plain:
    """An answer that one model makes alone."""

    begun = False

    def take(self, batch: Sequence[Event]) -> Sequence[Event]:
        self.begun = self.begun or bool(batch)
        return batch

    def may_go_on(self, request: Request) -> bool:
        return False

    def restart(self, error: LLMStreamError, reason: str) -> None:
        pass

    def request(self, request: Request) -> Request:
        return request


def _named(batch: Sequence[Event], model: Model) -> Sequence[Event]:
    """The events with the model's own id in Done, where its wire does not say who answered."""
    if batch and isinstance(last := batch[-1], Done) and last.model is None:
        return [*batch[:-1], attrs.evolve(last, model=model.id)]
    return batch


def _tell(error: LLMStreamError, failures: Sequence[LLMStreamError]) -> None:
    """Have the last failure tell of those before it."""
    if not failures:
        return
    error.failures = tuple(failures)
    for number, failure in enumerate(failures, 1):
        error.add_note(f"failure {number}, of a model that was asked before: {_shown(failure)}")


def _shown(error: LLMStreamError) -> str:
    return f"{type(error).__name__}: {error}"
