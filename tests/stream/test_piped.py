"""Map, filter, coalesce and until over streams: they close what they read from."""

import anyio
import pytest

from llmstream import Done, ServerError, TextDelta, reduce, stream
from llmstream.testing.fakes import ScriptedModel

pytestmark = pytest.mark.anyio
DOG = [TextDelta(0, "A "), TextDelta(0, "dog"), TextDelta(0, "."), Done(finish_reason="stop")]


async def listed(events):
    return [event async for event in events]


def shout(event):
    return TextDelta(event.index, event.text.upper()) if isinstance(event, TextDelta) else event


async def shout_later(event):
    await anyio.sleep(1)
    return shout(event)


@pytest.mark.parametrize("function", [shout, shout_later])
async def test_a_function_may_be_asynchronous(function):
    model = ScriptedModel([DOG])
    assert reduce(await listed(stream.map(model.prompt("x"), function))).text() == "A DOG."
    assert model.closed == 1


async def test_a_function_may_give_several_or_none():
    def twice(event):
        return [event, event] if isinstance(event, TextDelta) else None

    async with stream.map(ScriptedModel([DOG]).prompt("x"), twice) as events:
        assert [event.text for event in await listed(events)] == ["A ", "A ", "dog", "dog", ".", "."]


async def test_they_stand_on_each_other(script):
    dog = script(*DOG)
    texts = stream.filter(dog, lambda event: isinstance(event, TextDelta))
    assert await listed(stream.coalesce(stream.map(texts, shout), 99)) == [TextDelta(0, "A DOG.")]


@pytest.mark.parametrize("found", ["do", lambda event: event == DOG[1]])
async def test_until_closes_its_source_before_it_gives_the_last(found):
    model = ScriptedModel([DOG])
    source = model.prompt("x")
    async with stream.until(source, found) as events:
        assert await anext(events) == DOG[0]
        assert model.closed == 0
        last = await anext(events)
        assert (last.text[:2], model.closed, source.state) == ("do", 1, "cancelled")
        assert await listed(events) == []


async def test_leaving_closes_the_source():
    model = ScriptedModel([DOG])
    async with stream.map(model.prompt("x"), shout) as events:
        await anext(events)
        assert model.closed == 0
    assert model.closed == 1
    assert await listed(events) == []


async def test_closing_without_entering_closes_the_source(script):
    dog = script(*DOG)
    events = stream.map(dog, shout)
    await anext(events)
    await events.aclose()
    assert dog.closed_at is not None


async def test_a_function_that_raises_closes_the_source(script):
    dog = script(*DOG)

    def fail(event):
        raise KeyError(event)

    with pytest.raises(KeyError):
        await listed(stream.map(dog, fail))
    assert dog.closed_at is not None


async def test_a_failure_of_the_source_comes_through(script):
    events = stream.map(script(DOG[0], ServerError("gone")), shout)
    assert await anext(events) == shout(DOG[0])
    with pytest.raises(ServerError, match="gone"):
        await anext(events)
