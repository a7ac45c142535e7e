"""Turns that go on from one another."""

import json
from collections.abc import AsyncGenerator

import anyio
import pytest

from llmstream import (
    CancelToolCall,
    ConfigError,
    ConnectionLost,
    Conversation,
    Done,
    Event,
    Options,
    OutputSchema,
    ReasoningDelta,
    Request,
    Response,
    TextDelta,
    Tool,
    ToolCallEnd,
    ToolCallStart,
    ToolResultPart,
    assistant,
    system,
    tool_message,
    user,
)
from llmstream.model.conversation import Conversation as Own
from llmstream.testing import clock
from llmstream.testing.fakes import Pause, ScriptedModel

pytestmark = pytest.mark.anyio
DONE = Done(finish_reason="stop")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


def says(*texts: str) -> list[list]:
    return [[TextDelta(0, text), DONE] for text in texts]


async def test_every_turn_carries_the_whole_chain_c32() -> None:
    thinks = [ReasoningDelta(0, "hm"), TextDelta(1, "a1"), DONE]
    calls = [ToolCallStart(0, id="c1", name="f"), ToolCallEnd(0, {}), Done(finish_reason="tool_calls")]
    model = ScriptedModel([thinks, calls, *says("a3")])
    talk = model.conversation(system="s", tools=[Tool("f")], options={"seed": 1})
    await talk.prompt("q1")
    await talk.prompt("q2")
    result = ToolResultPart("c1", "f", output="ok")
    await talk.prompt("q3", tool_results=[result])
    first, second, third = talk.responses
    assert model.requests[0].messages == (system("s"), user("q1"))
    assert model.requests[1].messages == (*model.requests[0].messages, *first.messages(), user("q2"))
    assert model.requests[2].messages == (
        *model.requests[1].messages,
        *second.messages(),
        tool_message(result),
        user("q3"),
    )
    assert third.text() == "a3"
    assert all(
        request.tools == (Tool("f"),) and request.options == Options(seed=1) for request in model.requests
    )
    assert talk.model is model


async def test_what_is_given_to_a_turn_holds_for_that_turn() -> None:
    model = ScriptedModel(says("1", "2"))
    talk = model.conversation(options={"seed": 1})
    await talk.prompt("a", schema={"type": "object"}, tool_choice="none", options={"seed": 2})
    await talk.prompt("b")
    first, second = model.requests
    assert (first.options, first.schema) == (Options(seed=2), OutputSchema({"type": "object"}))
    assert (second.options, second.schema, second.tool_choice) == (Options(seed=1), None, None)


async def test_calls_without_a_result_stop_the_next_turn() -> None:
    calls = [ToolCallStart(0, id="c1", name="f"), ToolCallEnd(0, {}), Done(finish_reason="tool_calls")]
    talk = ScriptedModel([calls]).conversation()
    await talk.prompt("a")
    with pytest.raises(ConfigError, match=r"f \(c1\)"):
        talk.prompt("b")


async def test_a_second_prompt_beside_the_first_is_refused() -> None:
    model = ScriptedModel([[TextDelta(0, "a"), Pause(10), DONE], *says("b")])
    talk = model.conversation()
    first = talk.prompt("one")
    with pytest.raises(ConfigError, match="second prompt"):
        talk.prompt("two")
    async with first:
        await anext(first)
        with pytest.raises(ConfigError, match="second prompt"):
            talk.prompt("two")
        async for event in first:
            if event == DONE:
                assert [response.text() for response in talk.responses] == ["a"]
                second = talk.prompt("two")
    assert (await second).text() == "b"
    assert len(talk.responses) == 2


async def test_two_at_once_are_refused_in_tasks_too() -> None:
    talk = ScriptedModel(says("a", "b")).conversation()
    errors = []

    async def ask() -> None:
        try:
            await talk.prompt("hi")
        except ConfigError as error:
            errors.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        tasks.start_soon(ask)
    assert (len(errors), len(talk.responses)) == (1, 1)


async def test_a_prompt_that_nobody_holds_stands_in_nobodys_way() -> None:
    model = ScriptedModel(says("a"))
    talk = model.conversation()
    talk.prompt("forgotten")
    assert (await talk.prompt("asked")).text() == "a"
    assert model.requests[0].messages == (user("asked"),)


async def test_a_turn_that_failed_or_was_left_is_no_part_of_the_chain() -> None:
    model = ScriptedModel(
        [*says("a"), [TextDelta(0, "b"), ConnectionLost("gone")], [TextDelta(0, "c"), DONE], *says("d")]
    )
    talk = model.conversation()
    await talk.prompt("one")
    with pytest.raises(ConnectionLost):
        await talk.prompt("two")
    async with talk.prompt("three") as stream:
        await anext(stream)
    await talk.prompt("four")
    assert [response.text() for response in talk.responses] == ["a", "d"]
    assert model.requests[-1].messages == (user("one"), assistant("a"), user("four"))


async def test_a_turn_that_a_budget_cut_is_part_of_the_chain() -> None:
    talk = ScriptedModel([[TextDelta(0, "a"), Done(finish_reason="budget")]]).conversation()
    await talk.prompt("one")
    assert [response.state for response in talk.responses] == ["budget"]


async def test_a_fork_goes_its_own_way() -> None:
    model = ScriptedModel(says("a", "b", "c"))
    talk = model.conversation(system="s", tools=[Tool("f")])
    await talk.prompt("one")
    fork = talk.fork()
    await talk.prompt("two")
    await fork.prompt("other")
    assert model.requests[2].messages == (system("s"), user("one"), assistant("a"), user("other"))
    assert model.requests[2].tools == (Tool("f"),)
    assert [len(talk.responses), len(fork.responses)] == [2, 2]
    assert talk.responses[0] == fork.responses[0]


async def test_it_goes_on_from_stored_answers_after_every_turn_a12() -> None:
    model, straight = ScriptedModel(says("a", "b", "c")), ScriptedModel(says("a", "b", "c"))
    settings = {"system": "s", "tools": [Tool("f")], "options": {"seed": 1}}
    talk, other = model.conversation(**settings), straight.conversation(**settings)
    for words in ("one", "two", "three"):
        await talk.prompt(words)
        await other.prompt(words)
        stored = json.dumps([response.to_dict() for response in talk.responses])
        talk = Conversation(model, responses=map(Response.from_dict, json.loads(stored)))
        assert talk.responses == other.responses
    assert model.requests == straight.requests


async def test_it_may_go_on_with_another_model_and_other_words() -> None:
    first = ScriptedModel(says("a"), name="one/first")
    talk = first.conversation(system="old")
    await talk.prompt("one")
    second = ScriptedModel(says("b"), name="two/second")
    more = Own(second, system="new", tools=[Tool("g")], options={"seed": 2}, responses=talk.responses)
    await more.prompt("two")
    request = second.requests[0]
    assert request.messages == (system("new"), user("one"), assistant("a"), user("two"))
    assert (request.model, request.tools, request.options) == ("second", (Tool("g"),), Options(seed=2))


async def test_a_conversation_goes_on_from_the_repaired_answer():
    model = ScriptedModel(says("no", "5", "Yes"))
    conversation = model.conversation()
    stream = conversation.prompt("How many?", schema=int)
    assert await stream.parsed(repair=1) == 5
    assert [each.text() for each in conversation.responses] == ["5"]
    assert await stream.parsed(repair=1) == 5
    await conversation.prompt("Sure?")
    history = model.requests[2].messages
    assert [message.role for message in history] == ["user", "assistant"] * 2 + ["user"]
    assert [part.text for part in (*history[3].parts, *history[4].parts)] == ["5", "Sure?"]


async def test_a_repair_after_the_next_turn_changes_nothing():
    model = ScriptedModel(says("no", "Yes", "5"))
    conversation = model.conversation()
    stream = conversation.prompt("How many?", schema=int)
    await stream
    await conversation.prompt("Sure?")
    assert await stream.parsed(repair=1) == 5
    assert [each.text() for each in conversation.responses] == ["no", "Yes"]


async def test_no_prompt_goes_beside_a_repair():
    conversation: list[Conversation] = []
    refused: list[str] = []

    class Asking(ScriptedModel):
        async def events(self, request: Request, /) -> AsyncGenerator[Event, None]:
            if len(request.messages) > 1:
                with pytest.raises(ConfigError, match="second prompt") as caught:
                    conversation[0].prompt("x")
                refused.append(str(caught.value))
            yield TextDelta(0, "5" if len(request.messages) > 1 else "no")
            yield DONE

    model = Asking([])
    conversation.append(model.conversation())
    assert await conversation[0].prompt("How many?", schema=int).parsed(repair=1) == 5
    assert len(refused) == 1


async def test_calls_that_a_chain_makes_first_go_through_its_hooks() -> None:
    ran = []

    async def act() -> None:
        ran.append(1)

    def deny(tool, call) -> None:
        raise CancelToolCall("not agreed")

    asks = [ToolCallStart(0, id="a", name="act"), ToolCallEnd(0, {}), Done(finish_reason="tool_calls")]
    model = ScriptedModel([asks, [TextDelta(0, "ok"), Done(finish_reason="stop")]])
    talk = model.conversation(tools=[act])
    await talk.prompt("do it")
    await talk.chain("well?", before_call=deny)
    assert ran == []
    assert [part.output for part in model.requests[1].messages[2].parts] == ["Cancelled: not agreed"]
