"""Faults of tools and of calls of them, by their rows in the list of faults (53-59).

Each is shown on asyncio, on trio and on the sync face.
"""

import threading
import time
from collections.abc import Callable

import anyio
import pytest

from llmstream import (
    CancelToolCall,
    ChainLimitError,
    ChainLimits,
    Done,
    PauseChain,
    Response,
    Secret,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallPart,
    ToolCallStart,
    ToolLimits,
    ToolResultPart,
    assistant,
    sync,
    user,
)
from llmstream.testing.fakes import ScriptedModel
from llmstream.tools.threads import abandoned

OK = [TextDelta(0, "ok"), Done(finish_reason="stop")]
Run = Callable[..., Response]


@pytest.fixture(params=["asyncio", "trio", "sync"])
def run(request) -> Run:
    """Read a chain to its end."""

    def read(model: ScriptedModel, tools: list, **terms):
        if request.param == "sync":
            return sync.Model(model).chain("x", tools=tools, **terms).response()

        async def main():
            return await model.chain("x", tools=tools, **terms)

        return anyio.run(main, backend=request.param)

    return read


def asks(*calls: tuple[str, dict], reason: str = "tool_calls") -> list:
    events = [
        event
        for at, (name, given) in enumerate(calls)
        for event in (ToolCallStart(at, id=f"c{at}", name=name), ToolCallEnd(at, given))
    ]
    return [*events, Done(finish_reason=reason)]


def results(model: ScriptedModel) -> list[ToolResultPart]:
    return [part for part in model.requests[1].messages[-1].parts if isinstance(part, ToolResultPart)]


class Note:
    def __init__(self) -> None:
        self.seen: list[int] = []

    async def note(self, n: int) -> int:
        self.seen.append(n)
        return n


@pytest.mark.parametrize("raw", ['{"n": 1', "[1]", "nonsense", '{"n": 1}}', '"{}"'])
@pytest.mark.parametrize("reason", ["tool_calls", "length"])
@pytest.mark.parametrize("eager", [False, True])
def test_row_53_arguments_that_are_no_object_run_nothing(run: Run, raw, reason, eager) -> None:
    note = Note()
    call = [ToolCallStart(0, id="c", name="note"), ToolCallArgsDelta(0, raw), Done(finish_reason=reason)]
    model = ScriptedModel([call, OK])
    assert run(model, [note.note], eager=eager).text() == "ok"
    assert note.seen == []
    assert results(model)[0].error is not None
    part = model.requests[1].messages[1].parts[0]
    assert isinstance(part, ToolCallPart)
    assert (part.raw, part.arguments) == (raw, None)


@pytest.mark.parametrize("given", [{}, {"n": "x"}, {"n": None}, {"n": 1, "m": 2}, {"m": 1}, {"n": 1.5}])
def test_row_53_arguments_that_do_not_fit_run_nothing(run: Run, given) -> None:
    note = Note()
    model = ScriptedModel([asks(("note", given)), OK])
    run(model, [note.note])
    assert note.seen == []
    assert "did not run" in results(model)[0].output


def test_row_53_cut_by_length_wins_over_looks_complete(run: Run) -> None:
    note = Note()
    model = ScriptedModel([asks(("note", {"n": 1}), reason="length"), OK])
    run(model, [note.note])
    assert note.seen == []
    assert "length" in results(model)[0].output


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize(
    "kind", [ValueError, StopIteration, StopAsyncIteration, TimeoutError, RecursionError]
)
def test_row_54_an_exception_is_an_error_result(run: Run, kind, is_async) -> None:
    async def later() -> None:
        # StopIteration cannot leave a coroutine.
        raise kind("broke") if kind is not StopIteration else ValueError("broke")

    def now() -> None:
        raise kind("broke")

    fails = later if is_async else now
    model = ScriptedModel([asks((fails.__name__, {})), OK])
    assert run(model, [fails]).text() == "ok"
    # Python itself makes a StopIteration that leaves a coroutine another exception.
    said = (
        "Error: coroutine raised StopIteration"
        if (kind, is_async) == (StopIteration, False)
        else "Error: broke"
    )
    assert results(model)[0].output == said


class Interrupt(BaseException):
    pass


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize("eager", [True, False])
@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, Interrupt])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_row_54_an_interrupt_goes_on_and_leaves_no_task(backend, kind, eager, is_async) -> None:
    ended = []

    async def hang() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("hang")

    async def leaves_later() -> None:
        raise kind(3)

    def leaves() -> None:
        raise kind(3)

    leave = leaves_later if is_async else leaves
    model = ScriptedModel([asks(("hang", {}), (leave.__name__, {}))])
    caught = []

    async def main() -> None:
        try:
            async with model.chain("x", tools=[hang, leave], eager=eager) as chain:
                async for _ in chain:
                    pass
        except kind as error:
            caught.append(error.args)
            assert ended == ["hang"]

    anyio.run(main, backend=backend)
    assert (caught, model.closed) == ([(3,)], 1)


@pytest.mark.parametrize("is_async", [True, False])
def test_row_54_an_interrupt_reaches_who_called_without_await(is_async) -> None:
    async def leaves_later() -> None:
        raise SystemExit(3)

    def leaves() -> None:
        raise SystemExit(3)

    leave = leaves_later if is_async else leaves
    script = asks((leave.__name__, {}))
    for read in (list, lambda chain: chain.response()):
        with pytest.raises(SystemExit) as caught:
            read(sync.Model(ScriptedModel([script])).chain("x", tools=[leave]))
        assert caught.value.code == 3
    # The thread of the face lives on.
    assert sync.Model(ScriptedModel([OK])).prompt("x").text() == "ok"


def test_row_55_an_async_tool_that_hangs_times_out(run: Run) -> None:
    ended = []

    async def hang() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("hang")

    note = Note()
    model = ScriptedModel([asks(("hang", {}), ("note", {"n": 1})), OK])
    limits = ChainLimits(tool=ToolLimits(seconds=0.05))
    assert run(model, [hang, note.note], limits=limits).text() == "ok"
    assert [result.output for result in results(model)] == ["Error: timed out after 0.05 s", "1"]
    assert ended == ["hang"]


def test_row_55_a_sync_tool_that_hangs_is_abandoned_and_counted(run: Run) -> None:
    go, before = threading.Event(), abandoned()

    def hang() -> None:
        go.wait(10)

    counted = []

    async def look() -> int:
        counted.append(abandoned() - before)
        go.set()
        return 1

    model = ScriptedModel([asks(("hang", {})), asks(("look", {})), OK])
    limits = ChainLimits(tool=ToolLimits(seconds=0.05))
    assert run(model, [hang, look], limits=limits).text() == "ok"
    assert "timed out" in model.requests[1].messages[-1].parts[0].output
    assert counted == [1]
    until = time.monotonic() + 5
    while abandoned() > before and time.monotonic() < until:
        time.sleep(0.005)
    assert abandoned() == before


def test_row_56_one_of_many_is_cancelled_and_the_others_finish_in_order(run: Run) -> None:
    def before(tool, call) -> None:
        if call.arguments == {"n": 2}:
            raise CancelToolCall("two")

    note = Note()
    model = ScriptedModel([asks(*(("note", {"n": n}) for n in range(5))), OK])
    run(model, [note.note], before_call=before)
    assert [result.output for result in results(model)] == ["0", "1", "Cancelled: two", "3", "4"]


def test_row_56_one_of_many_pauses_and_the_others_finish_in_order(run: Run) -> None:
    def before(tool, call) -> None:
        if call.arguments == {"n": 2}:
            raise PauseChain("two")

    note = Note()
    model = ScriptedModel([asks(*(("note", {"n": n}) for n in range(5))), OK])
    with pytest.raises(PauseChain) as caught:
        run(model, [note.note], before_call=before)
    assert [result.output for result in caught.value.results] == ["0", "1", "3", "4"]
    assert len(model.requests) == 1


NAMES = [
    "nope",
    "note ",
    "Note",
    "no\nte",
    "note\x00",
    "__class__",
    "../../etc/passwd",
    "\x1b[2Jnote",
    "n" * 10_000,
    "seen",
    "",
    "\u202enote",
]


@pytest.mark.parametrize("name", NAMES)
def test_row_57_only_an_exact_name_is_a_tool(run: Run, name) -> None:
    note = Note()
    model = ScriptedModel([asks((name, {"n": 1}), ("note", {"n": 2})), OK])
    assert run(model, [note.note]).text() == "ok"
    assert note.seen == [2]
    wrong = results(model)[0]
    assert wrong.name == name
    assert wrong.output.endswith("does not exist")
    assert wrong.output.isprintable()
    assert len(wrong.output) < 200


def test_row_57_ids_that_repeat_are_made_unique(run: Run) -> None:
    note = Note()
    events = [
        event
        for n in range(3)
        for event in (ToolCallStart(n, id="same", name="note"), ToolCallEnd(n, {"n": n}))
    ]
    model = ScriptedModel([[*events, Done(finish_reason="tool_calls")], OK])
    run(model, [note.note])
    assert [result.output for result in results(model)] == ["0", "1", "2"]
    ids = [result.tool_call_id for result in results(model)]
    assert len(set(ids)) == 3
    assert ids == [part.id for part in model.requests[1].messages[1].parts]


def test_row_57_a_thousand_calls_run_and_more_are_refused(run: Run) -> None:
    note = Note()
    model = ScriptedModel([asks(*(("note", {"n": n}) for n in range(1000))), OK])
    run(model, [note.note])
    assert [int(result.output) for result in results(model)] == list(range(1000))
    with pytest.raises(ChainLimitError, match="1000 calls"):
        run(ScriptedModel([asks(*(("note", {"n": 0}) for _ in range(1001)))]), [note.note])
    assert len(note.seen) == 1000


class Huge(str):
    """A gigabyte, as far as anybody who asks for its length can tell."""

    def __len__(self) -> int:
        return 1 << 30


def circle() -> list:
    items: list = []
    items.append(items)
    return items


@pytest.mark.parametrize(
    "make",
    [
        lambda: Huge("x"),
        lambda: "x" * (2 << 20),
        lambda: bytes(1 << 30),
        lambda: ["x" * (1 << 20)] * 1024,
        lambda: [[["x"] * 1000] * 1000] * 1000,
        circle,
        object,
        lambda: b"bytes",
        lambda: {1, object()},
        lambda: {"key": Secret("sk-SENTINEL")},
    ],
)
def test_row_58_what_no_result_can_be_is_an_error_result(run: Run, make) -> None:
    async def big():
        return make()

    model = ScriptedModel([asks(("big", {})), OK])
    assert run(model, [big]).text() == "ok"
    result = results(model)[0]
    assert result.error is not None
    assert result.error.startswith("ToolError: expected")
    assert len(result.output) < 1000
    assert "SENTINEL" not in repr(result)


def test_row_59_a_loop_that_never_ends_is_ended_with_its_history(run: Run) -> None:
    note = Note()
    model = ScriptedModel([asks(("note", {"n": n})) for n in range(100)])
    with pytest.raises(ChainLimitError) as caught:
        run(model, [note.note])
    assert (caught.value.limit, len(model.requests), len(note.seen)) == ("rounds", 20, 19)
    assert len(caught.value.history) == 1 + 2 * 20 - 1
    assert caught.value.partial is not None


def test_a_restored_history_runs_nothing_unless_the_tool_is_given(run: Run) -> None:
    note = Note()
    history = [user("x"), assistant(ToolCallPart("c", "note", arguments={"n": 1}))]

    async def chain(tools: list) -> ScriptedModel:
        model = ScriptedModel([OK])
        await model.chain(messages=history, tools=tools)
        return model

    async def other(n: int) -> None:
        raise AssertionError("ran")

    anyio.run(chain, [])
    model = anyio.run(chain, [other])
    assert model.requests[0].messages[-1].parts[0].output == 'tool "note" does not exist'
    assert note.seen == []
    anyio.run(chain, [note.note])
    assert note.seen == [1]
