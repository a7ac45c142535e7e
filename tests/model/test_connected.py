"""A provider, asked over a real connection."""

import anyio
import pytest

import llmstream
from llmstream import AuthError, ConfigError, TimeoutExceeded, Timeouts, UnsupportedError, sync
from llmstream.jsontext import dump_bytes
from llmstream.testing.loopback import Received, Reply, in_turn, replies, serve

pytestmark = pytest.mark.anyio


def document(value: object, **more) -> object:
    return replies(dump_bytes(value), content_type="application/json", **more)


async def test_models_are_listed_page_by_page() -> None:
    pages = [
        {"data": [{"id": "a"}], "has_more": True, "last_id": "a"},
        {"data": [{"id": "b"}], "has_more": False, "last_id": "b"},
    ]
    async with serve(in_turn(*map(document, pages))) as server:
        anthropic = llmstream.get_provider("anthropic", base_url=server.url, key="k")
        assert [info.id for info in await anthropic.models()] == ["a", "b"]
        assert [received.path for received in server.requests] == [
            "/v1/models?limit=1000",
            "/v1/models?limit=1000&after_id=a",
        ]
        assert server.requests[0].headers["x-api-key"] == "k"
        assert server.accepted == 1


async def embedding(received: Received, reply: Reply) -> None:
    texts = received.json()["input"]
    vectors = [{"index": index, "embedding": [float(text)]} for index, text in enumerate(texts)]
    await document({"data": vectors[::-1], "usage": {"prompt_tokens": len(texts)}})(received, reply)


async def test_texts_are_embedded_in_order() -> None:
    async with serve(embedding) as server:
        model = llmstream.get_model("vllm/e", base_url=server.url)
        found = await model.embed(map(str, range(5)), batch=2)
        assert found.vectors == tuple((float(number),) for number in range(5))
        assert found.usage is not None
        assert found.usage.input == 5
        assert [received.path for received in server.requests] == ["/embeddings"] * 3


async def test_without_await_it_is_the_same() -> None:
    answers = [{"models": [{"name": "m"}]}, {"embeddings": [[1.5]]}]
    async with serve(in_turn(*map(document, answers))) as server:

        def asked() -> tuple[object, ...]:
            ollama = sync.get_provider("ollama", base_url=server.url)
            models = ollama.models(timeouts=Timeouts(total=9))
            return ollama.name, models[0].id, ollama.model("m").embed(["a"], dimensions=1).vectors

        assert await anyio.to_thread.run_sync(asked) == ("ollama", "m", ((1.5,),))


async def test_a_refusal_is_typed() -> None:
    refusal = document({"error": {"message": "no such key"}}, status=401)
    async with serve(refusal) as server:
        groq = llmstream.get_provider("groq", base_url=server.url, key="k")
        with pytest.raises(AuthError, match="no such key"):
            await groq.models()


async def silence(received: Received, reply: Reply) -> None:
    await reply.hang()


async def test_a_silent_provider_is_left() -> None:
    async with serve(silence) as server:
        groq = llmstream.get_provider("groq", base_url=server.url, key="k")
        with pytest.raises(TimeoutExceeded):
            await groq.models(timeouts=Timeouts(total=0.05))
        await server.wait_closed()


async def test_a_provider_is_found_by_name() -> None:
    with pytest.raises(ConfigError, match=r"anthropic, .*'nobody'"):
        llmstream.get_provider("nobody")
    demo = llmstream.get_provider("demo")
    assert repr(demo) == "<ConnectedProvider demo>"
    assert (await demo.model("demo").prompt("Hi")).text()
    with pytest.raises(UnsupportedError, match="got demo"):
        await demo.models()
