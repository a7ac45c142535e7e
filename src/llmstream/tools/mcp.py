"""Tools of a server that speaks MCP, by the protocol's own SDK; the extra `mcp` installs it."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import attrs

from llmstream.errors import ConfigError, ToolError
from llmstream.jsontext import JSONObject
from llmstream.tools.function import FunctionTool
from llmstream.tools.toolbox import Toolbox
from llmstream.values.content import Attachment, ToolCallPart
from llmstream.values.request import Tool

if TYPE_CHECKING:
    from mcp import ClientSession

# A server that gives one page after the other for ever is not read to its end.
_MOST_PAGES = 1000


@attrs.frozen(eq=False)
class RemoteTool(FunctionTool):
    """A tool whose server checks its arguments: they are passed on as the model wrote them."""

    def bound(self, call: ToolCallPart, given: JSONObject, /) -> Callable[[], Any]:
        """The call with its arguments; Any stands for what the server gives."""
        return partial(self.function, given)


class MCPToolbox(Toolbox):
    """The tools of one MCP server, inside `async with`; see `mcp_toolbox`."""

    def __init__(self, connect: Callable[[], Any], prefix: str) -> None:
        # Any: the SDK's own contexts, which are known once it is imported.
        self._connect = connect
        self._prefix = prefix
        self._stack = AsyncExitStack()
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        sdk = _sdk("mcp")
        async with AsyncExitStack() as stack:
            read, write = (await stack.enter_async_context(self._connect()))[:2]
            session: ClientSession = await stack.enter_async_context(sdk.ClientSession(read, write))
            await session.initialize()
            self._session = session
            await super().__aenter__()
            # Entered as a whole: from here on leaving the box closes it.
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, traceback)

    async def prepare(self) -> None:
        """Ask the server for its tools, page by page.

        Raises:
            ConfigError: outside `async with`: a connection that nobody closes would outlive its call.
        """
        types = _sdk("mcp.types")
        session = self._open_session()
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
            for tool in page.tools:
                self.add_tool(self._remote(tool.name, tool.description or "", dict(tool.input_schema)))
            cursor = page.next_cursor
            if not cursor:
                return
        raise ConfigError(f"expected at most {_MOST_PAGES} pages of tools from the MCP server, got more")

    async def aclose(self) -> None:
        """Close the connection, and end the server if it is a process of ours."""
        self._session = None
        self._added = None
        # Not told of an error, which the SDK's task groups would wrap.
        await self._stack.aclose()

    def _methods(self) -> Any:
        """None of this class's own methods is a tool; Any, for there is nothing in it."""
        return iter(())

    def _remote(self, name: str, description: str, schema: JSONObject) -> RemoteTool:
        declaration = Tool(f"{self._prefix}{name}", description, parameters=schema)
        return RemoteTool(declaration, partial(self._call, name))

    async def _call(self, name: str, arguments: JSONObject) -> Any:
        """Make a call; a cancelled one is cancelled at the server, too. Any stands for what it gives."""
        result: Any = await self._open_session().call_tool(name, arguments)
        blocks = [_given(block) for block in result.content]
        if result.is_error:
            texts = [block for block in blocks if isinstance(block, str)]
            raise ToolError("\n".join(texts) or f"the MCP server's tool {name} failed")
        if not blocks:
            return result.structured_content
        return blocks[0] if len(blocks) == 1 else blocks

    def _open_session(self) -> ClientSession:
        if self._session is None:
            raise ConfigError("expected `async with mcp_toolbox(...) as box:` around the calls of its tools")
        return self._session


def mcp_toolbox(
    *,
    command: Sequence[str] | None = None,
    url: str | None = None,
    env: Mapping[str, str] | None = None,
    http: Any = None,
    prefix: str = "",
) -> MCPToolbox:
    """Make a toolbox of an MCP server's tools: it is entered, and then taken wherever tools are.

    What a tool gives as text is its output, images, audio and files are attachments, structured content
    is given where there is nothing else; what the server calls an error is an error result.

    Args:
        command: a program and its arguments; it speaks over its standard input and output, and ends with
            the block.
        url: where a server speaks streamable HTTP.
        env: beside the few variables that the program inherits.
        http: a client of httpx2 to reach `url` with, for headers and credentials; the caller closes it.
        prefix: put before each tool's name, to keep servers apart.

    Raises:
        ConfigError: when not exactly one of command and url is given, or the extra is not installed.
    """
    if (command is None) == (url is None):
        raise ConfigError("expected command or url for an MCP server, got both or neither")
    if url is not None:
        connect = _sdk("mcp.client.streamable_http").streamable_http_client
        return MCPToolbox(partial(connect, url, http_client=http), prefix)
    if command is None or isinstance(command, str) or not command:
        raise ConfigError(f"expected a program and its arguments as command, got {command!r}")
    stdio, sdk = _sdk("mcp.client.stdio"), _sdk("mcp")
    program, *arguments = command
    server = sdk.StdioServerParameters(command=program, args=arguments, env=dict(env) if env else None)
    return MCPToolbox(partial(stdio.stdio_client, server), prefix)


def _sdk(module: str) -> Any:
    """A module of the SDK; Any, for it may not be there."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError("expected the extra llmstream[mcp] to be installed for MCP") from error


def _given(block: Any) -> str | Attachment:
    """A piece of a result, of the SDK's kinds: Any, as they are told apart by their `type`."""
    match block.type:
        case "text":
            text: str = block.text
            return text
        case "image" | "audio":
            return Attachment(block.mime_type, data=b64decode(block.data))
        case "resource":
            return _resource(block.resource)
        case _:
            return str(getattr(block, "uri", ""))


def _resource(resource: Any) -> str | Attachment:
    if hasattr(resource, "text"):
        return str(resource.text)
    return Attachment(resource.mime_type or "application/octet-stream", data=b64decode(resource.blob))
