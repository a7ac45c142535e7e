"""Tools of a real MCP server, over stdio and over HTTP on the loopback."""

import socket
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from llmstream import Attachment, ConfigError, Done, TextDelta, ToolCallEnd, ToolCallStart, mcp_toolbox
from llmstream.testing.fakes import ScriptedModel
from llmstream.tools.mcp import MCPToolbox

pytestmark = [
    pytest.mark.anyio,
    # On trio the SDK's HTTP client leaves its inner generators to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"),
]
SERVER = Path(__file__).parent / "mcp_server.py"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


@pytest.fixture
async def at_port(notes: Path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, str(SERVER), str(notes), str(port)], stderr=subprocess.DEVNULL
    ) as server:
        try:
            with anyio.fail_after(20):
                while True:
                    try:
                        async with await anyio.connect_tcp("127.0.0.1", port):
                            break
                    except OSError:
                        await anyio.sleep(0.05)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            server.terminate()


@pytest.fixture(params=["stdio", "http"])
def make(request, notes: Path):
    if request.param == "stdio":
        return lambda **more: mcp_toolbox(command=[sys.executable, str(SERVER), str(notes)], **more)
    url = request.getfixturevalue("at_port")
    return lambda **more: mcp_toolbox(url=url, **more)


def calls(*named: tuple[str, dict]) -> list:
    events = []
    for at, (name, arguments) in enumerate(named):
        events += [ToolCallStart(at, id=f"c{at}", name=name), ToolCallEnd(at, arguments)]
    return [*events, Done(finish_reason="tool_calls")]


async def results(box: MCPToolbox, *named: tuple[str, dict]) -> list:
    """What a chain over the box sends back to its model."""
    model = ScriptedModel([calls(*named), [TextDelta(0, "ok"), Done(finish_reason="stop")]])
    async with model.chain("x", tools=[box]) as chain:
        await chain
    return [part for message in model.requests[1].messages[2:] for part in message.parts]


async def test_the_servers_tools_run_in_a_chain(make):
    async with make() as box:
        assert [tool.name for tool in box.tools()] == ["add", "picture", "fail", "where", "wait"]
        assert box.tools()[0].declaration.parameters["required"] == ["a", "b"]
        added, shown, failed, told = await results(
            box, ("add", {"a": 1, "b": 2}), ("picture", {}), ("fail", {}), ("where", {"city": "Paris"})
        )
    assert (added.output, added.error) == ("3", None)
    assert shown.attachments == (Attachment("image/png", data=b"\x89PNG"),)
    assert "no luck" in failed.error
    assert "no luck" in failed.output
    assert "France" in told.output


async def test_arguments_that_do_not_fit_are_the_servers_to_refuse(make):
    async with make(prefix="math_") as box:
        (refused,) = await results(box, ("math_add", {"a": "one"}))
    assert refused.error is not None
    assert "b" in refused.output


async def test_a_cancelled_call_is_cancelled_at_the_server(make, notes: Path):
    async with make() as box:
        wait = next(tool for tool in box.tools() if tool.name == "wait")
        with anyio.move_on_after(20) as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(wait.function, {})
                while not notes.exists():
                    await anyio.sleep(0.02)
                group.cancel_scope.cancel()
            while notes.read_text() != "cancelled":
                await anyio.sleep(0.02)
        assert not scope.cancelled_caught


async def test_tools_come_in_pages():
    class Session:
        def __init__(self):
            self.asked = []

        async def list_tools(self, *, params):
            from mcp import types

            self.asked.append(params.cursor)
            tool = types.Tool(name=f"t{len(self.asked)}", input_schema={"type": "object"})
            cursor = None if len(self.asked) == 3 else str(len(self.asked))
            return types.ListToolsResult(tools=[tool], next_cursor=cursor)

    box = mcp_toolbox(command=["x"])
    box._session = session = Session()
    await box.ready()
    assert session.asked == [None, "1", "2"]
    assert [tool.name for tool in box.tools()] == ["t1", "t2", "t3"]


async def test_outside_its_block_nothing_is_asked():
    with pytest.raises(ConfigError, match="async with"):
        await mcp_toolbox(command=["x"]).ready()


@pytest.mark.parametrize(
    "given", [{}, {"command": ["x"], "url": "http://127.0.0.1"}, {"command": "x y"}, {"command": []}]
)
async def test_a_server_is_named_in_one_way(given):
    with pytest.raises(ConfigError, match="command"):
        mcp_toolbox(**given)
