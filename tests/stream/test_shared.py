"""One stream for many consumers: none loses a word, none is waited for unless he says so."""

import os

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmstream import (
    Attachment,
    AudioDelta,
    ConfigError,
    Done,
    ImageOut,
    PartMetadata,
    ServerError,
    SlowConsumerError,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    reduce,
    stream,
)
from llmstream.testing import clock
from llmstream.testing.fakes import Pause, ScriptedModel
from llmstream.testing.strategies import events

MANY = settings(max_examples=int(os.environ.get("LLMSTREAM_EXAMPLES", "200")) // 2)
LETTERS = [TextDelta(0, letter) for letter in "abcdefghij"]
ANSWER = [*LETTERS, Done(finish_reason="stop")]


async def listed(source):
    return [event async for event in source]


@pytest.mark.anyio
async def test_all_consumers_get_all_events():
    model = ScriptedModel([ANSWER])
    got = {}

    async def consume(name, events):
        got[name] = await listed(events)

    async with stream.tee(model.prompt("x"), 3) as hub, anyio.create_task_group() as group:
        for name in range(3):
            group.start_soon(consume, name, hub.subscribe())
    assert got == dict.fromkeys(range(3), ANSWER)
    assert len(model.requests) == 1


@pytest.mark.anyio
async def test_the_reading_begins_when_all_have_come():
    model = ScriptedModel([ANSWER])
    async with stream.tee(model.prompt("x"), 2) as hub:
        first = hub.subscribe()
        await anyio.wait_all_tasks_blocked()
        assert model.requests == []
        second = hub.subscribe()
        assert await listed(first) == await listed(second) == ANSWER


@pytest.mark.anyio
async def test_who_is_to_be_waited_for_holds_the_others_back(script):
    source = script(*ANSWER)
    async with stream.tee(source) as hub:
        hub.subscribe(policy="block", buffer=2)
        hub.subscribe(policy="coalesce")
        await anyio.wait_all_tasks_blocked()
        assert source.read == 3


@pytest.mark.anyio
@pytest.mark.parametrize("policy", ["coalesce", "drop", "disconnect"])
async def test_nobody_else_does(script, policy):
    async with stream.tee(script(*ANSWER), 2) as hub:
        hub.subscribe(policy=policy, buffer=2)
        assert await listed(hub.subscribe()) == ANSWER


@pytest.mark.anyio
async def test_a_slow_consumer_gets_the_deltas_joined(script):
    async with stream.tee(script(*ANSWER), 2) as hub:
        slow = hub.subscribe(policy="coalesce", buffer=1)
        await listed(hub.subscribe())
        assert await listed(slow) == [TextDelta(0, "abcdefghij"), ANSWER[-1]]


@pytest.mark.anyio
async def test_a_consumer_that_may_miss_something_is_told_how_much(script):
    async with stream.tee(script(*ANSWER), 2) as hub:
        slow = hub.subscribe(policy="drop", buffer=3)
        await listed(hub.subscribe())
        assert await listed(slow) == ANSWER[-3:]
        assert slow.missed == len(ANSWER) - 3
        assert hub.snapshot().text() == "abcdefghij"


@pytest.mark.anyio
async def test_a_consumer_that_is_too_slow_is_disconnected(script):
    async with stream.tee(script(*ANSWER), 2) as hub:
        slow = hub.subscribe(policy="disconnect", buffer=3)
        assert await listed(hub.subscribe()) == ANSWER
        assert [await anext(slow) for _ in range(3)] == LETTERS[:3]
        with pytest.raises(SlowConsumerError, match="at most 3"):
            await anext(slow)


@pytest.mark.anyio
async def test_who_comes_late_gets_what_was_said_and_then_the_rest(script):
    async with stream.tee(script(*LETTERS[:5], 1, *LETTERS[5:], ANSWER[-1])) as hub:
        first = hub.subscribe()
        await anyio.wait_all_tasks_blocked()
        late = hub.subscribe()
        assert await listed(late) == [TextDelta(0, "abcde"), *LETTERS[5:], ANSWER[-1]]
        assert await listed(first) == ANSWER
        assert await listed(hub.subscribe()) == [TextDelta(0, "abcdefghij"), ANSWER[-1]]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "before",
    [
        [ToolCallStart(0, id="c", name="f"), ToolCallArgsDelta(0, '{"a": 1}')],
        [ToolCallStart(0, id="c", name="f"), ToolCallArgsDelta(0, '{"a"')],
        [ToolCallStart(0, id="c", name="f")],
    ],
)
async def test_a_call_that_looks_complete_may_go_on(script, before):
    said = "".join(event.json for event in before[1:])
    rest = [ToolCallArgsDelta(0, '{"a": 1} '[len(said) :]), ToolCallEnd(0, {"a": 1}), Done()]
    async with stream.tee(script(*before, 1, *rest)) as hub:
        hub.subscribe()
        await anyio.wait_all_tasks_blocked()
        assert reduce(await listed(hub.subscribe())) == reduce([*before, *rest])


@pytest.mark.anyio
@pytest.mark.parametrize("then", [AudioDelta(0, b"a"), ImageOut(0, Attachment("image/png", data=b"a"))])
async def test_a_part_that_is_open_and_empty_may_become_anything(script, then):
    opened = PartMetadata(0, "p", {"id": 1}, kind="attachment")
    async with stream.tee(script(opened, 1, then, Done())) as hub:
        hub.subscribe()
        await anyio.wait_all_tasks_blocked()
        assert reduce(await listed(hub.subscribe())) == reduce([opened, then, Done()])


@MANY
@given(
    events(),
    st.lists(st.sampled_from([0, 0.1, 1]), max_size=20),
    st.lists(
        st.tuples(st.sampled_from(["block", "coalesce"]), st.integers(1, 4), st.integers(0, 30)), max_size=3
    ),
)
def test_no_tee_changes_a_fold(answer, pauses, consumers):
    async def consume(hub, policy, buffer, delay):
        await anyio.sleep(delay / 10)
        said = []
        async for event in hub.subscribe(policy=policy, buffer=buffer):
            said.append(event)
            await anyio.sleep(delay % 3)
        assert reduce(said) == reduce(answer)

    async def run():
        waits = iter(pauses)
        steps = [step for event in answer for step in (Pause(next(waits, 0)), event)]
        hub = stream.tee(ScriptedModel([steps]).prompt("x"))
        async with hub, anyio.create_task_group() as group:
            for consumer in [("block", 1, 0), *consumers]:
                group.start_soon(consume, hub, *consumer)

    for name, options in map(clock.virtual, ("asyncio", "trio")):
        anyio.run(run, backend=name, backend_options=options)


@pytest.mark.anyio
async def test_a_failure_reaches_all_after_what_was_said(script):
    async with stream.tee(script(LETTERS[0], ServerError("gone")), 2) as hub:
        for consumer in (hub.subscribe(), hub.subscribe(policy="coalesce")):
            assert await anext(consumer) == LETTERS[0]
            with pytest.raises(ServerError, match="gone"):
                await anext(consumer)
        late = hub.subscribe()
        assert await anext(late) == LETTERS[0]
        with pytest.raises(ServerError, match="gone"):
            await anext(late)


@pytest.mark.anyio
async def test_a_consumer_that_leaves_holds_nobody_back(script):
    async with stream.tee(script(*ANSWER), 2) as hub:
        async with hub.subscribe(policy="block", buffer=1) as first:
            second = hub.subscribe(policy="coalesce")
            await anext(first)
            await anyio.wait_all_tasks_blocked()
        assert reduce(await listed(second)) == reduce(ANSWER)


@pytest.mark.anyio
async def test_for_nobody_nothing_is_read(script):
    source = script(*LETTERS[:5], 1, *LETTERS[5:], Done())
    async with stream.tee(source) as hub:
        async with hub.subscribe() as only:
            await anext(only)
        await anyio.sleep(60)
        assert source.read <= 6
        assert reduce(await listed(hub.subscribe())).text() == "abcdefghij"


@pytest.mark.anyio
async def test_a_policy_is_one_of_four():
    async with stream.tee(ScriptedModel([]).prompt("x")) as hub:
        with pytest.raises(ConfigError, match="block, coalesce, drop, disconnect"):
            hub.subscribe(policy="wait")


@pytest.mark.anyio
async def test_who_waits_for_nobody_is_given_each_event_before_those_who_block(script):
    source = script(*[TextDelta(0, str(n)) for n in range(4)], Done())
    with anyio.fail_after(5):
        async with stream.tee(source, 2) as hub:
            slow = hub.subscribe(buffer=1)
            quick = hub.subscribe(policy="drop", buffer=10)
            assert [(await anext(quick)).text for _ in range(2)] == ["0", "1"]
            assert (await anext(slow)).text == "0"
