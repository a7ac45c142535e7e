"""Toolbox: tools that share state."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import partial
from types import TracebackType
from typing import Self

import anyio

from llmstream.tools.function import Function, FunctionTool

_OWN = frozenset({"add_tool", "tools", "prepare", "ready", "aclose"})


class Toolbox:
    """A class whose public methods are tools, named `Class_method`; `self` is their state.

    It is prepared once: when it is entered, else before the first call that it is given to. What it
    opened there it gives back in `aclose`, which leaving the `async with` calls.
    """

    _added: list[FunctionTool] | None = None
    _prepared: bool = False
    _lock: anyio.Lock | None = None

    async def prepare(self) -> None:
        """Open what the tools need, and add more of them; for subclasses."""

    async def aclose(self) -> None:
        """Give back what `prepare` opened; for subclasses."""

    async def ready(self) -> None:
        """Prepare the box, unless it was."""
        self._lock = self._lock or anyio.Lock()
        async with self._lock:
            if not self._prepared:
                await self.prepare()
                self._prepared = True

    def add_tool(self, tool: Function | FunctionTool, /) -> FunctionTool:
        """Add a function under its own name.

        Raises:
            ConfigError: when no tool can be made of it.
        """
        made = tool if isinstance(tool, FunctionTool) else FunctionTool.of(tool)
        self._added = [*(self._added or ()), made]
        return made

    def tools(self) -> tuple[FunctionTool, ...]:
        """The tools as they are now: the methods, then what was added.

        Raises:
            ConfigError: when no tool can be made of a method.
        """
        prefix = type(self).__name__
        methods = (self._method(prefix, name) for name in self._methods())
        return (*methods, *(self._added or ()))

    def _method(self, prefix: str, name: str) -> FunctionTool:
        method: Function | FunctionTool = getattr(self, name)
        if not isinstance(method, FunctionTool):
            return FunctionTool.of(method, name=f"{prefix}_{name}")
        # Decorated in the class: made of a function that had no `self` yet.
        return FunctionTool.of(
            partial(method.function, self),
            name=f"{prefix}_{method.name}",
            description=method.declaration.description,
            seconds=method.seconds,
        )

    def _methods(self) -> Iterator[str]:
        """The public methods in the order in which they were written, those of base classes first."""
        seen: dict[str, None] = {}
        for kind in reversed(type(self).__mro__):
            if issubclass(kind, Toolbox) and kind is not Toolbox:
                seen.update(dict.fromkeys(name for name in vars(kind) if not name.startswith("_")))
        for name in seen:
            static = inspect.getattr_static(self, name)
            if name not in _OWN and (inspect.isroutine(static) or isinstance(static, FunctionTool)):
                yield name

    async def __aenter__(self) -> Self:
        await self.ready()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._prepared = False
        await self.aclose()
