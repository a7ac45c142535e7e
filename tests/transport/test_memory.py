"""A script behind a server half, without a network."""

import pytest

from llmstream import ConnectionLost, Done, RateLimitError, Request, TextDelta, user
from llmstream.transport.base import HttpCall
from llmstream.transport.memory import MemoryTransport, PiecesExchange
from llmstream.wire import find
from llmstream.wire.http import ResponseHead

pytestmark = pytest.mark.anyio
CODEC = find("openai-chat")


def call() -> HttpCall:
    http = CODEC.encode(Request("m", [user("hi")]))
    return HttpCall(http.method, http.path, http.headers, http.body)


async def read(exchange) -> bytes:
    body = b""
    while piece := await exchange.read():
        body += piece
    return body


async def test_a_script_speaks_its_wire() -> None:
    asked = []

    def script(request: Request):
        asked.append(request)
        yield TextDelta(0, "Hallo")
        yield Done(finish_reason="stop")

    exchange = await MemoryTransport(CODEC, script).open(call())
    assert exchange.head.media_type == "text/event-stream"
    body = await read(exchange)
    assert b"Hallo" in body
    assert body.endswith(b"data: [DONE]\n\n")
    assert asked[0].messages == (user("hi"),)


async def test_a_refusal_before_the_first_event_is_one_on_the_wire() -> None:
    def script(request: Request):
        raise RateLimitError("slow down", status=429)
        yield

    exchange = await MemoryTransport(CODEC, script).open(call())
    assert exchange.head.status == 429
    error = CODEC.error(exchange.head, await read(exchange))
    assert isinstance(error, RateLimitError)
    assert "slow down" in str(error)


async def test_a_body_that_is_no_request_is_refused_too() -> None:
    transport = MemoryTransport(CODEC, lambda _: [])
    exchange = await transport.open(HttpCall("POST", "/chat/completions", (), b"{"))
    assert exchange.head.status == 400


async def test_a_script_ends_when_its_exchange_is_closed() -> None:
    ended = []

    def script(request: Request):
        try:
            while True:
                yield TextDelta(0, "more")
        finally:
            ended.append(True)

    exchange = await MemoryTransport(CODEC, script).open(call())
    assert await exchange.read()
    await exchange.aclose()
    await exchange.aclose()
    assert ended == [True]
    with pytest.raises(ConnectionLost):
        await exchange.read()


async def test_empty_pieces_are_not_the_end() -> None:
    exchange = PiecesExchange(ResponseHead(), [b"", b"a", b"", b"b", b""])
    assert [await exchange.read() for _ in range(3)] == [b"a", b"b", b""]
