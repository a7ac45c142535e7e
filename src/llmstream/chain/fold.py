"""A fold that knows the rounds of a chain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from llmstream.reduce import Fold
from llmstream.unfold import unfold
from llmstream.values.content import Part, ToolResultPart
from llmstream.values.events import Event, RoundDone
from llmstream.values.request import Request
from llmstream.values.response import Response, State


class ChainFold(Fold):
    """Folds all rounds; its Response is that of the last round that has begun.

    `requests` is what was asked in each round, and grows while the chain goes on.
    """

    __slots__ = ("_requests",)

    def __init__(self, requests: Sequence[Request]) -> None:
        super().__init__()
        self._requests = requests

    def response(self, *, request: Request | None = None, state: State | None = None) -> Response:
        """The Response of the last round that has begun; a round that ended has its own state."""
        parts, start = super().response().parts, 0
        rounds = list(self._ended(parts))
        if rounds:
            start = _after_results(parts, self.closed[-1][0])
            if start == len(parts):
                return rounds[-1]
        asked = self._requests[len(rounds)] if len(rounds) < len(self._requests) else request
        return Response(request=asked, parts=parts[start:], state=state or "incomplete")

    def rounds(self) -> tuple[Response, ...]:
        """The Responses of the rounds that ended."""
        return tuple(self._ended(super().response().parts))

    def replay(self) -> Iterator[Event]:
        """The events again, one delta a part, with the ends of the rounds in their places."""
        ends = iter(self.closed)
        end = next(ends, None)
        for event in unfold(attrs.evolve(super().response(), state="incomplete")):
            index: int = getattr(event, "index", 0)
            while end is not None and index >= end[0]:
                yield end[1]
                end = next(ends, None)
            yield event
        if end is not None:
            yield end[1]
            yield from (done for _, done in ends)
        if self._done is not None:
            yield self._done

    def _ended(self, parts: tuple[Part, ...]) -> Iterator[Response]:
        start = 0
        for at, (end, done) in enumerate(self.closed):
            asked = self._requests[at] if at < len(self._requests) else None
            first = _after_results(parts, start)
            yield _response(done, parts[min(first, end) : end], asked)
            start = end


def _after_results(parts: tuple[Part, ...], start: int) -> int:
    """Where a round begins: behind the results of the one before."""
    while start < len(parts) and _is_ours(parts[start]):
        start += 1
    return start


def _is_ours(part: Part) -> bool:
    return isinstance(part, ToolResultPart) and not part.server_executed


def _response(done: RoundDone, parts: tuple[Part, ...], request: Request | None) -> Response:
    return Response(
        request=request,
        parts=parts,
        state="budget" if done.finish_reason == "budget" else "complete",
        finish_reason=done.finish_reason,
        raw_finish_reason=done.raw_finish_reason,
        usage=done.usage,
        id=done.id,
        model=done.model,
        provider_metadata=done.provider_metadata,
    )
