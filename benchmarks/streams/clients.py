"""The clients that are compared, each as its own documentation calls it.

Each is a function of the server's address, the wire and how many streams will be open at once, and gives a
function that reads one whole answer and hands over each piece of its text. Imports are inside, since each
runs in an environment that has its own library and no other.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

Take = Callable[[str], object]
Stream = Callable[[Take], Awaitable[None]]
Connect = Callable[[str, str, int], Stream]

PROMPT = "Say something."
CHAT = "gpt-5.5"
CLAUDE = "claude-sonnet-4-6"
MESSAGES: Any = [{"role": "user", "content": PROMPT}]
USAGE: Any = {"include_usage": True}


def limit(base: str, wire: str, _streams: int) -> Stream:
    from streams.limit import connect

    return connect(base, wire)


def _model(base: str, wire: str) -> Any:
    import llmstream

    name, path = {
        "chat": (f"openai-chat/{CHAT}", "/v1"),
        "messages": (f"anthropic/{CLAUDE}", ""),
        "responses": (f"openai/{CHAT}", "/v1"),
    }[wire]
    return llmstream.get_model(name, base_url=base + path, key="x")


def llmstream(base: str, wire: str, _streams: int) -> Stream:
    from llmstream import TextDelta

    model = _model(base, wire)

    async def stream(take: Take) -> None:
        async with model.prompt(PROMPT) as events:
            async for event in events:
                if type(event) is TextDelta:
                    take(event.text)

    return stream


def llmstream_folded(base: str, wire: str, _streams: int) -> Stream:
    """The events and then the Response that they fold to."""
    from llmstream import TextDelta

    model = _model(base, wire)

    async def stream(take: Take) -> None:
        async with model.prompt(PROMPT) as events:
            async for event in events:
                if type(event) is TextDelta:
                    take(event.text)
            assert (await events.response()).text()

    return stream


def httpx_json(base: str, _wire: str, streams: int) -> Stream:
    """No library for models at all: httpx, its bytes cut by hand, and json."""
    import httpx

    limits = httpx.Limits(max_connections=streams, max_keepalive_connections=streams)
    client = httpx.AsyncClient(limits=limits, timeout=600)
    request = {"model": CHAT, "messages": MESSAGES, "stream": True, "stream_options": USAGE}

    async def stream(take: Take) -> None:
        rest = b""
        async with client.stream("POST", f"{base}/v1/chat/completions", json=request) as response:
            async for data in response.aiter_raw():
                *blocks, rest = (rest + data).split(b"\n\n")
                for block in blocks:
                    if block != b"data: [DONE]":
                        for choice in json.loads(block[6:])["choices"]:
                            if text := choice["delta"].get("content"):
                                take(text)

    return stream


def openai(base: str, _wire: str, _streams: int) -> Stream:
    from openai import AsyncOpenAI

    client = AsyncOpenAI(base_url=f"{base}/v1", api_key="x", max_retries=0)

    async def stream(take: Take) -> None:
        chunks = await client.chat.completions.create(
            model=CHAT, messages=MESSAGES, stream=True, stream_options=USAGE
        )
        async for chunk in chunks:
            if chunk.choices and (text := chunk.choices[0].delta.content):
                take(text)

    return stream


def anthropic(base: str, _wire: str, _streams: int) -> Stream:
    from anthropic import AsyncAnthropic

    client = AsyncAnthropic(base_url=base, api_key="x", max_retries=0)

    async def stream(take: Take) -> None:
        events = await client.messages.create(model=CLAUDE, max_tokens=4096, messages=MESSAGES, stream=True)
        async for event in events:
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                take(event.delta.text)

    return stream


def litellm(base: str, _wire: str, _streams: int) -> Stream:
    import litellm as library

    library.telemetry = False
    library.suppress_debug_info = True

    async def stream(take: Take) -> None:
        chunks: Any = await library.acompletion(
            model=f"openai/{CHAT}",
            messages=MESSAGES,
            stream=True,
            stream_options=USAGE,
            api_base=f"{base}/v1",
            api_key="x",
        )
        async for chunk in chunks:
            if chunk.choices and (text := chunk.choices[0].delta.content):
                take(text)

    return stream


def pydantic_ai(base: str, _wire: str, _streams: int) -> Stream:
    from pydantic_ai import ModelRequest, PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
    from pydantic_ai.direct import model_request_stream
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    model = OpenAIChatModel(CHAT, provider=OpenAIProvider(base_url=f"{base}/v1", api_key="x"))

    async def stream(take: Take) -> None:
        async with model_request_stream(model, [ModelRequest.user_text_prompt(PROMPT)]) as events:
            async for event in events:
                match event:
                    case PartStartEvent(part=TextPart(content=text)):
                        take(text)
                    case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                        take(text)

    return stream


def langchain_openai(base: str, _wire: str, _streams: int) -> Stream:
    from langchain_openai import ChatOpenAI

    chat: Any = ChatOpenAI(
        model=CHAT,
        base_url=f"{base}/v1",
        api_key="x",
        max_retries=0,
        stream_usage=True,
        use_responses_api=False,
    )

    async def stream(take: Take) -> None:
        async for chunk in chat.astream(PROMPT):
            if chunk.content:
                take(chunk.content)

    return stream


CLIENTS: dict[str, Connect] = {
    "limit": limit,
    "llmstream": llmstream,
    "llmstream-folded": llmstream_folded,
    "httpx+json": httpx_json,
    "openai": openai,
    "anthropic": anthropic,
    "litellm": litellm,
    "pydantic-ai": pydantic_ai,
    "langchain-openai": langchain_openai,
}
