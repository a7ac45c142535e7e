"""What a call may use."""

import pytest

from llmstream import ConfigError, FunctionTool, ServerSideTool, Tool, Toolbox
from llmstream.tools.toolset import Toolset


def f(a: int) -> int:
    return a


class Box(Toolbox):
    def g(self) -> None: ...


def test_all_kinds_are_offered_and_functions_are_found_by_name() -> None:
    search, plain = ServerSideTool("web_search"), Tool("plain")
    tools = Toolset.of(iter([f, plain, search, Box(), FunctionTool.of(f, name="h")]))
    names = [getattr(tool, "name", None) for tool in tools.offered()]
    assert names == ["f", "plain", None, "Box_g", "h"]
    assert all(isinstance(tool, Tool | ServerSideTool) for tool in tools.offered())
    assert set(tools.functions()) == {"f", "Box_g", "h"}
    assert tools.runs
    assert not Toolset.of([plain, search]).runs
    assert Toolset.of(tools) is tools


def test_a_name_is_one_tools_only() -> None:
    with pytest.raises(ConfigError, match="'f' twice"):
        Toolset.of([f, Tool("f")])


@pytest.mark.parametrize("wrong", [5, "f", dict, None])
def test_what_is_no_tool_is_named(wrong) -> None:
    with pytest.raises(ConfigError, match=r"tools\[1\]"):
        Toolset.of([f, wrong])
    with pytest.raises(ConfigError, match="expected a list as tools, got function"):
        Toolset.of(f)
