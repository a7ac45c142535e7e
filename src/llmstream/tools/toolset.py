"""What a call may use: what the model is told of, and what runs here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, cast

import attrs

from llmstream.errors import ConfigError
from llmstream.tools.function import FunctionTool
from llmstream.tools.toolbox import Toolbox
from llmstream.values.request import AnyTool, ServerSideTool, Tool

# A plain function is a tool, too; what it takes and gives is its own.
ToolLike: TypeAlias = AnyTool | FunctionTool | Toolbox | Callable[..., Any]


@attrs.frozen(eq=False)
class Toolset:
    """The tools of a call; functions stay here, and never go into a request or a dict."""

    items: tuple[AnyTool | FunctionTool | Toolbox, ...] = ()

    @classmethod
    def of(cls, given: object, /) -> Toolset:
        """Take a list of tools: functions become `FunctionTool`s.

        Raises:
            ConfigError: when one is none, or two have one name.
        """
        if isinstance(given, Toolset):
            return given
        if given == ():
            return _NO_TOOLS
        if not isinstance(given, Iterable):
            raise ConfigError(f"expected a list as tools, got {type(given).__name__}")
        tools = cls(tuple(_taken(item, at) for at, item in enumerate(cast("Iterable[object]", given))))
        tools.offered()
        return tools

    def offered(self) -> tuple[AnyTool, ...]:
        """What the model is told of.

        Raises:
            ConfigError: when a function has the name of another tool.
        """
        if not self.items:
            return ()
        told = tuple(item.declaration if isinstance(item, FunctionTool) else item for item in self._each())
        if any(not isinstance(item, Tool | ServerSideTool) for item in self.items):
            counts = Counter(tool.name for tool in told if isinstance(tool, Tool))
            name, count = next(iter(counts.most_common(1)), ("", 0))
            if count > 1:
                raise ConfigError(f"expected each tool's name once in tools, got {name!r} twice")
        return told

    def functions(self) -> Mapping[str, FunctionTool]:
        """What runs here, by name."""
        return {item.name: item for item in self._each() if isinstance(item, FunctionTool)}

    @property
    def runs(self) -> bool:
        """Whether anything runs here."""
        return any(isinstance(item, FunctionTool | Toolbox) for item in self.items)

    @property
    def boxes(self) -> tuple[Toolbox, ...]:
        """The toolboxes, to be prepared before the model is told of them."""
        return tuple(item for item in self.items if isinstance(item, Toolbox))

    async def ready(self) -> None:
        """Prepare the toolboxes."""
        for box in self.boxes:
            await box.ready()

    def _each(self) -> Iterable[AnyTool | FunctionTool]:
        for item in self.items:
            if isinstance(item, Toolbox):
                yield from item.tools()
            else:
                yield item


_NO_TOOLS = Toolset()


def _taken(item: object, at: int) -> AnyTool | FunctionTool | Toolbox:
    if isinstance(item, Tool | ServerSideTool | FunctionTool | Toolbox):
        return item
    if isinstance(item, type) or not callable(item):
        got = item.__name__ if isinstance(item, type) else type(item).__name__
        raise ConfigError(f"expected a function, a Tool or a ServerSideTool at tools[{at}], got {got}")
    return FunctionTool.of(item)
