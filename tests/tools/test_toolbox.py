"""Tools that share state."""

import pytest

from llmstream import Done, TextDelta, Toolbox, ToolCall, ToolCallEnd, ToolCallPart, ToolCallStart, tool
from llmstream.testing.fakes import ScriptedModel
from llmstream.tools.run import Bench, make_calls
from llmstream.tools.toolset import Toolset

pytestmark = pytest.mark.anyio


class Memory(Toolbox):
    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.log: list[str] = []

    async def prepare(self) -> None:
        self.log.append("prepare")
        self.add_tool(extra)

    async def aclose(self) -> None:
        self.log.append("close")

    def put(self, key: str, value: str) -> str:
        """Keep a value."""
        self.known[key] = value
        return "kept"

    async def get(self, key: str) -> str:
        return self.known[key]

    def _hidden(self) -> None: ...


def extra(n: int) -> int:
    return n


def names(box: Toolbox) -> list[str]:
    return [tool.name for tool in box.tools()]


async def test_public_methods_are_tools_in_their_order() -> None:
    box = Memory()
    assert names(box) == ["Memory_put", "Memory_get"]
    assert box.tools()[0].declaration.description == "Keep a value."
    box.add_tool(extra)
    assert names(box) == ["Memory_put", "Memory_get", "extra"]
    assert names(Memory()) == ["Memory_put", "Memory_get"]


async def test_it_is_prepared_once_and_closed_when_it_is_left() -> None:
    async with Memory() as box:
        await box.ready()
        assert names(box) == ["Memory_put", "Memory_get", "extra"]
    assert box.log == ["prepare", "close"]


async def test_what_is_no_method_is_no_tool() -> None:
    class Box(Toolbox):
        size = 3
        Kind = dict

        @property
        def full(self) -> bool:
            raise AssertionError("read")

        def tool(self) -> None: ...

    assert names(Box()) == ["Box_tool"]


async def test_a_chain_prepares_it_and_its_tools_keep_state() -> None:
    def call(name, arguments):
        return [
            ToolCallStart(0, id="", name=name),
            ToolCallEnd(0, arguments),
            Done(finish_reason="tool_calls"),
        ]

    box = Memory()
    script = [
        call("Memory_put", {"key": "a", "value": "b"}),
        call("Memory_get", {"key": "a"}),
        [TextDelta(0, "ok"), Done(finish_reason="stop")],
    ]
    model = ScriptedModel(script)
    response = await model.chain("hi", tools=[box])
    assert box.log == ["prepare"]
    assert [tool.name for tool in model.requests[0].tools] == ["Memory_put", "Memory_get", "extra"]
    assert response.request is not None
    assert response.request.messages[-1].parts[0].output == "b"


async def test_a_prompt_prepares_it_too() -> None:
    model = ScriptedModel([[TextDelta(0, "ok"), Done()]])
    await model.prompt("hi", tools=[Memory()])
    assert "extra" in [tool.name for tool in model.requests[0].tools]


async def test_functions_of_a_set_follow_the_box() -> None:
    box = Memory()
    tools = Toolset.of([box])
    assert set(tools.functions()) == {"Memory_put", "Memory_get"}
    await tools.ready()
    assert set(tools.functions()) == {"Memory_put", "Memory_get", "extra"}


async def test_a_method_may_be_decorated() -> None:
    class Counter(Toolbox):
        step = 2

        @tool(name="up", description="Count up.", seconds=5)
        async def count(self, times: int, call: ToolCall) -> str:
            return f"{call.id}: {self.step * times}"

    (made,) = Counter().tools()
    assert (made.name, made.declaration.description, made.seconds) == ("Counter_up", "Count up.", 5)
    assert set(made.declaration.parameters["properties"]) == {"times"}
    given = ToolCallPart("c", "Counter_up", arguments={"times": 3})
    (result,) = await make_calls([given], Bench(tools=Toolset.of([Counter()])))
    assert result.output == "c: 6"
