"""Inference servers that nobody here wrote are called, over a real socket, on both event loops.

LLMSTREAM_PEER_OPENAI, _RESPONSES, _ANTHROPIC, _OLLAMA, _GEMINI and _BEDROCK may each name the base address of
a server; the wire is then spoken with it instead of aimock. After such a name, _MODEL says which model to ask
(else the first that the server lists), _KEY is its key, and _LACKS names, with commas, the cases that it has
not: text, reasoning, tools, schema, unknown_model, bad_request, leaving, models, embed.
"""

import json
import os
import socket
import stat
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import attrs
import pytest

from llmstream import (
    AuthError,
    ConnectionLost,
    Done,
    InvalidRequestError,
    Model,
    NotFoundError,
    Options,
    ProviderError,
    RateLimitError,
    ReasoningDelta,
    ServerError,
    TextDelta,
    Tool,
    ToolCallEnd,
    ToolResultPart,
    TruncatedStreamError,
    WireError,
    get_provider,
)
from llmstream.model.connected import ConnectedProvider

pytestmark = [pytest.mark.anyio, pytest.mark.peer]


@attrs.frozen
class Wire:
    """Which provider's row speaks it, and under which path aimock serves it."""

    row: str
    path: str = ""


WIRES = {
    "OPENAI": Wire("openai-chat", "/v1"),
    "RESPONSES": Wire("openai", "/v1"),
    "ANTHROPIC": Wire("anthropic"),
    "OLLAMA": Wire("ollama"),
    "GEMINI": Wire("gemini"),
    "BEDROCK": Wire("bedrock"),
}
_NO_REFUSAL = "aimock takes it for a failure of its own, or takes anything"
_NO_LISTING = "aimock lists models where OpenAI and Ollama do, and nowhere else"
# What is left out, and why: where aimock is not what the provider's own servers are.
AIMOCK_LACKS = {
    ("OLLAMA", "reasoning"): "aimock writes reasoning_content, Ollama writes thinking",
    ("RESPONSES", "bad_request"): _NO_REFUSAL,
    ("ANTHROPIC", "bad_request"): _NO_REFUSAL,
    ("GEMINI", "models"): _NO_LISTING,
    ("BEDROCK", "models"): _NO_LISTING,
    ("ANTHROPIC", "embed"): "Anthropic has no embeddings",
    ("OLLAMA", "embed"): "aimock gives one vector for all texts of a call, Ollama one for each",
    ("GEMINI", "embed"): "aimock has no batchEmbedContents",
    ("BEDROCK", "embed"): "aimock answers InvokeModel with messages alone",
}


@attrs.frozen
class Peer:
    """A server that speaks one wire.

    `scripted` says that it is aimock, whose answers are known to the letter.
    """

    wire: Wire
    url: str
    key: str
    scripted: bool
    model_id: str | None

    @property
    def provider(self) -> ConnectedProvider:
        return get_provider(self.wire.row, base_url=self.url, key=self.key)

    async def model(self) -> Model:
        return self.provider.model(self.model_id or (await self.provider.models())[0].id)

    def nobody(self) -> Model:
        """A model that there is not."""
        return self.provider.model("no-such-model")


def scripted(wire: str, url: str) -> Peer:
    return Peer(WIRES[wire], url + WIRES[wire].path, "k", True, "peer-1")


def named(wire: str, what: str = "") -> str | None:
    return os.environ.get(f"LLMSTREAM_PEER_{wire}{what}")


def has(wire: str, case: str) -> bool:
    if named(wire):
        return case not in (named(wire, "_LACKS") or "").split(",")
    return (wire, case) not in AIMOCK_LACKS


def on(case: str) -> pytest.MarkDecorator:
    """Run a test on each wire whose server has the case."""
    return pytest.mark.parametrize("wire", [wire for wire in WIRES if has(wire, case)])


@pytest.fixture
def peer(wire: str, request: pytest.FixtureRequest) -> Peer:
    """The server that speaks a wire: the one that the environment names, else aimock."""
    url = named(wire)
    if url is None:
        return scripted(wire, request.getfixturevalue("aimock"))
    return Peer(WIRES[wire], url, named(wire, "_KEY") or "k", False, named(wire, "_MODEL"))


HELLO = "Hello — déjà vu 🦀, said in several pieces."


@on("text")
async def test_text_is_streamed(peer: Peer) -> None:
    async with (await peer.model()).prompt("Say hello.") as stream:
        events = [event async for event in stream]
    texts = [event.text for event in events if isinstance(event, TextDelta)]
    done = events[-1]
    assert isinstance(done, Done)
    assert done.finish_reason == "stop"
    assert len(texts) > 1
    assert stream.snapshot().text() == "".join(texts)
    assert not peer.scripted or "".join(texts) == HELLO


@on("text")
async def test_text_is_awaited_and_replied_to(peer: Peer) -> None:
    first = await (await peer.model()).prompt("Say hello.")
    second = await first.reply("Say it again.")
    assert first.state == second.state == "complete"
    assert [message.role for message in second.request.messages] == ["user", "assistant", "user"]
    assert not peer.scripted or (first.text(), second.text()) == (HELLO, "Hello again.")


@on("reasoning")
async def test_reasoning_comes_apart_from_text(peer: Peer) -> None:
    model = await peer.model()
    async with model.prompt("Think: what is six times seven?", options={"reasoning_effort": "low"}) as stream:
        thoughts = [event.text async for event in stream if isinstance(event, ReasoningDelta)]
    response = await stream
    assert response.reasoning() == "".join(thoughts) != ""
    assert response.text()
    assert not peer.scripted or response.reasoning() == "Six times seven is forty-two."
    assert not peer.scripted or response.text() == "Forty-two."


WEATHER = Tool(
    "get_weather",
    "The weather in a city.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"type": "string"}},
        "required": ["city"],
    },
)


@on("tools")
async def test_tools_are_called_and_their_results_taken(peer: Peer, wire: str) -> None:
    model = await peer.model()
    prompt = "What is the weather in Oslo and in Bergen? Ask the tool, for each."
    async with model.prompt(prompt, tools=[WEATHER]) as stream:
        ends = [event async for event in stream if isinstance(event, ToolCallEnd)]
    asked = await stream
    calls = asked.tool_calls()
    # aimock ends Gemini's calls with FUNCTION_CALL, which is no finishReason of Gemini's
    wanted = "other" if peer.scripted and wire == "GEMINI" else "tool_calls"
    assert asked.finish_reason == wanted
    assert [call.arguments for call in calls] == [end.arguments for end in ends]
    assert {call.name for call in calls} == {"get_weather"}
    assert len({call.id for call in calls}) == len(calls) > 0
    results = [ToolResultPart(call.id, call.name, output="rain") for call in calls]
    answer = await asked.reply(tool_results=results)
    assert answer.text()
    if peer.scripted:
        assert [call.arguments for call in calls] == [{"city": "Oslo", "unit": "°C"}, {"city": "Bergen"}]
        assert answer.text() == "Oslo has snow, and Bergen has rain."


SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


@on("schema")
async def test_an_answer_has_the_form_that_was_asked_for(peer: Peer) -> None:
    model = await peer.model()
    answer = await model.prompt("Name the capital of France as JSON.", schema=SCHEMA)
    city = json.loads(answer.text())
    assert city.keys() == {"city"}
    assert not peer.scripted or city == {"city": "Paris"}


@on("unknown_model")
async def test_an_unknown_model_is_refused(peer: Peer) -> None:
    # Some servers call it a bad request; AWS does, and aimock where it speaks Anthropic's wire or AWS's.
    with pytest.raises((NotFoundError, InvalidRequestError)) as caught:
        await peer.nobody().prompt("Say hello.")
    assert caught.value.status in {400, 404}
    assert str(caught.value)


# What a wire calls the messages, in whose place no server takes nonsense.
MESSAGES = {"RESPONSES": "input", "GEMINI": "contents"}


@on("bad_request")
async def test_a_bad_request_is_refused(peer: Peer, wire: str) -> None:
    model = await peer.model()
    nonsense = {"extra": {MESSAGES.get(wire, "messages"): 7}}
    with pytest.raises(InvalidRequestError) as caught:
        await model.prompt("Say hello.", options=nonsense)
    assert caught.value.status == 400
    assert str(caught.value)


def connections(url: str) -> int:
    """How many sockets of this process are connected to a server."""
    address = urlsplit(url)
    port = address.port or {"http": 80, "https": 443}[address.scheme]
    return sum(_other_end(int(entry.name)) == port for entry in Path("/dev/fd").iterdir())


def _other_end(descriptor: int) -> int | None:
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return None
        with socket.socket(fileno=os.dup(descriptor)) as copy:
            return copy.getpeername()[1] if copy.family in {socket.AF_INET, socket.AF_INET6} else None
    except OSError:
        return None


@on("leaving")
async def test_a_stream_that_is_left_lets_its_connection_go(peer: Peer) -> None:
    model = await peer.model()
    async with model.prompt("Count from 1 to 300, in words.") as stream:
        async for _ in stream:
            during = connections(peer.url)
            break
    assert during > 0
    await anyio.wait_all_tasks_blocked()
    assert connections(peer.url) == during - 1
    assert stream.state == "cancelled"
    assert (await model.prompt("Say hello.")).state == "complete"


@on("models")
async def test_models_are_listed(peer: Peer) -> None:
    listed = [model.id for model in await peer.provider.models()]
    assert listed
    assert not peer.scripted or listed == ["peer-1"]


@on("embed")
async def test_texts_become_vectors_in_their_order(peer: Peer) -> None:
    model = await peer.model()
    found = await model.embed(["snow", "rain", "sun"], batch=2)
    snow, rain, sun = found.vectors
    assert len({tuple(snow), tuple(rain), tuple(sun)}) == 3
    assert list((await model.embed(["rain"])).vectors[0]) == pytest.approx(list(rain))


# Faults come when they are asked for from aimock alone, whatever other servers are named.
every_wire = pytest.mark.parametrize("wire", WIRES)


def chaos(kind: str) -> Options:
    """Options that make aimock do wrong for certain."""
    return Options(headers={f"x-aimock-chaos-{kind}": "1"})


@every_wire
@pytest.mark.parametrize(
    ("prompt", "kind", "status", "message"),
    [
        ("You ask too often.", RateLimitError, 429, "too many requests"),
        ("This is nonsense.", InvalidRequestError, 400, "this makes no sense"),
        ("You have no key.", AuthError, 401, "who are you"),
        ("This is broken.", ServerError, 500, "something broke"),
    ],
)
async def test_refusals_are_told_apart(
    aimock: str, wire: str, prompt: str, kind: type[ProviderError], status: int, message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        await (await scripted(wire, aimock).model()).prompt(prompt)
    assert type(caught.value) is kind
    assert caught.value.status == status


@every_wire
async def test_a_rate_limit_says_how_long_to_wait(aimock: str, wire: str) -> None:
    model = await scripted(wire, aimock).model()
    with pytest.raises(RateLimitError) as caught:
        await model.prompt("Say hello.", options=chaos("ratelimit"))
    assert caught.value.retry_after


@every_wire
async def test_what_is_no_answer_is_no_quiet_one(aimock: str, wire: str) -> None:
    model = await scripted(wire, aimock).model()
    with pytest.raises((WireError, ProviderError)):
        await model.prompt("Say hello.", options=chaos("malformed"))


@every_wire
async def test_a_connection_that_breaks_is_no_answer(aimock: str, wire: str) -> None:
    model = await scripted(wire, aimock).model()
    with pytest.raises((ConnectionLost, TruncatedStreamError)):
        await model.prompt("Say hello.", options=chaos("disconnect"))
    assert (await model.prompt("Say hello.")).text() == HELLO


@every_wire
async def test_an_answer_that_is_cut_off_is_kept_and_not_taken_for_whole(aimock: str, wire: str) -> None:
    model = await scripted(wire, aimock).model()
    with pytest.raises((ConnectionLost, TruncatedStreamError)) as caught:
        await model.prompt("Say what is cut off.")
    partial = caught.value.partial
    assert partial is not None
    assert partial.state == "failed"
    assert partial.text()
    assert "This answer is cut off long before it is complete".startswith(partial.text())
