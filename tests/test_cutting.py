"""On real sockets: what cuts, races or stands in closes its connections at once."""

import anyio
import pytest

import llmstream
from llmstream import Budget, Done, Model, Restarted, TextDelta
from llmstream.jsontext import dump_bytes
from llmstream.testing.loopback import Handler, Received, Reply, in_turn, replies, serve

pytestmark = pytest.mark.anyio
SSE = {"content-type": "text/event-stream"}
KEY = "sk-sentinel-0123456789"


def frame(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: " + dump_bytes({"choices": [choice]}) + b"\n\n"


def says_and_hangs(*texts: str) -> Handler:
    async def handler(received: Received, reply: Reply) -> None:
        await reply.head(200, SSE)
        for text in texts:
            await reply.send(frame(text))
        await reply.hang()

    return handler


def says_and_breaks(*texts: str) -> Handler:
    async def handler(received: Received, reply: Reply) -> None:
        await reply.head(200, SSE)
        for text in texts:
            await reply.send(frame(text))
        reply.abort()

    return handler


def whole(text: str) -> Handler:
    return replies(frame(text) + frame("", "stop") + b"data: [DONE]\n\n")


def at(url: str, id: str = "m") -> Model:
    return llmstream.get_model(f"openai-chat/{id}", base_url=url, key=KEY)


@pytest.mark.parametrize(
    "budget", [Budget(tokens=1), Budget(until="56"), Budget(seconds=0.2), Budget(tokens=9, seconds=0.2)]
)
async def test_a_budget_closes_the_connection_before_done_is_given(budget) -> None:
    async with serve(says_and_hangs("0123", "4567")) as server:
        async with at(server.url).prompt("hi", budget=budget) as stream:
            async for event in stream:
                if isinstance(event, Done):
                    await server.wait_closed()
                    assert event.finish_reason == "budget"
                    assert event.usage is not None
                    assert event.usage.details == {"estimated": True}
        assert (stream.state, len(server.requests)) == ("budget", 1)


async def test_the_loser_of_a_race_is_closed_before_the_winners_first_event() -> None:
    async def silent(received: Received, reply: Reply) -> None:
        await reply.hang()

    async with serve(in_turn(silent, says_and_hangs("hello"))) as server:
        async with llmstream.hedge(at(server.url), after=0.05).prompt("hi") as stream:
            assert await anext(stream) == TextDelta(0, "hello")
            with anyio.fail_after(1):
                while server.open_connections > 1:
                    await anyio.sleep(0.001)
            assert (len(server.requests), server.open_connections) == (2, 1)
        await server.wait_closed()


async def test_another_model_goes_on_where_a_connection_broke() -> None:
    async with serve(in_turn(says_and_breaks("Hello wor"), whole("world!"))) as server:
        model = llmstream.fallback(at(server.url), at(server.url, "m2"), continue_partial=True)
        stream = model.prompt("hi")
        events = [event async for event in stream]
        assert sum(isinstance(event, Restarted) for event in events) == 1
        response = await stream
        assert (response.text(), response.state, response.model) == ("Hello world!", "complete", "m2")
        asked = server.requests[1].json()
        assert asked["model"] == "m2"
        assert asked["messages"][1] == {"role": "assistant", "content": "Hello wor"}


async def test_a_recorded_call_that_is_left_is_closed(tmp_path) -> None:
    async with serve(says_and_hangs("hello")) as server:
        async with llmstream.record(at(server.url), tmp_path / "log").prompt("hi") as stream:
            assert await anext(stream) == TextDelta(0, "hello")
        await server.wait_closed()
    assert KEY.encode() not in (tmp_path / "log").read_bytes()
