"""Two endpoints, one that awaits and one that streams: `python examples/web.py` asks them itself.

`uvicorn examples.web:app` serves them.
"""

from collections.abc import AsyncIterator

import anyio
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

import llmstream
from llmstream.serial import event_to_json

model = llmstream.get_model("demo")


async def answer(request: Request) -> Response:
    """The answer as a whole; it can be stored, and brought back to go on from."""
    asked = await request.json()
    response = await model.prompt(asked["prompt"])
    return JSONResponse({"text": response.text(), "response": response.to_dict()})


async def events(request: Request) -> Response:
    """The events as they come, as server-sent events."""
    asked = await request.json()
    return StreamingResponse(lines(asked["prompt"]), media_type="text/event-stream")


async def lines(prompt: str) -> AsyncIterator[bytes]:
    async with model.prompt(prompt) as stream:
        async for event in stream:
            yield b"data: " + event_to_json(event) + b"\n\n"  # noqa: ASYNC119 - the server ends it with its client


app = Starlette(
    routes=[Route("/answer", answer, methods=["POST"]), Route("/events", events, methods=["POST"])]
)


async def main() -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        whole = await client.post("/answer", json={"prompt": "Hello"})
        print(whole.json()["text"])
        async with client.stream("POST", "/events", json={"prompt": "Hello"}) as streamed:
            async for line in streamed.aiter_lines():
                print(line)


if __name__ == "__main__":
    anyio.run(main)
