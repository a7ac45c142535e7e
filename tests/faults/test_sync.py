"""Rows 70 to 75: what the world does to a program that calls without await, each in a process of its own."""

import asyncio  # noqa: TID251 - a notebook runs a loop of asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import anyio
import anyio.from_thread
import pytest

import llmstream
from llmstream import Done, TextDelta, sync
from llmstream.testing.loopback import Handler, Received, Reply, Server, serve

KEY = "sk-SENTINEL-5f0c1d"
SECONDS = 2.0


@contextmanager
def serving(handler: Handler) -> Iterator[Server]:
    """A server in a thread of its own, so that the test may block."""
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serve(handler)) as server,
    ):
        yield server


@pytest.fixture
def said(chat) -> Handler:
    async def echo(received: Received, reply: Reply) -> None:
        words = received.json()["messages"][-1]["content"]
        await reply.head(200, chat.headers)
        for piece in chat.said([TextDelta(0, words), TextDelta(0, words), Done(finish_reason="stop")]):
            await reply.send(piece)
        await reply.end()

    return echo


@pytest.fixture
def half(chat) -> Handler:
    async def handler(received: Received, reply: Reply) -> None:
        if b"before the head" not in received.body:
            await reply.head(200, chat.headers)
            for piece in chat.deltas:
                await reply.send(piece)
        await reply.hang()

    return handler


@contextmanager
def program(code: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """A program whose model is `model`."""
    start = f"""
import os, sys, threading
from llmstream import TextDelta, Tool, TruncatedStreamError, sync
model = sync.get_model("openai-chat/m", base_url={url + "/v1"!r}, key={KEY!r})
"""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", start + code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str], within: float = SECONDS) -> tuple[str, str]:
    """What a program wrote; it ends in time and says no secret."""
    began = time.monotonic()
    try:
        out, err = process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        raise AssertionError("S1: expected an end within 10 s") from None
    assert time.monotonic() - began < within, "S1"
    assert KEY not in out + err, "S3"
    return out, err


def left(server: Server) -> None:
    """Wait until the other side has let go of all connections."""
    until = time.monotonic() + 1
    while server.open_connections:
        assert time.monotonic() < until, "S2: a connection is open"
        time.sleep(0.005)


READ = """
with model.prompt({words!r}) as stream:
    for event in stream:
        if event == TextDelta(0, "three"):
            print("waiting", flush=True)
"""
# Before the head nothing tells that the call is on its way; the server does.
AWAIT = """
model.prompt({words!r}).response()
"""


@pytest.mark.parametrize(
    ("code", "words"), [(AWAIT, "before the head"), (READ, "in the stream"), (AWAIT, "in the stream")]
)
def test_row_70_ctrl_c(half, code, words) -> None:
    with serving(half) as server, program(code.format(words=words), server.url) as process:
        if code == READ:
            assert process.stdout is not None
            assert process.stdout.readline() == "waiting\n"
        else:
            until = time.monotonic() + 20
            while not server.requests:
                assert time.monotonic() < until
                time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, err = ended(process)
        left(server)
    assert process.returncode in {130, -signal.SIGINT}
    assert err.count("Traceback") <= 1
    assert err.strip().endswith("KeyboardInterrupt")
    assert "Exception in thread" not in err


TOOL = """
import time
for event in model.prompt("hi", tools=[Tool("f")]):
    if event == TextDelta(0, "hi"):
        print("waiting", flush=True)
        time.sleep(60)  # a tool of the caller's runs, while the stream is open
"""


def test_row_70_ctrl_c_while_a_tool_runs(said) -> None:
    with serving(said) as server, program(TOOL, server.url) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        _, err = ended(process)
        left(server)
    assert process.returncode in {130, -signal.SIGINT}
    assert err.count("Traceback") == 1
    assert "Exception" not in err.replace("KeyboardInterrupt", "")


def test_row_71_inside_a_running_loop(said) -> None:
    async def cell() -> str:
        return sync_model.prompt("hi").text()

    async def handlers() -> list[str]:
        return [await cell(), *await asyncio.gather(cell(), cell())]

    with serving(said) as server:
        sync_model = sync.get_model("openai-chat/m", base_url=f"{server.url}/v1", key=KEY)
        assert asyncio.run(handlers()) == ["hihi"] * 3


ABANDONED = """
iterator = iter(model.prompt("hi"))
next(iterator)
{then}
print("over", flush=True)
"""


@pytest.mark.parametrize("then", ["", "del iterator", "import gc; del iterator; gc.collect()"])
def test_row_72_an_iterator_that_is_abandoned(half, then) -> None:
    with serving(half) as server, program(ABANDONED.format(then=then), server.url) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "over\n"
        assert ended(process) == ("", "")
        left(server)
    assert process.returncode == 0


def test_row_72_an_iterator_goes_on_in_another_thread(said) -> None:
    with serving(said) as server, ThreadPoolExecutor(1) as other:
        model = sync.get_model("openai-chat/m", base_url=f"{server.url}/v1", key=KEY)
        with model.prompt("hi") as stream:
            assert next(stream) == TextDelta(0, "hi")
            assert other.submit(lambda: [getattr(event, "text", "") for event in stream]).result(5) == [
                "hi",
                "",
            ]
        assert stream.state == "complete"


FORKED = """
stream = model.prompt("hi")
iterator = iter(stream)
next(iterator)
pid = os.fork()
if pid == 0:
    # The child has a thread and connections of its own.
    text = model.prompt("child").text()
    os._exit(0 if text == "childchild" else 1)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(status, [getattr(event, "text", "") for event in iterator], model.prompt("parent").text(), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_row_73_a_fork_in_the_middle_of_a_stream(chat, said) -> None:
    forked = threading.Event()

    async def slow(received: Received, reply: Reply) -> None:
        if received.json()["messages"][-1]["content"] == "hi":
            await reply.head(200, chat.headers)
            pieces = chat.said([TextDelta(0, "one"), TextDelta(0, "two"), Done(finish_reason="stop")])
            await reply.send(pieces[0])
            while not forked.is_set():
                await anyio.sleep(0.005)
            for piece in pieces[1:]:
                await reply.send(piece)
            await reply.end()
        else:
            forked.set()
            await said(received, reply)

    with serving(slow) as server, program(FORKED, server.url) as process:
        out, err = ended(process, within=10)
        connections = {r.json()["messages"][-1]["content"]: r.connection for r in server.requests}
        left(server)
    assert (out, process.returncode) == ("0 ['two', ''] parentparent\n", 0), err
    assert connections["child"] != connections["hi"]


def test_row_74_many_threads_on_one_model(said) -> None:
    with serving(said) as server, ThreadPoolExecutor(32) as pool:
        model = sync.get_model("openai-chat/m", base_url=f"{server.url}/v1", key=KEY)
        texts = list(pool.map(lambda number: model.prompt(f"<{number}>").text(), range(320)))
    assert texts == [f"<{number}>" * 2 for number in range(320)]


@pytest.mark.parametrize("client", [None, "httpx", "httpx2"])
def test_row_74_one_model_in_two_loops(said, client, monkeypatch) -> None:
    if client is not None:
        # Through an HTTP library: the environment names a proxy, though not for this server.
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("LLMSTREAM_HTTP", client)

    async def ask() -> str:
        return await model.prompt("hi").text()

    with serving(said) as server:
        model = llmstream.get_model("openai-chat/m", base_url=f"{server.url}/v1", key=KEY)
        for backend in ("asyncio", "asyncio", "trio", "trio"):
            assert anyio.run(ask, backend=backend) == "hihi"
        left(server)


EXITS = {
    "the end of the program": "iterator = iter(model.prompt('hi')); next(iterator)",
    "sys.exit inside a loop": "for event in model.prompt('hi'): sys.exit(0)",
    "sys.exit inside with": "\nwith model.prompt('hi') as stream:\n    next(stream); sys.exit(0)",
    "atexit": "import atexit; stream = model.prompt('hi'); next(stream); atexit.register(stream.close)",
    "a daemon thread": """
begun = threading.Event()
def read():
    try:
        for event in model.prompt('hi'):
            begun.set()
    except TruncatedStreamError:
        print("told", flush=True)
threading.Thread(target=read, daemon=True).start()
begun.wait(10)
""",
}


@pytest.mark.parametrize("how", EXITS)
def test_row_75_the_interpreter_ends_in_mid_stream(half, how) -> None:
    with serving(half) as server, program(EXITS[how] + "\nprint('over', flush=True)", server.url) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        _, err = ended(process)
        left(server)
    assert (line, process.returncode) in {("over\n", 0), ("", 0)}, err
    assert err == ""
