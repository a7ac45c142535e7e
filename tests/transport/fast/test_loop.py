"""What the protocol does when asyncio calls it late; the rest is seen through real sockets."""

import asyncio  # noqa: TID251 - what is tested is asyncio's
from math import inf

import pytest

from llmstream.transport.fast.loop import LoopWire
from llmstream.transport.fast.wire import ExchangeError, Origin, receive

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Recorder(asyncio.Transport):
    """A transport that only remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False
        self.written = b""

    def abort(self) -> None:
        self.aborted = True

    def write(self, data: bytes) -> None:
        self.written += data

    def get_extra_info(self, name, default=None):
        return default


@pytest.fixture
async def wire() -> LoopWire:
    return LoopWire(Origin(False, "x", 80), asyncio.get_running_loop(), memoryview(bytearray(65536)), None)


async def test_a_connection_made_after_the_end_is_dropped(wire):
    transport = Recorder()
    wire.abort()
    wire.connection_made(transport)
    assert transport.aborted


async def test_nothing_is_taken_or_sent_after_the_end(wire):
    transport = Recorder()
    wire.connection_made(transport)
    wire.abort()
    wire.buffer_updated(3)
    assert not await wire.send(b"x", inf, lambda data: False)
    assert transport.written == b""
    with pytest.raises(ExchangeError, match="closed"):
        await receive(wire, inf)


async def test_another_loops_socket_is_not_looked_into_after_its_end(wire):
    wire.connection_made(Recorder())
    wire.connection_lost(ConnectionResetError("reset"))
    with pytest.raises(ExchangeError, match="reset"):
        await receive(wire, inf)


async def test_a_clogged_wire_does_not_rest(wire):
    wire.connection_made(Recorder())
    wire.pause_writing()
    assert not wire.rest(lambda wire: None)
    wire.resume_writing()
    assert wire.rest(lambda wire: None)


async def test_a_connection_that_ends_while_it_is_clogged_stops_the_sending(wire):
    wire.connection_made(Recorder())
    wire.pause_writing()
    asyncio.get_running_loop().call_soon(wire.connection_lost, None)
    assert not await wire.send(b"x", inf, lambda data: False)
    assert await receive(wire, inf) == b""
