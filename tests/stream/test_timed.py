"""Timeouts, throttling and even flow, on a clock that jumps."""

import itertools
import os

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmstream import (
    ConfigError,
    Done,
    Logprob,
    ReasoningDelta,
    ServerError,
    TextDelta,
    TimeoutExceeded,
    ToolCallStart,
    reduce,
    stream,
)
from llmstream.testing import clock
from llmstream.testing.fakes import Pause, ScriptedModel
from llmstream.testing.strategies import events

FEW = settings(max_examples=max(int(os.environ.get("LLMSTREAM_EXAMPLES", "200")) // 8, 10))
WORDS = [TextDelta(0, f"{number} ") for number in range(10)]


async def listed(source):
    return [event async for event in source]


async def stamped(source):
    return [(round(anyio.current_time(), 3), event) async for event in source]


@pytest.mark.anyio
async def test_events_in_time_come_through():
    model = ScriptedModel([[WORDS[0], Pause(1), WORDS[1], Pause(1), Done()]])
    assert await listed(stream.timeout(model.prompt("x"), 1.5, total=3)) == [*WORDS[:2], Done()]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("limits", "clock", "seconds"),
    [({"between": 2}, "between", 2), ({"total": 3}, "total", 3), ({"between": 5, "total": 3}, "total", 3)],
)
async def test_a_clock_that_runs_out_closes_the_source_and_keeps_the_partial(limits, clock, seconds):
    model = ScriptedModel([[WORDS[0], Pause()]])
    start = anyio.current_time()
    events = stream.timeout(model.prompt("x"), **limits)
    with pytest.raises(TimeoutExceeded, match=f"within {seconds} s") as caught:
        await listed(events)
    assert anyio.current_time() - start == pytest.approx(seconds)
    assert (caught.value.clock, caught.value.seconds) == (clock, seconds)
    assert (caught.value.partial.text(), caught.value.retryable) == ("0 ", False)
    assert model.closed == 1


@pytest.mark.anyio
async def test_the_readers_own_time_does_not_count_between_events():
    events = stream.timeout(ScriptedModel([[*WORDS[:2], Done()]]).prompt("x"), 1)
    async for _ in events:
        await anyio.sleep(10)


def test_a_timeout_has_a_limit():
    with pytest.raises(ConfigError, match="between or total"):
        stream.timeout(ScriptedModel([]).prompt("x"))


@pytest.mark.anyio
async def test_deltas_come_in_one_batch_an_interval(script):
    steps = [step for word in WORDS for step in (0.1, word)]
    async with stream.throttle(script(*steps, Done()), 0.35) as events:
        came = await stamped(events)
    assert [event.text for _, event in came[:-1]] == ["0 ", "1 2 3 ", "4 5 6 ", "7 8 9 "]
    times = [at - came[0][0] for at, _ in came]
    # The end is not held back.
    assert times == pytest.approx([0, 0.35, 0.7, 0.9, 0.9], abs=0.01)


@pytest.mark.anyio
async def test_a_delta_is_not_held_longer_than_the_interval_in_silence(script):
    async with stream.throttle(script(WORDS[0], 0.1, WORDS[1], 60, Done()), 1) as events:
        start = anyio.current_time()
        assert [await anext(events), await anext(events)] == WORDS[:2]
        assert anyio.current_time() - start == pytest.approx(1)


@pytest.mark.anyio
@pytest.mark.parametrize("slow", [lambda s: stream.throttle(s, 1), lambda s: stream.smooth(s, 1000)])
async def test_a_failure_comes_after_what_was_said(slow):
    async with slow(ScriptedModel([[*WORDS[:2], ServerError("gone")]]).prompt("x")) as events:
        said = [(await anext(events)).text]
        if said == ["0 "]:
            said.append((await anext(events)).text)
        with pytest.raises(ServerError, match="gone"):
            await anext(events)
    assert "".join(said) == "0 1 "


def on_both(run):
    return [
        anyio.run(run, backend=name, backend_options=options)
        for name, options in map(clock.virtual, ("asyncio", "trio"))
    ]


@FEW
@given(events(), st.lists(st.sampled_from([0, 0.01, 0.3]), max_size=20), st.sampled_from([0.05, 1]))
def test_throttling_changes_no_fold(answer, pauses, seconds):
    async def run():
        waits = iter(pauses)
        steps = [step for event in answer for step in (Pause(next(waits, 0)), event)]
        async with stream.throttle(ScriptedModel([steps]).prompt("x"), seconds) as throttled:
            return await listed(throttled)

    for out in on_both(run):
        assert reduce(out) == reduce(answer)


@FEW
@given(events(), st.sampled_from([1.0, 50.0, 5000.0]))
def test_smoothing_changes_no_fold(answer, rate):
    async def run():
        async with stream.smooth(ScriptedModel([answer]).prompt("x"), rate) as smoothed:
            return await listed(smoothed)

    for out in on_both(run):
        assert reduce(out) == reduce(answer)


@pytest.mark.anyio
async def test_a_burst_flows_evenly(script):
    text = "abcdefghij" * 10
    async with stream.smooth(script(TextDelta(0, text), Done()), 300, lag=60) as events:
        came = await stamped(events)
    assert "".join(event.text for _, event in came[:-1]) == text
    assert {len(event.text) for _, event in came[:-1]} == {10}
    gaps = [b - a for (a, _), (b, _) in itertools.pairwise(came[:-1])]
    assert gaps == pytest.approx([1 / 30] * 9, abs=0.01)


@pytest.mark.anyio
async def test_it_catches_up_when_much_waits(script):
    async with stream.smooth(script(TextDelta(0, "x" * 100_000), Done()), 10, lag=1.0) as events:
        start = anyio.current_time()
        came = await stamped(events)
    assert came[-1][0] - start < 15
    assert sum(len(event.text) for _, event in came[:-1]) == 100_000


@pytest.mark.anyio
@pytest.mark.parametrize(
    "whole", ["e\u0301", "\U0001f469\u200d\U0001f467", "\U0001f44d\U0001f3fd", "\ud83d\ude00"]
)
async def test_what_one_sees_as_a_character_is_not_cut(script, whole):
    async with stream.smooth(script(TextDelta(0, whole * 5), Done()), 1, lag=1000) as events:
        came = await listed(events)
    assert [event.text for event in came[:-1]] == [whole] * 5


@pytest.mark.anyio
async def test_what_is_no_text_keeps_its_place_and_log_probabilities_come_once(script):
    said = TextDelta(0, "abc", (Logprob("abc", -0.5),))
    steps = [said, ToolCallStart(1, id="c", name="f"), ReasoningDelta(2, "xy"), Done()]
    async with stream.smooth(script(*steps), 1, lag=1000) as events:
        came = await listed(events)
    assert came[:3] == [TextDelta(0, "a"), TextDelta(0, "b"), TextDelta(0, "c", said.logprobs)]
    assert came[3:] == [steps[1], ReasoningDelta(2, "x"), ReasoningDelta(2, "y"), Done()]


@pytest.mark.parametrize("limits", [{"rate": 0}, {"rate": 1, "lag": 0}, {"rate": float("nan")}])
def test_a_flow_has_a_rate(limits):
    with pytest.raises(ConfigError, match="rate"):
        stream.smooth(ScriptedModel([]).prompt("x"), **limits)
