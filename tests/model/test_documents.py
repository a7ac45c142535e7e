"""Listings and vectors, asked of an endpoint over a transport that follows a script."""

import json

import anyio
import attrs
import pytest

from llmstream import (
    ConfigError,
    Embeddings,
    MalformedFrameError,
    Provider,
    RateLimitError,
    Retries,
    Secret,
    TimeoutExceeded,
    Timeouts,
    UnsupportedError,
    Usage,
)
from llmstream.jsontext import dump_bytes
from llmstream.model.documents import MAX_PAGES, Documents
from llmstream.model.provided import Endpoint
from llmstream.testing import clock
from llmstream.testing.fakes import Answer, Pause, ScriptedTransport
from llmstream.wire import find
from llmstream.wire.embedding import BedrockEmbedding, OpenAIEmbedding
from llmstream.wire.http import ResponseHead
from llmstream.wire.listing import Listing

pytestmark = pytest.mark.anyio
ROW = Provider(name="acme", codec=find("openai-chat"), headers=[("x-vendor", "1")], query=[("v", "2")])


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


def documents(
    *payloads: object, row: Provider = ROW, timeouts: Timeouts | None = None
) -> tuple[Documents, ScriptedTransport]:
    answers = [p if isinstance(p, Answer) else Answer([dump_bytes(p)]) for p in payloads]
    transport = ScriptedTransport(answers)
    endpoint = Endpoint(row, "http://acme.test/v1", Secret("sk-sentinel-0123456789"), transport)
    return Documents(endpoint, timeouts or Timeouts()), transport


def vectors(*numbers: float) -> dict:
    data = [{"index": index, "embedding": [number]} for index, number in enumerate(numbers)]
    return {"data": data, "usage": {"prompt_tokens": len(numbers)}, "model": "m"}


async def test_a_listing_goes_to_the_row_with_its_headers_and_key() -> None:
    acme, transport = documents({"data": [{"id": "a"}, {"id": "b"}]})
    assert [info.id for info in await acme.models()] == ["a", "b"]
    (call,) = transport.calls
    assert (call.method, call.url, call.body) == ("GET", "http://acme.test/v1/models?v=2", b"")
    assert dict(call.headers)["x-vendor"] == "1"
    assert dict(call.headers)["authorization"] == Secret("Bearer sk-sentinel-0123456789")


async def test_all_pages_are_read() -> None:
    row = attrs.evolve(ROW, codec=find("anthropic"), query=())
    acme, transport = documents(
        {"data": [{"id": "a"}], "has_more": True, "last_id": "a"},
        {"data": [{"id": "b"}], "has_more": False, "last_id": "b"},
        row=row,
    )
    assert [info.id for info in await acme.models()] == ["a", "b"]
    assert [call.url.removeprefix("http://acme.test/v1") for call in transport.calls] == [
        "/v1/models?limit=1000",
        "/v1/models?limit=1000&after_id=a",
    ]


async def test_a_listing_without_end_is_left() -> None:
    page = {"data": [], "has_more": True, "last_id": "a"}
    row = attrs.evolve(ROW, codec=find("anthropic"))
    acme, transport = documents(*[page] * MAX_PAGES, row=row)
    with pytest.raises(MalformedFrameError, match="goes on"):
        await acme.models()
    assert len(transport.calls) == MAX_PAGES


async def test_a_listing_of_the_rows_own_may_be_at_another_host() -> None:
    row = attrs.evolve(ROW, listing=Listing(path="/list", host=("acme.", "list.acme.")), query=())
    acme, transport = documents({"data": []}, row=row)
    assert await acme.models() == ()
    assert transport.calls[0].url == "http://list.acme.test/v1/list"


async def test_texts_are_embedded_in_batches_and_in_order() -> None:
    acme, transport = documents(vectors(1, 2), vectors(3))
    found = await acme.embed("e", ["a", "b", "c"], batch=2, dimensions=1, extra={"x": 1})
    assert found == Embeddings([(1.0,), (2.0,), (3.0,)], Usage(input=3), "m")
    assert [json.loads(call.body) for call in transport.calls] == [
        {"model": "e", "input": ["a", "b"], "dimensions": 1, "x": 1},
        {"model": "e", "input": ["c"], "dimensions": 1, "x": 1},
    ]
    assert all(exchange.closed for exchange in transport.exchanges)


async def test_a_call_has_at_most_as_many_texts_as_the_wire_takes() -> None:
    row = attrs.evolve(ROW, embedding=BedrockEmbedding())
    acme, transport = documents({"embedding": [1]}, {"embedding": [2]}, row=row)
    found = await acme.embed("amazon.titan", ["a", "b"], batch=50)
    assert (found.vectors, found.usage) == (((1.0,), (2.0,)), None)
    assert transport.calls[0].url == "http://acme.test/v1/model/amazon.titan/invoke?v=2"


async def test_no_texts_are_no_call() -> None:
    acme, transport = documents()
    assert await acme.embed("e", []) == Embeddings()
    assert transport.calls == []


async def test_vectors_that_are_missing_are_seen() -> None:
    acme, _ = documents(vectors(1))
    with pytest.raises(MalformedFrameError, match="expected 2 vectors, got 1"):
        await acme.embed("e", ["a", "b"])


async def test_a_refusal_is_typed() -> None:
    refusal = Answer([b'{"error":{"message":"slow down"}}'], ResponseHead(429, {"retry-after": "3"}))
    acme, transport = documents(refusal, refusal)
    acme = attrs.evolve(acme, retries=Retries(1))
    for asked in (acme.models(), acme.embed("e", ["a"])):
        with pytest.raises(RateLimitError, match="slow down") as caught:
            await asked
        assert caught.value.retry_after == 3
    assert len(transport.calls) == 2


async def test_what_was_refused_is_asked_again() -> None:
    refusal = Answer([b"{}"], ResponseHead(429, {"retry-after": "3"}))
    listed = Answer([dump_bytes({"data": [{"id": "m"}]})])
    acme, transport = documents(refusal, listed, refusal, Answer([dump_bytes(vectors(1))]))
    began = anyio.current_time()
    assert [model.id for model in await acme.models()] == ["m"]
    assert len((await acme.embed("e", ["a"])).vectors) == 1
    assert len(transport.calls) == 4
    assert anyio.current_time() - began == pytest.approx(6)


async def test_the_clocks_are_the_callers() -> None:
    acme, _ = documents(Answer([b"{", Pause()]), timeouts=Timeouts(total=2))
    with pytest.raises(TimeoutExceeded):
        await acme.models()


async def test_a_batch_has_a_text() -> None:
    acme, _ = documents()
    with pytest.raises(ConfigError, match="at least one"):
        await acme.embed("e", ["a"], batch=0)


class Unknown:
    """A dialect that says nothing of listings."""

    name = "unknown"


SILENT = [attrs.evolve(ROW, codec=Unknown()), attrs.evolve(ROW, script=lambda request: ())]


@pytest.mark.parametrize("row", SILENT)
async def test_a_wire_that_says_nothing_of_it_is_refused(row: Provider) -> None:
    acme, transport = documents(row=row)
    with pytest.raises(UnsupportedError, match="lists its models, got acme"):
        await acme.models()
    with pytest.raises(UnsupportedError, match="embeds texts, got acme"):
        await acme.embed("e", ["a"])
    assert transport.calls == []


async def test_a_wire_without_embeddings_of_its_own_takes_the_rows() -> None:
    row = attrs.evolve(ROW, codec=find("anthropic"), embedding=OpenAIEmbedding(encoding="float"))
    acme, transport = documents(vectors(1), row=row)
    await acme.embed("e", ["a"])
    assert json.loads(transport.calls[0].body)["encoding_format"] == "float"
