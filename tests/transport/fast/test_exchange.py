"""One request and its response, over a wire that replays what a server would send."""

import attrs
import pytest

from llmstream.transport.fast.exchange import Exchange, Timeouts
from llmstream.transport.fast.pool import Limits, Pool
from llmstream.transport.fast.reader import ResponseReader
from llmstream.transport.fast.request import RequestWriter
from llmstream.transport.fast.wire import ExchangeError, Origin

pytestmark = pytest.mark.anyio
ORIGIN = Origin(False, "x", 80)
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@attrs.define(eq=False)
class Replay:
    """A wire that gives its reads one by one, and `early` of them while the request is sent."""

    reads: list[bytes]
    early: int = 0
    origin: Origin = ORIGIN
    idle_since: float = 0.0
    sent: bytes = b""
    open: bool = True

    async def send(self, data, deadline, answered) -> bool:
        self.sent += data
        while self.early:
            self.early -= 1
            if answered(self.reads.pop(0)):
                return False
        return True

    def take(self) -> bytes:
        return self.reads.pop(0) if self.reads else b""

    async def coming(self, deadline) -> bool:
        return True

    def abort(self) -> None:
        self.open = False

    def rest(self, on_end) -> bool:
        return not self.reads

    def wake(self) -> bool:
        return True


@pytest.fixture
def pool() -> Pool:
    return Pool(Limits(), lambda: 0.0)


async def begun(pool: Pool, wire: Replay, method: str = "POST") -> Exchange:
    assert await pool.acquire(ORIGIN, None) is None
    pool.opened(wire)
    writer = RequestWriter(method, b"/", [(b"host", b"x"), (b"content-length", b"3")])
    return Exchange(pool, wire, writer=writer, reader=ResponseReader(method), timeouts=Timeouts())


async def body_of(exchange: Exchange) -> list[bytes]:
    parts = []
    while part := await exchange.read():
        parts.append(part)
    return parts


async def test_the_wire_goes_back_with_the_last_byte(pool):
    wire = Replay([WHOLE + b"ab", b"cd"])
    exchange = await begun(pool, wire)
    head = await exchange.start(b"abc")
    assert head.status == 200
    assert await exchange.read() == b"ab"
    assert pool.idle == 0
    assert await exchange.read() == b"cd"
    assert (pool.slots, pool.idle) == (1, 1)
    assert await exchange.read() == b""
    exchange.close()
    assert wire.open
    assert wire.sent.endswith(b"\r\n\r\nabc")


async def test_a_body_that_came_with_its_head_is_one_piece(pool):
    exchange = await begun(pool, Replay([CHUNKED + b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"]))
    await exchange.start(b"abc")
    assert pool.idle == 1
    assert await body_of(exchange) == [b"ab"]


async def test_an_answer_before_the_request_was_sent_costs_the_connection(pool):
    wire = Replay([b"HTTP/1.1 100 Continue\r\n\r\n", WHOLE + b"abcd"], early=2)
    exchange = await begun(pool, wire)
    await exchange.start(b"abc")
    assert await body_of(exchange) == [b"abcd"]
    assert (pool.slots, wire.open) == (0, False)


async def test_an_interim_answer_while_the_request_is_sent_changes_nothing(pool):
    wire = Replay([b"HTTP/1.1 100 Continue\r\n\r\n", WHOLE + b"abcd"], early=1)
    exchange = await begun(pool, wire)
    await exchange.start(b"abc")
    assert await body_of(exchange) == [b"abcd"]
    assert pool.idle == 1


async def test_closing_early_drops_the_connection(pool):
    wire = Replay([WHOLE + b"ab", b"cd"])
    exchange = await begun(pool, wire)
    await exchange.start(b"abc")
    exchange.close()
    exchange.close()
    assert (pool.slots, wire.open) == (0, False)
    with pytest.raises(ExchangeError, match="closed"):
        await exchange.read()


async def test_what_came_before_a_failure_is_read_first(pool):
    wire = Replay([CHUNKED + b"1\r\na\r\nzz\r\n"])
    exchange = await begun(pool, wire)
    await exchange.start(b"abc")
    assert await exchange.read() == b"a"
    for _ in range(2):
        with pytest.raises(ExchangeError, match="chunk size") as caught:
            await exchange.read()
    assert caught.value.kind == "RemoteProtocolError"
    assert (pool.slots, wire.open) == (0, False)


async def test_bytes_after_the_response_are_a_failure_after_it(pool):
    wire = Replay([WHOLE + b"abcdHTTP/1.1 200 OK\r\n\r\n"])
    exchange = await begun(pool, wire)
    await exchange.start(b"abc")
    assert await exchange.read() == b"abcd"
    with pytest.raises(ExchangeError, match="after the response"):
        await exchange.read()
    assert pool.slots == 0


async def test_no_answer_is_a_failure(pool):
    exchange = await begun(pool, Replay([]))
    with pytest.raises(ExchangeError, match="without sending a response"):
        await exchange.start(b"abc")


async def test_pieces_are_sent_as_they_come(pool):
    wire = Replay([WHOLE + b"abcd"])
    exchange = await begun(pool, wire)
    await exchange.start([b"a", b"bc"])
    assert wire.sent.endswith(b"\r\n\r\nabc")


def test_timeouts_are_read_from_what_httpx_gives():
    assert Timeouts.of({"connect": 1, "read": None, "write": 2.5}) == Timeouts(1, None, 2.5, None)
