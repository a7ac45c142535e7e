"""Anything that can be iterated over is a source; what can be closed is closed."""

import pytest

from llmstream import ConfigError, Done, TextDelta
from llmstream.stream.source import Source
from llmstream.testing.fakes import ScriptedModel

pytestmark = pytest.mark.anyio
DOG = [TextDelta(0, "A "), TextDelta(0, "dog"), Done()]


async def listed(events):
    return [event async for event in events]


async def test_a_stream_is_read_and_closed():
    model = ScriptedModel([DOG])
    stream = model.prompt("x")
    async with Source(stream) as source:
        assert await anext(source) == DOG[0]
        assert source.partial().text() == "A "
    assert (stream.state, model.closed) == ("cancelled", 1)


async def test_a_stream_that_is_not_entered_is_closed_without_a_warning():
    model = ScriptedModel([DOG])
    source = Source(model.prompt("x"))
    assert await anext(source) == DOG[0]
    await source.aclose()
    assert model.closed == 1


async def test_a_stream_that_is_over_is_replayed():
    stream = ScriptedModel([DOG]).prompt("x")
    await stream
    async with Source(stream) as source:
        assert await listed(source) == [TextDelta(0, "A dog"), Done()]


async def test_a_generator_is_closed(script):
    dog = script(*DOG)
    async with Source(dog) as source:
        await anext(source)
    assert dog.closed_at is not None


async def test_what_cannot_be_closed_is_read():
    class Bare:
        def __init__(self):
            self.events = iter(DOG)

        def __aiter__(self):
            return self

        async def __anext__(self):
            for event in self.events:
                return event
            raise StopAsyncIteration

    async with Source(Bare()) as source:
        assert await listed(source) == DOG
        assert source.partial() is None


async def test_a_stream_that_keeps_nothing_has_no_partial():
    async with Source(ScriptedModel([DOG]).prompt("x", keep=False)) as source:
        await anext(source)
        assert source.partial() is None
    assert issubclass(ConfigError, ValueError)
