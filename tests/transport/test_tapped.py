"""A transport that is listened to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream import ConfigError, ConnectError, ConnectionLost, Secret
from llmstream.testing.fakes import Answer, Pause, ScriptedTransport
from llmstream.transport.base import HttpCall
from llmstream.transport.tapped import Concealed, TappedTransport
from llmstream.wire.http import ResponseHead

pytestmark = pytest.mark.anyio
CALL = HttpCall("POST", "http://acme.test", [("authorization", Secret("Bearer sk-sentinel"))])


class Heard:
    def __init__(self) -> None:
        self.said: list[object] = []

    def sent(self, call) -> None:
        self.said.append(call.method)

    def opened(self, head) -> None:
        self.said.append(head.status)

    def read(self, data) -> None:
        self.said.append(data)

    def lost(self, error) -> None:
        self.said.append(type(error))


async def test_all_that_passes_is_told() -> None:
    heard = Heard()
    inner = ScriptedTransport([Answer([b"a", b"b"], ResponseHead(201))])
    exchange = await TappedTransport(inner, heard).open(CALL)
    while await exchange.read():
        pass
    await exchange.aclose()
    assert exchange.head.status == 201
    assert heard.said == ["POST", 201, b"a", b"b", b""]
    assert inner.exchanges[0].closed == 1


async def test_what_breaks_is_told_and_raised() -> None:
    heard = Heard()
    lost = Answer([b"a", ConnectionLost("gone")])
    inner = ScriptedTransport([Answer([], before=[ConnectError("no")]), lost, Answer([Pause()])])
    tapped = TappedTransport(inner, heard)
    with pytest.raises(ConnectError):
        await tapped.open(CALL)
    exchange = await tapped.open(CALL)
    assert await exchange.read() == b"a"
    with pytest.raises(ConnectionLost):
        await exchange.read()
    exchange = await tapped.open(CALL)
    with pytest.raises(TimeoutError):
        await exchange.read(0)
    assert heard.said == ["POST", ConnectError, "POST", 200, b"a", ConnectionLost, "POST", 200, TimeoutError]


async def test_a_read_is_interrupted_through_it() -> None:
    heard = Heard()
    exchange = await TappedTransport(ScriptedTransport([Answer([b"a"])]), heard).open(CALL)
    exchange.interrupt()
    with pytest.raises(ConnectionLost):
        await exchange.read()
    assert heard.said == ["POST", 200, ConnectionLost]


@given(st.lists(st.text("abk-", max_size=5), max_size=9))
def test_a_word_is_starred_out_wherever_it_is_cut(pieces) -> None:
    concealed = Concealed(["ab-k", "kk"])
    given = b"".join([*(concealed.feed(piece.encode()) for piece in pieces), concealed.feed_eof()])
    assert b"ab-k" not in given
    assert b"kk" not in given
    assert b"***" in given or given == "".join(pieces).encode()


def test_what_is_no_word_is_given_at_once() -> None:
    concealed = Concealed(CALL.secrets())
    assert concealed.feed(b"data: sk") == b"data: "
    assert concealed.feed(b"i") == b"ski"
    assert Concealed(()).feed(b"any") == b"any"


class Deaf(Heard):
    def opened(self, head) -> None:
        raise ConfigError("no room left")


async def test_a_listener_that_fails_leaves_no_response_open() -> None:
    inner = ScriptedTransport([Answer([b"a"])])
    with pytest.raises(ConfigError):
        await TappedTransport(inner, Deaf()).open(CALL)
    assert inner.exchanges[0].closed == 1
