"""The peer on connections in memory, under our own HTTP."""

import pytest

from llmstream.errors import ConnectionLost, TransportError
from llmstream.testing import clock
from llmstream.testing.sim.answers import answer, codec_of
from llmstream.testing.sim.peer import Visit
from llmstream.testing.sim.plan import Break, Framing, Plan, planned
from llmstream.testing.sim.seed import Seed
from llmstream.testing.sim.wires import WiredPeer, http
from llmstream.transport.base import HttpCall

pytestmark = pytest.mark.anyio
SAID = answer(Seed(0), codec_of("openai-chat"))
CALL = HttpCall("POST", "http://peer.invalid/v1/chat", body=b"{}")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


async def body(peer: WiredPeer) -> bytes:
    exchange = await peer.open(CALL)
    read = b""
    while chunk := await exchange.read():
        read += chunk
    await exchange.aclose()
    return read


def peer(plan: Plan) -> WiredPeer:
    return WiredPeer(lambda call: Visit(plan), connections=1)


@pytest.mark.parametrize("by", ["chunks", "length", "close"])
async def test_each_framing_says_the_body(by) -> None:
    for cut in range(0, 60, 7):
        wired = peer(planned(SAID, SAID.frames, framing=Framing(by, cut=cut)))
        assert await body(wired) == SAID.body
        assert await body(wired) == SAID.body
        assert wired.lent == 0
        assert len(wired.wires) == (2 if by == "close" else 1)


@pytest.mark.parametrize(
    "flaw", ["chunk size that is no number", "no last chunk", "length too long", "two lengths"]
)
async def test_a_flaw_is_a_lost_connection(flaw) -> None:
    by = "length" if flaw == "length too long" else "chunks"
    wired = peer(planned(SAID, SAID.frames, framing=Framing(by, flaw)))
    with pytest.raises(ConnectionLost):
        await body(wired)


async def test_what_is_behind_the_end_is_never_read() -> None:
    wired = peer(planned(SAID, SAID.frames, framing=Framing("chunks", "bytes behind the end")))
    assert await body(wired) == SAID.body
    assert await body(wired) == SAID.body
    assert len(wired.wires) == 2


async def test_no_connection_leaves_its_slot_free() -> None:
    wired = peer(planned(SAID, (), dialling=[Break("refused")]))
    for _ in range(3):
        with pytest.raises(TransportError):
            await wired.open(CALL)
    assert wired.wires == []


def test_a_plan_is_bytes_of_http() -> None:
    plan = planned(SAID, [b"one"], framing=Framing("length"))
    said = b"".join(step for step in http(plan) if isinstance(step, bytes))
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.endswith(b"content-length: 3\r\n\r\none")
