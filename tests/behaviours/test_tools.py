"""Behaviours of tools, numbered as in the list of behaviours that this library takes over (34-36, 47-58)."""

import anyio
import pytest

import llmstream
from llmstream import (
    Attachment,
    CancelToolCall,
    ConfigError,
    Done,
    PauseChain,
    RoundDone,
    ServerSideTool,
    TextDelta,
    TextPart,
    Tool,
    ToolCall,
    ToolCallEnd,
    ToolCallPart,
    ToolCallStart,
    ToolResultOut,
    ToolResultPart,
    UnsupportedError,
    assistant,
    sync,
    system,
    tool_message,
    user,
)
from llmstream.testing import clock
from llmstream.testing.fakes import ScriptedModel
from llmstream.values.request import Request
from llmstream.wire import find

pytestmark = pytest.mark.anyio
OK = [TextDelta(0, "ok"), Done(finish_reason="stop")]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


def asks(*calls: tuple[str, dict], ids: tuple[str, ...] = ()) -> list:
    named = [(ids[at] if ids else f"c{at}", name, given) for at, (name, given) in enumerate(calls)]
    events = [
        event
        for at, (id, name, given) in enumerate(named)
        for event in (ToolCallStart(at, id=id, name=name), ToolCallEnd(at, given))
    ]
    return [*events, Done(finish_reason="tool_calls")]


def results(model: ScriptedModel, request: int = 1) -> list[ToolResultPart]:
    return [part for part in model.requests[request].messages[-1].parts if isinstance(part, ToolResultPart)]


def outputs(model: ScriptedModel, request: int = 1) -> list:
    return [result.output for result in results(model, request)]


async def upper(text: str) -> str:
    return text.upper()


async def fails() -> None:
    raise ValueError("it broke")


async def test_b34_a_reply_runs_what_is_pending() -> None:
    model = ScriptedModel([asks(("upper", {"text": "a"})), OK, OK, OK])
    response = await model.prompt("x", tools=[upper])
    last = await response.reply("y")
    assert model.requests[1].messages[2].parts[0].output == "A"
    await response.reply("y", tool_results=[ToolResultPart("c0", "upper", output="mine")])
    assert model.requests[2].messages[2].parts[0].output == "mine"
    await last.reply("z")
    assert [message.role for message in model.requests[3].messages[-2:]] == ["assistant", "user"]


@pytest.mark.parametrize("dialect", ["anthropic", "openai-chat", "openai-responses", "gemini", "bedrock"])
async def test_b35_files_of_a_result_reach_the_next_turn_as_the_dialect_says_them(dialect: str) -> None:
    photo = Attachment("image/png", data=b"PNG")

    async def shoot() -> Attachment:
        return photo

    model = ScriptedModel([asks(("shoot", {})), OK])
    await model.chain("x", tools=[shoot])
    assert results(model)[0].attachments == (photo,)
    body = find(dialect).encode(model.requests[1]).body
    assert b"UE5H" in body


async def test_b36_the_system_prompt_goes_with_every_round() -> None:
    model = ScriptedModel([asks(("upper", {"text": "a"})), asks(("upper", {"text": "b"})), OK])
    await model.chain("x", system="be brief", tools=[upper])
    assert [request.messages[0] for request in model.requests] == [system("be brief")] * 3


async def test_b47_a_tool_that_raises_gives_an_error_result_and_the_loop_goes_on() -> None:
    model = ScriptedModel([asks(("fails", {}), ("upper", {"text": "a"})), OK])
    response = await model.chain("x", tools=[fails, upper])
    assert response.text() == "ok"
    assert outputs(model) == ["Error: it broke", "A"]
    assert [result.error for result in results(model)] == ["ValueError: it broke", None]


def test_b47_also_without_await() -> None:
    def breaks() -> None:
        raise ValueError("it broke")

    model = ScriptedModel([asks(("breaks", {})), OK])
    assert sync.Model(model).chain("x", tools=[breaks]).text() == "ok"
    assert outputs(model) == ["Error: it broke"]


async def test_b48_an_unknown_tool_gives_an_error_result() -> None:
    model = ScriptedModel([asks(("x", {}), ("upper", {"text": "a"}), ("x", {})), OK])
    await model.chain("x", tools=[upper])
    assert outputs(model) == ['tool "x" does not exist', "A", 'tool "x" does not exist']


async def test_b49_a_tool_without_implementation_gives_an_error_result() -> None:
    model = ScriptedModel([asks(("plain", {})), OK])
    await model.chain("x", tools=[Tool("plain")])
    assert outputs(model) == ['tool "plain" has no implementation']
    assert results(model)[0].error is not None


async def test_b50_one_of_two_calls_is_cancelled_unknown_tools_too() -> None:
    async def before(tool, call: ToolCallPart) -> None:
        if call.id != "c1":
            raise CancelToolCall("no thanks")

    model = ScriptedModel([asks(("upper", {"text": "a"}), ("upper", {"text": "b"}), ("nope", {})), OK])
    await model.chain("x", tools=[upper], before_call=before)
    assert outputs(model) == ["Cancelled: no thanks", "B", "Cancelled: no thanks"]


async def test_b51_two_async_tools_run_side_by_side() -> None:
    began = []

    async def slow(n: int) -> int:
        began.append(anyio.current_time())
        await anyio.sleep(2 - n)
        return n

    model = ScriptedModel([asks(("slow", {"n": 0}), ("slow", {"n": 1})), OK])
    start = anyio.current_time()
    await model.chain("x", tools=[slow])
    assert began[1] - began[0] < 0.02
    assert anyio.current_time() - start == 2
    assert outputs(model) == ["0", "1"]


@pytest.mark.parametrize("ids", [("", ""), ("same", "same")])
async def test_b52_a_call_has_one_id_everywhere(ids) -> None:
    seen: dict[str, list[str]] = {"before": [], "tool": [], "after": []}

    async def note(n: int, call: ToolCall) -> int:
        seen["tool"].append(call.id)
        return n

    def before(tool, call) -> None:
        seen["before"].append(call.id)

    def after(tool, call, result) -> None:
        seen["after"].append(result.tool_call_id)

    model = ScriptedModel([asks(("note", {"n": 1}), ("note", {"n": 2}), ids=ids)] * 2 + [OK])
    async with model.chain("x", tools=[note], before_call=before, after_call=after) as chain:
        events = [event async for event in chain]
    told = [event.id for event in events if isinstance(event, ToolCallStart)]
    assert len(set(told)) == 4
    assert all(told)
    assert seen == {"before": told, "tool": told, "after": told}
    assert [event.tool_call_id for event in events if isinstance(event, ToolResultOut)] == told
    sent = [part for message in model.requests[2].messages for part in message.parts]
    assert [part.id for part in sent if isinstance(part, ToolCallPart)] == told
    assert [part.tool_call_id for part in sent if isinstance(part, ToolResultPart)] == told


async def test_b53_a_parameter_for_the_call_receives_it_and_is_in_no_schema() -> None:
    async def note(text: str, me: ToolCall) -> str:
        return f"{me.name} {me.id} {me.arguments}"

    model = ScriptedModel([asks(("note", {"text": "a"})), OK])
    await model.chain("x", tools=[note])
    assert outputs(model) == ["note c0 {'text': 'a'}"]
    assert set(model.requests[0].tools[0].parameters["properties"]) == {"text"}


async def test_b54_a_pause_waits_for_async_siblings_and_begins_no_sync_ones() -> None:
    ended, told = [], []

    async def slow() -> str:
        await anyio.sleep(5)
        ended.append("slow")
        return "slow"

    def blocking() -> None:
        ended.append("blocking")

    async def ask() -> None:
        raise PauseChain("who?")

    def before(tool, call) -> None:
        if call.id == "c1":
            raise PauseChain("who?")

    def after(tool, call, result) -> None:
        told.append(call.id)

    model = ScriptedModel([asks(("slow", {}), ("ask", {}), ("slow", {}), ("blocking", {}))] * 2)
    for hook in (None, before):
        ended.clear()
        told.clear()
        with pytest.raises(PauseChain, match="who") as caught:
            await model.chain(
                "x", tools=[slow, ask, blocking][: None if hook else 3], before_call=hook, after_call=after
            )
        pause = caught.value
        assert pause.call is not None
        assert pause.call.id == "c1"
        if hook:
            assert [result.tool_call_id for result in pause.results] == ["c0", "c2"]
            assert (ended, sorted(told)) == (["slow", "slow"], ["c0", "c2"])
        assert "c1" not in told
        assert ended.count("slow") == 2
        parts = pause.history[-1].parts
        assert "c1" not in [part.tool_call_id for part in parts]


async def test_b55_a_hook_that_raises_is_told_after_all_siblings_ended() -> None:
    ended = []

    async def slow() -> None:
        await anyio.sleep(5)
        ended.append("slow")

    async def after(tool, call, result) -> None:
        if call.id == "c1":
            raise RuntimeError("hook")

    model = ScriptedModel([asks(("slow", {}), ("upper", {"text": "a"}))])
    with pytest.raises(RuntimeError, match="hook"):
        await model.chain("x", tools=[slow, upper], after_call=after)
    assert ended == ["slow"]


A = ToolCallPart("a", "upper", arguments={"text": "a"})
B = ToolCallPart("b", "upper", arguments={"text": "b"})


async def resumed(
    messages: list, *, prompt: str | None = None, tools: tuple = (upper,)
) -> tuple[list, ScriptedModel]:
    ran: list = []
    model = ScriptedModel([OK])
    await model.chain(
        prompt,
        messages=messages,
        tools=tools,
        after_call=lambda tool, call, result: ran.append(call.arguments["text"]),
    )
    return ran, model


async def test_b56_a_history_that_ends_in_open_calls_runs_them_once() -> None:
    done = tool_message(ToolResultPart("a", "upper", output="A"))
    assert (await resumed([user("x"), assistant(A, B)]))[0] == ["a", "b"]
    ran, model = await resumed([user("x"), assistant(A, B), done])
    assert ran == ["b"]
    assert outputs(model, 0) == ["A", "B"]
    assert (await resumed([user("x"), assistant(A), done]))[0] == []


async def test_b56_what_is_no_resume() -> None:
    assert (await resumed([user("x"), assistant(A)], prompt="else"))[0] == []
    assert (await resumed([user("x"), assistant(A)], tools=()))[0] == []
    remote = ToolCallPart("s", "upper", arguments={"text": "s"}, server_executed=True)
    assert (await resumed([user("x"), assistant(remote)]))[0] == []


async def test_b56_calls_without_ids_match_by_name_and_count() -> None:
    calls = [ToolCallPart("", "upper", arguments={"text": text}) for text in "ab"]
    given = tool_message(ToolResultPart("", "upper", output="A"))
    assert (await resumed([user("x"), assistant(calls), given]))[0] == ["b"]


async def test_b57_what_the_provider_runs_is_not_run_here() -> None:
    ran = []

    async def web_search(query: str) -> None:
        ran.append(query)

    script = [
        ToolCallStart(0, id="s", name="web_search", server_executed=True),
        ToolCallEnd(0, {"query": "x"}),
        TextDelta(1, "found"),
        Done(finish_reason="stop"),
    ]
    async with ScriptedModel([script]).chain(
        "x", tools=[ServerSideTool("web_search"), web_search], eager=True
    ) as chain:
        events = [event async for event in chain]
    assert ran == []
    assert sum(isinstance(event, RoundDone) for event in events) == 1


@pytest.mark.parametrize("dialect", ["anthropic", "bedrock", "gemini", "openai-responses"])
def test_b57_a_dialect_that_has_such_tools_says_them(dialect: str) -> None:
    request = Request("m", [user("x")], tools=[ServerSideTool("some_tool")])
    assert b"some_tool" in find(dialect).encode(request).body


@pytest.mark.parametrize("provider", ["ollama", "openai-chat"])
async def test_b57_a_dialect_that_has_none_refuses_before_any_io(provider: str) -> None:
    # Nobody listens there: a call that came so far would be a ConnectError.
    model = llmstream.get_model(f"{provider}/m", base_url="http://127.0.0.1:1/v1", key="k")
    with pytest.raises(UnsupportedError, match="some_tool"):
        await model.chain("x", tools=[ServerSideTool("some_tool"), upper])


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_b58_sync_tools_under_the_async_face() -> None:
    def blocking(text: str) -> str:
        return text.upper()

    model = ScriptedModel([asks(("blocking", {"text": "a"})), OK])
    assert (await model.chain("x", tools=[blocking])).text() == "ok"
    assert outputs(model) == ["A"]

    def pauses() -> None:
        raise PauseChain("sync")

    with pytest.raises(PauseChain, match="sync"):
        await ScriptedModel([asks(("pauses", {}))]).chain("x", tools=[pauses])


def test_b58_async_tools_under_the_sync_face() -> None:
    model = ScriptedModel([asks(("upper", {"text": "a"})), OK])
    assert sync.Model(model).chain("x", tools=[upper]).text() == "ok"
    assert outputs(model) == ["A"]
    with pytest.raises(ConfigError):
        sync.Model(model).prompt("x", tools=[5])
    assert model.requests[1].messages[1].parts == (ToolCallPart("c0", "upper", arguments={"text": "a"}),)
    assert TextPart("x") in model.requests[1].messages[0].parts
