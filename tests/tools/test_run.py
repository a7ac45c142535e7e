"""Calls of tools, made."""

import threading

import anyio
import pytest

from llmstream import CancelToolCall, PauseChain, Progress, Tool, ToolCallPart, ToolLimits
from llmstream.testing import clock
from llmstream.tools.run import Bench, Crew, Report, make_calls
from llmstream.tools.toolset import Toolset

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


def call(name: str, id: str = "", **arguments) -> ToolCallPart:
    return ToolCallPart(id or name, name, arguments=arguments)


def bench(*tools, **terms) -> Bench:
    return Bench(tools=Toolset.of(tools), **terms)


async def wait(seconds: float) -> float:
    await anyio.sleep(seconds)
    return seconds


async def outputs(calls, bench: Bench) -> list:
    return [result.output for result in await make_calls(calls, bench)]


async def test_tools_run_side_by_side_and_results_keep_call_order() -> None:
    began = anyio.current_time()
    calls = [call("wait", "a", seconds=3), call("wait", "b", seconds=1)]
    assert [result.tool_call_id for result in await make_calls(calls, bench(wait))] == ["a", "b"]
    assert anyio.current_time() - began == 3


async def test_no_more_run_at_once_than_may() -> None:
    running = most = 0

    async def count(n: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.sleep(1)
        running -= 1

    began = anyio.current_time()
    calls = [call("count", str(n), n=n) for n in range(10)]
    await make_calls(calls, bench(count, limits=ToolLimits(parallel=3)))
    assert (most, anyio.current_time() - began) == (3, 4)


async def test_a_tool_that_takes_too_long_is_cancelled_alone() -> None:
    ended = []

    async def hang() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("hang")

    calls = [call("hang"), call("wait", seconds=2)]
    results = await make_calls(calls, bench(hang, wait, limits=ToolLimits(seconds=5)))
    assert results[0].output == "Error: timed out after 5 s"
    assert results[0].error == "timed out"
    assert (results[1].error, ended) == (None, ["hang"])


async def test_hooks_are_asked_in_call_order_sync_or_async() -> None:
    seen = []

    def before(tool, call) -> None:
        seen.append(("before", tool and tool.name, call.id))

    async def after(tool, call, result) -> None:
        await anyio.sleep(0)
        seen.append(("after", tool and tool.name, result.output))

    calls = [call("wait", "a", seconds=2), call("none", "b"), call("wait", "c", seconds=1)]
    await make_calls(calls, bench(wait, before=before, after=after))
    assert seen[:3] == [("before", "wait", "a"), ("before", None, "b"), ("before", "wait", "c")]
    assert seen[3] == ("after", None, 'tool "none" does not exist')
    assert len(seen) == 6


async def test_a_hook_may_cancel_one_call() -> None:
    told = []

    async def before(tool, call) -> None:
        if call.id == "a":
            raise CancelToolCall("not today")
        if call.id == "b":
            raise CancelToolCall

    calls = [call("wait", "a", seconds=1), call("nope", "b"), call("wait", "c", seconds=1)]
    results = await make_calls(
        calls, bench(wait, before=before, after=lambda tool, call, result: told.append(call.id))
    )
    assert [result.output for result in results[:2]] == [
        "Cancelled: not today",
        "Cancelled: no reason was given",
    ]
    assert told == ["c"]


async def test_a_hook_that_raises_waits_for_the_siblings() -> None:
    ended = []

    async def slow() -> None:
        await anyio.sleep(10)
        ended.append("slow")

    async def before(tool, call) -> None:
        if call.id == "b":
            raise ValueError("hook")

    calls = [call("slow", "a"), call("slow", "b"), call("slow", "c")]
    with pytest.raises(ValueError, match="hook"):
        await make_calls(calls, bench(slow, before=before))
    assert ended == ["slow"]


async def test_a_pause_carries_its_call_and_what_the_others_gave() -> None:
    told = []

    async def ask() -> None:
        raise PauseChain("who are you?")

    calls = [call("ask", "a"), call("wait", "b", seconds=9)]
    with pytest.raises(PauseChain, match="who") as caught:
        await make_calls(calls, bench(ask, wait, after=lambda tool, call, result: told.append(call.id)))
    pause = caught.value
    assert pause.call == calls[0]
    assert [result.tool_call_id for result in pause.results] == ["b"]
    assert told == ["b"]


async def test_sync_tools_after_a_pause_are_not_begun() -> None:
    ran = []

    def sync(n: int) -> None:
        ran.append(n)

    async def later(n: int) -> None:
        ran.append(n)

    def before(tool, call) -> None:
        if call.id == "a":
            raise PauseChain

    calls = [call("sync", "a", n=1), call("sync", "b", n=2), call("later", "c", n=3)]
    with pytest.raises(PauseChain) as caught:
        await make_calls(calls, bench(sync, later, before=before))
    assert ran == [3]
    assert [result.tool_call_id for result in caught.value.results] == ["c"]


async def test_a_pause_after_a_call_keeps_its_result() -> None:
    def after(tool, call, result) -> None:
        raise PauseChain

    with pytest.raises(PauseChain) as caught:
        await make_calls([call("wait", seconds=1)], bench(wait, after=after))
    assert len(caught.value.results) == 1


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
async def test_an_interrupt_cancels_the_siblings_and_goes_on(kind) -> None:
    ended = []

    async def hang() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("hang")

    async def leave() -> None:
        await anyio.sleep(1)
        raise kind

    with pytest.raises(kind):
        await make_calls([call("hang"), call("leave")], bench(hang, leave))
    assert ended == ["hang"]


async def test_cancelling_the_whole_always_goes_on() -> None:
    ended = []

    async def hang() -> None:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            ended.append("cancelled")
            raise

    with anyio.move_on_after(3) as scope:
        await make_calls([call("hang", "a"), call("hang", "b")], bench(hang))
    assert scope.cancelled_caught
    assert ended == ["cancelled"] * 2


async def test_a_generator_reports_and_gives_its_last_value() -> None:
    closed = []

    async def work(n: int):
        try:
            for step in range(n):
                yield Progress(step)
                await anyio.sleep(1)
            yield "done"
        finally:
            closed.append(n)

    crew = Crew(bench(work))
    crew.add(call("work", n=3), rank=0)
    news = []
    async with anyio.create_task_group() as group:
        crew.begin(group)
        while found := await crew.news():
            news.extend((anyio.current_time(), item) for item in found)
    began = news[0][0]
    assert [time - began for time, item in news] == [0, 1, 2, 3]
    assert [item.data for _, item in news[:3] if isinstance(item, Report)] == [0, 1, 2]
    assert (news[3][1].output, closed) == ("done", [3])


async def test_reports_that_nobody_reads_are_bounded() -> None:
    async def talk():
        for n in range(5000):
            yield Progress(n)

    crew = Crew(bench(talk))
    crew.add(call("talk"), rank=0)
    await crew.work()
    reports = crew.reports()
    assert len(reports) == 1024
    assert reports[-1].data == 4999
    assert crew.results[0].output == ""


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_what_gives_an_awaitable_is_awaited() -> None:
    def lazy(seconds: float):
        return wait(seconds)

    assert await outputs([call("lazy", seconds=0.01)], bench(lazy)) == ["0.01"]


async def test_a_tool_without_a_function_is_told_from_one_that_is_not_there() -> None:
    assert await outputs([call("plain"), call("none")], bench(wait, Tool("plain"))) == [
        'tool "plain" has no implementation',
        'tool "none" does not exist',
    ]


async def test_arguments_that_do_not_fit_run_nothing() -> None:
    ran = []

    def note(n: int) -> None:
        ran.append(n)

    cut = ToolCallPart("a", "note", raw='{"n": ', error="expected a JSON object as arguments, got text")
    calls = [cut, call("note", "b", n="x"), call("note", "c"), call("note", "d", n=1, m=2)]
    results = await make_calls(calls, bench(note))
    assert ran == []
    assert all(result.output.endswith("the tool did not run") for result in results)
    assert "n" in results[1].output


async def test_free_text_comes_as_input() -> None:
    async def patch(input: str) -> str:
        return input.upper()

    custom = ToolCallPart("a", "patch", raw="*** x", custom=True)
    assert await outputs([custom], bench(patch)) == ["*** X"]


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_sync_tools_run_in_threads() -> None:
    threads = []
    both = threading.Barrier(2, timeout=5)

    def note(n: int) -> int:
        both.wait()
        threads.append(threading.get_ident())
        return n

    assert await outputs([call("note", "a", n=1), call("note", "b", n=2)], bench(note)) == ["1", "2"]
    assert len(set(threads)) == 2
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_tool_that_cancels_itself_ends_nobody_else() -> None:
    async def odd() -> None:
        raise anyio.get_cancelled_exc_class()

    assert await outputs([call("odd"), call("wait", seconds=0.01)], bench(odd, wait)) == [
        "Error: the tool was cancelled",
        "0.01",
    ]
