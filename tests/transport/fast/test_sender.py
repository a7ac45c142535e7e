"""Requests on a loop's connections, without any library's interface."""

import anyio
import pytest

from llmstream.testing.loopback import Received, Reply, in_turn, replies, serve
from llmstream.transport.fast.exchange import Exchange, Timeouts
from llmstream.transport.fast.pool import Limits
from llmstream.transport.fast.request import RequestWriter
from llmstream.transport.fast.sender import Sender
from llmstream.transport.fast.tls import default_context
from llmstream.transport.fast.wire import ExchangeError, Origin

pytestmark = pytest.mark.anyio


def origin(url: str) -> Origin:
    return Origin(False, "127.0.0.1", int(url.rpartition(":")[2]))


async def sent(sender: Sender, url: str, **limits: float) -> Exchange:
    writer = RequestWriter("GET", b"/", [(b"host", b"a")])
    _, exchange = await sender.send(origin(url), writer, b"", timeouts=Timeouts(**limits))
    return exchange


async def test_connections_serve_one_request_after_another_until_they_are_closed() -> None:
    sender = Sender(default_context, limits=Limits())
    async with serve(replies(b"ok")) as server:
        for _ in range(3):
            exchange = await sent(sender, server.url)
            assert await exchange.read() == b"ok"
            assert await exchange.read() == b""
        assert server.accepted == 1
        sender.close()
        await server.wait_closed(0.1)


async def test_a_request_that_is_cancelled_before_its_head_leaves_nothing_open() -> None:
    async def silent(_: Received, reply: Reply) -> None:
        await reply.hang()

    sender = Sender(default_context, limits=Limits(connections=1))
    async with serve(in_turn(silent, replies(b"ok"))) as server:
        with anyio.move_on_after(0.02):
            await sent(sender, server.url)
        await server.wait_closed(0.1)
        # Its place in the pool is free again.
        exchange = await sent(sender, server.url, pool=1.0)
        assert await exchange.read() == b"ok"
        sender.close()


async def test_a_server_that_is_not_there() -> None:
    async with serve(replies(b"")) as server:
        url = server.url
    with pytest.raises(ExchangeError) as caught:
        await sent(Sender(default_context, limits=Limits()), url)
    assert caught.value.kind == "ConnectError"
