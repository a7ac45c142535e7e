"""The sync face: the same names and the same events, without await."""

import asyncio  # noqa: TID251 - a notebook runs a loop of asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

import llmstream
from llmstream import (
    ConfigError,
    Done,
    Model,
    ProviderError,
    ServerError,
    TextDelta,
    ToolCallStart,
    TruncatedStreamError,
    sync,
)
from llmstream.testing.fakes import ScriptedModel

PARIS = [TextDelta(0, "Par"), TextDelta(0, ""), TextDelta(0, "is"), Done(finish_reason="stop")]


def scripted(*scripts) -> sync.Model:
    return sync.Model(ScriptedModel(scripts))


def test_iterating_gives_the_events_and_then_the_response() -> None:
    stream = scripted(PARIS).prompt("Capital of France?")
    assert stream.state == "new"
    assert list(stream) == PARIS
    assert stream.state == "complete"
    assert stream.response().text() == "Paris"


def test_the_response_comes_without_iterating() -> None:
    model = scripted(PARIS)
    response = model.prompt("Capital of France?").response()
    assert (response.text(), response.state, response.finish_reason) == ("Paris", "complete", "stop")
    assert response.source == model.name == "scripted/scripted"


def test_text_and_its_deltas() -> None:
    assert scripted(PARIS).prompt("x").text() == "Paris"
    assert list(scripted(PARIS).prompt("x").text_deltas()) == ["Par", "is"]


def test_a_finished_stream_replays_one_delta_a_part_and_asks_no_model() -> None:
    model = ScriptedModel([PARIS])
    stream = sync.Model(model).prompt("x")
    stream.response()
    assert list(stream) == [TextDelta(0, "Paris"), Done(finish_reason="stop")]
    assert len(model.requests) == 1


def test_a_loop_inside_with_goes_on_where_it_was() -> None:
    with scripted(PARIS).prompt("x") as stream:
        first = next(iter(stream))
        rest = list(stream)
    assert [first, *rest] == PARIS


def test_the_rest_is_read_for_the_response() -> None:
    with scripted(PARIS).prompt("x") as stream:
        next(stream)
        assert stream.response().text() == "Paris"


def test_a_failure_comes_after_what_was_said_and_stays() -> None:
    stream = scripted([TextDelta(0, "Par"), ServerError("gone")]).prompt("x")
    seen = []
    for _ in range(2):
        with pytest.raises(ServerError, match="gone") as caught:
            seen.extend(stream)
        assert caught.value.partial is not None
        assert caught.value.partial.text() == "Par"
    assert seen == [TextDelta(0, "Par"), TextDelta(0, "Par")]
    with pytest.raises(ServerError):
        stream.response()
    assert stream.snapshot().state == "failed"


def test_a_stream_that_was_left_never_becomes_a_success() -> None:
    stream = sync.Model(Endless()).prompt("x")
    with stream:
        next(iter(stream))
    assert stream.state == "cancelled"
    with pytest.raises(TruncatedStreamError) as caught:
        stream.response()
    assert caught.value.partial is not None


class Endless(Model):
    """Says something again and again, and notes when it is closed."""

    name = "endless/endless"
    id = "endless"

    def __init__(self) -> None:
        self.closed = threading.Event()
        self.said = 0

    async def events(self, request):
        try:
            while True:
                await anyio.lowlevel.checkpoint()
                self.said += 1
                yield TextDelta(0, "x")
        finally:
            self.closed.set()


@pytest.mark.parametrize("how", ["break", "raise"])
def test_leaving_a_plain_loop_closes_before_the_next_line(how: str) -> None:
    model = Endless()
    gc.disable()
    try:
        with pytest.raises(KeyError) if how == "raise" else _nothing():
            for _ in sync.Model(model).prompt("x"):
                if how == "raise":
                    raise KeyError
                break
    finally:
        gc.enable()
    assert model.closed.is_set()


class _nothing:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def test_a_slow_reader_holds_the_model_back() -> None:
    model = Endless()
    with sync.Model(model).prompt("x") as stream:
        next(stream)
        deadline = time.monotonic() + 5
        said = -1
        while said != model.said and time.monotonic() < deadline:
            said = model.said
            threading.Event().wait(0.05)
        assert said <= 2 * 1024 + 2
        for _ in range(5000):
            next(stream)
    assert model.closed.is_set()


def test_a_reply_goes_on_and_a_stored_response_too() -> None:
    model = scripted(PARIS, PARIS, PARIS)
    first = model.prompt("one", system="be short").response()
    second = first.reply("two").response()
    assert [m.role for m in second.request.messages] == ["system", "user", "assistant", "user"]
    stored = sync.Response.from_dict(second.to_dict(), model=model)
    assert stored == second
    assert len(stored.reply("three").response().request.messages) == 6


def test_a_reply_refuses_unanswered_calls() -> None:
    response = scripted([ToolCallStart(0, id="c1", name="f"), Done()]).prompt("x").response()
    with pytest.raises(ConfigError, match=r"f \(c1\)"):
        response.reply("and?")


def test_a_conversation_carries_its_chain_and_forks() -> None:
    talk = scripted(PARIS, PARIS, PARIS).conversation(system="be short")
    talk.prompt("one").response()
    fork = talk.fork()
    talk.prompt("two").response()
    assert len(talk.responses) == 2
    assert fork.prompt("other").response().request.messages[-1].text() == "other"
    assert len(fork.responses) == 2


def test_many_threads_share_the_loop() -> None:
    model = scripted(*[PARIS] * 64)
    with ThreadPoolExecutor(16) as pool:
        texts = list(pool.map(lambda i: model.prompt(str(i)).text(), range(64)))
    assert texts == ["Paris"] * 64


def test_it_works_while_a_loop_runs_in_the_calling_thread() -> None:
    async def cell() -> list:
        return list(scripted(PARIS).prompt("x"))

    assert asyncio.run(cell()) == PARIS


def test_errors_of_the_call_itself_come_at_once() -> None:
    with pytest.raises(ConfigError):
        scripted(PARIS).prompt()
    with pytest.raises(ConfigError, match="nonsense"):
        sync.get_model("nonsense/x")


def run(code: str, **more) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


HANGING = """
import sys, anyio
from llmstream import Model, TextDelta, sync
class Hanging(Model):
    name = id = "hanging"
    async def events(self, request):
        try:
            if "{phase}" == "stream":
                yield TextDelta(0, "first")
            print("waiting", flush=True)
            await anyio.sleep_forever()
        finally:
            print("closed", flush=True)
try:
    {call}
except KeyboardInterrupt:
    print("interrupted", flush=True)
    raise
"""


@pytest.mark.parametrize("phase", ["start", "stream"])
@pytest.mark.parametrize(
    "call",
    [
        "list(sync.Model(Hanging()).prompt('x'))",
        "sync.Model(Hanging()).prompt('x').response()",
        "with sync.Model(Hanging()).prompt('x') as stream: list(stream)",
    ],
)
def test_ctrl_c_closes_the_call_within_a_second(phase: str, call: str) -> None:
    process = run(HANGING.format(phase=phase, call=call))
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert time.monotonic() - started < 2
    assert out.splitlines() == ["closed", "interrupted"]
    assert process.returncode in {130, -signal.SIGINT}
    assert err.strip().endswith("KeyboardInterrupt")


HALF_READ = """
from llmstream import Model, TextDelta, sync
class Talking(Model):
    name = id = "talking"
    async def events(self, request):
        while True:
            yield TextDelta(0, "x")
iterator = iter(sync.Model(Talking()).prompt("x"))
next(iterator)
print("half")
"""


def test_the_interpreter_ends_with_a_call_half_read() -> None:
    process = run(HALF_READ)
    out, err = process.communicate(timeout=10)
    assert (out, process.returncode) == ("half\n", 0), err


FORKED = """
import os
from llmstream import Done, TextDelta, sync
from llmstream.testing.fakes import ScriptedModel
model = sync.Model(ScriptedModel([[TextDelta(0, "a"), Done()]] * 2))
model.prompt("x").text()
pid = os.fork()
text = model.prompt("y").text()
if pid == 0:
    os._exit(0 if text == "a" else 1)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_starts_a_thread_of_its_own() -> None:
    process = run(FORKED)
    out, err = process.communicate(timeout=20)
    assert (out, process.returncode) == ("0\n", 0), err


def test_provider_errors_keep_their_fields_across_the_threads() -> None:
    with pytest.raises(ProviderError) as caught:
        scripted([ProviderError("no", status=418, request_id="r")]).prompt("x").response()
    assert (caught.value.status, caught.value.request_id, caught.value.partial) == (418, "r", None)


def test_any_model_may_stand_behind_one(tmp_path) -> None:
    broken = sync.Model(ScriptedModel([[llmstream.AuthError("no")]]))
    answers = sync.Model(ScriptedModel([[TextDelta(0, "hello world"), Done(finish_reason="stop")]]))
    both = llmstream.fallback(broken.behind, llmstream.hedge(answers.behind, after=60))
    model = sync.Model(llmstream.record(both, tmp_path / "log"))
    response = model.prompt("hi", budget=llmstream.budget(until="hello")).response()
    assert (response.text(), response.state) == ("hello", "budget")
    played = sync.Model(llmstream.replay(tmp_path / "log"))
    with played.prompt("hi") as stream:
        assert next(stream) == TextDelta(0, "hello world")


class Echo(Model):
    """Says the prompt; notes how many calls are open, and how many there were."""

    name = "echo/echo"
    id = "echo"

    def __init__(self) -> None:
        self.asked = self.running = 0

    async def events(self, request):
        self.asked += 1
        self.running += 1
        try:
            text = request.messages[-1].text()
            await anyio.sleep(0.001 * (self.asked % 3))
            if text == "13":
                raise ServerError("unlucky")
            yield TextDelta(0, text)
            yield Done(finish_reason="stop")
        finally:
            self.running -= 1


def test_many_prompts_give_their_outcomes_in_order() -> None:
    told = []
    prompts = sync.map_prompts(
        sync.Model(Echo()), map(str, range(20)), concurrency=4, on_progress=told.append
    )
    outcomes = list(prompts)
    assert [o.response.text() if o.response else str(o.error) for o in outcomes] == [
        "unlucky" if n == 13 else str(n) for n in range(20)
    ]
    assert isinstance(outcomes[0].response, sync.Response)
    assert told[-1].finished == 20
    assert list(sync.map_prompts(sync.Model(Echo()), [])) == []


@pytest.mark.parametrize("how", ["with", "loop"])
def test_many_prompts_are_closed_when_they_are_left(how: str) -> None:
    model, taken = Echo(), 0

    def prompts():
        nonlocal taken
        while True:
            taken += 1
            yield "x"

    mapped = sync.map_prompts(sync.Model(model), prompts(), concurrency=4)
    if how == "with":
        with mapped:
            next(iter(mapped))
    else:
        for _ in mapped:
            break
    assert model.running == 0
    assert taken < 100
