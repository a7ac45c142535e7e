"""Who may call now; on a clock that jumps."""

import gc
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import anyio
import pytest

from llmstream import (
    ConfigError,
    Done,
    Event,
    LLMStreamError,
    OverloadedError,
    PoolTimeout,
    RateLimiter,
    RateLimitError,
    Request,
    Retries,
    TimeoutExceeded,
    Timeouts,
    Usage,
    user,
)
from llmstream.client.drive import Call
from llmstream.client.line import Line
from llmstream.client.retry import tried
from llmstream.jsontext import dump_bytes
from llmstream.testing import clock
from llmstream.testing.fakes import Answer, Pause, ScriptedTransport
from llmstream.transport.base import HttpCall
from llmstream.wire import find
from llmstream.wire.http import ResponseHead

pytestmark = pytest.mark.anyio
CODEC = find("openai-chat")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


def frame(**fields: object) -> bytes:
    return b"data: " + dump_bytes(fields) + b"\n\n"


def answer(*before: Pause, tokens: int = 2, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    usage = {"prompt_tokens": tokens - 1, "completion_tokens": 1, "total_tokens": tokens}
    stop = frame(choices=[{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}])
    head = ResponseHead(status, {"content-type": "text/event-stream", **named})
    return Answer([*before, stop, frame(choices=[], usage=usage), b"data: [DONE]\n\n"], head)


class Calls:
    """Calls that share a limiter; notes when each was sent."""

    def __init__(self, limiter: RateLimiter, *answers: Answer, retries: int = 1, **timeouts) -> None:
        self.sent: list[float] = []
        self._limiter = limiter
        self._retries = Retries(retries)
        self._timeouts = Timeouts(**{"pool": None, **timeouts})
        self._transport = ScriptedTransport(answers)

    async def open(self, call: HttpCall, /):
        self.sent.append(anyio.current_time())
        return await self._transport.open(call)

    def make(self, line: Line | None = None) -> AsyncGenerator[Sequence[Event], None]:
        http = CODEC.encode(Request("m", [user("hi")]))
        sent = HttpCall(http.method, f"http://example.org{http.path}", http.headers, http.body)
        call = Call(codec=CODEC, http=sent, transport=self, timeouts=self._timeouts)
        return tried(call, self._retries, line, limiter=self._limiter)

    async def one(self) -> None:
        async with aclosing(self.make()) as source:
            async for _ in source:
                pass

    async def at_once(self, count: int) -> list[float]:
        async with anyio.create_task_group() as tasks:
            for _ in range(count):
                tasks.start_soon(self.one)
        return self.sent


async def test_so_many_at_a_time_in_the_order_in_which_they_came() -> None:
    limiter = RateLimiter(concurrency=2)
    calls = Calls(limiter, *[answer(Pause(1))] * 6)
    assert await calls.at_once(6) == pytest.approx([0, 0, 1, 1, 2, 2])
    running: list[int] = []

    async def held(number: int) -> None:
        permit = await limiter.admit()
        running.append(number)
        await anyio.sleep(1)
        permit.release()
        permit.release()

    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(held, number)
            await anyio.wait_all_tasks_blocked()
    assert running == list(range(8))


async def test_so_many_in_a_minute() -> None:
    calls = Calls(RateLimiter(requests_per_minute=2), *[answer()] * 5)
    assert await calls.at_once(5) == pytest.approx([0, 0, 60, 60, 120], abs=0.01)


async def test_so_many_tokens_in_a_minute_as_the_answers_say() -> None:
    calls = Calls(RateLimiter(tokens_per_minute=1000), *[answer(tokens=600)] * 3)
    for _ in range(3):
        await calls.one()
    # Two of them are over the limit, which was only known when the second had been sent.
    assert calls.sent == pytest.approx([0, 0, 60], abs=0.01)


async def test_where_nothing_is_left_calls_wait_until_there_is() -> None:
    told = answer(x_ratelimit_remaining_requests="1", x_ratelimit_reset_requests="7s")
    calls = Calls(RateLimiter(), told, answer(), answer())
    await calls.one()
    assert await calls.at_once(2) == pytest.approx([0, 0, 7])


async def test_a_later_answer_corrects_an_earlier_one() -> None:
    none_left = answer(Pause(3), x_ratelimit_remaining_requests="1", x_ratelimit_reset_requests="50s")
    some_left = answer(Pause(2), x_ratelimit_remaining_requests="9", x_ratelimit_reset_requests="50s")
    calls = Calls(RateLimiter(), none_left, some_left, answer())
    await calls.one()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(calls.one)
        await anyio.wait_all_tasks_blocked()
        await calls.one()
    # Its first event came two seconds later.
    assert calls.sent == pytest.approx([0, 3, 5])


async def test_a_refusal_holds_all_calls_back_for_as_long_as_it_asks() -> None:
    limiter = RateLimiter()
    refused = Calls(limiter, answer(status=429, retry_after="9"))
    with pytest.raises(RateLimitError):
        await refused.one()
    other = Calls(limiter, answer())
    await other.one()
    assert other.sent == pytest.approx([9])


async def test_a_call_that_is_made_again_waits_no_longer_than_it_was_asked_to() -> None:
    calls = Calls(RateLimiter(concurrency=1), answer(status=429, retry_after="9"), answer(), retries=2)
    await calls.one()
    assert calls.sent == pytest.approx([0, 9])


async def test_between_two_attempts_another_call_may_go() -> None:
    limiter = RateLimiter(concurrency=1)
    calls = Calls(limiter, answer(status=408, retry_after="9"), answer(), retries=2)
    other = Calls(limiter, answer())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(calls.one)
        await anyio.sleep(1)
        await other.one()
    assert (calls.sent, other.sent) == (pytest.approx([0, 9]), pytest.approx([1]))


async def test_a_turn_that_does_not_come_is_the_pools_time() -> None:
    limiter = RateLimiter(concurrency=1)
    permit = await limiter.admit()
    calls = Calls(limiter, retries=5, pool=4)
    with pytest.raises(PoolTimeout, match=r"RateLimiter concurrency=1> within 4 s \(pool\)") as caught:
        await calls.one()
    assert caught.value.phase == "connect"
    assert calls.sent == []
    assert anyio.current_time() == pytest.approx(4)
    permit.release()
    assert await Calls(limiter, answer(), pool=4).at_once(1) == pytest.approx([4])


async def test_the_limit_of_the_whole_holds_for_the_turn_too() -> None:
    limiter = RateLimiter(concurrency=1)
    await limiter.admit()
    with pytest.raises(TimeoutExceeded) as caught:
        await Calls(limiter, total=3).one()
    assert (caught.value.clock, caught.value.seconds) == ("total", 3)


@pytest.mark.parametrize("how", ["cancelled", "interrupted", "left"])
async def test_who_leaves_gives_his_turn_back(how) -> None:
    limiter = RateLimiter(concurrency=1)
    holder = Calls(limiter, answer(), answer(Pause(5)))
    line = Line()
    async with anyio.create_task_group() as tasks:
        source = holder.make()
        await anext(source)
        with anyio.CancelScope() as scope:
            tasks.start_soon(_end_soon, scope.cancel if how == "cancelled" else line.interrupt)
            waiting = holder.make(line)
            if how == "left":
                await source.aclose()
            try:
                await anext(waiting)
            except LLMStreamError:
                assert how != "cancelled"
            await waiting.aclose()
        await source.aclose()
    with anyio.fail_after(1):
        (await limiter.admit()).release()


async def _end_soon(end) -> None:
    await anyio.sleep(1)
    end()


async def test_a_turn_is_given_back_however_a_call_ends() -> None:
    limiter = RateLimiter(concurrency=1)
    failing = Answer([OverloadedError("busy")], ResponseHead(200, {"content-type": "text/event-stream"}))
    calls = Calls(limiter, Answer([], before=[OverloadedError("busy")]), failing, answer())
    for _ in range(2):
        with pytest.raises(OverloadedError):
            await calls.one()
    with anyio.fail_after(1):
        await calls.one()


async def test_each_limit_has_to_leave_something() -> None:
    for name in ("concurrency", "requests_per_minute", "tokens_per_minute"):
        with pytest.raises(ConfigError, match=name):
            RateLimiter(**{name: 0})
    assert repr(RateLimiter()) == "<RateLimiter by headers>"


def test_one_limiter_serves_several_event_loops(anyio_backend) -> None:
    limiter = RateLimiter(concurrency=1)

    async def use() -> None:
        permit = await limiter.admit(400)
        with anyio.move_on_after(1) as scope:
            await limiter.admit()
        assert scope.cancelled_caught
        permit.release(Usage(input=1, output=1))

    for _ in range(3):
        backend, options = clock.virtual(anyio_backend[0])
        anyio.run(use, backend=backend, backend_options=options)
    gc.collect()
    assert len(limiter._lanes) <= 1


async def test_done_comes_when_the_turn_is_still_the_calls() -> None:
    limiter = RateLimiter(concurrency=1, tokens_per_minute=10)
    calls = Calls(limiter, answer(tokens=7))
    async with aclosing(calls.make()) as source:
        events = [event async for batch in source for event in batch]
    assert isinstance(events[-1], Done)
    assert events[-1].usage is not None
