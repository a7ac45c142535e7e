"""An answer measured while it comes, and cut where its budget ends."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from functools import partial
from math import inf
from typing import Literal, TypeAlias

import anyio
import attrs

from llmstream.client.budget import Budget
from llmstream.client.prices import affordable, package_prices, price
from llmstream.client.until import Until
from llmstream.jsontext import JSONError, dumps
from llmstream.values.content import Part, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from llmstream.values.events import Done, Event, ReasoningDelta, TextDelta, ToolCallArgsDelta
from llmstream.values.request import Request, Tool
from llmstream.values.usage import Usage

Batches: TypeAlias = AsyncGenerator[Sequence[Event], None]

# What English text comes to; other scripts take more bytes and more tokens.
BYTES_PER_TOKEN = 4


def metered(
    name: str, budget: Budget, start: Callable[[Request], Batches], /
) -> Callable[[Request], Batches]:
    """A source of one model's events that honours a budget.

    Raises:
        ConfigError: at once, when the budget is of cost and there are no prices for the model.
    """
    if budget.cost is not None:
        price(budget.prices or package_prices, name, Usage())
    return partial(_metered, name, budget, start)


async def _metered(
    name: str, budget: Budget, start: Callable[[Request], Batches], request: Request
) -> Batches:
    limit, given = _limit(name, budget, request), input_tokens(request)
    if limit is None:
        # Nothing was sent, so nothing was used.
        yield [Done(finish_reason="budget", usage=Usage(details={"estimated": True}))]
        return
    meter = Meter(limit, budget)
    deadline = inf if budget.seconds is None else anyio.current_time() + budget.seconds
    rest: Sequence[Event] = ()
    async with aclosing(start(request)) as batches:
        while (batch := await _next(batches, deadline)) is not None:
            if batch == "late":
                break
            events = meter.take(batch)
            if meter.is_over:
                rest = events
                break
            yield events  # noqa: ASYNC119 - closed with the generator
        else:
            return
    yield [*rest, Done(finish_reason="budget", usage=meter.usage(given))]


async def _next(batches: Batches, deadline: float) -> Sequence[Event] | Literal["late"] | None:
    """The next batch, if it comes in time; None at the end."""
    if deadline == inf:
        return await anext(batches, None)
    with anyio.CancelScope(deadline=deadline):
        return await anext(batches, None)
    return "late"


def _limit(name: str, budget: Budget, request: Request) -> float | None:
    """How many tokens may come; None when the request alone is above the budget."""
    tokens = inf if budget.tokens is None else budget.tokens
    if budget.cost is None:
        return tokens
    bought = affordable(budget.prices or package_prices, name, budget.cost, input_tokens(request))
    return None if bought is None else min(tokens, bought)


class Meter:
    """Counts what an answer comes to, and cuts the event with which it would be too much.

    Attributes:
        is_over: whether something was cut; then nothing more is taken.
    """

    def __init__(self, limit: float, budget: Budget) -> None:
        self.is_over = False
        pattern = budget.pattern()
        self._until = None if pattern is None else Until(pattern)
        self._left = limit * BYTES_PER_TOKEN
        self._bytes = self._thought = 0

    def take(self, batch: Sequence[Event]) -> Sequence[Event]:
        """As much of a batch as may be given."""
        events: list[Event] = []
        for event in batch:
            match event:
                case TextDelta(text=text):
                    events += self._said(event, text, "text")
                case ReasoningDelta(text=text):
                    events += self._said(event, text, "text")
                case ToolCallArgsDelta(json=text):
                    events += self._said(event, text, "json")
                case _:
                    events.append(event)
            if self.is_over:
                return events
        return batch

    def usage(self, input: int) -> Usage:
        """What was used until now, by estimate."""
        return Usage(
            input=input,
            output=_tokens(self._bytes),
            reasoning=_tokens(self._thought),
            details={"estimated": True},
        )

    def _said(
        self, event: TextDelta | ReasoningDelta | ToolCallArgsDelta, text: str, field: str
    ) -> Iterator[Event]:
        kept = text if _size(text) <= self._left else _first_bytes(text, int(self._left))
        self.is_over = len(kept) < len(text)
        if self._until is not None and isinstance(event, TextDelta):
            end = self._until.feed(kept)
            self.is_over = self.is_over or end is not None
            kept = kept[:end]
        size = _size(kept)
        self._left -= size
        self._bytes += size
        if isinstance(event, ReasoningDelta):
            self._thought += size
        if len(kept) == len(text):
            yield event
        elif kept:
            yield _cut(event, kept)


def _cut(event: TextDelta | ReasoningDelta | ToolCallArgsDelta, text: str) -> Event:
    match event:
        case TextDelta():
            # The log probabilities are of whole tokens.
            return attrs.evolve(event, text=text, logprobs=())
        case ReasoningDelta():
            return attrs.evolve(event, text=text)
        case ToolCallArgsDelta():
            return ToolCallArgsDelta(event.index, text)


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _first_bytes(text: str, size: int) -> str:
    return text.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "ignore")


def _tokens(size: int) -> int:
    return -(-size // BYTES_PER_TOKEN)


def input_tokens(request: Request, /) -> int:
    """What the text of a request comes to in tokens, by estimate; files are not counted."""
    parts = (part for message in request.messages for part in message.parts)
    tools = (tool for tool in request.tools if isinstance(tool, Tool))
    described = sum(
        _size(tool.name) + _size(tool.description) + _size(dumps(tool.parameters)) for tool in tools
    )
    return _tokens(sum(_size(_text(part)) for part in parts) + described)


def _text(part: Part) -> str:
    match part:
        case TextPart(text=text) | ReasoningPart(text=text):
            return text
        case ToolCallPart(name=name, raw=raw, arguments=arguments):
            return name + (raw or _written(arguments))
        case ToolResultPart(output=output):
            return output if isinstance(output, str) else _written(output)
        case _:
            return ""


def _written(value: object) -> str:
    try:
        return dumps(value)
    except JSONError:
        return ""
