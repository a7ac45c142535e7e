"""Exchanges whose body is one document, over a transport that follows a script."""

import pytest

from llmstream import (
    AuthError,
    ConnectionLost,
    FrameTooLargeError,
    LLMStreamError,
    MalformedFrameError,
    Request,
    Secret,
    TimeoutExceeded,
    Timeouts,
    TruncatedStreamError,
)
from llmstream.client.drive import Call
from llmstream.client.fetch import DocumentCodec, fetch, payload_of
from llmstream.client.limits import Limits
from llmstream.testing import clock
from llmstream.testing.fakes import Answer, Pause, ScriptedTransport
from llmstream.transport.base import HttpCall
from llmstream.wire import find
from llmstream.wire.http import HttpRequest, ResponseHead

pytestmark = pytest.mark.anyio
KEY = "sk-sentinel-0123456789"
HTTP = HttpRequest("GET", "/models")
CODEC = DocumentCodec(find("openai-chat"), HTTP)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


def call(*pieces, status: int = 200, **more) -> Call:
    transport = ScriptedTransport([Answer(pieces, ResponseHead(status))])
    sent = HttpCall("GET", "http://example.org/models", (("authorization", Secret(f"Bearer {KEY}")),))
    return Call(codec=CODEC, http=sent, transport=transport, **more)


async def failed(made: Call) -> LLMStreamError:
    with pytest.raises(LLMStreamError) as caught:
        await fetch(made)
    assert all(exchange.closed for exchange in made.transport.exchanges)
    return caught.value


async def test_the_body_is_read_to_its_end() -> None:
    made = call(b'\xef\xbb\xbf{"da', b'ta":', b"[1]}\n")
    assert await fetch(made) == {"data": [1]}
    assert made.transport.exchanges[0].closed


async def test_a_refusal_is_the_dialects_and_hides_the_key() -> None:
    error = await failed(call(f'{{"error":{{"message":"bad key {KEY}"}}}}'.encode(), status=401))
    assert type(error) is AuthError
    assert str(error) == "bad key ***"


@pytest.mark.parametrize("pieces", [(), (b"",), (b'{"data":',), (b"[1",)])
async def test_a_body_that_is_cut_off_is_loud(pieces) -> None:
    assert type(await failed(call(*pieces))) is TruncatedStreamError


async def test_a_body_of_another_kind_is_shown_in_part() -> None:
    error = await failed(call(b"<html>" + b"x" * 1000))
    assert type(error) is MalformedFrameError
    assert len(str(error)) < 300


async def test_a_connection_that_is_lost_is_no_short_answer() -> None:
    assert type(await failed(call(b'{"data":[1', ConnectionLost("cut")))) is ConnectionLost


async def test_a_body_has_its_clocks_and_its_limit() -> None:
    error = await failed(call(b"{", Pause(), timeouts=Timeouts(first_event=3)))
    assert isinstance(error, TimeoutExceeded)
    assert (error.clock, error.seconds) == ("first_event", 3)
    assert type(await failed(call(b"[" * 100, limits=Limits(frame_bytes=10)))) is FrameTooLargeError


async def test_the_codec_is_the_dialects_in_all_else() -> None:
    behind = find("openai-chat")
    assert (CODEC.name, CODEC.provider, CODEC.server) == (behind.name, behind.provider, behind.server)
    assert CODEC.encode(Request("any")) == HTTP


async def test_documents_are_read_from_bytes_and_text() -> None:
    assert payload_of(b"[1]") == payload_of("[1]") == [1]
    with pytest.raises(MalformedFrameError):
        payload_of(b"\xff")
