"""How a call shows who makes it."""

import threading
from datetime import UTC, datetime

import anyio
import pytest

from llmstream import (
    AuthError,
    ConfigError,
    Done,
    Provider,
    Request,
    Secret,
    TextDelta,
    TimeoutExceeded,
    Timeouts,
    get_model,
    user,
)
from llmstream.jsontext import dump_bytes
from llmstream.model.credential import asked, now, once, secret_of
from llmstream.model.provided import Endpoint, ProviderModel
from llmstream.providers import bedrock
from llmstream.stage import run
from llmstream.testing.fakes import Answer, ScriptedTransport
from llmstream.testing.loopback import Received, Reply, serve
from llmstream.wire import find
from llmstream.wire.http import HttpRequest, ResponseHead
from llmstream.wire.sign import Credentials, Scope, signature

pytestmark = pytest.mark.anyio
KEYS = Credentials("AKIDEXAMPLE", Secret("the-secret-key"), Secret("the-session-token"))
TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TOKEN = "token-0123456789"
SCOPE = Scope("us-east-1", "bedrock")


def answer() -> Answer:
    server = find("bedrock").server
    said = [TextDelta(0, "hello"), Done(finish_reason="stop")]
    return Answer(list(run(server.encoder(Request("m")), said)), server.head(Request("m")))


def model(key: object, *answers: Answer, scope: Scope | None = SCOPE, row: Provider = bedrock.PROVIDER):
    transport = ScriptedTransport(answers or [answer()])
    endpoint = Endpoint(row, "https://h.test", key, transport, scope, lambda: TIME)
    return ProviderModel("m:0", endpoint), transport


def test_the_clock_is_the_machines() -> None:
    assert now().tzinfo is UTC


def test_each_header_goes_once() -> None:
    assert once([("A", "1"), ("b", "2"), ("a", "3")]) == (("a", "3"), ("b", "2"))


@pytest.mark.parametrize("token", ["", " ", "a\nb", "ü", 1, None, b"x"])
def test_what_is_no_token_is_refused_without_being_shown(token) -> None:
    with pytest.raises(ConfigError, match="key="):
        secret_of(token)


async def test_a_function_is_asked_for_a_token_whatever_it_is() -> None:
    here = threading.get_ident()
    asked_in = []

    def plain() -> str:
        asked_in.append(threading.get_ident())
        return TOKEN

    async def waiting() -> Secret:
        asked_in.append(threading.get_ident())
        return Secret(TOKEN)

    class Source:
        async def __call__(self) -> str:
            return TOKEN

    for source in (plain, waiting, Source(), lambda: KEYS):
        assert await asked(source) in (Secret(TOKEN), KEYS)
    # One that may block does not block the loop.
    assert asked_in[0] != here
    assert asked_in[1:] == [here]
    with pytest.raises(ConfigError, match="NoneType"):
        await asked(lambda: None)


async def test_a_token_is_asked_for_before_each_call_and_is_a_secret() -> None:
    tokens = iter(["one-111111", "two-222222"])
    asking, transport = model(lambda: next(tokens), answer(), answer())
    for _ in range(2):
        assert (await asking.prompt("hi")).text() == "hello"
    sent = [dict(call.headers)["authorization"] for call in transport.calls]
    assert sent == [Secret("Bearer one-111111"), Secret("Bearer two-222222")]
    assert "key=<a function>" in repr(asking._endpoint)


async def test_what_the_caller_says_of_itself_counts() -> None:
    asking, transport = model(lambda: TOKEN)
    await asking.prompt("hi", options={"headers": {"Authorization": "Basic x"}})
    assert [value for name, value in transport.calls[0].headers if name.lower() == "authorization"] == [
        "Basic x"
    ]


async def test_a_function_that_fails_fails_the_call() -> None:
    def broken() -> str:
        raise OSError("no metadata server")

    asking, transport = model(broken)
    stream = asking.prompt("hi")
    with pytest.raises(OSError, match="no metadata server"):
        await stream
    assert (stream.state, transport.calls) == ("failed", [])


async def test_a_function_that_takes_too_long_is_not_waited_for() -> None:
    async def slow() -> str:
        await anyio.sleep_forever()
        return ""

    asking, _ = model(slow)
    with pytest.raises(TimeoutExceeded) as caught:
        await asking.prompt("hi", timeouts=Timeouts(first_event=0.01))
    assert caught.value.phase == "config"


async def test_a_token_is_in_no_error() -> None:
    refusal = Answer([dump_bytes({"message": f"bad token {TOKEN}"})], ResponseHead(401))
    asking, _ = model(lambda: TOKEN, refusal)
    with pytest.raises(AuthError) as caught:
        await asking.prompt("hi")
    assert TOKEN not in str(caught.value) + caught.value.body
    assert "***" in str(caught.value)


@pytest.mark.parametrize("key", [KEYS, lambda: KEYS])
async def test_a_call_is_signed_at_its_time(key) -> None:
    signing, transport = model(key)
    await signing.prompt("hi")
    (call,) = transport.calls
    own = {name: value for name, value in call.headers if not name.startswith(("x-amz", "authorization"))}
    assert own["content-type"] == "application/json"
    wanted = signature(HttpRequest("POST", call.url, own.items(), call.body), KEYS, SCOPE, time=TIME)
    assert set(wanted) <= set(call.headers)
    for hidden in ("the-secret-key", "the-session-token", "Signature"):
        assert hidden not in repr(call) + repr(call.headers) + repr(signing._endpoint)


async def test_credentials_where_nothing_is_signed() -> None:
    signing, _ = model(lambda: KEYS, scope=None)
    with pytest.raises(ConfigError, match="no region"):
        await signing.prompt("hi")


async def test_the_signature_is_for_what_is_sent(monkeypatch) -> None:
    """A server that knows the keys makes the same signature of what it received."""
    told = []

    async def handler(received: Received, reply: Reply) -> None:
        headers = received.headers
        kept = {name: headers[name] for name in ("content-type",)}
        http = HttpRequest(
            received.method, f"http://{headers['host']}{received.path}", kept.items(), received.body
        )
        time = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        wanted = dict(signature(http, KEYS, SCOPE, time=time))["authorization"]
        told.append((headers["authorization"], wanted.reveal()))
        await reply.head(200, {"content-type": "application/vnd.amazon.eventstream"})
        for piece in answer().pieces:
            await reply.send(piece)
        await reply.end()

    monkeypatch.setenv("AWS_REGION", "us-east-1")
    async with serve(handler) as server:
        signing = get_model("bedrock/us.anthropic.claude-x-v1:0", base_url=server.url, key=KEYS)
        assert (await signing.prompt("hi")).text() == "hello"
    ((got, wanted),) = told
    assert got == wanted


async def test_a_request_is_encoded_before_a_token_is_asked_for() -> None:
    asking, _ = model(lambda: pytest.fail("asked"))
    with pytest.raises(ConfigError, match="a message"):
        asking.events(Request("m", [user(" ")]))
