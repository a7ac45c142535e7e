"""ChainStream: all rounds of a chain as one stream of events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Generic, Self

import anyio
import attrs
from anyio.abc import TaskGroup

from llmstream.chain.fold import ChainFold
from llmstream.chain.limits import ChainLimits
from llmstream.chain.loop import Chain
from llmstream.errors import OutputError
from llmstream.model.response import Response
from llmstream.model.stream import EventStream, Source
from llmstream.output import PartialEvent
from llmstream.stage import Stage
from llmstream.tools.run import Bench
from llmstream.values import response as pure
from llmstream.values.events import Done, Event, RoundDone
from llmstream.values.request import Request
from llmstream.values.response import T


def begun(
    asking: Callable[[Request], EventStream[Response[Any]]],
    request: Request,
    bench: Bench,
    limits: ChainLimits | None,
    *,
    eager: bool,
    wrap: Callable[[pure.Response], Response[Any]],
) -> ChainStream[Any]:
    """The stream of a chain that begins with a request; its Responses hold the tools and the hooks.

    Raises:
        ConfigError: when `limits` are none.
    """
    bounds, hooks = ChainLimits.of(limits), (bench.before, bench.after)
    chain = Chain(asking, attrs.evolve(bench, limits=bounds.tool), bounds, eager=eager)
    stream = ChainStream[Any](chain, request, wrap=wrap)
    stream.give_as(lambda response: attrs.evolve(response, held=bench.tools, hooks=hooks))
    return stream


class ChainStream(EventStream[Response[T]], Generic[T]):
    """The events of a chain: of each round, ending in RoundDone, of its tools, and one Done.

    Awaiting it gives the Response of the last round, whose request has the whole history; `snapshot` is
    that of the round that runs. Inside `async with`, and when awaited, tools run in tasks that leaving it
    ends, and their reports come while they run. A loop alone runs the tools of a round in one step.
    """

    def __init__(
        self, chain: Chain, request: Request, *, wrap: Callable[[pure.Response], Response[Any]]
    ) -> None:
        super().__init__(Source(chain.batches), request, wrap=wrap)
        self._chain = chain
        self._rounds = ChainFold(chain.requests)
        self._fold = self._rounds
        self._group: TaskGroup | None = None

    @property
    def responses(self) -> tuple[Response[T], ...]:
        """The Responses of the rounds that ended, in order."""
        with self._lock:
            self._settle()
            self._catch_up()
            return tuple(self._wrap(response) for response in self._rounds.rounds())

    async def response(self) -> Response[T]:
        """Read to the end and give the last round's Response; asking again gives it again.

        Raises:
            LLMStreamError: what ended the chain; the same again at every later asking.
            PauseChain: when a hook or a tool raised it.
        """
        if self._group is not None or self.state not in {"new", "open"}:
            return await super().response()
        async with self:
            return await super().response()

    async def __aenter__(self) -> Self:
        group = anyio.create_task_group()
        await group.__aenter__()
        self._group = self._chain.group = group
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        group, self._group = self._group, None
        try:
            await super().__aexit__(kind, error, traceback)
        finally:
            # Its tasks have ended, and none of them raises: what left the body goes on as it is.
            if group is not None:
                await group.__aexit__(None, None, None)

    def reader(self) -> Stage[Event, PartialEvent]:
        """The Stage that makes partials of events, anew for each round; raises as `partials`."""
        return _RoundReader(super().reader)

    def _replay(self) -> Iterator[Event]:
        return self._rounds.replay()


class _RoundReader:
    """Reads each round by itself: only the last one's text is the answer, and has to be JSON."""

    def __init__(self, reader: Callable[[], Stage[Event, PartialEvent]]) -> None:
        self._make = reader
        self._reader = reader()
        self._ended = False
        self._failure: OutputError | None = None

    def feed(self, event: Event, /) -> Iterable[PartialEvent]:
        """Take one event.

        Raises:
            OutputError: at the end, when the last round's text can never become JSON.
        """
        if type(event) is Done and self._failure is not None:
            raise self._failure
        if self._ended and type(event) is not Done:
            self._reader, self._ended, self._failure = self._make(), False, None
        self._ended = type(event) is RoundDone
        if self._failure is not None:
            return ()
        try:
            return self._reader.feed(event)
        except OutputError as error:
            self._failure = error
            return ()

    def feed_eof(self) -> Iterable[PartialEvent]:
        """Nothing is held back."""
        return ()
