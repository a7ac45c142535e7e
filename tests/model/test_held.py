"""Calls of an answer, made by what the live object holds."""

import copy
import json

import pytest

from llmstream import (
    Attachment,
    ConfigError,
    Done,
    PauseChain,
    Response,
    TextDelta,
    Tool,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultPart,
    sync,
    tool_message,
    user,
)
from llmstream.testing.fakes import Pause, ScriptedModel
from llmstream.tools.pending import unanswered

pytestmark = pytest.mark.anyio

OK = [TextDelta(0, "ok"), Done(finish_reason="stop")]


def asks(reason: str = "tool_calls") -> list:
    return [ToolCallStart(0, id="c", name="note"), ToolCallEnd(0, {"n": 1}), Done(finish_reason=reason)]


class Notes:
    def __init__(self) -> None:
        self.seen: list[int] = []

    def note(self, n: int) -> str:
        self.seen.append(n)
        return f"noted {n}"


async def test_a_reply_makes_the_calls_first() -> None:
    notes, model = Notes(), ScriptedModel([asks(), OK, OK])
    first = await model.prompt("x", tools=[notes.note])
    stream = first.reply("and?")
    assert notes.seen == []
    second = await stream
    assert notes.seen == [1]
    assert model.requests[1].messages == (
        user("x"),
        *first.messages(),
        tool_message(ToolResultPart("c", "note", output="noted 1")),
        user("and?"),
    )
    assert second.request == stream.request == model.requests[1]
    assert second.held is first.held
    await second.reply("more")
    assert notes.seen == [1]


async def test_results_that_are_given_stand() -> None:
    notes, model = Notes(), ScriptedModel([asks(), OK, OK])
    first = await model.prompt("x", tools=[notes.note])
    result = ToolResultPart("c", "note", output="mine")
    await first.reply(tool_results=[result])
    await first.reply(messages=iter([tool_message(result)]))
    assert notes.seen == []
    with pytest.raises(ConfigError, match=r"note \(c\)"):
        first.reply(tool_results=[ToolResultPart("other", "note")])


async def test_after_from_dict_nothing_runs_by_itself() -> None:
    notes, model = Notes(), ScriptedModel([asks(), OK])
    first = await model.prompt("x", tools=[notes.note])
    stored = json.loads(json.dumps(first.to_dict()))
    assert "held" not in stored
    again = Response.from_dict(stored, model=model)
    with pytest.raises(ConfigError, match=r"note \(c\)"):
        again.reply("and?")
    with pytest.raises(ConfigError, match="note"):
        await again.execute_tool_calls()
    with pytest.raises(ConfigError, match="note"):
        again.reply("and?", tools=[Tool("note")])
    assert notes.seen == []
    await again.reply("and?", tools=[notes.note])
    assert notes.seen == [1]


async def test_another_tool_does_not_stand_in() -> None:
    model = ScriptedModel([asks(), OK])
    first = await model.prompt("x", tools=[Tool("note")])

    def other(n: int) -> None:
        raise AssertionError("ran")

    await Response.from_dict(first.to_dict(), model=model).reply(tools=[other])
    assert model.requests[1].messages[-1].parts[0].output == 'tool "note" does not exist'


async def test_calls_are_made_once_for_whoever_asks() -> None:
    notes = Notes()
    first = await ScriptedModel([asks()]).prompt("x", tools=[notes.note])
    expected = (ToolResultPart("c", "note", output="noted 1"),)
    assert await first.execute_tool_calls() == expected
    assert await copy.deepcopy(first).execute_tool_calls([notes.note]) == expected
    no_calls = await ScriptedModel([OK]).prompt("x")
    assert await no_calls.execute_tool_calls() == ()


async def test_hooks_go_with_it() -> None:
    def before(tool, call) -> None:
        raise PauseChain

    first = await ScriptedModel([asks()]).prompt("x", tools=[Notes().note])
    with pytest.raises(PauseChain) as caught:
        await first.execute_tool_calls(before_call=before)
    assert caught.value.call == first.tool_calls()[0]


@pytest.mark.parametrize("script", [asks("length"), [*asks()[:-1], ToolCallStart(1, id="d", name="note")]])
async def test_an_answer_that_was_cut_runs_nothing(script) -> None:
    notes, model = (
        Notes(),
        ScriptedModel([[*script, Pause()] if script[-1] != asks("length")[-1] else script]),
    )
    async with model.prompt("x", tools=[notes.note]) as stream:
        for _ in script:
            await anext(stream)
    response = stream.snapshot()
    results = await response.execute_tool_calls()
    assert notes.seen == []
    assert [result.output for result in results] == ["Error: the answer was cut; the tool did not run"] * len(
        response.tool_calls()
    )


async def test_files_of_a_result_reach_the_next_turn() -> None:
    def photo() -> list:
        return ["here", Attachment("image/png", data=b"png")]

    calls = [
        ToolCallStart(0, id="c", name="photo"),
        ToolCallArgsDelta(0, ""),
        Done(finish_reason="tool_calls"),
    ]
    model = ScriptedModel([calls, OK])
    await (await model.prompt("x", tools=[photo])).reply()
    result = model.requests[1].messages[-1].parts[0]
    assert (result.output, result.attachments) == ("here", (Attachment("image/png", data=b"png"),))


def test_the_sync_face_replies_with_tools_that_await() -> None:
    async def note(n: int) -> int:
        return n

    model = ScriptedModel([asks(), OK])
    assert sync.Model(model).prompt("x", tools=[note]).response().reply().text() == "ok"
    assert model.requests[1].messages[-1].parts[0].output == "1"


async def test_a_conversation_makes_the_calls_of_the_turn_before() -> None:
    notes, model = Notes(), ScriptedModel([asks(), OK, OK])
    talk = model.conversation(tools=[notes.note])
    await talk.prompt("a")
    fork = talk.fork()
    await talk.prompt("b")
    assert notes.seen == [1]
    await fork.prompt("b")
    assert notes.seen == [1, 1]
    assert len(talk.responses) == len(fork.responses) == 2


async def test_a_conversation_chains_and_stays_json() -> None:
    notes = Notes()
    model = ScriptedModel([asks(), OK, asks(), OK, OK])
    talk = model.conversation(system="s", tools=[notes.note])
    await talk.chain("a")
    async with talk.chain("b") as chain:
        await anext(chain)
        with pytest.raises(ConfigError, match="second prompt"):
            talk.chain("c")
    assert notes.seen == [1]
    assert len(talk.responses) == 1
    stored = json.loads(json.dumps([response.to_dict() for response in talk.responses]))
    responses = [Response.from_dict(each, model=model) for each in stored]
    again = type(talk)(model, tools=[notes.note], responses=responses)
    assert (await again.prompt("d")).text() == "ok"
    assert [message.role for message in model.requests[-1].messages] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]


async def test_a_paused_turn_is_none_of_the_conversation() -> None:
    def before(tool, call) -> None:
        raise PauseChain

    talk = ScriptedModel([OK, asks()]).conversation(tools=[Notes().note])
    await talk.prompt("a")
    with pytest.raises(PauseChain) as caught:
        await talk.chain("b", before_call=before)
    assert len(talk.responses) == 1
    assert caught.value.history[-2] == user("b")


async def test_a_chain_without_a_prompt_takes_up_open_calls() -> None:
    notes, model = Notes(), ScriptedModel([asks(), OK])
    talk = model.conversation(tools=[notes.note])
    await talk.prompt("a")
    assert (await talk.chain()).text() == "ok"
    assert notes.seen == [1]
    assert [message.role for message in model.requests[1].messages] == ["user", "assistant", "tool"]


async def test_a_chain_with_a_prompt_makes_open_calls_before_it() -> None:
    notes, model = Notes(), ScriptedModel([asks(), OK])
    talk = model.conversation(tools=[notes.note])
    await talk.prompt("a")
    assert (await talk.chain("b")).text() == "ok"
    assert notes.seen == [1]
    assert [message.role for message in model.requests[1].messages] == ["user", "assistant", "tool", "user"]


def test_the_sync_conversation_chains() -> None:
    notes = Notes()
    talk = sync.Model(ScriptedModel([asks(), OK])).conversation(tools=[notes.note])
    assert talk.chain("a").text() == "ok"
    assert [response.text() for response in talk.responses] == ["ok"]


async def test_a_tool_that_pauses_a_reply_leaves_a_history_to_go_on_from() -> None:
    async def act(n: int) -> int:
        if n:
            raise PauseChain("approve?")
        return n

    calls = [
        part
        for at in (0, 1)
        for part in (ToolCallStart(at, id=f"c{at}", name="act"), ToolCallEnd(at, {"n": at}))
    ]
    model = ScriptedModel([[*calls, Done(finish_reason="tool_calls")]])
    answer = await model.prompt("x", tools=[act])
    for going_on in (answer.reply("y").response, answer.execute_tool_calls):
        with pytest.raises(PauseChain) as caught:
            await going_on()
        assert [message.role for message in caught.value.history] == ["user", "assistant", "tool"]
        assert [call.id for call in unanswered(caught.value.history)] == ["c1"]
        assert caught.value.partial is answer
