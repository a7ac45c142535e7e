"""Answers that are cut where their budget ends."""

import anyio
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmstream
from llmstream import (
    Attachment,
    Budget,
    ConfigError,
    ConnectionLost,
    Done,
    Logprob,
    ReasoningDelta,
    Request,
    TextDelta,
    Tool,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
    assistant,
    reduce,
    user,
)
from llmstream.client.metering import Meter, input_tokens
from llmstream.testing import clock, strategies
from llmstream.testing.fakes import Pause, ScriptedModel

pytestmark = pytest.mark.anyio
END = Done(finish_reason="stop", usage=Usage(input=1, output=2), id="r1")
WORDS = [TextDelta(0, "0123"), TextDelta(0, "4567"), TextDelta(0, "89"), END]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


def dollars(name: str, usage: Usage) -> float | None:
    return usage.input + 2.0 * usage.output if name.startswith("scripted/") else None


async def test_tokens_cut_in_the_middle_of_an_event_and_say_that_they_are_estimated() -> None:
    model = ScriptedModel([[TextDelta(0, "abcdef", (Logprob("abcdef", -1.0),)), Pause(), END]])
    async with model.prompt("hi", budget=llmstream.budget(tokens=1)) as stream:
        events = []
        async for event in stream:
            events.append(event)
            assert model.closed == 1
    usage = Usage(input=1, output=1, details={"estimated": True})
    assert events == [TextDelta(0, "abcd"), Done(finish_reason="budget", usage=usage)]
    assert (stream.state, stream.snapshot().state, stream.snapshot().text()) == ("budget", "budget", "abcd")
    assert (await stream).usage == usage


async def test_an_answer_within_its_budget_is_as_it_is() -> None:
    model = ScriptedModel([WORDS])
    generous = llmstream.budget(tokens=3, seconds=60, until="never", cost=100, prices=dollars)
    assert [event async for event in model.prompt("hi", budget=generous)] == WORDS


async def test_no_half_character_is_given() -> None:
    response = await ScriptedModel([[TextDelta(0, "aäöüß"), END]]).prompt("hi", budget=Budget(tokens=1))
    assert response.text() == "aä"
    response = await ScriptedModel([[ReasoningDelta(0, "\U0001f600" * 2), END]]).prompt(
        "hi", budget=Budget(tokens=1)
    )
    assert (response.reasoning(), response.usage.reasoning) == ("\U0001f600", 1)


@pytest.mark.parametrize("arguments", ["", '{"a'])
async def test_a_call_that_is_cut_is_not_complete(arguments) -> None:
    call = [ToolCallStart(0, id="c", name="f"), ToolCallArgsDelta(0, '{"a":1}'), ToolCallEnd(0, {"a": 1})]
    budget = Meter(len(arguments) / 4, Budget())
    assert list(budget.take([*call, END])) == [
        call[0],
        *([ToolCallArgsDelta(0, arguments)] if arguments else []),
    ]
    (part,) = reduce([*budget.take(call[:1]), Done(finish_reason="budget")]).parts
    assert part.arguments is None
    stream = ScriptedModel([[*call, END]]).prompt("hi", budget=Budget(tokens=0))
    (part,) = (await stream).tool_calls()
    assert (part.arguments, part.raw) == (None, "")
    assert [type(event) for event in [event async for event in stream]] == [ToolCallStart, Done]


async def test_until_cuts_after_the_match_also_when_it_spans_events() -> None:
    script = [TextDelta(0, "one <e"), TextDelta(0, "nd> two"), TextDelta(0, "three"), END]
    model = ScriptedModel([script])
    response = await model.prompt("hi", budget=llmstream.budget(until="<end>"))
    assert (response.text(), response.state, model.closed) == ("one <end>", "budget", 1)


async def test_until_looks_at_the_visible_text_alone() -> None:
    script = [ReasoningDelta(0, "stop"), TextDelta(1, "go"), END]
    assert (await ScriptedModel([script]).prompt("hi", budget=Budget(until="stop"))).state == "complete"


@pytest.mark.parametrize(("before", "text"), [(9, ""), (1, "a")])
async def test_seconds_end_a_wait_and_are_no_error(before, text) -> None:
    model = ScriptedModel([[Pause(before), TextDelta(0, "a"), Pause(), END]])
    began = anyio.current_time()
    response = await model.prompt("hi", budget=llmstream.budget(seconds=5))
    assert anyio.current_time() - began == pytest.approx(5)
    assert (response.text(), response.state, model.closed) == (text, "budget", 1)


async def test_seconds_count_the_consumers_time_too() -> None:
    model = ScriptedModel([[TextDelta(0, "a"), TextDelta(0, "b"), END]])
    async with model.prompt("hi", budget=llmstream.budget(seconds=5)) as stream:
        assert await anext(stream) == TextDelta(0, "a")
        await anyio.sleep(6)
        assert (await anext(stream)).finish_reason == "budget"


async def test_cost_buys_output_after_the_request() -> None:
    model = ScriptedModel([WORDS])
    response = await model.prompt("hi", budget=llmstream.budget(cost=3.5, prices=dollars))
    assert (response.text(), response.state) == ("0123", "budget")


async def test_a_request_that_is_too_dear_is_not_sent() -> None:
    model = ScriptedModel([WORDS])
    response = await model.prompt("hi" * 100, budget=llmstream.budget(cost=3.5, prices=dollars))
    assert (response.state, response.parts, response.usage.total, model.requests) == ("budget", (), 0, [])


def test_a_cost_without_prices_is_refused_before_anything_is_sent() -> None:
    model = ScriptedModel([WORDS], name="nobody/m")
    with pytest.raises(ConfigError, match="nobody/m"):
        model.prompt("hi", budget=llmstream.budget(cost=1, prices=dollars))


async def test_a_failure_before_the_cut_is_a_failure() -> None:
    stream = ScriptedModel([[TextDelta(0, "a"), ConnectionLost("gone")]]).prompt(
        "hi", budget=Budget(tokens=9)
    )
    with pytest.raises(ConnectionLost):
        await stream
    assert stream.state == "failed"


async def test_leaving_closes_the_model() -> None:
    model = ScriptedModel([[TextDelta(0, "a"), Pause(), END]])
    async with model.prompt("hi", budget=Budget(tokens=9, seconds=9)) as stream:
        await anext(stream)
    assert (stream.state, model.closed) == ("cancelled", 1)


async def test_a_round_of_a_chain_that_is_cut_ends_it_and_its_calls_are_not_made() -> None:
    made: list[int] = []

    async def note(n: int) -> None:
        made.append(n)

    call = [ToolCallStart(0, id="c", name="note"), ToolCallArgsDelta(0, '{"n": 1}'), ToolCallEnd(0, {"n": 1})]
    model = ScriptedModel([[*call, TextDelta(1, "word " * 20), Done(finish_reason="tool_calls")]])
    response = await model.chain("hi", tools=[note], budget=llmstream.budget(tokens=5))
    assert (response.state, made, len(model.requests)) == ("budget", [], 1)


async def test_a_conversation_and_a_fallback_take_a_budget() -> None:
    talk = ScriptedModel([WORDS, WORDS]).conversation()
    assert (await talk.prompt("hi", budget=Budget(tokens=1))).text() == "0123"
    assert (await talk.responses[-1].reply("more", budget=Budget(tokens=2))).text() == "01234567"
    either = llmstream.fallback(ScriptedModel([[ConnectionLost("gone")]]), ScriptedModel([WORDS]))
    assert (await either.prompt("hi", budget=Budget(tokens=1))).text() == "0123"


@given(strategies.events(), st.integers(0, 30), st.integers(1, 5))
def test_a_cut_answer_keeps_the_grammar_and_its_budget(events, tokens, size) -> None:
    meter, given = Meter(tokens, Budget()), []
    for begin in range(0, len(events), size):
        given += meter.take(events[begin : begin + size])
        if meter.is_over:
            break
    assert meter.is_over or given == list(events)
    assert meter.usage(0).output <= tokens
    whole = given if not meter.is_over else [*given, Done(finish_reason="budget")]
    assert reduce(whole).state == ("budget" if meter.is_over else reduce(events).state)


def test_the_input_is_what_is_written() -> None:
    asked = Request("m", [user("12345678", Attachment("image/png", data=b"x" * 1000)), assistant("1234")])
    assert input_tokens(asked) == 3
    assert input_tokens(attrs.evolve(asked, tools=[Tool("name", "what it is for")])) > 3
