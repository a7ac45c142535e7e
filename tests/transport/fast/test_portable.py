"""What the wire over anyio does at its edges; the rest is seen through whole requests on trio."""

from math import inf

import anyio
import pytest

from llmstream.transport.fast.portable import AnyioDialler, AnyioWire
from llmstream.transport.fast.tls import default_context
from llmstream.transport.fast.wire import ExchangeError, Origin, receive

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "trio"


@pytest.fixture
async def ends():
    """A wire, and the server's end of it."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener:
        wire = await AnyioDialler(default_context)(Origin(False, "127.0.0.1", port))
        (only,) = listener.listeners
        async with await only.accept() as stream:
            yield wire, stream
    wire.abort()


def never(data: bytes) -> bool:
    return False


async def test_what_comes_in_is_received_and_its_end_too(ends):
    wire, stream = ends
    await stream.send(b"ab")
    assert await receive(wire, inf) == b"ab"
    await stream.send_eof()
    assert await receive(wire, anyio.current_time() + 1) == b""
    assert not wire.rest(lambda wire: None)


async def test_what_is_sent_arrives(ends):
    wire, stream = ends
    assert await wire.send(b"x" * 1_000, inf, never)
    assert await stream.receive() == b"x" * 1_000


async def test_an_end_stops_a_long_request(ends):
    wire, stream = ends
    await stream.aclose()
    assert not await wire.send(b"x" * 50_000_000, inf, never)


async def test_an_aborted_wire_neither_sends_nor_receives(ends):
    wire, _ = ends
    wire.abort()
    wire.abort()
    assert not await wire.send(b"x", inf, never)
    with pytest.raises(ExchangeError, match="closed"):
        await receive(wire, inf)
    assert not wire.wake()


async def test_a_wire_wakes_only_when_nothing_came(ends):
    wire, stream = ends
    assert isinstance(wire, AnyioWire)
    assert wire.rest(lambda wire: None)
    assert wire.wake()
    await stream.send(b"x")
    assert not wire.wake()
