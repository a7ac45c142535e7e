"""Many prompts: in order, bounded, each failure its own, closed at once."""

import anyio
import pytest

import llmstream
from llmstream import (
    ConfigError,
    Done,
    Model,
    Request,
    ServerError,
    TextDelta,
    TruncatedStreamError,
    map_prompts,
    user,
)
from llmstream.testing import clock
from llmstream.testing.fakes import ScriptedModel

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


class Echo(Model):
    """Says the prompt after as many seconds as it names; notes how many calls ran at once."""

    name = "echo/echo"
    id = "echo"

    def __init__(self) -> None:
        self.asked = self.running = self.most = 0

    async def events(self, request):
        self.asked += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            text = request.messages[-1].text()
            await anyio.sleep(float(text))
            if text == "13":
                raise ServerError("unlucky")
            yield TextDelta(0, text)
            yield Done(finish_reason="stop")
        finally:
            self.running -= 1


def said(outcome):
    return outcome.response.text() if outcome.response else str(outcome.error)


async def in_a_list(model, prompts, **more):
    return await map_prompts(model, prompts, **more)


async def in_a_block(model, prompts, **more):
    async with map_prompts(model, prompts, **more) as outcomes:
        return [outcome async for outcome in outcomes]


async def in_a_plain_loop(model, prompts, **more):
    return [outcome async for outcome in map_prompts(model, prompts, **more)]


async def gather(outcomes, seen):
    async for outcome in outcomes:
        seen.append(said(outcome))
    yield


every_way = pytest.mark.parametrize("way", [in_a_list, in_a_block, in_a_plain_loop])


@every_way
async def test_outcomes_come_in_the_order_of_the_prompts(way):
    model = Echo()
    outcomes = await way(model, ["5", "1", "4", "2", "3"], concurrency=3)
    assert [(outcome.index, said(outcome)) for outcome in outcomes] == list(enumerate("51423"))
    assert model.most == 3


@every_way
async def test_a_failure_is_an_outcome_of_its_own(way):
    first, second, third = await way(Echo(), ["1", "13", "2"])
    assert (said(first), said(second), said(third)) == ("1", "unlucky", "2")
    assert second.response is None
    assert first.unwrap().text() == "1"
    with pytest.raises(ServerError, match="unlucky"):
        second.unwrap()


@every_way
async def test_a_prompt_may_be_a_request_or_messages(way):
    prompts = [Request("echo", (user("1"),)), [user("9"), user("2")], "3", 4, ""]
    outcomes = await way(Echo(), prompts, system="be short")
    assert [said(outcome) for outcome in outcomes[1:3]] == ["2", "3"]
    assert outcomes[1].response.request.messages[0].role == "system"
    # A Request is whole, and says so for itself.
    assert isinstance(outcomes[0].error, ConfigError)
    assert "expected a list as messages, got int" in str(outcomes[3].error)


@every_way
async def test_all_are_asked_on_the_terms_that_were_given(way):
    (outcome,) = await way(Echo(), ["1"], options={"temperature": 0})
    assert outcome.response.request.options.temperature == 0


@every_way
async def test_prompts_may_come_one_by_one(way):
    async def prompts():
        for text in ("2", "1"):
            await anyio.sleep(1)
            yield text

    assert [said(outcome) for outcome in await way(Echo(), prompts())] == ["2", "1"]


async def test_prompts_are_taken_no_further_than_a_bounded_way_ahead():
    model, taken = Echo(), 0

    def prompts():
        nonlocal taken
        for _taken in range(1, 1001):
            yield "0"

    async with map_prompts(model, prompts(), concurrency=4) as outcomes:
        for given in range(1, 50):
            await anext(outcomes)
            await anyio.sleep(1)
            assert taken - given <= 8


async def test_the_next_are_asked_while_a_slow_one_is_waited_for():
    model = Echo()
    start = anyio.current_time()
    await map_prompts(model, ["8", *["1"] * 8], concurrency=2)
    # One worker has the slow one; the window lets the other answer three more before it must wait.
    assert anyio.current_time() - start < 8 + 8 / 2 + 1


@every_way
async def test_progress_is_told_after_each_answer(way):
    told = []
    await way(Echo(), ["2", "13", "1"], on_progress=told.append)
    assert [(it.finished, it.failed, it.total) for it in told] == [(1, 0, 3), (2, 0, 3), (3, 1, 3)]


async def test_progress_may_be_told_asynchronously_and_of_prompts_to_come():
    told = []

    async def note(progress):
        await anyio.sleep(1)
        told.append(progress.total)

    await map_prompts(Echo(), iter(["1", "2"]), on_progress=note)
    assert told == [None, None]


@every_way
async def test_what_the_callback_raises_ends_all(way):
    def fail(_):
        raise KeyError("mine")

    model = Echo()
    with pytest.raises(KeyError, match="mine"):
        await way(model, ["1"] * 100, concurrency=2, on_progress=fail)
    assert model.asked <= 4


@every_way
async def test_prompts_that_fail_to_come_end_the_outcomes_behind_those_before(way):
    def prompts():
        yield "1"
        raise KeyError("no more")

    seen = []
    with pytest.raises(KeyError, match="no more"):
        await anext(gather(map_prompts(Echo(), prompts()), seen))
    assert seen == ["1"]
    with pytest.raises(KeyError):
        await way(Echo(), prompts())


@pytest.mark.parametrize("how", ["break", "raise", "cancel", "aclose"])
async def test_leaving_closes_all_calls_and_the_prompts(how):
    model, closed = Echo(), []

    async def prompts():
        try:
            while True:
                yield "1" if model.asked == 0 else "999"
        finally:
            closed.append(True)

    with anyio.CancelScope() as scope:
        try:
            async with map_prompts(model, prompts(), concurrency=3) as outcomes:
                await anext(outcomes)
                assert model.running == 2 or model.running == 3
                if how == "raise":
                    raise ZeroDivisionError
                if how == "cancel":
                    scope.cancel()
                    await anyio.sleep(1)
                if how == "aclose":
                    await outcomes.aclose()
                    assert (model.running, closed) == (0, [True])
                    with pytest.raises(TruncatedStreamError, match="left before"):
                        await anext(outcomes)
        except ZeroDivisionError:
            pass
        finally:
            assert (model.running, closed) == (0, [True])


async def test_a_plain_loop_that_is_left_leaves_nothing_running():
    model = Echo()
    async for _ in map_prompts(model, ["1"] * 9, concurrency=3):
        break
    assert (model.asked, model.running) == (3, 0)


@every_way
async def test_no_prompts_are_no_outcomes(way):
    assert await way(Echo(), []) == []


@pytest.mark.parametrize(
    ("prompts", "concurrency", "said"), [("one", 1, "several prompts"), (["1"], 0, "at least 1")]
)
async def test_what_cannot_be_is_refused(prompts, concurrency, said):
    with pytest.raises(ConfigError, match=said):
        llmstream.map_prompts(Echo(), prompts, concurrency=concurrency)


@pytest.mark.parametrize("concurrency", [0, "8", 1.5, True, None])
def test_a_concurrency_is_a_whole_number(concurrency):
    with pytest.raises(ConfigError, match="concurrency"):
        map_prompts(ScriptedModel([]), ["x"], concurrency=concurrency)


@pytest.mark.parametrize("prompts", [5, None, "x"])
def test_what_are_no_prompts_is_refused(prompts):
    with pytest.raises(ConfigError, match="prompts"):
        map_prompts(ScriptedModel([]), prompts)


async def test_a_reader_that_takes_nothing_holds_the_prompts_back():
    taken = []

    def many():
        for n in range(100):
            taken.append(n)
            yield "0"

    async with map_prompts(Echo(), many(), concurrency=3) as outcomes:
        await anext(outcomes)
        await anyio.sleep(50)
        assert len(taken) <= 1 + 2 * 3
        assert len([outcome async for outcome in outcomes]) == 99
