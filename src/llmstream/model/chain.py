"""ChainStream: all rounds of a chain as one stream of events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup

from llmstream.chain.fold import ChainFold
from llmstream.chain.loop import Chain
from llmstream.model.response import Response
from llmstream.model.stream import EventStream, Source
from llmstream.values import response as pure
from llmstream.values.events import Event
from llmstream.values.request import Request


class ChainStream(EventStream[Response]):
    """The events of a chain: of each round, ending in RoundDone, of its tools, and one Done.

    Awaiting it gives the Response of the last round, whose request has the whole history; `snapshot` is
    that of the round that runs. Inside `async with`, and when awaited, tools run in tasks that leaving it
    ends, and their reports come while they run. A loop alone runs the tools of a round in one step.
    """

    def __init__(self, chain: Chain, request: Request, *, wrap: Callable[[pure.Response], Response]) -> None:
        super().__init__(Source(chain.batches), request, wrap=wrap)
        self._chain = chain
        self._rounds = ChainFold(chain.requests)
        self._fold = self._rounds
        self._group: TaskGroup | None = None

    @property
    def responses(self) -> tuple[Response, ...]:
        """The Responses of the rounds that ended, in order."""
        with self._lock:
            self._settle()
            self._catch_up()
            return tuple(self._wrap(response) for response in self._rounds.rounds())

    async def response(self) -> Response:
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

    def _replay(self) -> Iterator[Event]:
        return self._rounds.replay()
