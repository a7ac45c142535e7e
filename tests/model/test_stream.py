"""One call, awaited, iterated or entered: its states, and what asking again gives."""

import threading
import time
import warnings
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream import (
    ConfigError,
    ConnectionLost,
    Done,
    Event,
    Model,
    RateLimitError,
    ReasoningDelta,
    Request,
    TextDelta,
    TextPart,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    TruncatedStreamError,
    Usage,
    WireError,
    user,
)
from llmstream.model.stream import EventStream, Source
from llmstream.reduce import Fold
from llmstream.testing import clock
from llmstream.testing.fakes import Pause, ScriptedModel

pytestmark = pytest.mark.anyio

END = Done(finish_reason="stop", usage=Usage(input=1, output=2), id="r1", model="m1")
HELLO = [TextDelta(0, "Hel"), TextDelta(0, ""), TextDelta(0, "lo"), END]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


async def listed(source) -> list:
    return [item async for item in source]


async def test_closed_before_an_event_was_given_there_is_no_partial() -> None:
    """A batch may have come by then, of which the consumer knows nothing."""
    closing = anyio.Event()

    async def batches(_: Request) -> AsyncGenerator[Sequence[Event], None]:
        await closing.wait()
        yield [TextDelta(0, "unseen")]

    async def read() -> None:
        with pytest.raises(TruncatedStreamError, match="closed before") as caught:
            await anext(stream)
        assert caught.value.partial is None

    source = Source(batches, interrupt=closing.set)
    stream = EventStream(source, Request("m"), wrap=lambda response: response)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        await stream.aclose()
    assert (stream.state, stream.snapshot().parts) == ("cancelled", ())


# The three ways, and that they are lazy.


async def test_nothing_is_asked_before_it_is_read() -> None:
    model = ScriptedModel([HELLO])
    stream = model.prompt("hi")
    assert stream.state == "new"
    async with stream:
        assert model.requests == []
        assert stream.snapshot().parts == ()
    assert (stream.state, model.requests) == ("cancelled", [])


async def test_awaiting_gives_the_response() -> None:
    model = ScriptedModel([HELLO])
    response = await model.prompt("hi")
    assert response.parts == (TextPart("Hello"),)
    assert (response.state, response.finish_reason, response.id, response.model) == (
        "complete",
        "stop",
        "r1",
        "m1",
    )
    assert response.usage == Usage(input=1, output=2)
    assert response.request == Request("scripted", [user("hi")])
    assert response.source == "scripted/scripted"
    assert model.closed == 1


async def test_iterating_gives_the_events_in_their_order_b14() -> None:
    assert await listed(ScriptedModel([HELLO]).prompt("hi")) == HELLO
    async with ScriptedModel([HELLO]).prompt("hi") as stream:
        assert await listed(stream) == HELLO


async def test_text_deltas_are_the_visible_text_alone_b14() -> None:
    script = [ReasoningDelta(0, "hm"), TextDelta(1, "Hel"), TextDelta(1, ""), TextDelta(1, "lo"), END]
    assert await listed(ScriptedModel([script]).prompt("hi").text_deltas()) == ["Hel", "lo"]
    async with ScriptedModel([script]).prompt("hi") as stream:
        assert await listed(stream.text_deltas()) == ["Hel", "lo"]
        assert await stream.text() == "Hello"


async def test_events_are_seen_before_the_answer_is_there_b15() -> None:
    model = ScriptedModel([[TextDelta(0, "a"), Pause(60), TextDelta(0, "b"), END]])
    async with model.prompt("hi") as stream:
        assert await anext(stream) == TextDelta(0, "a")
        assert (stream.state, stream.snapshot().state, stream.snapshot().text()) == (
            "open",
            "incomplete",
            "a",
        )
        assert model.closed == 0
        assert await listed(stream) == [TextDelta(0, "b"), END]


async def test_a_finished_stream_is_replayed_one_delta_a_part_b16() -> None:
    stream = ScriptedModel([HELLO]).prompt("hi")
    await stream
    for _ in range(2):
        assert await listed(stream) == [TextDelta(0, "Hello"), END]
    assert await listed(stream.text_deltas()) == ["Hello"]


async def test_an_iterator_of_each_kind_iterates_itself() -> None:
    stream = ScriptedModel([HELLO]).prompt("hi")
    assert await listed(aiter(aiter(stream))) == HELLO
    assert await listed(aiter(aiter(stream))) == [TextDelta(0, "Hello"), END]
    assert await listed(aiter(stream.text_deltas())) == ["Hello"]


async def test_a_replay_may_be_left_without_a_word() -> None:
    stream = ScriptedModel([HELLO]).prompt("hi")
    await stream
    async for _ in stream:
        break
    async with stream:
        async for _ in stream.text_deltas():
            break
    assert stream.state == "complete"


async def test_strings_are_text_deltas_b17() -> None:
    assert await listed(ScriptedModel([["Hel", "lo"]]).prompt("hi")) == [
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        Done(),
    ]


async def test_asking_many_times_gives_the_same_b28() -> None:
    model = ScriptedModel([HELLO])
    stream = model.prompt("hi")
    first = await stream
    assert await stream == await stream.response() == stream.snapshot() == first
    assert first.messages() == (await stream).messages()
    assert len(model.requests) == 1


async def test_the_rest_is_read_where_a_loop_stopped() -> None:
    async with ScriptedModel([HELLO]).prompt("hi") as stream:
        async for _ in stream:
            break
        assert await stream.text() == "Hello"
        assert await listed(stream) == [TextDelta(0, "Hello"), END]


async def test_the_rest_may_be_read_from_inside_a_loop() -> None:
    came = []
    async with ScriptedModel([HELLO]).prompt("hi") as stream:
        async for event in stream:
            came.append(event)
            assert await stream.text() == "Hello"
    assert came == HELLO[:1]
    stream = ScriptedModel([HELLO]).prompt("hi")
    assert [(event, (await stream).text()) async for event in stream] == [(HELLO[0], "Hello")]


class Batching(ScriptedModel):
    """A model that gives its events in lists."""

    def __init__(self, *batches: Sequence[Event]) -> None:
        super().__init__([])
        self._batches = batches

    async def batches(self, request, /, *, timeouts=None) -> AsyncGenerator[Sequence[Event], None]:
        try:
            for batch in self._batches:
                yield batch
        finally:
            self.closed += 1


async def test_what_came_is_taken_at_once() -> None:
    model = Batching((), HELLO[:3], HELLO[3:])
    stream = model.prompt("hi")
    assert await stream.take() == HELLO[:3]
    assert await stream.take() == HELLO[3:]
    assert await stream.take() == ()
    stream = model.prompt("hi")
    assert await anext(stream) == HELLO[0]
    assert await stream.take() == HELLO[1:3]
    assert (await stream).text() == "Hello"


async def test_times_are_noted() -> None:
    ticks = iter([100.0, 101.5, 104.0])
    model = ScriptedModel([HELLO])
    stream = EventStream(
        Source(model.batches),
        Request("m"),
        wrap=lambda response: response,
        now=lambda: next(ticks),
    )
    timing = (await stream).timing
    assert timing is not None
    assert (timing.started, timing.first_event, timing.ended) == (100.0, 1.5, 4.0)


async def test_a_request_is_made_ready_when_it_is_sent() -> None:
    async def prepare(request: Request) -> Request:
        await anyio.sleep(1)
        return Request("ready", request.messages)

    model = ScriptedModel([HELLO])
    stream = EventStream(Source(model.batches, prepare=prepare), Request("m"), wrap=lambda response: response)
    assert stream.request == Request("m")
    response = await stream
    assert stream.request == response.request == model.requests[0] == Request("ready")


# Done.


async def test_done_ends_the_call_when_it_is_given() -> None:
    model = ScriptedModel([HELLO])
    async with model.prompt("hi") as stream:
        async for event in stream:
            assert stream.state == ("complete" if event == END else "open")
            if event == END:
                assert model.closed == 1
                assert stream.snapshot().state == "complete"
                break
        assert (await stream).state == "complete"


async def test_a_budget_is_a_state_of_its_own() -> None:
    script = [TextDelta(0, "a"), Done(finish_reason="budget")]
    stream = ScriptedModel([script]).prompt("hi")
    assert (await stream).state == stream.state == "budget"
    assert await listed(stream) == script


async def test_nothing_after_done_is_ever_seen() -> None:
    model = ScriptedModel([[*HELLO, TextDelta(0, "more"), END, ConnectionLost("gone")]])
    assert await listed(model.prompt("hi")) == HELLO
    assert model.closed == 1


class Unclean(Model):
    """A model whose own end fails."""

    id = name = "unclean"

    async def events(self, request, /) -> AsyncGenerator[Event, None]:
        try:
            yield TextDelta(0, "a")
            yield END
        finally:
            raise ConnectionLost("at the end")


async def test_a_model_that_fails_while_it_closes_has_not_answered() -> None:
    stream = Unclean().prompt("hi")
    with pytest.raises(ConnectionLost):
        await stream
    assert stream.state == "failed"


# Failures.


async def test_an_error_carries_what_came_before_it() -> None:
    stream = ScriptedModel([[TextDelta(0, "a"), ConnectionLost("gone", phase="stream")]]).prompt("hi")
    with pytest.raises(ConnectionLost) as caught:
        await listed(stream)
    error = caught.value
    assert error.partial is not None
    assert (error.partial.text(), error.partial.state, stream.state) == ("a", "failed", "failed")
    assert error.phase == "stream"
    assert not error.retryable


async def test_before_the_first_event_there_is_no_partial_and_a_retry_is_safe() -> None:
    stream = ScriptedModel([[RateLimitError("slow down")]]).prompt("hi")
    with pytest.raises(RateLimitError) as caught:
        await stream
    assert caught.value.partial is None
    assert caught.value.retryable
    assert stream.snapshot().state == "failed"


async def test_an_answer_without_its_end_is_incomplete() -> None:
    stream = ScriptedModel([[TextDelta(0, "a")]]).prompt("hi")
    with pytest.raises(TruncatedStreamError, match="expected Done") as caught:
        await stream
    assert caught.value.partial is not None
    assert (caught.value.partial.state, stream.state) == ("incomplete", "incomplete")
    with pytest.raises(TruncatedStreamError):
        await ScriptedModel([[]]).prompt("hi")


async def test_a_partial_that_a_model_gave_is_kept() -> None:
    error = ConnectionLost("gone")
    error.partial = ScriptedModel([]).prompt("x").snapshot()
    stream = ScriptedModel([[TextDelta(0, "a"), error]]).prompt("hi")
    with pytest.raises(ConnectionLost):
        await stream
    assert error.partial.text() == ""


async def test_an_error_that_is_not_ours_goes_through() -> None:
    stream = ScriptedModel([[TextDelta(0, "a"), KeyError("bug")]]).prompt("hi")
    for _ in range(2):
        with pytest.raises(KeyError, match="bug"):
            await stream
    assert (stream.state, stream.snapshot().text()) == ("failed", "a")


class Stop(BaseException):
    pass


async def test_an_exception_of_the_interpreters_cancels() -> None:
    stream = ScriptedModel([[TextDelta(0, "a"), Stop()]]).prompt("hi")
    with pytest.raises(Stop):
        await stream
    assert stream.state == "cancelled"
    with pytest.raises(TruncatedStreamError):
        await stream


async def test_what_cannot_be_asked_fails_when_it_is_read() -> None:
    model = ScriptedModel([])
    stream = model.prompt("hi")
    with pytest.raises(ConfigError, match="one more"):
        await stream
    assert stream.state == "failed"


@pytest.mark.parametrize(
    "broken",
    [
        [TextDelta(1, "a"), END],
        [TextDelta(0, "a"), ReasoningDelta(0, "b"), END],
        [TextDelta(0, "a"), ToolCallArgsDelta(1, "{"), TextDelta(0, "b"), END],
    ],
)
async def test_a_model_that_breaks_the_grammar_fails(broken) -> None:
    model = ScriptedModel([broken, broken])
    stream = model.prompt("hi")
    for _ in range(2):
        with pytest.raises(WireError, match="expected"):
            await stream
    assert stream.state == stream.snapshot().state == "failed"
    assert model.closed == 1
    stream = model.prompt("hi")
    with pytest.raises(WireError):
        await listed(stream)
    assert stream.state == "failed"


async def test_a_break_that_is_noticed_by_a_snapshot_is_no_success_either() -> None:
    broken = [TextDelta(0, "a"), ReasoningDelta(0, "b"), END]
    model = Batching(broken)
    async with model.prompt("hi") as stream:
        assert await listed(model.prompt("hi", keep=False)) == broken
        for _ in broken:
            await anext(stream)
        assert stream.snapshot().state == stream.state == "failed"
    with pytest.raises(WireError):
        await stream
    async with ScriptedModel([broken]).prompt("hi") as stream:
        await anext(stream)
        await anext(stream)
        assert (stream.snapshot().text(), stream.state) == ("a", "open")
    assert stream.state == "failed"
    with pytest.raises(WireError) as caught:
        await stream
    assert caught.value.partial is not None
    assert caught.value.partial.state == "failed"


async def test_a_failure_that_is_raised_again_and_again_does_not_grow() -> None:
    stream = ScriptedModel([failing()]).prompt("hi")
    lengths = set()
    for _ in range(3):
        with pytest.raises(ConnectionLost) as caught:
            await stream
        lengths.add(len(caught.traceback))
    assert max(lengths) - min(lengths) < 5


# Asking in any order.


def failing() -> list[Event | Exception]:
    return [TextDelta(0, "a"), ConnectionLost("gone")]


OUTCOMES = {
    "complete": HELLO,
    "budget": [TextDelta(0, "a"), Done(finish_reason="budget")],
    "incomplete": [TextDelta(0, "a"), TextDelta(0, "b")],
    "tool call": [
        ToolCallStart(0, id="c", name="f"),
        ToolCallArgsDelta(0, "{}"),
        ToolCallEnd(0, {}),
        Done(finish_reason="tool_calls"),
    ],
}


def script_of(outcome: str) -> list[Event | Exception]:
    """A script with exceptions of its own: they are changed by being raised."""
    match outcome:
        case "failed":
            return failing()
        case "failed at once":
            return [RateLimitError("no")]
        case _:
            return OUTCOMES[outcome]


async def by_await(stream):
    return await stream


async def by_text(stream):
    return await stream.text()


async def by_iteration(stream):
    return await listed(stream)


async def by_text_deltas(stream):
    return await listed(stream.text_deltas())


async def by_part_of_a_loop(stream):
    async with stream:
        return await anext(aiter(stream))


async def by_snapshot(stream):
    return stream.snapshot()


WAYS = [by_await, by_text, by_iteration, by_text_deltas, by_snapshot]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@given(
    outcome=st.sampled_from([*OUTCOMES, "failed", "failed at once"]),
    ways=st.lists(st.sampled_from(WAYS), min_size=2, max_size=6),
)
def test_no_order_of_asking_calls_again_or_changes_the_outcome(backend, outcome, ways) -> None:
    async def ask() -> None:
        model = ScriptedModel([script_of(outcome)])
        stream = model.prompt("hi")
        ends = set()
        snapshots = []
        for way in ways:
            failed = None
            try:
                await way(stream)
            except (TruncatedStreamError, ConnectionLost, RateLimitError) as error:
                failed = error
            if way is by_snapshot and stream.state == "new":
                continue
            ends.add((stream.state, None if way is by_snapshot else id(failed) if failed else "no failure"))
            snapshots.append(stream.snapshot())
        assert len(model.requests) <= 1
        assert len({state for state, _ in ends}) <= 1
        assert len({how for _, how in ends if how is not None}) <= 1
        assert all(snapshot == snapshots[0] for snapshot in snapshots)

    anyio.run(ask, backend=backend)


@pytest.mark.parametrize("way", [*WAYS[:-1], by_part_of_a_loop])
async def test_a_cancelled_stream_stays_so(way) -> None:
    model = ScriptedModel([HELLO])
    async with model.prompt("hi") as stream:
        await anext(stream)
    for _ in range(2):
        with pytest.raises(TruncatedStreamError, match="closed before") as caught:
            await way_to_the_end(way, stream)
        assert caught.value.partial is not None
        assert (caught.value.partial.text(), caught.value.partial.state) == ("Hel", "cancelled")
        assert caught.value.phase == "consumer"
    assert len(model.requests) == 1


async def way_to_the_end(way, stream) -> None:
    await way(stream)
    await stream


async def test_a_stream_that_was_closed_before_it_began_has_no_partial() -> None:
    model = ScriptedModel([HELLO])
    stream = model.prompt("hi")
    await stream.aclose()
    with pytest.raises(TruncatedStreamError) as caught:
        await stream
    assert caught.value.partial is None
    assert model.requests == []


async def test_a_replay_of_a_failure_ends_in_it() -> None:
    stream = ScriptedModel([failing()]).prompt("hi")
    with pytest.raises(ConnectionLost):
        await stream
    came = []
    with pytest.raises(ConnectionLost):
        await collect(stream, came)
    assert came == [TextDelta(0, "a")]


async def collect(stream, into: list) -> None:
    async for event in stream:
        into += [event]


# One consumer at a time, and closing from elsewhere.


async def test_two_consumers_at_once_are_refused() -> None:
    model = ScriptedModel([[TextDelta(0, "a"), Pause(10), TextDelta(0, "b"), END]])
    async with model.prompt("hi") as stream, anyio.create_task_group() as tasks:
        came: list[Event] = []
        tasks.start_soon(collect, stream, came)
        await anyio.sleep(1)
        for way in (by_await, by_iteration, by_text_deltas):
            with pytest.raises(ConfigError, match="one reader"):
                await way(stream)
    assert came == [TextDelta(0, "a"), TextDelta(0, "b"), END]
    assert stream.state == "complete"


async def test_another_task_may_go_on_where_one_stopped() -> None:
    async with ScriptedModel([HELLO]).prompt("hi") as stream, anyio.create_task_group() as tasks:
        came: list[Event] = [await anext(stream)]
        tasks.start_soon(collect, stream, came)
    assert came == HELLO


async def test_what_the_caller_closed_is_not_to_be_tried_again() -> None:
    stream = ScriptedModel([HELLO]).prompt("hi")
    async with stream:
        await anext(stream)
    with pytest.raises(TruncatedStreamError, match="the stream was closed") as caught:
        await stream
    assert not caught.value.retryable


async def test_closed_by_another_task_while_one_waits() -> None:
    model = ScriptedModel([[TextDelta(0, "a"), Pause()]])
    async with anyio.create_task_group() as tasks:
        stream = model.prompt("hi")
        errors: list[TruncatedStreamError] = []

        async def read() -> None:
            with pytest.raises(TruncatedStreamError) as caught:
                await stream
            errors.append(caught.value)

        tasks.start_soon(read)
        await anyio.sleep(1)
        await stream.aclose()
        assert (stream.state, model.closed) == ("cancelled", 1)
    assert errors[0].partial is not None
    assert errors[0].partial.text() == "a"


async def test_closed_between_two_events_of_a_batch() -> None:
    model = Batching(HELLO[:3], HELLO[3:])
    came: list[Event] = []

    async def read(stream) -> None:
        async for event in stream:
            came.append(event)
            await stream.aclose()

    with pytest.raises(TruncatedStreamError):
        await read(model.prompt("hi"))
    assert came == HELLO[:1]
    assert model.closed == 1


class Racing(Model):
    """A model whose next event is there in the moment in which it is closed."""

    id = name = "racing"

    def __init__(self) -> None:
        self.go = anyio.Event()
        self.closed = False

    async def events(self, request, /) -> AsyncGenerator[Event, None]:
        try:
            yield TextDelta(0, "a")
            with anyio.CancelScope(shield=True):
                await self.go.wait()
            yield TextDelta(0, "b")
            yield END
        finally:
            self.closed = True


async def test_an_event_that_comes_while_it_is_closed_is_not_given_and_it_is_closed() -> None:
    model = Racing()
    came: list[Event] = []
    async with anyio.create_task_group() as tasks:
        stream = model.prompt("hi")

        async def read() -> None:
            with pytest.raises(TruncatedStreamError):
                await collect(stream, came)

        async def let_go() -> None:
            await anyio.sleep(1)
            model.go.set()

        tasks.start_soon(read)
        await anyio.sleep(1)
        tasks.start_soon(let_go)
        await stream.aclose()
        assert (stream.state, model.closed) == ("cancelled", True)
    assert came == [TextDelta(0, "a")]


async def test_closing_does_not_wait_for_ever_for_a_reader_that_holds_on() -> None:
    model = Racing()
    async with anyio.create_task_group() as tasks:
        stream = model.prompt("hi")

        async def read() -> None:
            with pytest.raises(TruncatedStreamError):
                await stream

        tasks.start_soon(read)
        await anyio.sleep(1)
        began = anyio.current_time()
        await stream.aclose()
        assert 0 < anyio.current_time() - began < 10
        model.go.set()


async def test_closing_twice_and_after_the_end_does_nothing() -> None:
    stream = ScriptedModel([HELLO]).prompt("hi")
    await stream
    for _ in range(2):
        await stream.aclose()
    assert stream.state == "complete"


@pytest.mark.parametrize(
    ("script", "read", "state"),
    [(HELLO, 4, "complete"), (HELLO, 1, "cancelled"), (HELLO, 0, "cancelled"), (None, 2, "failed")],
)
async def test_someone_is_told_when_it_is_over(script, read, state) -> None:
    told = []
    async with ScriptedModel([script or failing()]).prompt("hi") as stream:
        stream.when_over(told.append)
        with suppress(ConnectionLost):
            for _ in range(read):
                assert told == []
                await anext(stream)
    assert [response.state for response in told] == [stream.state] == [state]
    assert told[0] == stream.snapshot()


class Slow(Fold):
    """A fold that takes its time in every thread but the first."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()

    def add(self, event: Event) -> None:
        if threading.current_thread() is not threading.main_thread():
            self.begun.set()
            time.sleep(0.1)
        super().add(event)


async def test_a_snapshot_in_another_thread_does_not_mix_with_the_reading() -> None:
    stream = Batching([TextDelta(0, "a"), TextDelta(0, "b")], [TextDelta(0, "c")], [END]).prompt("hi")
    stream._fold = fold = Slow()
    await anext(stream)
    await anext(stream)
    seen: list[str] = []
    looker = threading.Thread(target=lambda: seen.append(stream.snapshot().text()))
    looker.start()
    fold.begun.wait()
    assert await stream.text() == "abc"
    looker.join()
    assert seen == ["ab"]


# Without keeping anything.


async def test_without_keeping_there_are_events_and_nothing_else() -> None:
    stream = ScriptedModel([HELLO]).prompt("hi", keep=False)
    for ask in (stream.response, stream.text):
        with pytest.raises(ConfigError, match="keep"):
            await ask()
    with pytest.raises(ConfigError, match="keep"):
        stream.snapshot()
    assert await listed(stream.text_deltas()) == ["Hel", "lo"]
    assert stream.state == "complete"
    with pytest.raises(ConfigError, match="keep"):
        aiter(stream)


async def test_without_keeping_an_error_has_no_partial() -> None:
    stream = ScriptedModel([failing()]).prompt("hi", keep=False)
    with pytest.raises(ConnectionLost) as caught:
        await listed(stream)
    assert caught.value.partial is None
    assert not caught.value.retryable
    async with ScriptedModel([HELLO]).prompt("hi", keep=False) as stream:
        await anext(stream)
    with pytest.raises(TruncatedStreamError) as caught:
        await anext(stream)
    assert caught.value.partial is None


# Left open.


async def test_a_loop_that_is_left_outside_async_with_is_closed_with_a_warning() -> None:
    model = ScriptedModel([HELLO])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        async for _ in model.prompt("hi"):
            break
        await anyio.wait_all_tasks_blocked()
    assert model.closed == 1
    assert sum("async with model.prompt" in str(one.message) for one in said) == 1


async def test_a_loop_that_is_left_at_done_is_fine() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        async for event in ScriptedModel([HELLO]).prompt("hi"):
            if event == END:
                break
        await anyio.wait_all_tasks_blocked()
    assert not any("async with model.prompt" in str(one.message) for one in said)


async def test_a_stream_that_never_began_is_dropped_without_a_word() -> None:
    model = ScriptedModel([HELLO])
    model.prompt("hi")
    aiter(model.prompt("hi"))
    await anyio.wait_all_tasks_blocked()
    assert model.requests == []


async def test_a_stream_that_is_dropped_half_read_warns() -> None:
    model = ScriptedModel([HELLO])
    stream = model.prompt("hi")
    await anext(stream)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        del stream
        texts = [str(one.message) for one in said]
        # A warning that is kept keeps the stream.
        said.clear()
        await anyio.wait_all_tasks_blocked()
    assert any("async with model.prompt" in text for text in texts)
    assert model.closed == 1
