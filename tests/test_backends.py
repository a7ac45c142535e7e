"""Law 10: asyncio, trio and the sync face give the same events, through either HTTP library."""

import anyio
import httpx
import httpx2
import pytest

import llmstream
from llmstream import (
    Done,
    Event,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
    sync,
)
from llmstream.testing.loopback import replies, serve
from llmstream.testing.splits import cut
from llmstream.values.request import Request
from llmstream.wire import find

ANSWER: list[Event] = [
    ReasoningDelta(0, "Hm\u2028m "),
    TextDelta(1, "It is "),
    TextDelta(1, "20 °C ☀ 🌍"),
    ToolCallStart(2, id="call_a", name="get_weather"),
    ToolCallArgsDelta(2, '{"city":'),
    ToolCallArgsDelta(2, '"Zürich"}'),
    ToolCallEnd(2, {"city": "Zürich"}),
    Done(finish_reason="tool_calls", usage=Usage(input=3, output=7, reasoning=1), id="r", model="m"),
]
NAMES = {
    "openai-chat": ("openai-chat/m", "/v1"),
    "anthropic": ("anthropic/m", ""),
    "ollama": ("ollama/m", ""),
}


async def over(url: str, dialect: str, library: str) -> list[Event]:
    name, path = NAMES[dialect]
    if library == "shared":
        return [event async for event in llmstream.get_model(name, base_url=url + path, key="k").prompt("x")]
    module = {"httpx": httpx, "httpx2": httpx2}[library]
    async with module.AsyncClient() as client:
        model = llmstream.get_model(name, base_url=url + path, key="k", http=client)
        return [event async for event in model.prompt("x")]


@pytest.mark.anyio
@pytest.mark.parametrize("dialect", NAMES)
async def test_all_ways_to_the_events_give_the_same(dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server_half = find(dialect).server
    encoder = server_half.encoder(Request("m"))
    body = b"".join(piece for event in ANSWER for piece in encoder.feed(event))
    expected = server_half.canonical(ANSWER)
    # In threes, so that no character or line is safe from a cut.
    async with serve(replies(cut(body, range(3, len(body), 3)))) as server:
        for library in ("shared", "httpx", "httpx2"):
            assert tuple(await over(server.url, dialect, library)) == expected
        for library in ("httpx", "httpx2"):
            monkeypatch.setenv("LLMSTREAM_HTTP", library)
            assert tuple(await over(server.url, dialect, "shared")) == expected
        name, path = NAMES[dialect]
        model = sync.get_model(name, base_url=server.url + path, key="k")
        assert tuple(await anyio.to_thread.run_sync(lambda: list(model.prompt("x")))) == expected
