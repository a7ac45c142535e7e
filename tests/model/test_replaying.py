"""fold(replay(record(x))) == fold(x), and what else a recording gives."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import llmstream
from llmstream import (
    ConfigError,
    ConnectionLost,
    Done,
    LLMStreamError,
    RateLimitError,
    Response,
    Retries,
    TextDelta,
    TimeoutExceeded,
    Timeouts,
    TruncatedStreamError,
    Usage,
    reduce,
)
from llmstream.errors import ContentBlockedError
from llmstream.jsontext import dump_bytes, loads
from llmstream.model.replaying import error_of, recorded
from llmstream.stage import run
from llmstream.testing import clock, strategies
from llmstream.testing.fakes import Pause, ScriptedModel
from llmstream.testing.loopback import Received, Reply, replies, serve
from llmstream.values.request import Request
from llmstream.wire import find

pytestmark = pytest.mark.anyio
MANY = settings(max_examples=int(os.environ.get("LLMSTREAM_EXAMPLES", "200")) // 2)
END = Done(finish_reason="stop", usage=Usage(input=1, output=2), id="r1", model="m1")
HELLO = [TextDelta(0, "hel"), TextDelta(0, "lo"), END]
KEY = "sk-sentinel-0123456789"


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


async def asked(model: llmstream.Model, prompt: str = "hi", **terms) -> tuple[list, Response, str]:
    """What a call gives: its events, its Response and its failure."""
    stream, events, failure = model.prompt(prompt, **terms), [], ""
    try:
        async with stream:
            async for event in stream:
                events.append(event)  # noqa: PERF401 - those before a failure count
    except LLMStreamError as error:
        failure = f"{type(error).__name__}: {error}, {error.phase}, {error.retryable}"
    return events, stream.snapshot(), failure


@MANY
@given(
    events=strategies.events(),
    cut=st.none() | st.integers(0, 9),
    failure=st.none() | st.sampled_from([ConnectionLost("gone"), RateLimitError("slow", status=429)]),
    backend=st.sampled_from(["asyncio", "trio"]),
)
def test_a_replay_is_the_call_again(events, cut, failure, backend) -> None:
    script = [*events[:cut], *([failure] if failure else [])]

    async def both(path: Path) -> None:
        first = await asked(llmstream.record(ScriptedModel([script]), path))
        again = await asked(llmstream.replay(path))
        assert again == first
        assert reduce(again[0]) == reduce(first[0])

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(both, Path(folder, "log.jsonl"), backend=backend)


async def test_calls_are_found_by_what_they_asked(tmp_path) -> None:
    path = tmp_path / "log.jsonl"
    model = llmstream.record(ScriptedModel([[TextDelta(0, str(n)), END] for n in range(4)]), path)
    for prompt in ("a", "b", "a", "c"):
        await model.prompt(prompt)
    played = llmstream.replay(path)
    texts = [(await played.prompt(prompt)).text() for prompt in ("c", "a", "a", "b")]
    assert texts == ["3", "0", "2", "1"]
    with pytest.raises(ConfigError, match="not replayed yet"):
        await played.prompt("a")
    assert (played.name, played.id) == (model.name, model.id)


async def test_a_request_that_was_not_recorded_is_refused(tmp_path) -> None:
    await llmstream.record(ScriptedModel([HELLO]), tmp_path / "log").prompt("hi")
    stream = llmstream.replay(tmp_path / "log").prompt("other")
    with pytest.raises(ConfigError, match="1 recorded calls are left"):
        await stream
    assert stream.state == "failed"


async def test_one_model_of_several_in_a_file(tmp_path) -> None:
    path = tmp_path / "log"
    for name in ("x/a", "x/b"):
        await llmstream.record(ScriptedModel([[TextDelta(0, name), END]], name=name), path).prompt("hi")
    assert (await llmstream.replay(path).prompt("hi")).text() == "x/a"
    assert (await llmstream.replay(path, model="x/b").prompt("hi")).text() == "x/b"
    with pytest.raises(ConfigError, match="x/c"):
        llmstream.replay(path, model="x/c")


@pytest.mark.parametrize(("speed", "seconds"), [(None, 0), (1.0, 6), (2.0, 3)])
async def test_time_passes_as_it_did_if_it_should(speed, seconds, tmp_path) -> None:
    script = [Pause(2), TextDelta(0, "a"), Pause(4), END]
    await llmstream.record(ScriptedModel([script]), tmp_path / "log").prompt("hi")
    began = anyio.current_time()
    await llmstream.replay(tmp_path / "log", speed=speed).prompt("hi", timeouts=Timeouts())
    assert anyio.current_time() - began == pytest.approx(seconds, abs=1e-3)


async def test_a_call_that_was_left_ends_where_it_was_left(tmp_path) -> None:
    async with llmstream.record(ScriptedModel([HELLO]), tmp_path / "log").prompt("hi") as stream:
        await anext(stream)
    with pytest.raises(TruncatedStreamError) as caught:
        await llmstream.replay(tmp_path / "log").prompt("hi")
    assert caught.value.partial.text() == "hel"


async def test_a_recording_that_is_cut_anywhere_is_read_to_its_last_line(tmp_path) -> None:
    path = tmp_path / "log"
    await llmstream.record(ScriptedModel([HELLO]), path).prompt("hi")
    whole, texts = path.read_bytes(), set()
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        if not recorded(path):
            with pytest.raises(ConfigError, match="expected a call"):
                llmstream.replay(path)
            continue
        _, response, failure = await asked(llmstream.replay(path))
        texts.add((response.text(), response.state, failure.partition(":")[0]))
    assert texts == {
        ("", "incomplete", "TruncatedStreamError"),
        ("hel", "incomplete", "TruncatedStreamError"),
        ("hello", "incomplete", "TruncatedStreamError"),
        ("hello", "complete", ""),
    }


async def test_a_line_that_is_missing_ends_its_call(tmp_path) -> None:
    path = tmp_path / "log"
    await llmstream.record(ScriptedModel([HELLO]), path).prompt("hi")
    kept = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*kept[:2], b"{broken\n", b"[]\n", *kept[3:]]))
    with pytest.raises(TruncatedStreamError):
        await llmstream.replay(path).prompt("hi")


def test_what_is_no_recording_is_refused(tmp_path) -> None:
    with pytest.raises(ConfigError, match="a recording at"):
        llmstream.replay(tmp_path / "none")
    line = {
        "record": "call",
        "call": "a",
        "n": 0,
        "at": 0,
        "version": 9,
        "name": "x/a",
        "id": "a",
        "request": {},
    }
    (tmp_path / "later").write_bytes(dump_bytes(line) + b"\n")
    with pytest.raises(ConfigError, match="version 1, got 9"):
        llmstream.replay(tmp_path / "later")
    for wrong in ({"speed": 0}, {"through": ScriptedModel([])}):
        with pytest.raises(ConfigError):
            llmstream.replay(tmp_path / "later", **wrong)


def test_errors_come_back_as_they_were() -> None:
    line = {"error": "ContentBlockedError", "message": "no", "phase": "stream", "retryable": False}
    error = error_of({**line, "status": 400, "body": "x", "ending": {"type": "done", "id": "r1"}})
    assert isinstance(error, ContentBlockedError)
    assert (str(error), error.status, error.body, error.ending) == ("no", 400, "x", Done(id="r1"))
    error = error_of({"error": "TimeoutExceeded", "message": "no", "clock": "stall", "seconds": 3.0})
    assert isinstance(error, TimeoutExceeded)
    assert (error.clock, error.seconds) == ("stall", 3.0)
    for name in ("ValueError", "annotations", "TYPE_CHECKING"):
        assert str(error_of({"error": name, "message": "bug"})) == f"{name}: bug"


DIALECTS = ["openai-chat", "openai", "anthropic", "gemini", "ollama"]


@pytest.fixture(params=["asyncio", "trio"])
def real_time(request):
    return request.param


def served(provider: str) -> tuple[bytes, str]:
    """A whole answer in a provider's wire, and its content type."""
    codec = find({"openai": "openai-responses"}.get(provider, provider))
    request, script = Request("m"), [TextDelta(0, "hel"), TextDelta(0, "lo"), Done(finish_reason="stop")]
    body = b"".join(run(codec.server.encoder(request), script))
    return body, codec.server.head(request).headers["content-type"]


@pytest.mark.parametrize("provider", DIALECTS)
@pytest.mark.parametrize("kept", [1.0, 0.6, 0.0])
def test_real_calls_come_again_from_events_and_from_bytes(provider, kept, real_time, tmp_path) -> None:
    body, media_type = served(provider)
    body = body[: int(len(body) * kept)]
    path = tmp_path / "log"

    async def all_three() -> None:
        async with serve(replies([body[:40], body[40:]], content_type=media_type)) as server:
            model = llmstream.get_model(f"{provider}/m", base_url=server.url, key=KEY)
            first = await asked(llmstream.record(model, path))
            assert await asked(llmstream.replay(path)) == first
            assert await asked(llmstream.replay(path, through=model)) == first
            assert len(server.requests) == 1
        assert (first[2] == "") == (kept == 1.0)
        assert KEY.encode() not in path.read_bytes()

    anyio.run(all_three, backend=real_time)


def test_refusals_and_broken_connections_come_again(real_time, tmp_path) -> None:
    refusal = dump_bytes({"error": {"message": f"slow down, {KEY}", "type": "rate_limit"}})
    headers = {"retry-after": "7", "x-request-id": "req_1", "x-ratelimit-remaining-requests": "0"}

    async def both() -> None:
        handler = replies(refusal, status=429, content_type="application/json", headers=headers)
        async with serve(handler) as server:
            model = llmstream.get_model("openai-chat/m", base_url=server.url, key=KEY)
            with suppress(LLMStreamError):
                await llmstream.record(model, tmp_path / "a").prompt("hi", retries=Retries(1))
        nowhere = llmstream.get_model("openai-chat/m", base_url=server.url, key=KEY)
        with suppress(LLMStreamError):
            await llmstream.record(nowhere, tmp_path / "b").prompt("hi", retries=Retries(1))
        for through in (None, model):
            with pytest.raises(RateLimitError, match=r"slow down, \*\*\*") as caught:
                await llmstream.replay(tmp_path / "a", through=through).prompt("hi")
            assert (caught.value.status, caught.value.retry_after) == (429, 7)
            assert caught.value.rate_limits.requests.remaining == 0
            with pytest.raises(llmstream.ConnectError):
                await llmstream.replay(tmp_path / "b", through=through).prompt("hi")

    anyio.run(both, backend=real_time)
    assert all(KEY.encode() not in (tmp_path / name).read_bytes() for name in "ab")


def test_a_call_that_was_made_again_comes_again_without_its_waits(real_time, tmp_path) -> None:
    body, media_type = served("openai-chat")
    asks = 0

    async def handler(received: Received, reply: Reply) -> None:
        nonlocal asks
        asks += 1
        if asks < 3:
            await replies(b"{}", status=429)(received, reply)
        else:
            await replies(body, content_type=media_type)(received, reply)

    async def all_three() -> None:
        async with serve(handler) as server:
            limiter = llmstream.RateLimiter(concurrency=1)
            quick = Retries(first_wait=0.01)
            model = llmstream.get_model(
                "openai-chat/m", base_url=server.url, key=KEY, limiter=limiter, retries=quick
            )
            first = await asked(llmstream.record(model, tmp_path / "log"))
        assert (asks, first[2]) == (3, "")
        records = [loads(line)["record"] for line in (tmp_path / "log").read_bytes().splitlines()]
        assert (records.count("sent"), records.count("head")) == (3, 3)
        assert await asked(llmstream.replay(tmp_path / "log")) == first
        slow = llmstream.get_model(
            "openai-chat/m", base_url="http://127.0.0.1:1", key=KEY, retries=Retries(first_wait=60)
        )
        with anyio.fail_after(5):
            assert await asked(llmstream.replay(tmp_path / "log", through=slow)) == first

    anyio.run(all_three, backend=real_time)


async def test_events_alone_cannot_be_decoded_anew(tmp_path) -> None:
    await llmstream.record(ScriptedModel([HELLO]), tmp_path / "log").prompt("hi")
    model = llmstream.get_model("openai-chat/scripted", base_url="http://127.0.0.1:1", key=KEY)
    with pytest.raises(ConfigError, match="without bytes"):
        await llmstream.replay(tmp_path / "log", through=model).prompt("hi")


async def test_a_reply_to_a_recorded_answer_is_found(tmp_path) -> None:
    path = tmp_path / "log"
    for make in (
        lambda: llmstream.record(ScriptedModel([HELLO, HELLO]), path),
        lambda: llmstream.replay(path),
    ):
        model = make()
        assert (await (await model.prompt("hi")).reply("more")).text() == "hello"
    assert [loads(line)["record"] for line in path.read_bytes().splitlines()].count("call") == 2
