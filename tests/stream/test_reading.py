"""Sources that are read by tasks: they end with the block, whatever ends it."""

import anyio
import pytest

from llmstream import ConfigError, Done, TextDelta, TruncatedStreamError, stream
from llmstream.testing.fakes import Pause, ScriptedModel

pytestmark = pytest.mark.anyio
SLOW = [TextDelta(0, "A "), Pause(), Done()]

MAKERS = {
    "merge": stream.merge,
    "race": stream.race,
    "throttle": lambda source: stream.throttle(source, 0.1),
    "smooth": lambda source: stream.smooth(source, 100),
    "tee": stream.tee,
}


@pytest.fixture(params=MAKERS)
def make(request):
    return MAKERS[request.param]


def events_of(entered):
    return entered.subscribe() if isinstance(entered, stream.Tee) else entered


async def test_it_is_read_inside_its_block_only(make):
    with pytest.raises(ConfigError, match="async with"):
        await anext(events_of(make(ScriptedModel([SLOW]).prompt("x"))))


async def test_nothing_is_asked_before_it_is_read(make):
    model = ScriptedModel([SLOW])
    async with make(model.prompt("x")):
        await anyio.wait_all_tasks_blocked()
    assert model.requests == []


@pytest.mark.parametrize("how", ["leave", "raise", "cancel", "aclose"])
async def test_leaving_closes_the_source_before_the_next_line(make, how):
    model = ScriptedModel([SLOW])
    with anyio.CancelScope() as scope:
        try:
            async with make(model.prompt("x")) as entered:
                await anext(events_of(entered))
                if how == "raise":
                    raise KeyError
                if how == "cancel":
                    scope.cancel()
                    await anyio.sleep(1)
                if how == "aclose":
                    await entered.aclose()
                    assert model.closed == 1
        except KeyError:
            assert how == "raise"
        finally:
            assert model.closed == 1


async def test_a_consumer_that_waits_in_another_task_is_told_of_the_close(make):
    async def consume(events):
        assert await anext(events)
        with pytest.raises(TruncatedStreamError, match="closed before"):
            await anext(events)

    async with anyio.create_task_group() as group, make(ScriptedModel([SLOW]).prompt("x")) as entered:
        group.start_soon(consume, events_of(entered))
        await anyio.wait_all_tasks_blocked()


async def test_an_error_in_the_block_comes_out_as_it_is(make):
    with pytest.raises(ZeroDivisionError):
        async with make(ScriptedModel([SLOW]).prompt("x")):
            raise ZeroDivisionError


async def test_combinators_stand_on_each_other():
    answer = [TextDelta(0, "A "), TextDelta(0, "dog"), Done()]
    sources = [ScriptedModel([answer]) for _ in range(2)]
    slow = [stream.throttle(stream.smooth(model.prompt("x"), 1000), 0.1) for model in sources]
    async with stream.merge(*slow) as pairs:
        said = [pair async for pair in pairs]
    for position in (0, 1):
        assert "".join(e.text for at, e in said if at == position and isinstance(e, TextDelta)) == "A dog"
    assert [model.closed for model in sources] == [1, 1]


@pytest.mark.parametrize("how", ["leave", "aclose"])
async def test_a_source_that_was_begun_elsewhere_and_not_read_here_is_closed_too(make, how):
    model = ScriptedModel([SLOW])
    begun = model.prompt("x")
    async with begun:
        await anext(begun)
        async with make(begun) as entered:
            if how == "aclose":
                await entered.aclose()
                assert model.closed == 1
        assert model.closed == 1


async def test_who_waits_for_others_to_subscribe_is_told_of_the_end():
    ended = []

    async def consume(subscription) -> None:
        with pytest.raises(TruncatedStreamError):
            await anext(subscription)
        ended.append(1)

    hub = stream.tee(ScriptedModel([SLOW]).prompt("x"), 2)
    async with anyio.create_task_group() as group, hub:
        group.start_soon(consume, hub.subscribe())
        await anyio.wait_all_tasks_blocked()
    assert ended == [1]


def test_what_is_no_stream_is_refused(make):
    with pytest.raises(ConfigError, match="stream of events at position 0, got int"):
        make(5)
