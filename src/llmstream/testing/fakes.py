"""Models and transports that follow a script, for the tests of what stands on them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence

import anyio.lowlevel
import attrs

from llmstream.errors import ConfigError
from llmstream.model.model import Model
from llmstream.transport.base import Exchange, HttpCall
from llmstream.transport.memory import PiecesExchange
from llmstream.values.content import tuple_of
from llmstream.values.events import Event
from llmstream.values.request import Request
from llmstream.wire.http import ResponseHead


class ScriptedModel(Model):
    """A model that answers each call with the next list of events, and notes what it was asked.

    An exception in a list is raised at its place. Any schema is taken as natively supported.
    """

    def __init__(
        self, scripts: Iterable[Iterable[Event | str | BaseException]], *, name: str = "scripted/scripted"
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
            for event in self._scripts[position]:
                await anyio.lowlevel.checkpoint()
                if isinstance(event, BaseException):
                    raise event
                yield event  # type: ignore[misc] # strings are taken too, as Model.events says
        finally:
            self.closed += 1


@attrs.frozen
class Answer:
    """A response that is ready: its head, and its body in pieces."""

    pieces: tuple[bytes, ...] = attrs.field(converter=tuple_of)
    head: ResponseHead = attrs.field(factory=ResponseHead)


class ScriptedTransport:
    """A transport that gives each call the next answer, and notes the calls."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.calls: list[HttpCall] = []
        self.exchanges: list[PiecesExchange] = []
        self._answers = answers

    async def open(self, call: HttpCall, /) -> Exchange:
        """Give the next answer.

        Raises:
            ConfigError: when there are no more answers.
        """
        await anyio.lowlevel.checkpoint()
        position = len(self.calls)
        self.calls.append(call)
        if position >= len(self._answers):
            raise ConfigError(f"expected at most {len(self._answers)} calls of the transport, got one more")
        answer = self._answers[position]
        exchange = PiecesExchange(answer.head, answer.pieces)
        self.exchanges.append(exchange)
        return exchange
