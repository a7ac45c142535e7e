"""Tools that a live object holds, so that the calls of an answer can be made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

import attrs

from llmstream.model.ask import Ask
from llmstream.tools.pending import answered
from llmstream.tools.result import failure
from llmstream.tools.run import Bench, make_calls
from llmstream.tools.signals import PauseChain
from llmstream.tools.toolset import Toolset
from llmstream.values.content import ToolCallPart, ToolResultPart
from llmstream.values.request import Request

if TYPE_CHECKING:
    from llmstream.model.response import Response
    from llmstream.model.stream import EventStream

S = TypeVar("S", bound="EventStream[Response]")
_CUT = "Error: the answer was cut; the tool did not run"


def holding(stream: S, tools: Toolset | None, /) -> S:
    """The stream, whose Responses hold the tools that run here."""
    if tools is None or not tools.runs:
        return stream
    stream.give_as(lambda response: attrs.evolve(response, held=tools))
    if tools.boxes:

        async def prepare() -> Request:
            await tools.ready()
            return attrs.evolve(stream.request, tools=tools.offered())

        stream.begin_with(prepare)
    return stream


async def results_of(
    answer: Response, calls: Iterable[ToolCallPart], bench: Bench, /
) -> tuple[ToolResultPart, ...]:
    """Make calls of an answer; those of one that was cut are not made, however whole they look.

    Raises:
        PauseChain: when a hook or a tool raised it.
    """
    await bench.tools.ready()
    if answer.state != "complete" or answer.finish_reason == "length":
        return tuple(failure(call, _CUT) for call in calls)
    try:
        return await make_calls(calls, bench)
    except PauseChain as pause:
        before = () if answer.request is None else answer.request.messages
        pause.history = answered((*before, *answer.messages()), pause.results)
        pause.partial = answer
        raise


def going_on(
    ask: Ask, answer: Response, model: str, /, prompt: Callable[[Request], S], *, bench: Bench | None = None
) -> S:
    """The call that goes on from an answer; it makes the answer's calls first, if it has the tools.

    Args:
        bench: the hooks and limits of those calls.

    Raises:
        ConfigError: when calls of the answer have no result and nothing here runs.
    """
    tools, pending = ask.tools, ask.pending(answer)
    runs = tools is not None and tools.runs and bool(pending) and not ask.tool_results
    stream = holding(prompt(ask.request(model, after=answer, open=runs)), tools)
    if tools is not None and runs:

        async def prepare() -> Request:
            results = await results_of(answer, pending, attrs.evolve(bench or Bench(), tools=tools))
            return attrs.evolve(ask, tool_results=results).request(model, after=answer)

        stream.begin_with(prepare)
    return stream
