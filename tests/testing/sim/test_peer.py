"""The peer in memory."""

import anyio
import pytest

from llmstream.errors import ConnectError, ConnectionLost, TimeoutExceeded
from llmstream.testing import clock
from llmstream.testing.fakes import Pause
from llmstream.testing.sim.answers import answer, codec_of
from llmstream.testing.sim.peer import MemoryPeer, Visit
from llmstream.testing.sim.plan import Break, Plan, planned
from llmstream.testing.sim.seed import Seed
from llmstream.transport.base import HttpCall

pytestmark = pytest.mark.anyio
SAID = answer(Seed(0), codec_of("openai-chat"))
CALL = HttpCall("POST", "http://peer.invalid/v1/chat", connect=5.0)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


def peer(plan: Plan) -> tuple[MemoryPeer, Visit]:
    visit = Visit(plan)
    return MemoryPeer(lambda call: visit), visit


async def test_it_says_what_its_plan_says_and_notes_it() -> None:
    transport, visit = peer(planned(SAID, [b"one", Pause(5), b"two"]))
    exchange = await transport.open(CALL)
    assert [await exchange.read(), await exchange.read(), await exchange.read()] == [b"one", b"two", b""]
    await exchange.aclose()
    (watched,) = visit.exchanges
    assert (bytes(watched.delivered), watched.closed, watched.late) == (b"onetwo", 1, False)
    assert visit.asked == [0]


async def test_a_read_has_a_deadline() -> None:
    transport, _ = peer(planned(SAID, [Pause()]))
    exchange = await transport.open(CALL)
    began = anyio.current_time()
    with pytest.raises(TimeoutError):
        await exchange.read(began + 3)
    assert anyio.current_time() - began == pytest.approx(3)


async def test_a_connection_is_refused_hangs_or_is_lost() -> None:
    with pytest.raises(ConnectError):
        await peer(planned(SAID, (), dialling=[Break("refused")]))[0].open(CALL)
    with pytest.raises(TimeoutExceeded, match=r"within 5.0 s \(connect\)"):
        await peer(planned(SAID, (), dialling=[Pause()]))[0].open(CALL)
    with pytest.raises(ConnectionLost):
        await peer(planned(SAID, (), opening=[Break("lost")]))[0].open(CALL)


async def test_an_interrupted_read_fails() -> None:
    transport, _ = peer(planned(SAID, [Pause()]))
    exchange = await transport.open(CALL)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.sleep, 0)
        tasks.start_soon(_interrupt, exchange)
        with pytest.raises(ConnectionLost, match="the exchange was closed"):
            await exchange.read()


async def _interrupt(exchange) -> None:
    await anyio.sleep(1)
    exchange.interrupt()
