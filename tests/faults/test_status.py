"""Rows 14 to 29 of the faults: refusals, answers that are none, redirects and bodies that lie.

Each outcome is typed, bounded in time and memory, and without the key in it.
"""

import base64
import contextlib
import gzip
import json
import pickle
import time
import traceback
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from llmstream import (
    AuthError,
    ConnectionLost,
    Done,
    ForbiddenError,
    FrameTooLargeError,
    InvalidRequestError,
    Limits,
    LLMStreamError,
    MalformedFrameError,
    NotFoundError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    Response,
    Retries,
    Secret,
    ServerError,
    TextDelta,
    Timeouts,
    TruncatedStreamError,
    UnexpectedContentError,
    WireError,
    get_model,
    sync,
)
from llmstream.jsontext import dump_bytes
from llmstream.model.provided import Endpoint, ProviderModel
from llmstream.providers.openai_chat import PROVIDER
from llmstream.testing import clock
from llmstream.testing.fakes import Answer, ScriptedTransport
from llmstream.testing.loopback import Handler, Received, Reply, in_turn, replies, serve
from llmstream.wire.http import ResponseHead

KEY = "sk-SENTINEL-0123456789"
# As a Secret: the frames of these tests are in the tracebacks, too.
GIVEN = Secret(KEY)
SSE = {"content-type": "text/event-stream"}
ONCE = Retries(1)
SOON = Retries(3, first_wait=0.01)


def data(**fields: object) -> bytes:
    return b"data: " + dump_bytes(fields) + b"\n\n"


def word(text: str) -> bytes:
    return data(choices=[{"index": 0, "delta": {"content": text}}])


STOP = data(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
WHOLE = [word("a"), word("b"), STOP, b"data: [DONE]\n\n"]


async def whole(_: Received, reply: Reply) -> None:
    await reply.head(200, SSE)
    for piece in WHOLE:
        await reply.send(piece)
    await reply.end()


def refusal(status: int, body: bytes = b"{}", **headers: str) -> Handler:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return replies(body, status=status, content_type="application/json", headers=named)


@pytest.fixture(params=["direct", "httpx", "httpx2"])
async def status_client(request: pytest.FixtureRequest) -> AsyncIterator[object]:
    """None stands for our own connections without a library."""
    if request.param == "direct":
        yield None
    else:
        async with import_module(request.param).AsyncClient(verify=False) as client:
            yield client


both_faces = pytest.mark.parametrize("face", ["async", "sync"])
running = pytest.mark.anyio


async def ask(url: str, client: object = None, *, face: str = "async", **given: object) -> Response:
    given = {"base_url": f"{url}/v1", "key": GIVEN, "retries": ONCE, **given}
    if face == "async":
        return await get_model("openai-chat/m", http=client, **given).prompt("hi")
    blocking = sync.get_model("openai-chat/m", **given)
    return await anyio.to_thread.run_sync(lambda: blocking.prompt("hi").response().behind)


async def failure(
    url: str, client: object = None, *, within: float = 1.0, face: str = "async", **given: object
) -> LLMStreamError:
    """What a call ends in: S1 in time, S3 without the key, S4 typed and before any event."""
    began = time.monotonic()
    with pytest.raises(LLMStreamError) as caught:
        await ask(url, client, face=face, **given)
    assert time.monotonic() - began < within
    error = caught.value
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown = [str(error), repr(error), "".join(trace.format()), repr(pickle.dumps(error)), repr(vars(error))]
    assert not [text for text in shown if KEY in text]
    return error


# Waits, on a clock that jumps.


@pytest.fixture(params=["asyncio", "trio"])
def status_backend(request: pytest.FixtureRequest) -> str:
    return request.param


def jumping(backend: str, main) -> None:
    name, options = clock.virtual(backend)
    anyio.run(main, backend=name, backend_options=options)


def scripted(*answers: Answer, retries: Retries) -> tuple[ProviderModel, ScriptedTransport]:
    transport = ScriptedTransport(answers)
    model = ProviderModel("m", Endpoint(PROVIDER, "http://example.org/v1", GIVEN, transport))
    return model, transport


NOW = "Fri, 29 Sep 2023 16:26:37 GMT"


def test_row_14_retry_after_in_all_its_forms(status_backend, shared: Path) -> None:
    cases = json.loads((shared / "cases" / "retry_after_cases.json").read_text("utf-8"))["cases"]

    async def main() -> None:
        for case in (case for case in cases if case.get("server_delay_s") or "server_delay_s" in case):
            await _case_of_row_14(case)

    jumping(status_backend, main)


async def _case_of_row_14(case: dict) -> None:
    refused = Answer(
        [b'{"error":{"message":"slow down"}}'], ResponseHead(429, {"date": NOW, **case["headers"]})
    )
    waits: list[float | None] = []
    retries = Retries(2, listener=lambda attempt: waits.append(attempt.wait))
    model, transport = scripted(refused, Answer(WHOLE, ResponseHead(200, SSE)), retries=retries)
    began = anyio.current_time()
    if case["id"] in {"oai-ra-6", "oai-ra-13"}:
        with pytest.raises(RateLimitError, match="slow down") as caught:
            await model.prompt("hi", retries=retries)
        assert caught.value.retry_after == 121
        assert (anyio.current_time() - began, len(transport.calls)) == (pytest.approx(0, abs=0.01), 1)
        return
    assert await model.prompt("hi", retries=retries).text() == "ab"
    waited = anyio.current_time() - began
    if (asked := case["server_delay_s"]) is None:
        assert 0.375 <= waited <= 0.51, case
    else:
        assert (waits, waited) == ([asked], pytest.approx(asked)), case


def test_row_14_milliseconds_and_the_garbage_that_masks_nothing(status_backend) -> None:
    async def main() -> None:
        for headers, asked in (
            ({"retry-after-ms": "1500"}, 1.5),
            ({"retry-after-ms": "120000"}, 120),
            ({"retry-after-ms": "nan", "retry-after": "7"}, 7),
        ):
            head = ResponseHead(429, headers)
            model, _ = scripted(Answer([b"{}"], head), Answer(WHOLE, ResponseHead(200, SSE)), retries=ONCE)
            began = anyio.current_time()
            await model.prompt("hi")
            assert anyio.current_time() - began == pytest.approx(asked)
        for garbage in ("soon", "-5", "1e999", "9" * 400, "Fri, 99 Sep", "\u00bd", ""):
            head = ResponseHead(429, {"retry-after": garbage, "retry-after-ms": garbage})
            model, _ = scripted(Answer([b'{"error":{"message":"slow down"}}'], head), retries=ONCE)
            with pytest.raises(RateLimitError, match="slow down") as caught:
                await model.prompt("hi", retries=ONCE)
            assert caught.value.retry_after is None

    jumping(status_backend, main)


@running
@both_faces
@pytest.mark.parametrize("status", [500, 502, 503, 504, 529, 408, 409])
async def test_row_15_refused_and_then_answered(status, face) -> None:
    told: list[float | None] = []
    retries = Retries(3, first_wait=0.02, listener=lambda attempt: told.append(attempt.wait))
    async with serve(in_turn(refusal(status), refusal(status), whole)) as server:
        response = await ask(server.url, face=face, retries=retries)
        assert response.text() == "ab"
        assert len(server.requests) == 3
    first, second = told
    assert first is not None
    assert second is not None
    assert 0.015 <= first <= 0.02
    assert 0.03 <= second <= 0.04


@running
async def test_row_15_events_come_once() -> None:
    async with serve(in_turn(refusal(500), whole)) as server:
        model = get_model("openai-chat/m", base_url=f"{server.url}/v1", key=GIVEN, retries=SOON)
        async with model.prompt("hi") as stream:
            events = [event async for event in stream]
    assert events[:2] == [TextDelta(0, "a"), TextDelta(0, "b")]
    assert isinstance(events[2], Done)
    assert len(events) == 3


@running
@both_faces
@pytest.mark.parametrize("status", [503, 529])
async def test_row_16_overloaded_for_ever(status_client, status, face) -> None:
    async with serve(refusal(status, b'{"error":{"message":"overloaded"}}')) as server:
        error = await failure(server.url, status_client, face=face, retries=SOON)
        assert type(error) is OverloadedError
        assert (error.status, error.retryable, error.phase, error.partial) == (status, True, "headers", None)
        assert [type(before) for before in error.attempts] == [OverloadedError] * 2
        assert len(server.requests) == 3


def test_row_16_has_a_deadline_over_all_attempts(status_backend) -> None:
    async def main() -> None:
        model, transport = scripted(*[Answer([b"{}"], ResponseHead(529))] * 1000, retries=ONCE)
        with pytest.raises(OverloadedError) as caught:
            await model.prompt("hi", retries=Retries(1000))
        assert anyio.current_time() <= 300
        assert 300 / 8 <= len(transport.calls) == len(caught.value.attempts) + 1 <= 300 / 6 + 6

    jumping(status_backend, main)


STAY = {
    400: InvalidRequestError,
    401: AuthError,
    403: ForbiddenError,
    404: NotFoundError,
    413: ProviderError,
    422: InvalidRequestError,
}


@running
@both_faces
@pytest.mark.parametrize("status", STAY)
async def test_row_17_refused_for_good(status_client, status, face) -> None:
    said = {"error": {"message": f"no, with key {KEY} never"}}
    async with serve(refusal(status, dump_bytes(said), x_request_id="req-1")) as server:
        error = await failure(server.url, status_client, face=face, retries=SOON)
        assert isinstance(error, STAY[status])
        assert isinstance(error, ProviderError)
        assert (error.status, error.request_id, error.retryable) == (status, "req-1", False)
        assert "no, with key *** never" in str(error)
        assert (len(server.requests), error.attempts) == (1, ())


MEBI = 1024 * 1024


@contextlib.contextmanager
def bounded_memory(most: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most, f"expected less than {most} bytes at a time, got {peak}"


@pytest.fixture(scope="module")
def status_bomb() -> list[bytes]:
    """A gzip body of 1 GiB of zeros: after a full flush, each MiB of them is the same bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    first, next_one = (packer.compress(bytes(MEBI)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return [first + next_one * 1023]


async def endless(_: Received, reply: Reply) -> None:
    await reply.head(400, {"content-type": "text/plain"})
    while True:
        await reply.send(b"x" * 65536)


async def never_ending(_: Received, reply: Reply) -> None:
    await reply.head(400, {"content-type": "text/plain"})
    await reply.send(b"wait")
    await reply.hang()


@running
async def test_row_18_a_refusal_with_too_much_to_say(status_client, status_bomb) -> None:
    packed = replies(status_bomb, status=400, headers={"content-encoding": "gzip"})
    odd = replies(b"\xff\xfe\x00\x1b[31m", status=400, content_type="text/plain")
    page = replies(b"<!doctype html><title>Bad Gateway</title>" + b"<p>" * 9000, status=502)
    async with serve(in_turn(endless, never_ending, packed, odd, page)) as server:
        with bounded_memory(8 * MEBI):
            for _ in range(5):
                given = {"timeouts": Timeouts(total=0.5)}
                error = await failure(server.url, status_client, within=2.5, **given)
                assert isinstance(error, ProviderError)
                assert error.status in {400, 502}
                assert len(error.body) <= 64 * 1024
                assert len(str(error)) < 4000
                assert str(error).isprintable(), repr(str(error)[:200])
        # The last one was read to its end, and its connection may serve again.
        assert server.open_connections <= 1


@running
async def test_row_18_how_much_is_read_can_be_set(status_client) -> None:
    async with serve(endless) as server:
        error = await failure(server.url, status_client, limits=Limits(error_bytes=100))
        assert isinstance(error, ProviderError)
        assert error.body == "x" * 100


@running
async def test_row_19_a_refusal_whose_body_is_a_stream(status_client) -> None:
    async with serve(replies(WHOLE, status=500)) as server:
        error = await failure(server.url, status_client)
        assert (type(error), error.partial) == (ServerError, None)


@running
@both_faces
async def test_row_20_a_page_instead_of_an_answer(status_client, face) -> None:
    page = b"<html><title>Log in</title>" + b"x" * 5000
    async with serve(replies(page, content_type="text/html; charset=utf-8")) as server:
        error = await failure(server.url, status_client, face=face, retries=SOON)
        assert type(error) is UnexpectedContentError
        assert "text/event-stream" in str(error)
        assert "text/html" in str(error)
        assert "<title>Log in</title>" in str(error)
        assert len(str(error)) < 600
        assert (error.retryable, len(server.requests)) == (False, 1)


@running
@both_faces
async def test_row_21_an_error_that_calls_itself_a_success(status_client, face) -> None:
    said = dump_bytes({"error": {"message": "no such model", "code": "model_not_found"}})
    async with serve(replies(said, content_type="application/json")) as server:
        error = await failure(server.url, status_client, face=face, retries=SOON)
        assert type(error) is NotFoundError
        assert "no such model" in str(error)


@running
@both_faces
async def test_row_22_a_whole_completion_instead_of_a_stream(status_client, face) -> None:
    message = {"role": "assistant", "content": "all at once"}
    said = {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    async with serve(replies(dump_bytes(said), content_type="application/json")) as server:
        response = await ask(server.url, status_client, face=face)
    assert (response.text(), response.finish_reason, response.state) == ("all at once", "stop", "complete")


@running
@both_faces
@pytest.mark.parametrize("status", [200, 204])
async def test_row_23_nothing_at_all(status_client, status, face) -> None:
    async def nothing(_: Received, reply: Reply) -> None:
        if status == 204:
            await reply.raw(b"HTTP/1.1 204 No Content\r\n\r\n")
            await reply.end()
        else:
            await reply.head(status, SSE, chunked=0)

    async with serve(nothing) as server:
        error = await failure(server.url, status_client, face=face, retries=SOON)
        assert type(error) is TruncatedStreamError
        assert (error.partial, len(server.requests)) == (None, 1)


@running
async def test_row_24_content_types(shared: Path) -> None:
    cases = json.loads((shared / "cases" / "sse_cases.json").read_text("utf-8"))["http_cases"]
    for case in cases:
        if "content_type" not in case or case.get("status", 200) != 200:
            continue
        refused = str(case["expected"]).startswith("error")
        # Where it is to be read, an answer in place of theirs, which is no model's.
        body = base64.b64decode(case["body_b64"]) if refused else b"".join(WHOLE)
        async with serve(replies(body, content_type=case["content_type"])) as server:
            if refused:
                error = await failure(server.url)
                assert isinstance(error, WireError), case
                assert error.partial is None
            else:
                assert (await ask(server.url)).text() == "ab", case


REDIRECTS = [301, 302, 303, 307, 308]


def redirect(status: int, location: str | None) -> Handler:
    headers = {} if location is None else {"location": location}
    return replies(b"", status=status, headers=headers)


@running
@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("where", ["/v2", "", None, "/v1/chat/completions"])
async def test_row_25_redirects_are_not_followed(status_client, status, where) -> None:
    async with serve(redirect(status, where)) as server:
        error = await failure(server.url, status_client, retries=SOON)
        assert type(error) is UnexpectedContentError
        assert f"status {status}" in str(error)
        assert (error.phase, error.retryable, len(server.requests)) == ("headers", False, 1)


@running
@pytest.mark.parametrize("status", REDIRECTS)
async def test_row_26_nothing_goes_to_another_origin(status_client, status) -> None:
    async with serve(whole) as other, serve(redirect(status, f"{other.url}/v1")) as server:
        error = await failure(server.url, status_client, retries=SOON)
        assert type(error) is UnexpectedContentError
        assert (len(server.requests), other.requests, other.accepted) == (1, [], 0)


@running
@pytest.mark.parametrize("library", ["httpx", "httpx2"])
async def test_row_26_not_even_by_a_client_that_follows(library) -> None:
    async with (
        serve(whole) as other,
        serve(redirect(307, f"{other.url}/v1")) as server,
        import_module(library).AsyncClient(follow_redirects=True) as client,
    ):
        assert type(await failure(server.url, client)) is UnexpectedContentError
        assert other.accepted == 0


@running
async def test_row_27_nor_down_to_plain_http_or_another_port(status_client) -> None:
    async with serve(whole) as plain:
        downgrade = f"http://localhost:{plain.url.rpartition(':')[2]}/v1/chat/completions"
        async with serve(redirect(308, downgrade)) as server:
            assert type(await failure(server.url, status_client)) is UnexpectedContentError
        assert plain.accepted == 0


def packer(encoding: str):
    return zlib.compressobj(9, zlib.DEFLATED, {"gzip": 31, "deflate": 15, "raw deflate": -15}[encoding])


@running
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate"])
async def test_row_28_a_packed_stream_comes_event_by_event(status_client, encoding) -> None:
    seen = anyio.Event()

    async def packed(_: Received, reply: Reply) -> None:
        pack = packer(encoding)
        await reply.head(200, {**SSE, "content-encoding": encoding.removeprefix("raw ")})
        await reply.send(pack.compress(WHOLE[0]) + pack.flush(zlib.Z_SYNC_FLUSH))
        await seen.wait()
        for piece in WHOLE[1:]:
            await reply.send(pack.compress(piece) + pack.flush(zlib.Z_SYNC_FLUSH))
        await reply.send(pack.flush())
        await reply.end()

    async with serve(packed) as server:
        model = get_model("openai-chat/m", base_url=f"{server.url}/v1", key=GIVEN, http=status_client)
        with anyio.fail_after(2):
            async with model.prompt("hi") as stream:
                assert await anext(stream) == TextDelta(0, "a")
                seen.set()
                assert (await stream).text() == "ab"


@running
@pytest.mark.parametrize("encoding", ["br", "zstd"])
async def test_row_28_what_was_not_asked_for_and_is_not_known_is_refused(status_client, encoding) -> None:
    async with serve(replies(WHOLE, headers={"content-encoding": encoding})) as server:
        error = await failure(server.url, status_client)
        assert type(error) is UnexpectedContentError
        assert encoding in str(error)
        await server.wait_closed()


@running
async def test_row_28_a_packed_stream_that_is_cut_off(status_client) -> None:
    body = gzip.compress(b"".join(WHOLE))
    async with serve(replies(body[: len(body) // 2], headers={"content-encoding": "gzip"})) as server:
        error = await failure(server.url, status_client)
        assert type(error) is TruncatedStreamError


@running
async def test_row_28_a_bomb_bursts_at_the_limit(status_client, status_bomb) -> None:
    async with serve(replies(status_bomb, headers={"content-encoding": "gzip"})) as server:
        # Not `failure`: it shows all locals of all frames, which are larger than what they hold.
        with bounded_memory(2 * 8 * MEBI), pytest.raises(FrameTooLargeError):
            await ask(server.url, status_client, limits=Limits(frame_bytes=8 * MEBI))
        await server.wait_closed()


def lying(head: bytes, *pieces: bytes) -> Handler:
    async def handler(_: Received, reply: Reply) -> None:
        await reply.raw(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + head + b"\r\n\r\n")
        for piece in pieces:
            await reply.raw(piece)

    return handler


FIRST = WHOLE[0]
LIES = {
    "too long": lying(b"content-length: 100000", FIRST),
    "too short": lying(b"content-length: %d" % len(FIRST), *WHOLE),
    "cut in a frame": lying(b"content-length: 20", *WHOLE),
    "length and chunks": lying(
        b"content-length: 5\r\ntransfer-encoding: chunked", b"%x\r\n%b\r\n" % (len(FIRST), FIRST)
    ),
    "bad chunk size": lying(b"transfer-encoding: chunked", b"%x\r\n%b\r\nzz\r\n" % (len(FIRST), FIRST)),
    "no last chunk": lying(b"transfer-encoding: chunked", b"%x\r\n%b\r\n" % (len(FIRST), FIRST)),
}


@running
@pytest.mark.parametrize("lie", LIES)
async def test_row_29_a_body_that_is_not_what_its_head_says(status_client, lie) -> None:
    async with serve(LIES[lie]) as server:
        error = await failure(server.url, status_client)
        assert isinstance(error, ConnectionLost | TruncatedStreamError | MalformedFrameError)
        if error.partial is not None:
            assert (error.partial.text(), error.retryable) == ("a", False)
        if lie != "too short":
            # On trio an idle connection that has too much to say is seen when it is to serve again.
            await server.wait_closed()
