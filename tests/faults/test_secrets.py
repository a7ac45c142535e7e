"""Rows 76 to 78 of the faults: a key goes to the socket and nowhere else."""

import copy
import gc
import importlib
import logging
import pickle
import re
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

import anyio
import attrs
import pytest

from llmstream import (
    ConfigError,
    LLMStreamError,
    Model,
    Request,
    Retries,
    Secret,
    Timeouts,
    get_model,
    get_provider,
    sync,
    user,
)
from llmstream.jsontext import dumps
from llmstream.model import registry
from llmstream.model.provided import ProviderModel
from llmstream.testing.loopback import Handler, Received, Reply, Server, replies, serve
from llmstream.wire.sign import Credentials

pytestmark = pytest.mark.anyio
SENTINEL = "sk-SENTINEL-0123456789abcdefXYZ"
AT_ONCE = Retries(first_wait=0.0)
# Pieces that a peer repeats, or that a cut message leaves.
PIECES = (SENTINEL, SENTINEL[:14], SENTINEL[-12:], "SENTINEL")
ANSWER = (
    b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
MASKED = SENTINEL[:11] + "*" * 8 + SENTINEL[-4:]


def clean(*texts: str | bytes) -> None:
    for text in texts:
        shown = text.decode("latin-1") if isinstance(text, bytes) else text
        for piece in PIECES:
            assert piece not in shown, shown[max(shown.find(piece) - 200, 0) : shown.find(piece) + 200]


def deeply(value: object, depth: int = 6) -> Iterator[str]:
    """What a debugger would print of a value and of all that it holds."""
    yield repr(value)
    yield str(value)
    yield f"{value}"
    if depth == 0 or isinstance(value, str | bytes | int | float | Secret | type):
        return
    if isinstance(value, Mapping):
        inside = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        inside = list(value)
    elif type(value).__module__.startswith("llmstream"):
        inside = list(getattr(value, "__dict__", {}).values())
        inside += [getattr(value, name, None) for name in getattr(type(value), "__slots__", ())]
    else:
        inside = []
    for each in inside:
        yield from deeply(each, depth - 1)


def told(error: BaseException) -> Iterator[str]:
    """All that is printed of an exception, the values of every frame included."""
    yield from traceback.TracebackException.from_exception(error, capture_locals=True).format()
    seen: BaseException | None = error
    while seen is not None:
        yield repr(seen)
        yield str(getattr(seen, "body", ""))
        yield from deeply(vars(seen))
        seen = seen.__cause__ or seen.__context__


def pickled(value: object) -> bytes:
    try:
        return pickle.dumps(value)
    except TypeError as error:
        return str(error).encode()


def stays_hidden(*values: object) -> None:
    for value in values:
        clean(*deeply(value), pickled(value))
        if attrs.has(type(value)):
            clean(repr(attrs.asdict(value, recurse=True)))
        try:
            clean(*deeply(copy.copy(value)), *deeply(copy.deepcopy(value)))
        except TypeError as error:
            clean(str(error))


@pytest.fixture(autouse=True)
def everything_logged(caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder) -> Iterator[None]:
    """At DEBUG, with warnings as they come; neither has the key when the test is over."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "httpx2", "httpcore2", "asyncio", "anyio", "trio", "llmstream"):
        caplog.set_level(logging.DEBUG, name)
    # What the tests before have made is not looked through each time.
    gc.freeze()
    yield
    gc.collect()
    gc.unfreeze()
    clean(caplog.text, *(repr(record.__dict__) for record in caplog.records))
    clean(*(str(warning.message) for warning in recwarn.list))


def echoing(status: int, *, masked: bool = False) -> Handler:
    """A peer that repeats the key wherever it can."""

    async def handler(received: Received, reply: Reply) -> None:
        key = MASKED if masked else received.headers.get("authorization", "?").removeprefix("Bearer ")
        body = dumps({"error": {"message": f"Incorrect API key provided: {key}", "param": key}}).encode()
        headers = {"content-type": "application/json", "www-authenticate": f"Bearer {key}"}
        headers |= {"location": f"https://u:{key}@a.test/?key={key}"}
        await reply.head(status, headers, chunked=len(body))
        await reply.send(body)

    return handler


async def echoing_inside(received: Received, reply: Reply) -> None:
    key = received.headers["authorization"]
    await reply.head(200, {"content-type": "text/event-stream", "x-echo": key})
    await reply.send(b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n')
    error = dumps({"error": {"message": f"bad key {key}", "code": 401}})
    await reply.send(f"data: {error}\n\n".encode())
    await reply.end()


async def garbage(received: Received, reply: Reply) -> None:
    await reply.head(200, {"content-type": "text/html"})
    await reply.send(f"<html>{received.headers['authorization']}".encode())
    await reply.end()


async def broken_json(received: Received, reply: Reply) -> None:
    await reply.head(200, {"content-type": "text/event-stream"})
    await reply.send(f'data: {{"key": "{received.headers["authorization"]}\n\n'.encode())
    await reply.end()


async def cut(received: Received, reply: Reply) -> None:
    await reply.head(200, {"content-type": "text/event-stream"})
    await reply.send(b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n')


async def reset(received: Received, reply: Reply) -> None:
    reply.abort()


FAULTS: dict[str, Handler] = {
    "refused": echoing(401),
    "refused, masked": echoing(401, masked=True),
    "server error": echoing(500),
    "rate limited": echoing(429),
    "redirected": echoing(307),
    "refused inside": echoing_inside,
    "another kind": garbage,
    "malformed": broken_json,
    "cut": cut,
    "reset": reset,
}


async def token() -> str:
    return SENTINEL


def own_model(url: str, **more: Any) -> Model:
    return get_model("openai-chat/m", base_url=f"{url}/v1", **{"key": SENTINEL, "retries": AT_ONCE, **more})


def was_sent(server: Server) -> None:
    assert {received.headers.get("authorization") for received in server.requests} <= {f"Bearer {SENTINEL}"}
    assert all(SENTINEL not in received.path for received in server.requests)
    assert all(SENTINEL.encode() not in received.body for received in server.requests)


@pytest.fixture(params=["direct", "httpx", "httpx2"])
async def http(request: pytest.FixtureRequest) -> Any:
    if request.param == "direct":
        yield None
        return
    async with importlib.import_module(request.param).AsyncClient() as client:
        yield client


@pytest.mark.parametrize("source", ["constructor", "Secret", "environment", "function", "async function"])
async def test_row_76_a_call_that_succeeds_shows_no_key(
    source: str, http: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SENTINEL if source == "environment" else "")
    keys: dict[str, Any] = {
        "constructor": SENTINEL,
        "Secret": Secret(SENTINEL),
        "function": lambda: SENTINEL,
        "async function": token,
    }
    async with serve(replies(ANSWER)) as server:
        if source == "environment":
            monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        base_url = None if source == "environment" else f"{server.url}/v1"
        model = get_model(
            "openai-chat/m", base_url=base_url, key=keys.get(source), http=http, retries=AT_ONCE
        )
        stream = model.prompt("x")
        response = await stream
        conversation = model.conversation()
        again = await conversation.prompt("y")
    assert len(server.requests) == 2
    was_sent(server)
    stays_hidden(model, stream, response, again, conversation, vars(model), response.request)
    clean(dumps(response.to_dict()), repr(response.bare()))
    provider = get_provider("openai-chat", key=SENTINEL)
    stays_hidden(provider, vars(provider))


@pytest.mark.parametrize("fault", FAULTS)
async def test_row_76_a_call_that_fails_shows_no_key(fault: str, http: Any) -> None:
    async with serve(FAULTS[fault]) as server:
        model = own_model(server.url, http=http)
        stream = model.prompt("x")
        with pytest.raises(LLMStreamError) as caught:
            await stream
        was_sent(server)
    # Asked again, a failure is raised again: with frames of its own.
    with pytest.raises(LLMStreamError) as twice:
        await stream
    stays_hidden(stream, caught.value.partial)
    clean(*told(caught.value), *told(twice.value), pickled(caught.value), repr(caught.value.args))
    clean(*told(copy.copy(caught.value)))


@pytest.mark.parametrize("fault", FAULTS)
def test_row_76_the_sync_face_shows_no_key(fault: str) -> None:
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serve(FAULTS[fault])) as server,
    ):
        model = sync.get_model("openai-chat/m", base_url=f"{server.url}/v1", key=SENTINEL, retries=AT_ONCE)
        stream = model.prompt("x")
        with pytest.raises(LLMStreamError) as caught:
            stream.response()
        was_sent(server)
    stays_hidden(model, stream, vars(model), vars(stream))
    clean(*told(caught.value), pickled(caught.value))


async def test_row_76_no_connection_shows_no_key(http: Any) -> None:
    for address in ("http://127.0.0.1:1", "https://127.0.0.1:1"):
        with pytest.raises(LLMStreamError) as caught:
            await own_model(address, http=http).prompt("x")
        clean(*told(caught.value), pickled(caught.value))


async def test_row_76_a_token_function_that_fails_shows_no_key() -> None:
    def failing() -> str:
        raise RuntimeError("no token")

    with pytest.raises(RuntimeError) as caught:
        await own_model("http://127.0.0.1:1", key=failing).prompt("x")
    clean(*told(caught.value))


async def test_row_76_a_signed_call_shows_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    credentials = Credentials("AKIASENTINEL00000000", Secret(SENTINEL), Secret(SENTINEL + "-session"))
    async with serve(echoing(403)) as server:
        model = get_model("bedrock/m", base_url=server.url, key=credentials)
        with pytest.raises(LLMStreamError) as caught:
            await model.prompt("x")
    clean_of_sentinel = [text for text in told(caught.value) if SENTINEL in text]
    assert clean_of_sentinel == []
    assert SENTINEL.encode() not in pickled(model)
    (received,) = server.requests
    assert received.headers["x-amz-security-token"] == SENTINEL + "-session"
    assert SENTINEL not in received.headers["authorization"]


async def test_row_76_a_redirect_is_not_followed() -> None:
    async with serve(replies(ANSWER)) as other:
        to = {"location": f"{other.url}/v1/chat/completions"}
        for status in (301, 302, 303, 307, 308):
            async with serve(replies(b"", status=status, headers=to)) as server:
                with pytest.raises(LLMStreamError, match=str(status)):
                    await own_model(server.url).prompt("x")
        assert other.accepted == 0


async def test_row_76_a_key_in_an_address_is_not_shown() -> None:
    for address in (f"http://u:{SENTINEL}@a.test/v1", f"http://a.test/v1?key={SENTINEL}"):
        with pytest.raises(ConfigError) as caught:
            get_model("openai-chat/m", base_url=address, key="k")
        clean(str(caught.value))


@pytest.mark.parametrize("character", ["\n", "\r\nx: y", "\0", "é", "\u2028", "\t", "🔑"])
async def test_row_77_a_key_that_no_header_may_carry_is_refused_before_any_io(
    character: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = f"sk-SENT{character}INEL"
    async with serve(replies(ANSWER)) as server:
        for made in (lambda: own_model(server.url, key=key), lambda: sync.get_model("openai/m", key=key)):
            with pytest.raises(ConfigError, match="key=") as caught:
                made()
            assert "sk-SENT" not in str(caught.value)
        with pytest.raises(ConfigError, match="key="):
            await own_model(server.url, key=lambda: key).prompt("x")
        if "\0" not in character:
            monkeypatch.setenv("OPENAI_API_KEY", key)
            with pytest.raises(ConfigError, match="OPENAI_API_KEY") as caught:
                get_model("openai-chat/m")
            assert "sk-SENT" not in str(caught.value)
        assert server.accepted == 0


@pytest.mark.parametrize("key", ["sk-1\n", "  sk-1", "sk-1 \r\n"])
async def test_row_77_spaces_around_a_key_are_taken_off(key: str) -> None:
    async with serve(replies(ANSWER)) as server:
        await own_model(server.url, key=key).prompt("x")
    assert server.requests[0].headers["authorization"] == "Bearer sk-1"


HOSTILE_IDS = [
    "gpt\r\nX: y",
    "../../admin",
    "..",
    "a/../../b",
    "m?key=x",
    "m#x",
    "m:streamGenerateContent?x=",
    "%2e%2e/%2e%2e",
    "m m",
    "m\0",
    "é\u2028",
    "\\..\\x",
]


@pytest.mark.parametrize("id", HOSTILE_IDS)
@pytest.mark.parametrize("name", sorted(registry.provider_names()))
def test_row_78_a_models_id_stays_where_it_is_put(name: str, id: str) -> None:
    row = registry.provider(name)
    assert row is not None
    if row.script is not None:
        return
    try:
        path = row.codec.encode(Request(id, [user("x")])).path
    except LLMStreamError:
        return
    plain = row.codec.encode(Request("m", [user("x")])).path
    assert re.fullmatch(r"[\x21-\x7e]+", path)
    # Google's ids may name a collection.
    assert path.count("/") <= plain.count("/") + id.count("/")
    assert path.count("?") == plain.count("?")
    assert "#" not in path
    assert not {".", ".."} & set(path.partition("?")[0].split("/"))
    assert "%2e" not in path.lower().replace("%252e", "")


@pytest.mark.parametrize("id", HOSTILE_IDS)
async def test_row_78_a_models_id_opens_no_line_and_no_path(id: str) -> None:
    async with serve(replies(b"{}", status=404, content_type="application/json")) as server:
        for name in ("openai-chat", "gemini", "bedrock", "anthropic-vertex", "azure"):
            with pytest.raises(LLMStreamError):
                await get_model(f"{name}/{id}", base_url=f"{server.url}/v1", key="k").prompt("x")
            with pytest.raises(LLMStreamError):
                await get_model(f"{name}/{id}", base_url=f"{server.url}/v1", key="k").embed(["x"])
    for received in server.requests:
        assert received.path.startswith("/v1/")
        assert ".." not in received.path.partition("?")[0].split("/")
        assert "x" not in received.headers


@pytest.mark.parametrize(
    "base_url",
    [
        "http://user:pw@a.test/v1",
        "http://a.test/v1\r\nx: y",
        "http://a.test/v1?x=y",
        "http://a.test/v1#x",
        "file:///etc/passwd",
        "http://",
        "//a.test",
    ],
)
def test_row_78_an_address_with_more_in_it_is_refused(base_url: str) -> None:
    with pytest.raises(ConfigError, match="base_url") as caught:
        get_model("openai-chat/m", base_url=base_url, key="k")
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\0", "é"])
async def test_row_78_a_header_of_the_callers_opens_no_line(value: str) -> None:
    async with serve(replies(ANSWER)) as server:
        model = get_model("anthropic/m", base_url=server.url, key="k")
        assert isinstance(model, ProviderModel)
        http = attrs.evolve(model.codec.encode(Request("m", [user("x")])), headers=(("x-a", value),))
        with pytest.raises(ConfigError, match="x-a"):
            model._endpoint.asking(http, Timeouts())
        assert server.accepted == 0
