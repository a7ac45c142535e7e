"""A state cannot lie: whatever is asked of a stream, and in whatever order, its one call ends in one way.

The machine asks a stream for anything in any order. After each step it is held to this: at most one call
was made; a state that ended the call stays; an answer that was given is given again, and a failure is
raised again; the snapshot says the same as the state, and so does its dict.
"""

import gc
import os
import warnings
from collections.abc import Awaitable, Callable

import anyio
import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmstream import (
    AuthError,
    Budget,
    ConfigError,
    ConnectionLost,
    Done,
    Event,
    EventStream,
    LLMStreamError,
    Model,
    Provider,
    Response,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallStart,
    TruncatedStreamError,
    Usage,
    fallback,
    hedge,
    reduce,
    sync,
)
from llmstream.jsontext import dump_bytes, loads
from llmstream.model.provided import Endpoint, ProviderModel
from llmstream.testing import clock
from llmstream.testing.fakes import Answer, Pause, ScriptedModel, ScriptedTransport
from llmstream.wire import find
from llmstream.wire.http import ResponseHead

# An example is a hundred steps of three kinds of models: more than this say nothing new.
MANY = settings(max_examples=min(int(os.environ.get("LLMSTREAM_EXAMPLES", "400")), 400) // 2)
OPEN = {"new", "open"}
END = Done(finish_reason="stop", usage=Usage(input=1, output=2), id="r1")
SAID = [TextDelta(0, "Hel"), Pause(1), TextDelta(0, "lo"), TextDelta(0, " all")]
CALL = [ToolCallStart(1, id="c1", name="f"), ToolCallArgsDelta(1, '{"a"')]

# How a call would end if it were read to its end: the script, its budget, and the state.
ENDS: dict[str, tuple[list, Budget | None, str]] = {
    "complete": ([*SAID, END], None, "complete"),
    "within its budget": ([*SAID, END], Budget(tokens=100, seconds=100, until="never"), "complete"),
    "truncated": (SAID, None, "incomplete"),
    "truncated at once": ([], None, "incomplete"),
    "cut short by the peer": ([*SAID, TruncatedStreamError("cut")], None, "incomplete"),
    "failed": ([*SAID, ConnectionLost("gone")], None, "failed"),
    "refused": ([Pause(1), AuthError("no")], None, "failed"),
    "a bug": ([*SAID, ValueError("bug")], None, "failed"),
    "against the grammar": ([*SAID, TextDelta(9, "x"), TextDelta(0, "y"), END], None, "failed"),
    "cut by tokens": ([*SAID, END], Budget(tokens=1), "budget"),
    "cut in a call": ([*SAID, *CALL, END], Budget(tokens=3), "budget"),
    "cut by time": ([*SAID, Pause(9), END], Budget(seconds=5), "budget"),
    "cut by a word": ([*SAID, END], Budget(until="lo"), "budget"),
}


def scripted(end: str) -> tuple[Model, ScriptedModel]:
    model = ScriptedModel([ENDS[end][0]])
    return model, model


def in_a_fallback(end: str) -> tuple[Model, ScriptedModel]:
    model = ScriptedModel([ENDS[end][0]])
    return fallback(model, ScriptedModel([[AuthError("no")]]), when=lambda error: False), model


def hedged(end: str) -> tuple[Model, ScriptedModel]:
    model = ScriptedModel([ENDS[end][0]])
    return hedge(model, after=60), model


MADE = {"scripted": scripted, "in a fallback": in_a_fallback, "hedged": hedged}


async def iterated(stream: EventStream[Response]) -> Response:
    events = [event async for event in stream]
    assert isinstance(events[-1], Done)
    assert events.count(events[-1]) == 1
    return await stream


async def begun_and_left(stream: EventStream[Response]) -> None:
    """A plain loop that is left after its first event, and closed by its owner."""
    iterator = aiter(stream)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        async for _ in iterator:
            break
        if hasattr(iterator, "aclose"):
            await iterator.aclose()


async def one_event(stream: EventStream[Response]) -> None:
    try:
        await anext(stream)
    except StopAsyncIteration:
        assert stream.state not in OPEN


async def texts(stream: EventStream[Response]) -> None:
    joined = "".join([text async for text in stream.text_deltas()])
    assert stream.snapshot().text().endswith(joined)


async def interrupted(stream: EventStream[Response]) -> None:
    with anyio.move_on_after(0.5):
        await stream


async def entered(stream: EventStream[Response]) -> None:
    async with stream:
        async for _ in stream:
            break


async def closed_while_read(stream: EventStream[Response]) -> None:
    """Another task closes what one reads."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outcome_of, stream.response)
        await anyio.sleep(0.5)
        await stream.aclose()
    assert stream.state not in OPEN


async def outcome_of(ask: Callable[[], Awaitable[object]]) -> object:
    """What asking gives, or the failure that it raises."""
    try:
        return await ask()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is an outcome
        return error


async def two_at_once(stream: EventStream[Response]) -> None:
    """Two readers: one of them reads, and the other is told so, or comes when all is over."""
    outcomes: list[object] = []

    async def read() -> None:
        outcomes.append(await outcome_of(stream.response))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        tasks.start_soon(read)
    told = [o for o in outcomes if isinstance(o, ConfigError) and "one reader" in str(o)]
    assert len(told) <= 1
    rest = [outcome for outcome in outcomes if outcome not in told]
    assert all(same(outcome, rest[0]) for outcome in rest)
    assert stream.state not in OPEN


def same(one: object, other: object) -> bool:
    """Whether two outcomes are one: equal responses, or the same failure."""
    if isinstance(one, Exception):
        return type(one) is type(other) and str(one) == str(other)
    return one == other


ASKED: dict[str, Callable[[EventStream[Response]], Awaitable[object]]] = {
    "await": EventStream.response,
    "text": EventStream.text,
    "iterate": iterated,
    "begin and leave": begun_and_left,
    "one event": one_event,
    "take": EventStream.take,
    "text deltas": texts,
    "interrupt": interrupted,
    "enter": entered,
    "close": EventStream.aclose,
    "close while read": closed_while_read,
    "two at once": two_at_once,
}


@attrs.define
class Watch:
    """What was seen of a stream, to which all that follows is held."""

    stream: EventStream[Response]
    due: str
    ended: str | None = None
    outcome: object = None
    said: str = ""

    def look(self) -> None:
        state, snapshot = self.stream.state, self.stream.snapshot()
        assert snapshot.state == ("incomplete" if state in OPEN else state)
        assert snapshot.text().startswith(self.said)
        self.said = snapshot.text()
        stored = loads(dump_bytes(snapshot.to_dict()))
        assert stored["state"] == snapshot.state
        assert Response.from_dict(stored) == snapshot
        if self.ended is not None:
            assert state == self.ended
        elif state not in OPEN:
            assert state in {self.due, "cancelled"}
            self.ended = state
        self.check_finish(snapshot)

    def check_finish(self, snapshot: Response) -> None:
        assert (snapshot.finish_reason == "budget") == (snapshot.state == "budget")
        if snapshot.state in {"complete", "budget"}:
            assert snapshot.finish_reason is not None
        else:
            assert snapshot.finish_reason is None

    async def ask_twice(self) -> None:
        """Once it is over, asking gives one thing, however often."""
        if self.ended is None:
            return
        outcome = await outcome_of(self.stream.response)
        assert isinstance(outcome, Response) == (self.ended in {"complete", "budget"})
        assert self.outcome is None or same(outcome, self.outcome)
        self.outcome = outcome
        if isinstance(outcome, LLMStreamError) and outcome.partial is not None:
            assert outcome.partial.text() == self.said
            assert outcome.partial.state == self.ended
        replayed: list[Event] = []

        async def replay() -> None:
            async for event in self.stream:
                replayed.append(event)  # noqa: PERF401 - those before a failure count

        again = await outcome_of(replay)
        assert again is None or same(again, outcome)
        assert reduce(replayed).parts == self.stream.snapshot().parts


@MANY
@given(
    made=st.sampled_from(sorted(MADE)),
    end=st.sampled_from(sorted(ENDS)),
    asked=st.lists(st.sampled_from(sorted(ASKED)), max_size=7),
    backend=st.sampled_from(["asyncio", "trio"]),
)
def test_no_order_of_asking_makes_a_state_lie(made, end, asked, backend) -> None:
    async def machine() -> None:
        model, script = MADE[made](end)
        stream = model.prompt("hi", budget=ENDS[end][1])
        watch = Watch(stream, ENDS[end][2])
        for name in asked:
            await step(watch, name)
            assert len(script.requests) <= 1
        await stream.aclose()
        watch.look()
        assert watch.ended is not None
        await watch.ask_twice()
        assert script.closed == len(script.requests) <= 1

    name, options = clock.virtual(backend)
    anyio.run(machine, backend=name, backend_options=options)


async def step(watch: Watch, name: str) -> None:
    before = watch.ended
    outcome = await outcome_of(lambda: ASKED[name](watch.stream))
    failed, is_success = isinstance(outcome, Exception), watch.stream.state in {"complete", "budget"}
    assert not isinstance(outcome, AssertionError), outcome
    assert not (failed and is_success), "a success was raised"
    if name in {"await", "text", "iterate"}:
        assert failed or is_success, "a failure was given as a success"
    watch.look()
    assert before is None or watch.ended == before
    await watch.ask_twice()


# The same through a provider's wire, whose reads are ended by their own means.

SSE = ResponseHead(200, {"content-type": "text/event-stream"})


def frame(**fields: object) -> bytes:
    return b"data: " + dump_bytes(fields) + b"\n\n"


def words(text: str, finish: str | None = None) -> bytes:
    return frame(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": finish}])


BODY = [words("Hel"), Pause(1), words("lo"), words(" all")]
ANSWERS: dict[str, tuple[Answer, Budget | None, str]] = {
    "complete": (Answer([*BODY, words("", "stop"), b"data: [DONE]\n\n"], SSE), None, "complete"),
    "truncated": (Answer(BODY, SSE), None, "incomplete"),
    "lost": (Answer([*BODY, ConnectionLost("gone")], SSE), None, "failed"),
    "refused": (Answer([b"{}"], ResponseHead(401), before=[Pause(1)]), None, "failed"),
    "silent": (Answer([*BODY, Pause()], SSE), Budget(seconds=5), "budget"),
    "cut": (Answer([*BODY, words("", "stop")], SSE), Budget(tokens=1), "budget"),
}


@MANY
@given(
    end=st.sampled_from(sorted(ANSWERS)),
    asked=st.lists(st.sampled_from(sorted(ASKED)), max_size=7),
    backend=st.sampled_from(["asyncio", "trio"]),
)
def test_no_order_of_asking_makes_a_call_lie(end, asked, backend) -> None:
    async def machine() -> None:
        answer, budget, due = ANSWERS[end]
        transport = ScriptedTransport([answer])
        row = Provider(name="acme", codec=find("openai-chat"))
        stream = ProviderModel("m", Endpoint(row, "http://acme.test", None, transport)).prompt(
            "hi", budget=budget
        )
        watch = Watch(stream, due)
        for name in asked:
            await step(watch, name)
            assert len(transport.calls) <= 1
        await stream.aclose()
        watch.look()
        await watch.ask_twice()
        assert len(transport.calls) <= 1
        assert all(exchange.closed for exchange in transport.exchanges)

    name, options = clock.virtual(backend)
    anyio.run(machine, backend=name, backend_options=options)


# And without await.


def plainly_iterated(stream: sync.EventStream) -> object:
    assert isinstance(list(stream)[-1], Done)
    return stream.response()


def plainly_left(stream: sync.EventStream) -> None:
    iterator = iter(stream)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        next(iterator, None)
        if hasattr(iterator, "close"):
            iterator.close()


def plainly_entered(stream: sync.EventStream) -> None:
    with stream:
        next(iter(stream), None)


def plain_outcome(ask: Callable[[], object]) -> object:
    try:
        return ask()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is an outcome
        return error


PLAIN: dict[str, Callable[[sync.EventStream], object]] = {
    "response": sync.EventStream.response,
    "text": sync.EventStream.text,
    "iterate": plainly_iterated,
    "begin and leave": plainly_left,
    "text deltas": lambda stream: list(stream.text_deltas()),
    "enter": plainly_entered,
    "close": sync.EventStream.close,
}


@settings(MANY, max_examples=MANY.max_examples // 4)
@given(
    end=st.sampled_from(sorted(set(ENDS) - {"cut by time"})),
    asked=st.lists(st.sampled_from(sorted(PLAIN)), max_size=6),
)
def test_no_order_of_asking_makes_a_state_lie_without_await(end, asked) -> None:
    script, budget, due = ENDS[end]
    model = ScriptedModel([[Pause(0) if isinstance(each, Pause) else each for each in script]])
    stream = sync.Model(model).prompt("hi", budget=budget)
    ended, outcome = None, None
    for name in [*asked, "close", "response", "iterate"]:
        given = plain_outcome(lambda name=name: PLAIN[name](stream))
        assert not isinstance(given, AssertionError), given
        if isinstance(given, Exception):
            assert stream.state not in OPEN | {"complete", "budget"}
        state = stream.state
        assert ended in {None, state}
        ended = None if state in OPEN else state
        assert ended in {None, due, "cancelled"}
        assert len(model.requests) <= 1
        assert stream.snapshot().state == ("incomplete" if ended is None else ended)
        if name == "response":
            assert isinstance(given, Exception) == (state not in {"complete", "budget"})
            assert outcome is None or same(given, outcome)
            outcome = given
    gc.collect()


@pytest.mark.anyio
@pytest.mark.parametrize("way", ["await", "iterate", "one event", "take"])
async def test_a_second_reader_is_told_so(way) -> None:
    model = ScriptedModel([[TextDelta(0, "a"), Pause(), END]])
    async with model.prompt("hi") as stream, anyio.create_task_group() as tasks:
        await anext(stream)
        tasks.start_soon(outcome_of, stream.response)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(ConfigError, match="one reader of a stream at a time, got a second"):
            await ASKED[way](stream)
        assert (stream.state, stream.snapshot().text()) == ("open", "a")
        await stream.aclose()
    assert (stream.state, len(model.requests), model.closed) == ("cancelled", 1, 1)
