"""Models and transports that follow a script."""

import anyio
import pytest

from llmstream import ConfigError, ConnectError, ConnectionLost, Done, Request, TextDelta, user
from llmstream.testing import clock
from llmstream.testing.fakes import Answer, Pause, ScriptedModel, ScriptedTransport
from llmstream.transport.base import HttpCall
from llmstream.wire.http import ResponseHead

pytestmark = pytest.mark.anyio
CALL = HttpCall("POST", "http://h/")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


async def test_a_model_gives_a_script_a_call_and_notes_what_it_was_asked() -> None:
    model = ScriptedModel(
        [[TextDelta(0, "a"), Done()], (event for event in [TextDelta(0, "b"), Done()])], name="x/y"
    )
    assert [(await model.prompt(text)).text() for text in ("1", "2")] == ["a", "b"]
    assert model.requests == [Request("y", [user("1")]), Request("y", [user("2")])]
    assert (model.name, model.id, model.closed) == ("x/y", "y", 2)
    with pytest.raises(ConfigError, match="at most 2 calls of x/y"):
        await model.prompt("3")
    assert ScriptedModel([], name="bare").id == "bare"


async def test_a_models_exceptions_and_pauses_have_their_place() -> None:
    model = ScriptedModel([["a", Pause(5), ConnectionLost("gone")]])
    began = anyio.current_time()
    with pytest.raises(ConnectionLost) as caught:
        await model.prompt("hi")
    assert caught.value.partial.text() == "a"
    assert anyio.current_time() - began == pytest.approx(5)


async def test_a_transport_gives_an_answer_a_call() -> None:
    head = ResponseHead(201)
    transport = ScriptedTransport([Answer([b"a", b"", b"b"], head)])
    exchange = await transport.open(CALL)
    assert exchange.head is head
    assert [await exchange.read() for _ in range(4)] == [b"a", b"b", b"", b""]
    assert (transport.exchanges[0].over, transport.exchanges[0].closed) == (True, 0)
    await exchange.aclose()
    assert transport.exchanges[0].closed == 1
    assert transport.calls == [CALL]
    with pytest.raises(ConfigError, match="at most 1 calls"):
        await transport.open(CALL)


async def test_what_happens_before_the_head_and_in_the_body_takes_its_time() -> None:
    transport = ScriptedTransport(
        [
            Answer([Pause(3), b"a", ConnectionLost("gone")], before=[Pause(2)]),
            Answer([], before=[ConnectError("no")]),
        ]
    )
    began = anyio.current_time()
    exchange = await transport.open(CALL)
    assert anyio.current_time() - began == pytest.approx(2)
    assert await exchange.read() == b"a"
    assert anyio.current_time() - began == pytest.approx(5)
    with pytest.raises(ConnectionLost, match="gone"):
        await exchange.read()
    with pytest.raises(ConnectError):
        await transport.open(CALL)
    assert len(transport.exchanges) == 1


async def test_a_pause_without_an_end_waits_for_a_cancellation() -> None:
    transport = ScriptedTransport([Answer([Pause()])])
    exchange = await transport.open(CALL)
    with anyio.move_on_after(1000) as scope:
        await exchange.read()
    assert scope.cancelled_caught


async def test_an_exchange_that_was_closed_gives_nothing_more() -> None:
    exchange = await ScriptedTransport([Answer([b"a", b"b"])]).open(CALL)
    await exchange.read()
    await exchange.aclose()
    with pytest.raises(ConnectionLost, match="closed"):
        await exchange.read()
