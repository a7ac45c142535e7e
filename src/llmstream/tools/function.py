"""A tool made from a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, overload

import attrs

from llmstream.errors import ConfigError
from llmstream.jsontext import JSONObject
from llmstream.schema.convert import arguments
from llmstream.schema.describe import parameters
from llmstream.schema.signature import annotations_of
from llmstream.tools.limits import positive
from llmstream.tools.signals import ToolCall
from llmstream.values.content import ToolCallPart
from llmstream.values.request import Tool

# A tool is called with what a model wrote, and gives what it likes.
Function = Callable[..., Any]


@attrs.frozen(eq=False)
class FunctionTool:
    """A tool with the function that is behind it; it can be called as that function.

    Attributes:
        declaration: what the model is told.
        seconds: how long one call may take, instead of `ToolLimits.seconds`.
        receives: the parameters that get the `ToolCall`.
    """

    declaration: Tool
    function: Function
    seconds: float | None = attrs.field(default=None, kw_only=True, validator=positive)
    receives: tuple[str, ...] = attrs.field(default=(), kw_only=True)

    @classmethod
    def of(
        cls,
        function: Function,
        /,
        *,
        name: str | None = None,
        description: str | None = None,
        seconds: float | None = None,
    ) -> FunctionTool:
        """Make a tool of a function, a method, a partial or a callable object, sync or async.

        The schema comes from its annotations, the description from its docstring's first paragraph.

        Raises:
            ConfigError: when it has no name, or an annotation that no JSON Schema says.
        """
        receives = _receiving(function)
        schema = parameters(function, skip=receives)
        text = _summary(function) if description is None else description
        declaration = Tool(name or _name(function), text, parameters=schema)
        return cls(declaration, function, seconds=seconds, receives=receives)

    @property
    def name(self) -> str:
        """What the model calls it by."""
        return self.declaration.name

    @property
    def is_generator(self) -> bool:
        """Whether it is an async generator, which reports while it runs."""
        return inspect.isasyncgenfunction(_code(self.function))

    @property
    def is_sync(self) -> bool:
        """Whether it may block, and so runs in a thread."""
        return not (self.is_generator or inspect.iscoroutinefunction(_code(self.function)))

    def bound(self, call: ToolCallPart, given: JSONObject, /) -> Callable[[], Any]:
        """The function with the arguments of a call, of the types that its annotations name.

        Raises:
            MisfitError: when they do not fit; it names the fields.
        """
        known = arguments(given, self.function, skip=self.receives)
        known.arguments.update(dict.fromkeys(self.receives, ToolCall(call.id, call.name, given)))
        return partial(self.function, *known.args, **known.kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself."""
        return self.function(*args, **kwargs)


@overload
def tool(function: Function, /) -> FunctionTool: ...


@overload
def tool(
    *, name: str | None = None, description: str | None = None, seconds: float | None = None
) -> Callable[[Function], FunctionTool]: ...
def tool(
    function: Function | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    seconds: float | None = None,
) -> FunctionTool | Callable[[Function], FunctionTool]:
    """Make a tool of a function, as a decorator or at once; a plain function is taken as a tool, too.

    Args:
        description: instead of the docstring's first paragraph.
        seconds: how long one call may take, instead of `ToolLimits.seconds`.

    Raises:
        ConfigError: as `FunctionTool.of`.
    """
    make = partial(FunctionTool.of, name=name, description=description, seconds=seconds)
    return make if function is None else make(function)


def _code(function: Function) -> Function:
    """The function or method that runs: what a partial or a callable object stands for."""
    while isinstance(function, partial):
        function = function.func
    if inspect.isroutine(function) or inspect.isclass(function):
        return function
    called: Function = type(function).__call__
    return called


def _name(function: Function) -> str:
    while isinstance(function, partial):
        function = function.func
    name: str = getattr(function, "__name__", type(function).__name__)
    if not name.isidentifier():
        raise ConfigError(f"expected a function that has a name, or tool(name=...), got {name}")
    return name


def _summary(function: Function) -> str:
    while isinstance(function, partial):
        function = function.func
    text = inspect.getdoc(function) or inspect.getdoc(_code(function)) or ""
    return " ".join(text.partition("\n\n")[0].split())


def _receiving(function: Function) -> tuple[str, ...]:
    try:
        known = annotations_of(function)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"expected a function that can be a tool, got {function!r}: {error}") from error
    return tuple(name for name, hint in known.items() if hint is ToolCall)
