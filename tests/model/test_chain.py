"""All rounds of a chain as one stream."""

import copy

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream import (
    CancelToolCall,
    ChainLimitError,
    ChainLimits,
    ChainStream,
    ConfigError,
    ConnectionLost,
    Done,
    FieldDone,
    LLMStreamError,
    Options,
    OutputError,
    PauseChain,
    Progress,
    Request,
    RoundDone,
    TextDelta,
    Tool,
    Toolbox,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolChoice,
    ToolProgress,
    ToolResultOut,
    TruncatedStreamError,
    Usage,
    assistant,
    reduce,
    sync,
    system,
    tool_message,
    user,
)
from llmstream.testing import clock
from llmstream.testing.fakes import Pause, ScriptedModel

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


USAGE = Usage(input=1, output=2)


def call(index: int, name: str, id: str = "", **arguments) -> list:
    return [
        ToolCallStart(index, id=id or f"{name}{index}", name=name),
        ToolCallEnd(index, arguments),
    ]


def asks(*events, reason: str = "tool_calls") -> list:
    return [*events, Done(finish_reason=reason, usage=USAGE)]


def says(text: str) -> list:
    return [TextDelta(0, text), Done(finish_reason="stop", usage=USAGE, id="last")]


async def read_into(seen: list, chain: ChainStream) -> None:
    """Keep what comes before a failure."""
    async with chain:
        while events := await chain.take():
            seen.extend(events)


async def wait(seconds: float) -> float:
    await anyio.sleep(seconds)
    return seconds


async def double(n: int) -> int:
    return 2 * n


def script() -> ScriptedModel:
    return ScriptedModel(
        [asks(TextDelta(0, "hm"), *call(1, "double", n=1), *call(2, "double", n=2)), says("6")]
    )


async def test_a_chain_is_a_stream_with_one_done() -> None:
    model = script()
    async with model.chain("hi", tools=[double]) as chain:
        events = [event async for event in chain]
    assert isinstance(chain, ChainStream)
    ends = [type(event) for event in events if isinstance(event, RoundDone | Done)]
    assert ends == [RoundDone, RoundDone, Done]
    assert events[-1] == Done(finish_reason="stop", usage=USAGE + USAGE, id="last")
    results = [event for event in events if isinstance(event, ToolResultOut)]
    assert [(result.index, result.output) for result in results] == [(3, "2"), (4, "4")]
    assert TextDelta(5, "6") in events
    whole = reduce(events)
    assert (len(whole.parts), whole.text(), whole.state) == (6, "hm6", "complete")
    assert [response.text() for response in chain.responses] == ["hm", "6"]
    assert [event async for event in chain][-3:] == [
        TextDelta(5, "6"),
        RoundDone(finish_reason="stop", usage=USAGE, id="last"),
        events[-1],
    ]


async def test_awaiting_it_gives_the_last_round_with_the_whole_history() -> None:
    model = script()
    chain = model.chain("hi", tools=[double])
    response = await chain
    assert (response.text(), response.usage, response.state) == ("6", USAGE, "complete")
    assert response.request is not None
    assert response.request == model.requests[1]
    assert [message.role for message in response.request.messages] == ["user", "assistant", "tool"]
    assert (await chain).text() == await chain.text() == chain.snapshot().text() == "6"
    assert len(model.requests) == 2


async def test_a_loop_alone_gives_the_same_events() -> None:
    async with script().chain("hi", tools=[double]) as chain:
        entered = [event async for event in chain]
    assert [event async for event in script().chain("hi", tools=[double])] == entered


async def test_everything_goes_with_each_round_but_what_forces_a_call() -> None:
    model = script()
    terms = {"system": "s", "schema": {"type": "object"}, "options": {"seed": 1}}
    await model.chain("hi", tools=[double], tool_choice="double", **terms)
    first, second = model.requests
    assert first.tool_choice == ToolChoice("required", ("double",))
    assert second.tool_choice is None
    for request in (first, second):
        assert request.messages[0] == system("s")
        assert (request.schema, request.options) == (first.schema, Options(seed=1))
        assert [tool.name for tool in request.tools] == ["double"]
    quiet = script()
    await quiet.chain("hi", tools=[double], tool_choice="auto")
    assert quiet.requests[1].tool_choice == ToolChoice("auto")


async def test_a_request_takes_functions_beside_it() -> None:
    model = script()
    request = Request("m", [user("hi")])
    await model.chain(request, tools=[double])
    assert [tool.name for tool in model.requests[0].tools] == ["double"]
    with pytest.raises(ConfigError, match="beside a Request"):
        model.chain(request, system="s")


async def test_reports_come_while_the_tool_runs() -> None:
    async def work():
        yield Progress("a")
        await anyio.sleep(5)
        yield Progress("b")
        yield "done"

    model = ScriptedModel([asks(*call(0, "work")), says("ok")])
    began = anyio.current_time()
    async with model.chain("hi", tools=[work]) as chain:
        timed = [(anyio.current_time() - began, type(event)) async for event in chain]
    seen = [(time, kind) for time, kind in timed if kind in {ToolProgress, ToolResultOut}]
    assert seen == [(0, ToolProgress), (5, ToolProgress), (5, ToolResultOut)]
    alone = ScriptedModel([asks(*call(0, "work")), says("ok")]).chain("hi", tools=[work])
    told = [event.data async for event in alone if isinstance(event, ToolProgress)]
    assert told == ["a", "b"]


@pytest.mark.parametrize(("tool", "total"), [(10, 10), (3, 7)])
async def test_eager_tools_take_no_time_of_their_own(tool: float, total: float) -> None:
    model = ScriptedModel(
        [asks(*call(0, "wait", seconds=tool), Pause(7), *call(1, "double", n=1)), says("ok")]
    )
    began = anyio.current_time()
    async with model.chain("hi", tools=[wait, double], eager=True) as chain:
        events = [event async for event in chain]
    assert anyio.current_time() - began == total == max(tool, 7)
    results = [event.name for event in events if isinstance(event, ToolResultOut)]
    assert results == ["wait", "double"]


async def test_awaited_chains_may_be_eager_and_loops_alone_may_not() -> None:
    model = ScriptedModel([asks(*call(0, "wait", seconds=5), Pause(5)), says("ok")])
    began = anyio.current_time()
    await model.chain("hi", tools=[wait], eager=True)
    assert anyio.current_time() - began == 5
    with pytest.raises(ConfigError, match="async with"):
        await anext(aiter(model.chain("hi", tools=[wait], eager=True)))


async def test_eager_results_keep_call_order() -> None:
    mixed = [
        ToolCallStart(0, id="a", name="double"),
        ToolCallStart(1, id="b", name="wait"),
        ToolCallEnd(1, {"seconds": 1}),
        Pause(3),
        ToolCallEnd(0, {"n": 1}),
    ]
    async with ScriptedModel([asks(*mixed), says("ok")]).chain(
        "x", tools=[wait, double], eager=True
    ) as chain:
        events = [event async for event in chain]
    assert [event.tool_call_id for event in events if isinstance(event, ToolResultOut)] == ["a", "b"]


@pytest.mark.parametrize("end", [ConnectionLost("gone"), None])
async def test_a_stream_that_breaks_ends_its_eager_tools(end) -> None:
    ended = []

    async def hang() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("hang")

    events = [*call(0, "hang"), TextDelta(1, "a"), Pause(1), *([end] if end else [])]
    seen: list = []
    with pytest.raises(ConnectionLost if end else TruncatedStreamError) as caught:
        await read_into(seen, ScriptedModel([events]).chain("x", tools=[hang], eager=True))
    assert ended == ["hang"]
    assert not any(isinstance(event, ToolResultOut) for event in seen)
    assert caught.value.partial is not None
    assert caught.value.partial.text() == "a"


@pytest.mark.parametrize("how", ["break", "raise", "cancel"])
async def test_leaving_ends_the_tools(how) -> None:
    ended = []

    async def hang():
        try:
            yield Progress("on")
            await anyio.sleep_forever()
        finally:
            ended.append("hang")

    async def read() -> None:
        async with ScriptedModel([asks(*call(0, "hang"))]).chain("x", tools=[hang]) as chain:
            async for event in chain:
                if isinstance(event, ToolProgress):
                    if how == "break":
                        break
                    if how == "raise":
                        raise ValueError("mine")
                    await anyio.sleep_forever()

    if how == "raise":
        with pytest.raises(ValueError, match="mine"):
            await read()
    else:
        with anyio.move_on_after(5):
            await read()
    assert ended == ["hang"]


async def test_closing_from_another_task_ends_a_wait_for_a_tool() -> None:
    ended = []

    async def hang() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("hang")

    chain = ScriptedModel([asks(*call(0, "hang"))]).chain("x", tools=[hang])

    async def close() -> None:
        await anyio.sleep(1)
        await chain.aclose()

    async with chain, anyio.create_task_group() as group:
        group.start_soon(close)
        with pytest.raises(TruncatedStreamError):
            await chain.response()
    assert (ended, chain.state) == (["hang"], "cancelled")


async def test_hooks_and_cancelled_calls() -> None:
    def before(tool, call) -> None:
        if call.arguments == {"n": 1}:
            raise CancelToolCall("odd")

    model = script()
    await model.chain("hi", tools=[double], before_call=before)
    outputs = [part.output for part in model.requests[1].messages[-1].parts]
    assert outputs == ["Cancelled: odd", "4"]


async def test_a_pause_is_taken_up_again_from_its_history() -> None:
    approved = []

    async def before(tool, call) -> None:
        if call.arguments == {"n": 2} and call.id not in approved:
            raise PauseChain("approve?")

    model = script()
    with pytest.raises(PauseChain) as caught:
        await model.chain("hi", system="s", tools=[double], before_call=before)
    pause = caught.value
    assert pause.call is not None
    assert (pause.call.id, [result.output for result in pause.results]) == ("double2", ["2"])
    assert [message.role for message in pause.history] == ["system", "user", "assistant", "tool"]
    assert pause.partial is not None
    assert pause.partial.text() == "hm"
    assert len(model.requests) == 1
    approved.append("double2")
    ran = []
    async with model.chain(
        messages=pause.history,
        tools=[double],
        before_call=before,
        after_call=lambda tool, call, result: ran.append(call.id),
    ) as chain:
        events = [event async for event in chain]
    assert ran == ["double2"]
    assert events[0] == ToolResultOut(0, "double2", name="double", output="4")
    assert reduce(events).text() == "6"
    assert chain.snapshot().text() == "6"
    assert [part.output for part in model.requests[1].messages[-1].parts] == ["2", "4"]
    assert [message.role for message in model.requests[1].messages] == ["system", "user", "assistant", "tool"]


@pytest.mark.parametrize(
    ("limits", "limit"),
    [
        (ChainLimits(rounds=3), "rounds"),
        (ChainLimits(calls=2), "calls"),
        (ChainLimits(tokens=8), "tokens"),
        (ChainLimits(seconds=25), "seconds"),
        (ChainLimits(), "rounds"),
    ],
)
async def test_a_loop_that_never_ends_is_ended(limits, limit) -> None:
    rounds = [asks(Pause(5), *call(0, "wait", f"w{n}", seconds=5)) for n in range(30)]
    model = ScriptedModel(rounds)
    seen: list = []
    with pytest.raises(ChainLimitError) as caught:
        await read_into(seen, model.chain("x", tools=[wait], limits=limits))
    error = caught.value
    assert (error.limit, error.value) == (limit, getattr(limits, limit))
    assert error.partial is not None
    assert error.history[0] == user("x")
    if limit != "seconds":
        assert error.history[-1].role == "assistant"
        assert isinstance(seen[-1], RoundDone)
        again = ScriptedModel([says("enough")])
        response = await again.chain(messages=error.history, tools=[wait])
        assert response.text() == "enough"
        assert again.requests[0].messages[-1].role == "tool"
    else:
        assert anyio.current_time() >= 25


async def test_pause_of_the_provider_goes_on_by_itself() -> None:
    model = ScriptedModel([[TextDelta(0, "a"), Done(finish_reason="pause")], says("b")])
    response = await model.chain("x")
    assert response.text() == "b"
    assert model.requests[1].messages == (user("x"), assistant("a"))


@pytest.mark.parametrize("reason", ["content_filter", "refusal", "error"])
async def test_after_a_refusal_nothing_runs(reason) -> None:
    ran = []

    def note() -> None:
        ran.append(1)

    model = ScriptedModel([asks(*call(0, "note"), reason=reason)])
    response = await model.chain("x", tools=[note])
    assert (response.finish_reason, ran, len(model.requests)) == (reason, [], 1)


async def test_a_model_without_calls_is_one_round() -> None:
    async with ScriptedModel([says("hi")]).chain("x") as chain:
        events = [event async for event in chain]
    assert [type(event) for event in events] == [TextDelta, RoundDone, Done]


async def test_a_snapshot_is_of_the_round_that_runs() -> None:
    model = script()
    seen = []
    async with model.chain("hi", tools=[double]) as chain:
        assert chain.snapshot().parts == ()
        async for event in chain:
            if isinstance(event, TextDelta | RoundDone):
                response = chain.snapshot()
                seen.append((response.text(), response.state, response.request))
    first, second = model.requests
    assert seen == [
        ("hm", "incomplete", first),
        ("hm", "complete", first),
        ("6", "incomplete", second),
        ("6", "complete", second),
    ]


async def test_the_failure_of_a_round_is_that_of_the_chain() -> None:
    model = ScriptedModel([asks(*call(0, "double", n=1)), [TextDelta(0, "a"), ConnectionLost("gone")]])
    chain = model.chain("x", tools=[double])
    with pytest.raises(ConnectionLost) as caught:
        await chain
    assert caught.value.partial is not None
    assert (caught.value.partial.text(), caught.value.retryable) == ("a", False)
    assert (chain.state, len(chain.responses), model.closed) == ("failed", 1, 2)
    with pytest.raises(ConnectionLost):
        await chain


async def test_the_response_of_a_chain_holds_its_tools() -> None:
    model = script()
    response = await model.chain("hi", tools=[double])
    assert response.held is not None
    assert set(response.held.functions()) == {"double"}


async def test_declared_tools_alone_are_no_resume() -> None:
    history = [user("x"), assistant(reduce(asks(*call(0, "double", n=1))).parts)]
    model = ScriptedModel([says("ok")])
    await model.chain(messages=history, tools=[Tool("double")])
    assert model.requests[0].messages == tuple(history)


async def test_a_later_user_message_is_no_resume() -> None:
    history = [user("x"), assistant(reduce(asks(*call(0, "double", n=1))).parts)]
    model = ScriptedModel([says("ok")])
    await model.chain("never mind", messages=history, tools=[double])
    assert model.requests[0].messages == (*history, user("never mind"))


async def test_results_of_a_resume_go_with_those_that_are_there() -> None:
    calls = reduce(asks(*call(0, "double", n=1), *call(1, "double", n=2))).parts
    chain_of = ScriptedModel([says("ok")])
    done = await ScriptedModel([asks(*call(0, "double", n=1))]).prompt("x", tools=[double])
    results = await done.execute_tool_calls()
    history = [user("x"), assistant(calls), tool_message(results)]
    await chain_of.chain(messages=history, tools=[double])
    assert [part.tool_call_id for part in chain_of.requests[0].messages[-1].parts] == ["double0", "double1"]


CALLS = st.lists(
    st.tuples(st.sampled_from(["double", "slow", "fails", "nope"]), st.integers(0, 3)), max_size=4
)


def half(n: int) -> float:
    if n == 0:
        raise ValueError("zero")
    return n / 2


async def slow(n: int) -> int:
    await anyio.lowlevel.checkpoint()
    return n


@given(rounds=st.lists(CALLS.filter(bool), max_size=3), text=st.text(max_size=5), eager=st.booleans())
def test_asyncio_trio_and_sync_give_the_same_chains(rounds, text, eager) -> None:
    scripts = [
        asks(*(event for at, (name, n) in enumerate(calls) for event in call(at, name, f"{r}.{at}", n=n)))
        for r, calls in enumerate(rounds)
    ]
    made = [*scripts, says(text)]

    def fails(n: int) -> float:
        return half(n)

    tools = [double, slow, fails]

    async def entered() -> tuple:
        model = ScriptedModel(made)
        async with model.chain("x", tools=tools, eager=eager) as chain:
            return [event async for event in chain], model.requests

    events, requests = anyio.run(entered, backend="asyncio")
    assert anyio.run(entered, backend="trio") == (events, requests)
    model = ScriptedModel(made)
    chain = sync.Model(model).chain("x", tools=tools, eager=eager)
    assert (list(chain), model.requests) == (events, requests)
    assert [response.text() for response in chain.responses] == ["" for _ in rounds] + [text]
    assert reduce(events).text() == text


def test_the_sync_face_pauses_and_makes_calls() -> None:
    def before(tool, call) -> None:
        raise PauseChain("why")

    chain = sync.Model(script()).chain("x", tools=[double], before_call=before)
    with pytest.raises(PauseChain) as caught:
        list(chain)
    assert caught.value.call is not None
    response = sync.Model(script()).prompt("x", tools=[double]).response()
    assert [result.output for result in response.execute_tool_calls()] == ["2", "4"]
    assert sync.Model(script()).chain("x", tools=[double]).response().text() == "6"
    with pytest.raises(LLMStreamError):
        sync.Model(script()).chain("x", tools=[double], limits=ChainLimits(rounds=1)).response()


def test_arguments_in_deltas_are_the_calls_text() -> None:
    seen = []
    deltas = [
        ToolCallStart(0, id="a", name="double"),
        ToolCallArgsDelta(0, '{"n"'),
        ToolCallArgsDelta(0, ":1}"),
        ToolCallEnd(0, {"n": 1}),
    ]
    for eager in (True, False):
        model = sync.Model(ScriptedModel([asks(*deltas), says("ok")]))
        model.chain(
            "x", tools=[double], eager=eager, before_call=lambda tool, call: seen.append(call)
        ).response()
    assert seen[0] == seen[1]
    assert seen[0].raw == '{"n":1}'


async def test_a_limit_that_ends_a_later_round_knows_the_results_of_the_earlier() -> None:
    model = ScriptedModel([asks(*call(0, "double", n=1)), [TextDelta(0, "x"), Pause(99), Done()]])
    with pytest.raises(ChainLimitError) as caught:
        await model.chain("hi", tools=[double], limits=ChainLimits(seconds=5))
    assert caught.value.history == model.requests[1].messages
    assert [message.role for message in caught.value.history] == ["user", "assistant", "tool"]


async def test_a_limit_that_ends_a_tool_knows_the_results_of_the_others() -> None:
    ran = []

    async def work(seconds: float) -> float:
        await anyio.sleep(seconds)
        ran.append(seconds)
        return seconds

    calls = [*call(0, "work", seconds=90), *call(1, "work", seconds=1)]
    with pytest.raises(ChainLimitError) as caught:
        await ScriptedModel([asks(*calls)]).chain("hi", tools=[work], limits=ChainLimits(seconds=5))
    assert [part.tool_call_id for part in caught.value.history[-1].parts] == ["work1"]
    again = ScriptedModel([says("ok")])
    await again.chain(messages=caught.value.history, tools=[work])
    assert ran == [1, 90]
    assert [part.tool_call_id for part in again.requests[0].messages[-1].parts] == ["work0", "work1"]


@pytest.mark.parametrize(("limits", "most"), [(ChainLimits(rounds=1), 0), (ChainLimits(calls=2), 2)])
async def test_eager_calls_begin_within_the_limits(limits, most) -> None:
    ran = []

    async def note(n: int) -> int:
        ran.append(n)
        return n

    events = [event for n in range(5) for event in (*call(n, "note", n=n), Pause(1))]
    with pytest.raises(ChainLimitError) as caught:
        await ScriptedModel([asks(*events)]).chain("hi", tools=[note], limits=limits, eager=True)
    assert ran == list(range(most))
    results = [part for message in caught.value.history for part in message.parts if hasattr(part, "output")]
    assert [result.output for result in results] == [str(n) for n in ran]


async def test_preparing_a_toolbox_counts_as_time_of_the_chain() -> None:
    class Slow(Toolbox):
        async def prepare(self) -> None:
            await anyio.sleep(99)

    began = anyio.current_time()
    with pytest.raises(ChainLimitError) as caught:
        await ScriptedModel([]).chain("hi", tools=[Slow()], limits=ChainLimits(seconds=5))
    assert anyio.current_time() - began == 5
    assert caught.value.history == (user("hi"),)


async def test_eager_tools_are_heard_while_the_model_is_silent() -> None:
    async def work():
        for n in range(3):
            await anyio.sleep(2)
            yield Progress(n)
        yield "done"

    model = ScriptedModel([asks(*call(0, "work"), Pause(50)), says("ok")])
    began = anyio.current_time()
    async with model.chain("hi", tools=[work], eager=True) as chain:
        timed = [(anyio.current_time() - began, event) async for event in chain]
    seen = [(time, event.data) for time, event in timed if isinstance(event, ToolProgress)]
    assert seen == [(2, 0), (4, 1), (6, 2)]
    assert timed[-1][0] == 50
    assert reduce([event for _, event in timed]).text() == "ok"
    assert model.closed == 2


@pytest.mark.parametrize("how", ["break", "raise", "cancel", "close", "limit"])
async def test_leaving_a_silent_model_closes_it_and_the_eager_tools(how) -> None:
    ended = []

    async def work():
        try:
            yield Progress("on")
            await anyio.sleep_forever()
        finally:
            ended.append("work")

    model = ScriptedModel([[*call(0, "work"), Pause()]])
    limits = ChainLimits(seconds=3) if how == "limit" else None

    async def read() -> None:
        async with model.chain("x", tools=[work], eager=True, limits=limits) as chain:
            async for event in chain:
                if isinstance(event, ToolProgress):
                    if how == "break":
                        break
                    if how == "raise":
                        raise ValueError("mine")
                    if how == "close":
                        await chain.aclose()
        assert (ended, model.closed) == (["work"], 1)

    began = anyio.current_time()
    kinds = {"raise": ValueError, "limit": ChainLimitError, "close": TruncatedStreamError}
    if how in kinds:
        with pytest.raises(kinds[how]):
            await read()
    else:
        with anyio.move_on_after(5):
            await read()
    assert (ended, model.closed) == (["work"], 1)
    assert anyio.current_time() - began == {"cancel": 5, "limit": 3}.get(how, 0)


async def test_a_model_that_breaks_while_eager_tools_run_says_why() -> None:
    calls = [*call(0, "wait", seconds=99), Pause(1), ConnectionLost("gone")]
    with pytest.raises(ConnectionLost, match="gone"):
        await ScriptedModel([calls]).chain("x", tools=[wait], eager=True)


@pytest.mark.parametrize("terms", [{"limits": 5}, {"before_call": "x"}, {"after_call": 3}])
async def test_terms_of_the_wrong_kind_are_refused_at_once(terms) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(terms))}="):
        ScriptedModel([]).chain("hi", **terms)


async def test_what_a_hook_paused_no_reply_runs_without_it() -> None:
    ran = []

    async def act() -> None:
        ran.append(1)

    def ask_first(tool, call) -> None:
        raise PauseChain("approve?")

    chain = ScriptedModel([asks(*call(0, "act")), says("ok")]).chain("x", tools=[act], before_call=ask_first)
    with pytest.raises(PauseChain):
        await chain
    for answer in (chain.snapshot(), copy.deepcopy(chain.snapshot())):
        with pytest.raises(PauseChain):
            await answer.reply("go on")
        with pytest.raises(PauseChain):
            await answer.execute_tool_calls()
    assert ran == []
    await chain.snapshot().execute_tool_calls(before_call=lambda tool, call: None)
    assert ran == [1]


async def test_partials_are_those_of_each_round_and_only_the_last_must_be_json() -> None:
    def model() -> ScriptedModel:
        return ScriptedModel(
            [
                asks(TextDelta(0, "let me see"), *call(1, "double", n=1)),
                asks(TextDelta(0, '{"name": "draft"'), *call(1, "double", n=2)),
                [TextDelta(0, '{"name": '), TextDelta(0, '"Rex"}'), Done(finish_reason="stop")],
            ]
        )

    async with model().chain("x", tools=[double], schema="name") as chain:
        seen = [partial.value async for partial in chain.partials() if isinstance(partial, FieldDone)]
    assert seen == ["draft", "Rex"]
    assert (await chain.parsed()) == {"name": "Rex"}
    stream = sync.Model(model()).chain("x", tools=[double], schema="name")
    assert [each.value for each in stream.partials() if isinstance(each, FieldDone)] == seen


async def test_a_last_round_that_is_no_json_is_an_output_error_of_its_partials() -> None:
    model = ScriptedModel([asks(*call(0, "double", n=1)), says("sorry, no")])
    async with model.chain("x", tools=[double], schema="name") as chain:
        with pytest.raises(OutputError):
            [partial async for partial in chain.partials()]


async def test_results_of_the_providers_own_calls_go_with_calls_that_are_told_apart() -> None:
    own = [
        ToolCallStart(0, id="s", name="search", server_executed=True),
        ToolCallEnd(0, {}),
        ToolResultOut(1, "s", name="search", output="found", server_executed=True),
        *call(2, "double", n=1),
    ]
    model = ScriptedModel([asks(*own), asks(*own), says("ok")])
    async with model.chain("x", tools=[double]) as chain:
        events = [event async for event in chain]
    starts = [event.id for event in events if isinstance(event, ToolCallStart)]
    results = [event.tool_call_id for event in events if isinstance(event, ToolResultOut)]
    assert len(set(starts)) == 4
    assert results == starts
    sent = [part for message in model.requests[2].messages for part in message.parts]
    assert [part.id for part in sent if hasattr(part, "raw")] == starts
    assert [part.tool_call_id for part in sent if hasattr(part, "output")] == starts
    assert reduce(events).parts[:6] == tuple(sent[1:7])


@pytest.mark.parametrize("eager", [True, False])
async def test_cancelled_at_any_await_it_leaves_nothing_and_is_no_failure(eager) -> None:
    running, whole = set(), 0

    async def report(n: int):
        running.add("report")
        try:
            for at in range(n):
                await anyio.lowlevel.checkpoint()
                yield Progress(at)
        finally:
            running.discard("report")

    async def finish(n: int) -> None:
        running.add("finish")
        try:
            for _ in range(n):
                await anyio.lowlevel.checkpoint()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
            running.discard("finish")

    async def cancel_after(count: int, scope: anyio.CancelScope) -> None:
        for _ in range(count):
            await anyio.lowlevel.checkpoint()
        scope.cancel()

    texts = [TextDelta(2, "a")] * 4
    script = asks(*call(0, "report", n=3), *call(1, "finish", n=6), *texts)
    for count in range(60):
        model = ScriptedModel([script, script, says("ok")])
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(cancel_after, count, scope)
                try:
                    await model.chain("x", tools=[report, finish], eager=eager)
                    whole += 1
                finally:
                    assert (running, model.closed) == (set(), len(model.requests))
    assert 0 < whole < 60
