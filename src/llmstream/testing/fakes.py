"""Models and transports that follow a script, for the tests of what stands on them.

A `Pause` in a script waits; with the virtual clocks of `llmstream.testing.clock` it takes no time.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from math import inf
from typing import TypeAlias, TypeVar

import anyio
import anyio.lowlevel
import attrs

from llmstream.errors import ConfigError, ConnectionLost
from llmstream.model.model import Model
from llmstream.transport.base import Exchange, HttpCall
from llmstream.values.content import tuple_of
from llmstream.values.events import Event
from llmstream.values.request import Request
from llmstream.wire.http import ResponseHead

T = TypeVar("T")


@attrs.frozen
class Pause:
    """Wait before what follows: so many seconds, or by default until somebody cancels."""

    seconds: float = inf


Step: TypeAlias = T | Pause | BaseException


class ScriptedModel(Model):
    """A model that answers each call with the next list of events, and notes what it was asked.

    An exception in a list is raised at its place. Any schema is taken as natively supported.

    Attributes:
        requests: what was asked, in order.
        closed: how many of the calls have ended, in whatever way.
    """

    def __init__(
        self, scripts: Iterable[Iterable[Step[Event | str]]], *, name: str = "scripted/scripted"
    ) -> None:
        self.name = name
        self.id = name.partition("/")[2] or name
        self.requests: list[Request] = []
        self.closed = 0
        self._scripts = [tuple(script) for script in scripts]

    async def events(self, request: Request, /) -> AsyncGenerator[Event, None]:
        """The next script, with a checkpoint before each event.

        Raises:
            ConfigError: when there are no more scripts.
        """
        position = len(self.requests)
        self.requests.append(request)
        if position >= len(self._scripts):
            raise ConfigError(f"expected at most {len(self._scripts)} calls of {self.name}, got one more")
        try:
            for step in self._scripts[position]:
                if not isinstance(event := await _taken(step), Pause):
                    yield event  # type: ignore[misc] # strings are taken too, as Model.events says
        finally:
            self.closed += 1


@attrs.frozen
class Answer:
    """A response that is ready: its body in pieces, its head, and what happens before the head comes."""

    pieces: tuple[Step[bytes], ...] = attrs.field(converter=tuple_of)
    head: ResponseHead = attrs.field(factory=ResponseHead)
    before: tuple[Step[bytes], ...] = attrs.field(default=(), converter=tuple_of, kw_only=True)


class ScriptedTransport:
    """A transport that gives each call the next answer.

    Attributes:
        calls: what was sent, in order.
        exchanges: what was opened, in order.
    """

    def __init__(self, answers: Iterable[Answer]) -> None:
        self.calls: list[HttpCall] = []
        self.exchanges: list[ScriptedExchange] = []
        self._answers = tuple(answers)

    async def open(self, call: HttpCall, /) -> Exchange:
        """Give the next answer.

        Raises:
            ConfigError: when there are no more answers.
        """
        position = len(self.calls)
        self.calls.append(call)
        if position >= len(self._answers):
            raise ConfigError(f"expected at most {len(self._answers)} calls of the transport, got one more")
        answer = self._answers[position]
        for step in (Pause(0), *answer.before):
            await _taken(step)
        exchange = ScriptedExchange(answer)
        self.exchanges.append(exchange)
        return exchange


class ScriptedExchange:
    """A response whose body follows a script.

    Attributes:
        closed: how often it was closed.
        over: whether its end was read, so that a connection could serve again.
    """

    def __init__(self, answer: Answer) -> None:
        self.head = answer.head
        self.closed = 0
        self.over = False
        self._steps = iter(answer.pieces)
        self._reading: anyio.CancelScope | None = None
        self._cut = False

    async def read(self, deadline: float = inf, /) -> bytes:
        """The next piece; empty at the end.

        Raises:
            TimeoutError: when it did not come before `deadline`.
            ConnectionLost: when the exchange was closed.
        """
        with anyio.CancelScope(deadline=deadline) as self._reading:
            return await self._next()
        if self._cut:
            raise ConnectionLost("the exchange was closed")
        raise TimeoutError

    def interrupt(self) -> None:
        """End a read that is pending."""
        self._cut = True
        if self._reading is not None:
            self._reading.cancel()

    async def _next(self) -> bytes:
        for step in self._steps:
            piece = await _taken(step)
            if self.closed or self._cut:
                raise ConnectionLost("the exchange was closed")
            if isinstance(piece, bytes) and piece:
                return piece
        await anyio.lowlevel.checkpoint()
        self.over = True
        return b""

    async def aclose(self) -> None:
        """Give no more pieces."""
        self.closed += 1


async def _taken(step: Step[T]) -> T | Pause:
    """Take a step of a script: wait for a pause, raise an exception, give the rest."""
    if not isinstance(step, Pause):
        await anyio.lowlevel.checkpoint()
    elif step.seconds < inf:
        await anyio.sleep(step.seconds)
    else:
        await anyio.sleep_forever()
    if isinstance(step, BaseException):
        raise step
    return step
