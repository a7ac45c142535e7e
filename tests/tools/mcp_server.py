"""A real MCP server for the tests: `python mcp_server.py notes-file [port]`, over stdio or HTTP."""

import sys
from pathlib import Path

import anyio
from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

NOTES = Path(sys.argv[1])
server = MCPServer("test", log_level="CRITICAL")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def picture() -> Image:
    """A picture."""
    return Image(data=b"\x89PNG", format="png")


@server.tool()
def fail() -> str:
    """Fails."""
    raise ToolError("no luck")


@server.tool()
def where(city: str) -> dict[str, str]:
    """Where a city is."""
    return {"city": city, "country": "France"}


@server.tool()
async def wait() -> str:
    """Wait until it is cancelled."""
    NOTES.write_text("started")
    try:
        await anyio.sleep(60)
    except BaseException:
        NOTES.write_text("cancelled")
        raise
    return "waited"


if __name__ == "__main__":
    if len(sys.argv) > 2:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[2]))
    else:
        server.run("stdio")
