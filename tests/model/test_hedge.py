"""Calls that race: the first to begin answers, the others are closed at once."""

from collections.abc import AsyncGenerator, Sequence

import anyio
import pytest

import llmstream
from llmstream import (
    AuthError,
    ConfigError,
    ConnectionLost,
    Done,
    Event,
    OverloadedError,
    Request,
    TextDelta,
    TruncatedStreamError,
)
from llmstream.model.batched import BatchedModel
from llmstream.stage import run
from llmstream.testing import clock
from llmstream.testing.fakes import Pause, ScriptedModel
from llmstream.testing.loopback import Received, Reply, replies, serve
from llmstream.wire import find

pytestmark = pytest.mark.anyio
END = Done(finish_reason="stop")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


@pytest.fixture(params=["asyncio", "trio"])
def real_time(request):
    return request.param


def said(text: str, before: float = 0, then: float = 0) -> list:
    return [Pause(before), TextDelta(0, text), Pause(then), END]


async def test_a_call_that_begins_in_time_is_alone() -> None:
    model = ScriptedModel([said("a", before=1, then=9), said("b")])
    assert (await llmstream.hedge(model, after=2).prompt("hi")).text() == "a"
    assert (len(model.requests), model.closed) == (1, 1)


async def test_the_first_to_begin_answers_and_the_other_is_closed_before() -> None:
    model = ScriptedModel([said("a", before=60), said("b", before=1, then=5)])
    began = anyio.current_time()
    async with llmstream.hedge(model, after=2).prompt("hi") as stream:
        assert await anext(stream) == TextDelta(0, "b")
        assert anyio.current_time() - began == pytest.approx(3)
        assert model.closed == 1
        assert (await stream).text() == "b"
    assert model.closed == 2


async def test_the_slow_first_may_still_win() -> None:
    model = ScriptedModel([said("a", before=3), said("b", before=60)])
    assert (await llmstream.hedge(model, after=2).prompt("hi")).text() == "a"
    assert model.closed == 2


async def test_a_failure_counts_only_when_no_call_lives() -> None:
    model = ScriptedModel([[Pause(3), AuthError("no")], said("b", before=5)])
    assert (await llmstream.hedge(model, after=2).prompt("hi")).text() == "b"
    model = ScriptedModel([[Pause(3), AuthError("one")], [Pause(5), ConnectionLost("two")]])
    with pytest.raises(ConnectionLost, match="two") as caught:
        await llmstream.hedge(model, after=2).prompt("hi")
    assert [str(failure) for failure in caught.value.failures] == ["one"]
    assert model.closed == 2


async def test_a_failure_starts_no_call() -> None:
    model = ScriptedModel([[OverloadedError("busy")], said("b")])
    with pytest.raises(OverloadedError):
        await llmstream.hedge(model, after=2).prompt("hi")
    assert len(model.requests) == 1


async def test_no_more_calls_than_attempts_are_made() -> None:
    model = ScriptedModel([said("a", before=9), said("b", before=60), said("c", before=60)])
    assert (await llmstream.hedge(model, after=1, attempts=3).prompt("hi")).text() == "a"
    assert (len(model.requests), model.closed) == (3, 3)


async def test_a_call_without_events_has_failed() -> None:
    with pytest.raises(TruncatedStreamError):
        await llmstream.hedge(ScriptedModel([[]]), after=1).prompt("hi")


@pytest.mark.parametrize("wait", [0.5, 2.5])
async def test_cancelling_the_race_closes_all_calls(wait) -> None:
    model = ScriptedModel([said("a", before=60)] * 2)
    with anyio.move_on_after(wait):
        await llmstream.hedge(model, after=2).prompt("hi")
    assert model.closed == len(model.requests) > 0


async def test_closing_from_another_task_ends_the_race() -> None:
    model = ScriptedModel([said("a", before=60)] * 2)
    stream = llmstream.hedge(model, after=2).prompt("hi")
    async with anyio.create_task_group() as tasks:

        async def read() -> None:
            with pytest.raises(TruncatedStreamError):
                await stream

        tasks.start_soon(read)
        await anyio.sleep(3)
        await stream.aclose()
    assert (stream.state, model.closed) == ("cancelled", 2)


class Together(BatchedModel):
    """Calls that all begin at the same moment."""

    id = "t"
    name = "mine/t"

    def __init__(self) -> None:
        self.made = self.closed = 0

    async def batches(
        self, request, /, *, timeouts=None, retries=None
    ) -> AsyncGenerator[Sequence[Event], None]:
        self.made += 1
        try:
            await anyio.sleep_until(5)
            yield [TextDelta(0, "a")]
            yield [END]
        finally:
            self.closed += 1


async def test_of_calls_that_begin_together_one_wins() -> None:
    model = Together()
    async with llmstream.hedge(model, after=0, attempts=5).prompt("hi") as stream:
        await anext(stream)
        assert (model.made, model.closed) == (5, 4)
        assert (await stream).text() == "a"
    assert model.closed == 5


@pytest.mark.parametrize("given", [{"after": -1}, {"after": float("nan")}, {"after": 1, "attempts": 0}])
def test_what_cannot_be_meant_is_refused(given) -> None:
    with pytest.raises(ConfigError):
        llmstream.hedge(ScriptedModel([]), **given)
    with pytest.raises(ConfigError):
        llmstream.hedge("openai/gpt", after=1)


def test_on_real_sockets_the_loser_is_closed_before_the_first_event(real_time) -> None:
    codec = find("openai-chat")
    body = b"".join(run(codec.server.encoder(Request("m")), [TextDelta(0, "a"), TextDelta(0, "b"), END]))

    async def race() -> None:
        gone = anyio.Event()

        async def slow_then_quick(received: Received, reply: Reply) -> None:
            if len(server.requests) == 1:
                await reply.hang()
                gone.set()
            else:
                await replies(body, content_type="text/event-stream")(received, reply)

        async with serve(slow_then_quick) as server:
            model = llmstream.get_model("openai-chat/m", base_url=server.url, key="none")
            async with llmstream.hedge(model, after=0.05).prompt("hi") as stream:
                assert await anext(stream) == TextDelta(0, "a")
                with anyio.fail_after(5):
                    await gone.wait()
                assert (await stream).text() == "ab"
            assert len(server.requests) == 2

    anyio.run(race, backend=real_time)
