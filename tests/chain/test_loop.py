"""The loop, step by step, without a stream around it."""

from contextlib import aclosing

import anyio
import pytest

from llmstream import (
    ChainLimitError,
    ChainLimits,
    ConfigError,
    Done,
    Event,
    Request,
    RoundDone,
    TextDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolLimits,
    ToolResultOut,
    reduce,
    user,
)
from llmstream.chain.loop import Chain
from llmstream.testing.fakes import ScriptedModel
from llmstream.tools.run import Bench
from llmstream.tools.toolset import Toolset

pytestmark = pytest.mark.anyio

ASK = Request("m", [user("x")])
OK = [TextDelta(0, "ok"), Done(finish_reason="stop")]


async def echo(n: int) -> int:
    return n


def asks(count: int, reason: str = "tool_calls", name: str = "echo") -> list[Event]:
    calls = [ToolCallStart(at, id=f"c{at}", name=name) for at in range(count)]
    ends = [ToolCallEnd(at, {"n": at}) for at in range(count)]
    return [*calls, *ends, Done(finish_reason=reason)]


def chain(model: ScriptedModel, **terms) -> Chain:
    bench = Bench(tools=Toolset.of([echo]), limits=terms.pop("tool", ToolLimits()))
    return Chain(model.prompt, bench, ChainLimits(**terms))


async def read(chain: Chain, request: Request = ASK) -> list[Event]:
    async with aclosing(chain.batches(request)) as batches:
        return [event async for batch in batches for event in batch]


async def test_what_comes_folds_whatever_the_rounds() -> None:
    model = ScriptedModel([asks(3), asks(2), OK])
    loop = chain(model)
    events = await read(loop)
    assert [event.index for event in events if isinstance(event, ToolResultOut)] == [3, 4, 5, 8, 9]
    assert reduce(events).text() == "ok"
    assert loop.requests == model.requests
    ids = [part.id for message in model.requests[2].messages for part in message.parts if hasattr(part, "id")]
    assert len(set(ids)) == 5


async def test_a_thousand_calls_are_made_each_once() -> None:
    model = ScriptedModel([asks(1000), OK])
    events = await read(chain(model))
    results = [event for event in events if isinstance(event, ToolResultOut)]
    assert [int(result.output) for result in results] == list(range(1000))
    too_many = ScriptedModel([asks(1001), OK])
    with pytest.raises(ChainLimitError, match="1000 calls"):
        await read(chain(too_many))


async def test_a_call_that_was_cut_is_not_made_and_its_text_is_kept() -> None:
    cut = [*asks(1)[:-1], Done(finish_reason="length")]
    model = ScriptedModel([cut, OK])
    events = await read(chain(model))
    result = next(event for event in events if isinstance(event, ToolResultOut))
    assert "length" in result.output
    assert model.requests[1].messages[1].parts[0].arguments == {"n": 0}


async def test_being_closed_half_way_closes_the_call() -> None:
    model = ScriptedModel([asks(3)])
    async with aclosing(chain(model).batches(ASK)) as batches:
        await anext(batches)
    assert model.closed == 1


async def test_without_a_group_nothing_is_eager() -> None:
    bench = Bench(tools=Toolset.of([echo]))
    with pytest.raises(ConfigError, match="async with"):
        await read(Chain(ScriptedModel([OK]).prompt, bench, ChainLimits(), eager=True))


async def test_a_group_of_the_readers_runs_the_tools() -> None:
    async with anyio.create_task_group() as group:
        loop = chain(ScriptedModel([asks(2), OK]))
        loop.group = group
        events = await read(loop)
    assert [type(event) for event in events[-4:]] == [ToolResultOut, TextDelta, RoundDone, Done]
