"""Merging and racing, on a clock that jumps."""

import os

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmstream import ConfigError, Done, ServerError, TextDelta, reduce, stream
from llmstream.testing import clock
from llmstream.testing.fakes import Pause, ScriptedModel
from llmstream.testing.strategies import events

FEW = settings(max_examples=max(int(os.environ.get("LLMSTREAM_EXAMPLES", "200")) // 8, 10))


def says(text: str, *, after: float = 0) -> ScriptedModel:
    return ScriptedModel([[Pause(after), *(TextDelta(0, letter) for letter in text), Done()]])


async def listed(source):
    return [event async for event in source]


@pytest.mark.anyio
async def test_events_come_as_they_are_said(script):
    one = script(1, TextDelta(0, "1"), 2, TextDelta(0, "3"), Done())
    two = script(2, TextDelta(0, "2"), 3, TextDelta(0, "5"), Done())
    async with stream.merge(one, two) as pairs:
        came = await listed(pairs)
    said = [(position, event.text) for position, event in came if isinstance(event, TextDelta)]
    assert said == [(0, "1"), (1, "2"), (0, "3"), (1, "5")]
    assert [position for position, event in came if isinstance(event, Done)] == [0, 1]


@FEW
@given(st.lists(events(max_parts=2), min_size=1, max_size=3), st.sampled_from([0, 0.1]))
def test_each_merged_stream_keeps_its_order(answers, pause):
    async def run():
        scripts = [[step for event in answer for step in (Pause(pause), event)] for answer in answers]
        async with stream.merge(*(ScriptedModel([script]).prompt("x") for script in scripts)) as pairs:
            return await listed(pairs)

    for name, options in map(clock.virtual, ("asyncio", "trio")):
        came = anyio.run(run, backend=name, backend_options=options)
        for position, answer in enumerate(answers):
            assert [event for at, event in came if at == position] == list(answer)


@pytest.mark.anyio
async def test_a_failure_ends_a_merge_after_what_was_said():
    slow, broken = says("slow", after=60), ScriptedModel([[TextDelta(0, "a"), ServerError("gone")]])
    start = anyio.current_time()
    async with stream.merge(slow.prompt("x"), broken.prompt("x")) as pairs:
        assert await anext(pairs) == (1, TextDelta(0, "a"))
        with pytest.raises(ServerError, match="gone"):
            await anext(pairs)
    assert anyio.current_time() - start < 1
    assert (slow.closed, broken.closed) == (1, 1)


@pytest.mark.anyio
async def test_a_slow_reader_holds_the_sources_back(script):
    source = script(*(TextDelta(0, "x") for _ in range(1000)), Done())
    async with stream.merge(source) as pairs:
        await anext(pairs)
        await anyio.wait_all_tasks_blocked()
        assert source.read < 30


@pytest.mark.anyio
async def test_the_first_to_speak_wins_and_the_others_are_closed_before():
    models = [says("slow", after=5), says("fast", after=1), says("never", after=999)]
    start = anyio.current_time()
    async with stream.race(*(model.prompt("x") for model in models)) as events:
        assert await anext(events) == TextDelta(0, "f")
        assert [model.closed for model in models] == [1, 0, 1]
        assert events.winner == 1
        rest = await listed(events)
    assert anyio.current_time() - start == pytest.approx(1, abs=0.01)
    assert reduce([TextDelta(0, "f"), *rest]).text() == "fast"


@pytest.mark.anyio
async def test_a_tie_has_one_winner():
    models = [says("one"), says("two")]
    async with stream.race(*(model.prompt("x") for model in models)) as events:
        assert reduce(await listed(events)).text() in {"one", "two"}
    assert [model.closed for model in models] == [1, 1]


@pytest.mark.anyio
async def test_who_fails_before_he_speaks_has_lost(script):
    async with stream.race(script(ServerError("gone")), script(1, TextDelta(0, "a"), Done())) as events:
        assert reduce(await listed(events)).text() == "a"


@pytest.mark.anyio
async def test_when_all_have_lost_the_first_failure_is_told(script):
    async with stream.race(script(2, ServerError("second")), script(1, ServerError("first"))) as events:
        with pytest.raises(ServerError, match="first"):
            await anext(events)
    async with stream.race(script(), script(1)) as events:
        assert await listed(events) == []


@pytest.mark.anyio
async def test_a_winner_that_fails_later_fails_the_race(script):
    async with stream.race(script(TextDelta(0, "a"), 1, ServerError("gone")), script(9)) as events:
        assert await anext(events) == TextDelta(0, "a")
        with pytest.raises(ServerError, match="gone"):
            await anext(events)


@pytest.mark.parametrize("join", [stream.merge, stream.race])
def test_nothing_cannot_be_joined(join):
    with pytest.raises(ConfigError, match="at least one stream"):
        join()
