"""Which calls are made again, when, and what is seen of it; on a clock that jumps."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

from llmstream import (
    AuthError,
    ConfigError,
    ConnectError,
    ConnectionLost,
    Done,
    Event,
    LLMStreamError,
    MalformedFrameError,
    OverloadedError,
    PoolTimeout,
    ProviderError,
    QuotaError,
    RateLimitError,
    Request,
    ServerError,
    TextDelta,
    TimeoutExceeded,
    Timeouts,
    TLSError,
    TruncatedStreamError,
    user,
)
from llmstream.client.drive import Call
from llmstream.client.line import Line
from llmstream.client.retries import Attempt, Retries
from llmstream.client.retry import attempts, is_retried, tried, wait_before
from llmstream.jsontext import dump_bytes
from llmstream.testing import clock
from llmstream.testing.fakes import Answer, Pause, ScriptedTransport
from llmstream.transport.base import HttpCall
from llmstream.wire import find
from llmstream.wire.http import ResponseHead

pytestmark = pytest.mark.anyio
CODEC = find("openai-chat")
SSE = ResponseHead(200, {"content-type": "text/event-stream"})


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


def frame(**fields: object) -> bytes:
    return b"data: " + dump_bytes(fields) + b"\n\n"


WORD = frame(choices=[{"index": 0, "delta": {"content": "a"}}])
STOP = frame(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
WHOLE = Answer([WORD, STOP, b"data: [DONE]\n\n"], SSE)


def refused(status: int, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer([b"{}"], ResponseHead(status, named))


def unreachable() -> Answer:
    return Answer([], before=[ConnectError("nobody there")])


def made(*answers: Answer, **more) -> tuple[Call, ScriptedTransport]:
    http = CODEC.encode(Request("m", [user("hi")]))
    transport = ScriptedTransport(answers)
    sent = HttpCall(http.method, f"http://example.org{http.path}", http.headers, http.body)
    return Call(codec=CODEC, http=sent, transport=transport, **more), transport


async def read(source: AsyncGenerator[Sequence[Event], None]) -> list[Event]:
    async with aclosing(source):
        return [event async for batch in source for event in batch]


async def failed(source: AsyncGenerator[Sequence[Event], None]) -> LLMStreamError:
    with pytest.raises(LLMStreamError) as caught:
        await read(source)
    return caught.value


class Told:
    """A listener that notes what it was told."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []

    def __call__(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)

    @property
    def waits(self) -> list[float | None]:
        return [attempt.wait for attempt in self.attempts]


RETRIED = [
    ConnectError("x"),
    ConnectionLost("x"),
    TimeoutExceeded("x", clock="connect"),
    RateLimitError("x"),
    OverloadedError("x"),
    ServerError("x"),
]
NOT_RETRIED = [
    ConfigError("x"),
    TLSError("x"),
    PoolTimeout("x"),
    TimeoutExceeded("x", clock="first_event"),
    TimeoutExceeded("x", clock="liveness"),
    TimeoutExceeded("x", clock="total"),
    TruncatedStreamError("x"),
    MalformedFrameError("x"),
    AuthError("x"),
    QuotaError("x"),
    ProviderError("x"),
]


@pytest.mark.parametrize("error", RETRIED, ids=lambda error: type(error).__name__)
def test_what_passes_by_itself_and_was_not_answered_is_tried_again(error) -> None:
    assert is_retried(error)
    assert wait_before(2, error, Retries(), chance=0) == 0.5


@pytest.mark.parametrize("error", NOT_RETRIED, ids=lambda error: type(error).__name__)
def test_nothing_else_is(error) -> None:
    assert not is_retried(error)
    assert wait_before(2, error, Retries(), chance=0) is None


def test_waits_double_and_are_shortened_by_chance_and_end() -> None:
    error, retries = ServerError("x"), Retries(2000)
    waits = [wait_before(attempt, error, retries, chance=0) for attempt in range(2, 9)]
    assert waits == [0.5, 1, 2, 4, 8, 8, 8]
    assert [wait_before(2, error, retries, chance=chance) for chance in (0.5, 1)] == [0.4375, 0.375]
    assert wait_before(1999, error, retries, chance=0) == 8
    assert wait_before(2001, error, retries, chance=0) is None


def test_a_wait_that_is_asked_for_is_kept_to_the_second_or_not_at_all() -> None:
    error = RateLimitError("x", retry_after=61)
    assert wait_before(2, error, Retries(), chance=1) == 61
    assert wait_before(2, error, Retries(longest_wait=60), chance=1) is None
    assert wait_before(2, RateLimitError("x", retry_after=0), Retries(), chance=1) == 0


async def test_a_call_is_made_until_it_succeeds_and_its_events_come_once() -> None:
    told = Told()
    call, transport = made(unreachable(), refused(503), WHOLE)
    events = await read(tried(call, Retries(listener=told)))
    assert events == [TextDelta(0, "a"), Done(finish_reason="stop", raw_finish_reason="stop")]
    assert len(transport.calls) == 3
    assert [type(attempt.error) for attempt in told.attempts] == [ConnectError, OverloadedError]
    assert [attempt.number for attempt in told.attempts] == [1, 2]
    first, second = told.waits
    assert first is not None
    assert second is not None
    assert 0.375 <= first <= 0.5
    assert 0.75 <= second <= 1
    assert anyio.current_time() == pytest.approx(first + second, abs=0.01)
    assert all(exchange.closed for exchange in transport.exchanges)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
async def test_each_status_that_passes(status) -> None:
    call, transport = made(refused(status), WHOLE)
    assert len(await read(tried(call, Retries()))) == 2
    assert len(transport.calls) == 2


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
async def test_each_status_that_stays(status) -> None:
    call, transport = made(refused(status))
    assert isinstance(await failed(tried(call, Retries())), ProviderError)
    assert len(transport.calls) == 1


@pytest.mark.parametrize(("status", "said", "calls"), [(400, "true", 2), (503, "false", 1)])
async def test_a_provider_that_says_whether_to_try_again_is_obeyed(status, said, calls) -> None:
    call, transport = made(refused(status, x_should_retry=said), *[WHOLE] * (calls - 1))
    if calls == 2:
        await read(tried(call, Retries()))
    else:
        await failed(tried(call, Retries()))
    assert len(transport.calls) == calls


async def test_an_overload_that_is_told_in_the_stream_before_any_event() -> None:
    told_inside = Answer([frame(error={"message": "busy", "type": "server_error", "code": 503})], SSE)
    call, transport = made(told_inside, WHOLE)
    assert len(await read(tried(call, Retries()))) == 2
    assert len(transport.calls) == 2


async def test_after_an_event_nothing_is_tried_again() -> None:
    for end in (ConnectionLost("gone"), frame(error={"message": "busy", "code": 503})):
        call, transport = made(Answer([WORD, end], SSE))
        await failed(tried(call, Retries()))
        assert len(transport.calls) == 1


async def test_the_last_error_is_raised_and_knows_those_before() -> None:
    told = Told()
    call, transport = made(unreachable(), refused(500), refused(529))
    error = await failed(tried(call, Retries(3, listener=told)))
    assert isinstance(error, OverloadedError)
    assert [type(before) for before in error.attempts] == [ConnectError, ServerError]
    assert error.attempts[0].attempts == ()
    assert told.waits[-1] is None
    assert len(transport.calls) == 3
    assert error.__context__ is None


async def test_once_is_once() -> None:
    call, transport = made(unreachable())
    error = await failed(tried(call, Retries(1)))
    assert (type(error), error.attempts, len(transport.calls)) == (ConnectError, (), 1)


async def test_all_attempts_have_one_deadline() -> None:
    call, transport = made(*[unreachable()] * 30)
    error = await failed(tried(call, Retries(30, within=20)))
    assert isinstance(error, ConnectError)
    # 0.5 + 1 + 2 + 4 + 8 are 15.5, less a quarter at most; another 8 would not fit.
    assert len(transport.calls) in {6, 7}
    assert anyio.current_time() <= 20


async def test_the_limit_of_the_whole_is_that_of_all_attempts() -> None:
    slow = Answer([b"{}"], ResponseHead(503, {"retry-after": "4"}), before=[Pause(3)])
    call, transport = made(slow, slow, timeouts=Timeouts(total=9))
    error = await failed(tried(call, Retries()))
    assert isinstance(error, TimeoutExceeded)
    assert (error.clock, error.seconds, error.phase) == ("total", 9, "headers")
    assert [type(before) for before in error.attempts] == [OverloadedError]
    assert anyio.current_time() == pytest.approx(9)
    assert len(transport.calls) == 2


async def test_a_wait_past_the_limit_of_the_whole_is_not_begun() -> None:
    call, transport = made(refused(503, retry_after="10"), timeouts=Timeouts(total=9))
    error = await failed(tried(call, Retries()))
    assert isinstance(error, OverloadedError)
    assert error.retry_after == 10
    assert (anyio.current_time(), len(transport.calls)) == (pytest.approx(0, abs=0.01), 1)


async def test_the_first_event_has_its_whole_time_in_each_attempt() -> None:
    slow = Answer([b"{}"], ResponseHead(503), before=[Pause(8)])
    call, _ = made(slow, Answer([Pause(8), *WHOLE.pieces], SSE), timeouts=Timeouts(first_event=9))
    assert len(await read(tried(call, Retries()))) == 2


async def test_a_first_event_that_did_not_come_is_not_asked_for_again() -> None:
    call, transport = made(Answer([Pause()], SSE), timeouts=Timeouts(first_event=5))
    error = await failed(tried(call, Retries()))
    assert isinstance(error, TimeoutExceeded)
    assert error.retryable
    assert len(transport.calls) == 1


async def test_a_cancellation_ends_a_wait_at_once() -> None:
    call, transport = made(refused(429, retry_after="100"))
    with anyio.move_on_after(5) as scope:
        await read(tried(call, Retries()))
    assert scope.cancelled_caught
    assert anyio.current_time() == pytest.approx(5)
    assert len(transport.calls) == 1


async def test_another_task_ends_a_wait() -> None:
    call, transport = made(refused(429, retry_after="100"))
    line = Line()

    async def end() -> None:
        await anyio.sleep(5)
        line.interrupt()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(end)
        error = await failed(tried(call, Retries(), line))
    assert isinstance(error, ConnectionLost)
    assert anyio.current_time() == pytest.approx(5)
    assert len(transport.calls) == 1


async def test_a_call_that_was_ended_by_another_task_is_not_made_again() -> None:
    call, transport = made(Answer([], before=[Pause()]))
    line = Line()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.lowlevel.checkpoint)
        tasks.start_soon(_interrupt_soon, line)
        assert isinstance(await failed(tried(call, Retries(), line)), ConnectionLost)
    assert len(transport.calls) == 1


async def _interrupt_soon(line: Line) -> None:
    await anyio.sleep(1)
    line.interrupt()


async def test_what_a_listener_raises_ends_the_call() -> None:
    def refuse(attempt: Attempt) -> None:
        raise ZeroDivisionError(attempt.number)

    call, transport = made(unreachable())
    with pytest.raises(ZeroDivisionError):
        await read(tried(call, Retries(listener=refuse)))
    assert len(transport.calls) == 1


async def test_any_generator_of_events_is_tried_again_and_chance_is_an_argument() -> None:
    begun: list[float] = []

    async def begin() -> AsyncGenerator[Sequence[Event], None]:
        begun.append(anyio.current_time())
        if len(begun) < 3:
            raise OverloadedError("busy")
        yield ()
        yield (Done(),)

    assert await read(attempts(begin, Retries(), chance=lambda: 0)) == [Done()]
    assert begun == pytest.approx([0, 0.5, 1.5])


async def test_an_empty_batch_is_no_event_and_done_alone_is_one() -> None:
    begun: list[bool] = []

    async def begin() -> AsyncGenerator[Sequence[Event], None]:
        begun.append(True)
        yield () if len(begun) == 1 else (Done(),)
        raise OverloadedError("busy")

    assert isinstance(await failed(attempts(begin, Retries())), OverloadedError)
    assert len(begun) == 2


async def test_the_time_of_all_attempts_counts_from_the_first() -> None:
    begun: list[float] = []

    async def begin() -> AsyncGenerator[Sequence[Event], None]:
        begun.append(anyio.current_time())
        await anyio.sleep(5)
        raise OverloadedError("busy")
        yield ()

    assert isinstance(await failed(attempts(begin, Retries(within=4))), OverloadedError)
    assert isinstance(await failed(attempts(begin, Retries(within=6), chance=lambda: 0)), OverloadedError)
    assert begun == pytest.approx([0, 5, 10.5])


async def test_attempts_that_are_closed_between_two_of_them_end() -> None:
    begun: list[bool] = []

    async def begin() -> AsyncGenerator[Sequence[Event], None]:
        begun.append(True)
        raise OverloadedError("busy")
        yield ()

    source = attempts(begin, Retries())
    async with anyio.create_task_group() as tasks:

        async def end() -> None:
            assert [batch async for batch in source] == []

        tasks.start_soon(end)
        await anyio.sleep(0.01)
        await source.aclose()
    assert len(begun) == 1
    assert await anext(source, None) is None


async def test_attempts_are_a_generator_for_who_sends_or_throws() -> None:
    left: list[BaseException] = []

    async def begin() -> AsyncGenerator[Sequence[Event], None]:
        try:
            yield (TextDelta(0, "a"),)
            yield (Done(),)
        except BaseException as error:
            left.append(error)
            raise

    source = attempts(begin, Retries())
    assert await source.asend(None) == (TextDelta(0, "a"),)
    with pytest.raises(ZeroDivisionError):
        await source.athrow(ZeroDivisionError())
    assert isinstance(left[0], ZeroDivisionError)
    assert await anext(source, None) is None
    source = attempts(begin, Retries())
    with pytest.raises(ZeroDivisionError):
        await source.athrow(ZeroDivisionError())
    assert await anext(source, None) is None


def _cases(shared: Path) -> list[dict]:
    cases: list[dict] = json.loads((shared / "cases" / "retry_after_cases.json").read_text("utf-8"))["cases"]
    return cases


async def test_the_shared_cases(shared: Path) -> None:
    """What is asked for is waited exactly; what is none is waited as ever; what is too much ends it."""
    date = "Fri, 29 Sep 2023 16:26:37 GMT"
    for case in _cases(shared):
        told, began = Told(), anyio.current_time()
        head = ResponseHead(case.get("status", 429), {"date": date, **case["headers"]})
        call, transport = made(Answer([b"{}"], head), WHOLE)
        source = tried(call, Retries(longest_wait=120, listener=told))
        too_long = case["id"] in {"oai-ra-6", "oai-ra-13"}
        if too_long or case.get("should_retry") is False:
            error = await failed(source)
            assert isinstance(error, ProviderError), case
            assert error.status == head.status, case
            assert len(transport.calls) == 1, case
            if too_long or "ms" in str(case["headers"]) or "retry-after" in case["headers"]:
                assert error.retry_after is not None, case
                assert error.retry_after > 120, case
            assert anyio.current_time() - began < 0.01, case
            continue
        await read(source)
        assert len(transport.calls) == 2, case
        [wait] = told.waits
        assert wait is not None, case
        if case.get("server_delay_s") is not None:
            assert wait == case["server_delay_s"], case
            assert anyio.current_time() - began == pytest.approx(wait), case
        elif case["id"] == "oai-max-2":
            assert wait == 120
        else:
            assert 0.375 <= wait <= 0.5, case
