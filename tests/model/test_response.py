"""Responses with a model behind them."""

import copy
import json
import pickle

import attrs
import pytest

from llmstream import (
    ConfigError,
    ConnectionLost,
    Done,
    Message,
    Options,
    OutputSchema,
    PartMetadata,
    ReasoningDelta,
    Request,
    Response,
    TextDelta,
    Tool,
    ToolCallEnd,
    ToolCallPart,
    ToolCallStart,
    ToolChoice,
    ToolResultPart,
    Usage,
    assistant,
    get_model,
    system,
    tool_message,
    user,
)
from llmstream.testing.fakes import ScriptedModel
from llmstream.values import response as pure

pytestmark = pytest.mark.anyio
DONE = Done(finish_reason="stop", usage=Usage(input=3), id="r", model="m-1")
PARIS = [TextDelta(0, "Paris"), DONE]
THOUGHTFUL = [
    ReasoningDelta(0, "hm"),
    PartMetadata(0, "p", {"signature": "s=="}),
    TextDelta(1, "Paris"),
    DONE,
]
CALLING = [ToolCallStart(0, id="c1", name="f"), ToolCallEnd(0, {"a": 1}), Done(finish_reason="tool_calls")]


def through_json(response: Response, **more) -> Response:
    return Response.from_dict(json.loads(json.dumps(response.to_dict())), **more)


async def test_a_reply_goes_on_with_the_whole_history_c32() -> None:
    model = ScriptedModel([THOUGHTFUL, PARIS, PARIS])
    first = await model.prompt("France?", system="short")
    second = await first.reply("Germany?")
    await second.reply("Hungary?")
    answer = Message("assistant", first.parts)
    assert model.requests[1].messages == (system("short"), user("France?"), answer, user("Germany?"))
    assert model.requests[2].messages == (*model.requests[1].messages, assistant("Paris"), user("Hungary?"))


async def test_a_reply_inherits_what_is_not_given() -> None:
    model = ScriptedModel([PARIS] * 3)
    tools, schema, options = [Tool("f")], {"type": "object"}, {"temperature": 0.5}
    first = await model.prompt("a", system="s", tools=tools, tool_choice="f", schema=schema, options=options)
    second = await first.reply("b")
    third = await second.reply("c", system="t", tools=[], tool_choice="none", schema={}, options={"seed": 1})
    assert second.request == attrs.evolve(first.request, messages=second.request.messages, tool_choice=None)
    assert third.request == Request(
        "scripted",
        [system("t"), user("a"), assistant("Paris"), user("b"), assistant("Paris"), user("c")],
        tool_choice=ToolChoice("none"),
        schema=OutputSchema({}),
        options=Options(seed=1),
    )


async def test_a_reply_without_words_takes_the_history_as_it_is_c33() -> None:
    model = ScriptedModel([PARIS] * 3)
    first = await model.prompt("a")
    await first.reply()
    assert model.requests[1].messages == (user("a"), assistant("Paris"))
    await first.reply(messages=[user("b")])
    assert model.requests[2].messages == (user("a"), assistant("Paris"), user("b"))


async def test_results_come_before_the_next_words_c33() -> None:
    model = ScriptedModel([CALLING, PARIS])
    result = ToolResultPart("c1", "f", output="4")
    await (await model.prompt("a")).reply("and?", tool_results=[result])
    assert model.requests[1].messages[1:] == (
        assistant(ToolCallPart("c1", "f", arguments={"a": 1})),
        tool_message(result),
        user("and?"),
    )


async def test_a_call_without_a_result_stops_the_reply() -> None:
    model = ScriptedModel([CALLING])
    response = await model.prompt("a")
    with pytest.raises(ConfigError, match=r"f \(c1\)"):
        response.reply("go on")
    assert len(model.requests) == 1


async def test_a_reply_is_lazy_and_takes_keep() -> None:
    model = ScriptedModel([PARIS, PARIS])
    stream = (await model.prompt("a")).reply("b", keep=False)
    assert len(model.requests) == 1
    assert [event async for event in stream] == PARIS
    with pytest.raises(ConfigError):
        stream.snapshot()


async def test_a_partial_answer_can_be_gone_on_from() -> None:
    model = ScriptedModel([[TextDelta(0, "Pa"), ConnectionLost("gone")], PARIS])
    with pytest.raises(ConnectionLost) as caught:
        await model.prompt("a")
    assert isinstance(caught.value.partial, Response)
    await caught.value.partial.reply("go on")
    assert model.requests[1].messages == (user("a"), assistant("Pa"), user("go on"))


# Stored and brought back.


async def test_it_comes_back_from_json_as_it_was_a9_a11() -> None:
    model = ScriptedModel([THOUGHTFUL, PARIS])
    response = await model.prompt("a", options={"seed": 1})
    stored = response.to_dict()
    back = through_json(response)
    assert back == response
    assert (back.timing, back.source, back.usage, back.request) == (
        response.timing,
        "scripted/scripted",
        response.usage,
        response.request,
    )
    assert back.to_dict() == stored
    assert back.behind is None
    await through_json(response, model=model).reply("b")
    assert model.requests[1].messages[1].parts == response.parts


async def test_three_turns_survive_json_after_each_a12() -> None:
    model = ScriptedModel([THOUGHTFUL, PARIS, PARIS])
    response = await model.prompt("one", system="s")
    for words in ("two", "three"):
        response = await through_json(response, model=model).reply(words)
    straight = ScriptedModel([THOUGHTFUL, PARIS, PARIS])
    other = await straight.prompt("one", system="s")
    for words in ("two", "three"):
        other = await other.reply(words)
    assert model.requests == straight.requests
    assert through_json(response) == other


async def test_calls_come_back_as_pending_and_those_of_the_provider_do_not_a10() -> None:
    script = [
        ToolCallStart(0, id="s1", name="web", server_executed=True),
        ToolCallEnd(0, {}),
        *[attrs.evolve(event, index=1) for event in CALLING[:2]],
        CALLING[2],
    ]
    response = await ScriptedModel([script]).prompt("a")
    back = through_json(response)
    assert [call.id for call in back.tool_calls()] == ["c1"]
    with pytest.raises(ConfigError, match=r"f \(c1\)"):
        through_json(response, model=ScriptedModel([])).reply("go on")


async def test_an_answer_that_is_not_there_yet_has_no_dict_a8() -> None:
    stream = ScriptedModel([PARIS]).prompt("a")
    assert not hasattr(stream, "to_dict")
    assert (await stream).to_dict()["state"] == "complete"


async def test_a_stored_answer_finds_its_model_by_name(monkeypatch) -> None:
    response = await get_model("demo").prompt("Capital of France?")
    assert "Budapest" in (await through_json(response).reply("And Hungary?")).text()


async def test_another_model_may_go_on_in_its_own_name() -> None:
    response = await ScriptedModel([PARIS], name="one/first").prompt("a")
    other = ScriptedModel([PARIS], name="two/second")
    back = through_json(response, model=other)
    assert (back.source, back.request.model) == ("one/first", "first")
    again = await back.reply("b")
    assert (other.requests[0].model, again.source) == ("second", "two/second")


async def test_an_id_of_the_callers_own_is_kept() -> None:
    model = ScriptedModel([PARIS] * 2)
    await (await model.prompt(Request("tuned", [user("a")]))).reply("b")
    assert [request.model for request in model.requests] == ["tuned", "tuned"]


@pytest.mark.parametrize(
    ("response", "missing"),
    [(Response(), "knows its request"), (Response(request=Request("m", [user("a")])), "knows its model")],
)
def test_without_a_request_or_a_model_there_is_no_reply(response, missing) -> None:
    with pytest.raises(ConfigError, match=missing):
        response.reply("hi")


def test_what_is_no_stored_answer_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected"):
        Response.from_dict({"type": "text", "text": "hi"})


async def test_it_equals_the_pure_record_and_is_taken_apart_to_it() -> None:
    response = await ScriptedModel([PARIS]).prompt("a")
    assert type(response.bare()) is pure.Response
    assert response.bare() == response


async def test_copies_keep_the_model_and_pickles_do_not() -> None:
    model = ScriptedModel([PARIS])
    response = await model.prompt("a")
    assert copy.copy(response) is response
    deep = copy.deepcopy(response)
    assert deep == response
    assert deep.behind is model
    assert deep.request is not response.request
    pickled = pickle.loads(pickle.dumps(response))
    assert pickled == response
    assert isinstance(pickled, Response)
    assert pickled.behind is None
