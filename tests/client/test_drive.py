"""One call, over a transport that follows a script, on a clock that jumps."""

from contextlib import aclosing

import anyio
import attrs
import pytest

from llmstream import (
    BodyTooLargeError,
    ConfigError,
    ConnectError,
    ConnectionLost,
    Done,
    Event,
    LLMStreamError,
    MalformedFrameError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    Raw,
    Request,
    Secret,
    ServerError,
    TextDelta,
    TimeoutExceeded,
    Timeouts,
    ToolCallStart,
    TruncatedStreamError,
    UnexpectedContentError,
    user,
)
from llmstream.client.drive import Call, batches
from llmstream.client.limits import Limits
from llmstream.client.line import Line
from llmstream.jsontext import dump_bytes
from llmstream.testing import clock
from llmstream.testing.fakes import Answer, Pause, ScriptedTransport
from llmstream.transport.base import HttpCall
from llmstream.wire import find
from llmstream.wire.http import ResponseHead

pytestmark = pytest.mark.anyio
CODEC = find("openai-chat")
SSE = ResponseHead(200, {"content-type": "text/event-stream"})
KEY = "sk-sentinel-0123456789"


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


def frame(**fields: object) -> bytes:
    return b"data: " + dump_bytes(fields) + b"\n\n"


def word(text: str) -> bytes:
    return frame(choices=[{"index": 0, "delta": {"content": text}}])


STOP = frame(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
DONE = b"data: [DONE]\n\n"
WHOLE = [word("a"), word("b"), STOP, DONE]


async def events(call: Call):
    async with aclosing(batches(call)) as source:
        async for batch in source:
            for event in batch:
                yield event


def call(*answers: Answer, **more) -> Call:
    http = CODEC.encode(Request("m", [user("hi")]))
    headers = (*http.headers, ("authorization", Secret(f"Bearer {KEY}")))
    sent = HttpCall(http.method, f"http://example.org{http.path}", headers, http.body)
    return Call(codec=CODEC, http=sent, transport=ScriptedTransport(answers), **more)


async def run(made: Call) -> list:
    return [event async for event in events(made)]


async def failure(made: Call, kind: type[LLMStreamError] = LLMStreamError) -> tuple[list, LLMStreamError]:
    """What came, and what ended it; the exchange is closed and was not read to its end."""
    came = []

    async def collect() -> None:
        nonlocal came
        async for batch in batches(made):
            came += batch

    with pytest.raises(kind) as caught:
        await collect()
    for exchange in made.transport.exchanges:
        assert exchange.closed
    return came, caught.value


# The order of things.


async def test_a_call_gives_its_events_and_then_done() -> None:
    made = call(Answer(WHOLE, SSE))
    assert await run(made) == [
        TextDelta(0, "a"),
        TextDelta(0, "b"),
        Done(finish_reason="stop", raw_finish_reason="stop"),
    ]
    exchange = made.transport.exchanges[0]
    assert (exchange.closed, exchange.over) == (1, True)


async def test_a_read_gives_a_batch_and_done_comes_alone_when_the_exchange_is_closed() -> None:
    made = call(Answer([b"".join(WHOLE)], SSE))
    async with aclosing(batches(made)) as source:
        first = await anext(source)
        assert first == [TextDelta(0, "a"), TextDelta(0, "b")]
        assert not made.transport.exchanges[0].closed
        last = await anext(source)
        assert [type(event) for event in last] == [Done]
        assert made.transport.exchanges[0].closed
        with pytest.raises(StopAsyncIteration):
            await anext(source)


async def test_reads_that_bring_no_event_give_no_batch() -> None:
    body = b"".join(WHOLE)
    made = call(Answer([body[i : i + 1] for i in range(len(body))], SSE))
    assert [len(batch) async for batch in batches(made)] == [1, 1, 1]


async def test_the_wires_own_events_and_ids_are_passed_on_to_the_decoder() -> None:
    tool = frame(choices=[{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"name": "f"}}]}}])
    made = call(Answer([tool, STOP, DONE], SSE), raw=True, ids=lambda: "mine")
    came = await run(made)
    assert any(isinstance(event, Raw) for event in came)
    assert next(event for event in came if isinstance(event, ToolCallStart)).id == "mine"


async def test_a_frame_over_the_limit_is_refused() -> None:
    made = call(Answer([word("a"), word("b" * 1000)], SSE), limits=Limits(frame_bytes=500))
    came, error = await failure(made)
    assert came == [TextDelta(0, "a")]
    assert "500 bytes" in str(error)


async def test_an_answer_over_the_limit_is_cut_with_what_came_before() -> None:
    limits = Limits(output_bytes=len(word("a")) * 2)
    made = call(Answer([word("a"), word("b"), word("c"), STOP, DONE], SSE), limits=limits)
    given: list[Event] = []

    async def read() -> None:
        async for batch in batches(made):
            given.extend(batch)

    with pytest.raises(BodyTooLargeError, match="at most") as caught:
        await read()
    assert given == [TextDelta(0, "a"), TextDelta(0, "b"), TextDelta(0, "c")]
    assert (caught.value.phase, caught.value.retryable) == ("parse", False)
    assert made.transport.exchanges[0].closed


async def test_leaving_between_two_batches_closes() -> None:
    made = call(Answer([word("a"), Pause()], SSE))
    async with aclosing(events(made)) as source:
        assert await anext(source) == TextDelta(0, "a")
    assert made.transport.exchanges[0].closed == 1


# The end (rows 30 to 34, and law 2).


async def test_a_body_that_ends_too_soon_is_loud() -> None:
    came, error = await failure(call(Answer(WHOLE[:2], SSE)), TruncatedStreamError)
    assert len(came) == 2
    assert error.phase == "stream"


async def test_nothing_at_all_is_loud_too() -> None:
    for head in (SSE, ResponseHead(204)):
        came, _ = await failure(call(Answer([], head)), TruncatedStreamError)
        assert came == []


async def test_a_connection_that_is_lost_too_soon_is_what_is_raised() -> None:
    came, error = await failure(call(Answer([word("a"), ConnectionLost("gone")], SSE)))
    assert came == [TextDelta(0, "a")]
    assert isinstance(error, ConnectionLost)


async def test_a_document_that_breaks_off_with_its_connection_is_lost_and_not_malformed() -> None:
    head = ResponseHead(200, {"content-type": "application/json"})
    _, error = await failure(call(Answer([b'{"choices": [', ConnectionLost("gone")], head)))
    assert isinstance(error, ConnectionLost)


@pytest.mark.parametrize("end", [ConnectionLost("gone"), Pause(), Pause(1000)])
async def test_an_answer_that_was_complete_stays_so_whatever_becomes_of_the_peer(end) -> None:
    came = await run(call(Answer([word("a"), STOP, end], SSE), timeouts=Timeouts(stall=5)))
    assert came == [TextDelta(0, "a"), Done(finish_reason="stop", raw_finish_reason="stop")]


async def test_a_body_left_open_after_its_last_frame_is_not_waited_for() -> None:
    made = call(Answer([*WHOLE, Pause()], SSE))
    began = anyio.current_time()
    assert len(await run(made)) == 3
    assert anyio.current_time() - began < 0.2
    exchange = made.transport.exchanges[0]
    assert (exchange.closed, exchange.over) == (1, False)


@pytest.mark.parametrize("late", [ConnectionLost("gone"), MalformedFrameError("not gzip"), b"data: more\n\n"])
async def test_nothing_after_the_last_frame_counts(late) -> None:
    whole = [TextDelta(0, "a"), TextDelta(0, "b"), Done(finish_reason="stop", raw_finish_reason="stop")]
    assert await run(call(Answer([*WHOLE, late], SSE))) == whole


@pytest.mark.parametrize("late", [b"data: {\n\n", frame(error={"message": "no", "code": 500})])
async def test_what_follows_the_last_frame_counts_as_little_in_the_same_read(late) -> None:
    body = b"".join([*WHOLE, late])
    assert await run(call(Answer([body], SSE))) == await run(call(Answer([*WHOLE, late], SSE)))


async def test_a_failure_is_raised_after_what_came_before_it() -> None:
    made = call(Answer([word("a") + word("b") + b"data: {\n\n"], SSE))
    came, error = await failure(made)
    assert came == [TextDelta(0, "a"), TextDelta(0, "b")]
    assert isinstance(error, MalformedFrameError)


async def test_a_peer_that_gives_up_inside_the_stream() -> None:
    overloaded = frame(error={"message": "overloaded", "code": 503})
    came, error = await failure(call(Answer([word("a"), overloaded], SSE)), ProviderError)
    assert came == [TextDelta(0, "a")]
    assert "overloaded" in str(error)


class Mute:
    """A decoder that never says anything, nor that it is not done."""

    def feed(self, item, /):
        return ()

    def feed_eof(self):
        return ()


class MuteCodec(type(CODEC)):
    def decoder(self, head, /, *, ids=None, raw=False):
        return Mute()


async def test_a_codec_that_says_nothing_ends_the_events_and_hides_no_loss() -> None:
    made = call(Answer([b"x"], SSE))
    mute = Call(codec=MuteCodec(), http=made.http, transport=made.transport)
    assert await run(mute) == []
    made = call(Answer([b"x", ConnectionLost("gone")], SSE))
    with pytest.raises(ConnectionLost):
        await run(Call(codec=MuteCodec(), http=made.http, transport=made.transport))


# Refusals (rows 17 to 23).


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, RateLimitError), (500, ServerError), (529, OverloadedError), (404, ProviderError)],
)
async def test_a_refusal_is_an_error_with_what_the_provider_said(status, kind) -> None:
    body = dump_bytes({"error": {"message": "because of this"}})
    head = ResponseHead(status, {"content-type": "application/json", "x-request-id": "r1"})
    came, error = await failure(call(Answer([body[:10], body[10:]], head)), kind)
    assert came == []
    assert isinstance(error, ProviderError)
    assert (error.status, error.phase, error.request_id) == (status, "headers", "r1")
    assert "because of this" in str(error)


async def test_a_refusal_with_a_stream_for_a_body_gives_no_events() -> None:
    came, error = await failure(call(Answer(WHOLE, ResponseHead(500, SSE.headers))), ServerError)
    assert came == []
    assert error.retryable


async def test_a_refusals_body_is_read_so_far_and_no_further() -> None:
    made = call(Answer([b"x" * 10_000] * 20, ResponseHead(500)))
    _, error = await failure(made, ServerError)
    assert isinstance(error, ProviderError)
    assert len(error.body) <= Limits().error_bytes
    assert not made.transport.exchanges[0].over


@pytest.mark.parametrize("end", [Pause(), ConnectionLost("gone"), MalformedFrameError("not gzip")])
async def test_a_refusals_body_that_does_not_end_is_not_waited_for(end) -> None:
    began = anyio.current_time()
    _, error = await failure(call(Answer([b"no", end], ResponseHead(503))), ProviderError)
    assert (error.status, error.body) == (503, "no")
    assert anyio.current_time() - began <= 10


async def test_a_refusals_body_is_under_the_clock_of_the_whole() -> None:
    began = anyio.current_time()
    made = call(Answer([b"no", Pause()], ResponseHead(503)), timeouts=Timeouts(total=2))
    await failure(made, ProviderError)
    assert anyio.current_time() - began == pytest.approx(2)


async def test_a_redirect_is_unexpected() -> None:
    head = ResponseHead(307, {"location": f"http://elsewhere/?key={KEY}"})
    _, error = await failure(call(Answer([], head)), UnexpectedContentError)
    assert str(error) == (
        "expected an answer from http://example.org/chat/completions, got status 307 "
        "pointing to http://elsewhere/"
    )
    assert error.phase == "headers"
    _, error = await failure(call(Answer([], ResponseHead(304))), UnexpectedContentError)
    assert "nowhere" in str(error)


async def test_a_page_instead_of_an_answer() -> None:
    head = ResponseHead(200, {"content-type": "text/html"})
    _, error = await failure(call(Answer([b"<html>Log in, please</html>"], head)), UnexpectedContentError)
    assert "text/html" in str(error)
    assert "Log in, please" in str(error)


async def test_a_refusal_that_calls_itself_a_success() -> None:
    head = ResponseHead(200, {"content-type": "application/json"})
    body = dump_bytes({"error": {"message": "no such model", "code": 404}})
    _, error = await failure(call(Answer([body], head)), ProviderError)
    assert "no such model" in str(error)


async def test_a_whole_document_is_an_answer_too() -> None:
    head = ResponseHead(200, {"content-type": "application/json"})
    message = {"role": "assistant", "content": "all of it"}
    body = dump_bytes({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    came = await run(call(Answer([body[:20], body[20:]], head)))
    assert came[0] == TextDelta(0, "all of it")
    assert isinstance(came[-1], Done)


# Law 13.


@pytest.mark.parametrize(
    ("status", "content_type"), [(401, "application/json"), (200, "application/json"), (200, "text/html")]
)
async def test_a_key_that_the_peer_repeats_is_starred_out(status, content_type) -> None:
    body = dump_bytes({"error": {"message": f"bad key: {KEY}", "code": 401}})
    _, error = await failure(call(Answer([body], ResponseHead(status, {"content-type": content_type}))))
    assert "***" in str(error)
    assert KEY not in str(error) + repr(error) + repr(vars(error))


# The clocks (rows 43 to 46).


@pytest.mark.parametrize(
    ("timeouts", "answer", "clock_name", "seconds", "phase"),
    [
        (Timeouts(first_event=3), Answer(WHOLE, SSE, before=[Pause()]), "first_event", 3, "headers"),
        (Timeouts(first_event=3), Answer([Pause()], SSE), "first_event", 3, "stream"),
        (Timeouts(first_event=3), Answer([b": ping\n\n", Pause(2)] * 3, SSE), "first_event", 3, "stream"),
        (Timeouts(stall=5), Answer([word("a"), Pause()], SSE), "stall", 5, "stream"),
        (Timeouts(stall=5), Answer([word("a"), *[Pause(2), b": ping\n\n"] * 5], SSE), "stall", 5, "stream"),
        (Timeouts(stall=5), Answer([word("a"), *[Pause(2), word("")] * 5], SSE), "stall", 5, "stream"),
        (Timeouts(liveness=2), Answer([Pause()], SSE), "liveness", 2, "stream"),
        (
            Timeouts(liveness=2),
            Answer([*[Pause(1), b": ping\n\n"] * 9, Pause()], SSE),
            "liveness",
            11,
            "stream",
        ),
        (Timeouts(total=7), Answer([Pause(1), word("a")] * 99, SSE), "total", 7, "stream"),
        (Timeouts(total=7, stall=1), Answer(WHOLE, SSE, before=[Pause()]), "total", 7, "headers"),
    ],
)
async def test_a_clock_runs_out_when_it_says(timeouts, answer, clock_name, seconds, phase) -> None:
    began = anyio.current_time()
    _, error = await failure(call(answer, timeouts=timeouts), TimeoutExceeded)
    assert anyio.current_time() - began == pytest.approx(seconds)
    assert isinstance(error, TimeoutExceeded)
    assert (error.clock, error.phase) == (clock_name, phase)
    assert error.seconds == getattr(timeouts, clock_name)
    assert error.__context__ is None


async def test_progress_moves_the_clocks_on() -> None:
    steady = [step for piece in (word("a"), word("b"), STOP, DONE) for step in (Pause(2.9), piece)]
    limits = Timeouts(first_event=3, stall=3, liveness=3)
    assert len(await run(call(Answer(steady, SSE), timeouts=limits))) == 3


async def test_the_consumers_own_time_is_not_the_peers() -> None:
    limits = Timeouts(first_event=3, stall=3, liveness=3)
    came = []
    async for event in events(
        call(Answer([word("a"), Pause(2), word("b"), Pause(2), STOP, DONE], SSE), timeouts=limits)
    ):
        came.append(event)
        await anyio.sleep(100)
    assert len(came) == 3


async def test_without_limits_a_call_may_take_for_ever() -> None:
    none = Timeouts(connect=None, first_event=None, stall=None, liveness=None, total=None, pool=None)
    body = [Pause(1e6), word("a"), Pause(1e6), STOP, DONE]
    assert len(await run(call(Answer(body, SSE, before=[Pause(1e6)]), timeouts=none))) == 2


# What the transport raises goes through.


@pytest.mark.parametrize("error", [ConnectError("no"), ConfigError("bad address"), KeyError("a bug")])
async def test_what_the_transport_raises_is_raised(error) -> None:
    made = call(Answer([], SSE, before=[error]))
    with pytest.raises(type(error)) as caught:
        await run(made)
    assert caught.value is error
    assert made.transport.exchanges == []


async def test_a_cancellation_is_not_taken_for_a_clock() -> None:
    made = call(Answer([Pause()], SSE))
    with anyio.move_on_after(1) as scope:
        await run(made)
    assert scope.cancelled_caught
    assert made.transport.exchanges[0].closed == 1


# What shows who calls.


async def test_a_call_is_authorized_before_it_is_sent_and_its_secret_is_concealed() -> None:
    async def authorize(http: HttpCall) -> HttpCall:
        return attrs.evolve(http, headers=(("authorization", Secret("Bearer fresh-0123")),))

    refusal = Answer([dump_bytes({"error": {"message": "bad token fresh-0123"}})], ResponseHead(401))
    made = call(refusal, authorize=authorize)
    _, error = await failure(made, ProviderError)
    assert dict(made.transport.calls[0].headers) == {"authorization": Secret("Bearer fresh-0123")}
    assert str(error) == "bad token ***"


async def test_authorizing_has_the_time_of_the_first_event() -> None:
    async def authorize(http: HttpCall) -> HttpCall:
        await anyio.sleep_forever()
        return http

    made = call(authorize=authorize, timeouts=Timeouts(first_event=5))
    _, error = await failure(made, TimeoutExceeded)
    assert (error.clock, error.phase) == ("first_event", "config")
    assert made.transport.calls == []


class Gate:
    """A transport whose response comes when somebody says so."""

    def __init__(self, *answers: Answer) -> None:
        self._inner = ScriptedTransport(answers)
        self.opened = anyio.Event()

    @property
    def exchanges(self):
        return self._inner.exchanges

    async def open(self, call):
        exchange = await self._inner.open(call)
        await self.opened.wait()
        return exchange


async def test_a_call_that_is_closed_as_its_response_comes_is_not_read_on() -> None:
    gate, line = Gate(Answer([Pause(), *WHOLE])), Line()
    made = attrs.evolve(call(), transport=gate)

    async def read() -> None:
        with pytest.raises(ConnectionLost):
            async with aclosing(batches(made, line)) as source:
                await anext(source)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        began = anyio.current_time()
        gate.opened.set()
        line.interrupt()
    assert anyio.current_time() == pytest.approx(began)
    assert gate.exchanges[0].closed == 1
