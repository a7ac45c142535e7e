"""What is written down of a call, and what never is."""

import stat
from base64 import b64decode
from contextlib import suppress
from pathlib import Path

import pytest

import llmstream
from llmstream import (
    AuthError,
    ConfigError,
    ConnectionLost,
    Done,
    Options,
    Provider,
    Request,
    Secret,
    TextDelta,
    user,
)
from llmstream.jsontext import dump_bytes, loads
from llmstream.model.provided import Endpoint, ProviderModel
from llmstream.model.recording import Track, written
from llmstream.testing import clock
from llmstream.testing.fakes import Answer, Pause, ScriptedModel, ScriptedTransport
from llmstream.wire import find
from llmstream.wire.http import ResponseHead

pytestmark = pytest.mark.anyio
OPEN_FILES = Path("/proc/self/fd")
KEY = "sk-sentinel-0123456789"
END = Done(finish_reason="stop")
HELLO = [TextDelta(0, "hello"), END]
SSE = ResponseHead(200, {"content-type": "text/event-stream", "set-cookie": "session=secret"})
ROW = Provider(name="acme", codec=find("openai-chat"))


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return clock.virtual(request.param)


def frame(**fields: object) -> bytes:
    return b"data: " + dump_bytes(fields) + b"\n\n"


def said(text: str) -> bytes:
    return frame(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None}])


STOP = frame(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]) + b"data: [DONE]\n\n"


def wired(*answers: Answer) -> ProviderModel:
    endpoint = Endpoint(ROW, "http://acme.test/v1", Secret(KEY), ScriptedTransport(answers))
    return ProviderModel("m-1", endpoint)


def lines(path) -> list[dict]:
    return [loads(line) for line in path.read_bytes().splitlines()]


async def test_a_call_is_written_as_it_comes(tmp_path) -> None:
    path = tmp_path / "log.jsonl"
    model = llmstream.record(ScriptedModel([[TextDelta(0, "a"), Pause(2.5), TextDelta(0, "b"), END]]), path)
    async with model.prompt("hi") as stream:
        assert await anext(stream) == TextDelta(0, "a")
        assert [line["record"] for line in lines(path)] == ["call", "events"]
        assert (await stream).text() == "ab"
    kept = lines(path)
    assert [line["record"] for line in kept] == ["call", "events", "events", "events", "ended"]
    assert [line["n"] for line in kept] == list(range(5))
    assert [line["at"] for line in kept] == pytest.approx([0, 0, 2.5, 2.5, 2.5])
    assert len({line["call"] for line in kept}) == 1
    assert kept[0]["request"]["messages"][0]["parts"] == [{"type": "text", "text": "hi"}]
    assert kept[2]["events"] == [{"type": "text_delta", "index": 0, "text": "b"}]
    assert (model.name, model.id) == ("scripted/scripted", "scripted")


async def test_the_file_is_its_owners_and_only_added_to(tmp_path) -> None:
    path = tmp_path / "log.jsonl"
    model = llmstream.record(ScriptedModel([HELLO, HELLO]), path)
    await model.prompt("hi")
    first = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await model.prompt("hi")
    assert path.read_bytes().startswith(first)
    assert len({line["call"] for line in lines(path)}) == 2


def test_bytes_that_bring_no_event_do_not_gather_in_memory(tmp_path) -> None:
    track = Track(tmp_path / "log", lambda: 0.0)
    for _ in range(100):
        track.read(b": ping\n\n" * 1000)
    assert (tmp_path / "log").stat().st_size > 700_000
    track.close("left")
    text = "".join(line.get("text", "") for line in lines(tmp_path / "log"))
    assert text == ": ping\n\n" * 100_000


async def test_a_line_that_was_cut_does_not_spoil_the_next(tmp_path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"record":"call","n":0,"na')
    await llmstream.record(ScriptedModel([HELLO]), path).prompt("hi")
    assert loads(path.read_bytes().splitlines()[1])["record"] == "call"


async def test_how_a_call_ended_is_written(tmp_path) -> None:
    path = tmp_path / "log.jsonl"
    model = llmstream.record(
        ScriptedModel([HELLO, [TextDelta(0, "a"), AuthError("no", status=401)], []]), path
    )
    async with model.prompt("hi") as stream:
        await anext(stream)
    for _ in range(2):
        with pytest.raises(llmstream.LLMStreamError):
            await model.prompt("hi")
    ends = [line for line in lines(path) if line["record"] in {"ended", "failed"}]
    assert [line.get("how", line.get("error")) for line in ends] == ["left", "AuthError", "ended"]
    assert (ends[1]["message"], ends[1]["status"], ends[1]["phase"]) == ("no", 401, "headers")


async def test_the_bytes_of_the_wire_are_written(tmp_path) -> None:
    path = tmp_path / "log.jsonl"
    body = [said("hé")[:-6], said("hé")[-6:], STOP]
    await llmstream.record(wired(Answer(body, SSE)), path).prompt("hi")
    kept = lines(path)
    head = next(line for line in kept if line["record"] == "head")
    assert (head["status"], head["headers"]) == (200, {"content-type": "text/event-stream"})
    texts = [line for line in kept if line["record"] == "bytes"]
    data = [line["text"].encode() if "text" in line else b64decode(line["base64"]) for line in texts]
    assert b"".join(data) == b"".join(body)


REPEATED = [
    Answer([dump_bytes({"error": {"message": f"bad key {KEY}"}})], ResponseHead(401)),
    Answer([said("a"), frame(error={"message": f"bad key {KEY}"})], SSE),
    Answer([said(f"you are {KEY}"), STOP], SSE),
    Answer([said(f"you are {KEY}")[:60], said(f"you are {KEY}")[60:], STOP], SSE),
    Answer([bytes([byte]) for byte in said(KEY)] + [STOP], SSE),
    Answer([f"<p>{KEY}</p>".encode()], ResponseHead(200, {"content-type": "text/html", "x-key": KEY})),
    Answer([said("a"), ConnectionLost(f"gone with {KEY}")], SSE),
    Answer([b"\xff\xfe" + KEY.encode()], SSE),
]


@pytest.mark.parametrize("answer", REPEATED)
async def test_the_key_is_not_in_the_file(answer, tmp_path) -> None:
    path = tmp_path / "log.jsonl"
    model = llmstream.record(wired(answer), path)
    with suppress(llmstream.LLMStreamError):
        await model.prompt("hi", options=Options(headers={"X-Own": KEY}))
    kept = path.read_bytes()
    assert KEY.encode() not in kept
    encoded = [line["base64"] for line in lines(path) if "base64" in line]
    assert KEY.encode() not in b"".join(b64decode(text) for text in encoded)
    pieces = [line.get("text", "") for line in lines(path) if line["record"] == "bytes"]
    assert KEY not in "".join(pieces)
    assert b"session=secret" not in kept


def test_headers_of_a_request_are_named_alone() -> None:
    asked = Request("m", [user("hi")], options=Options(headers={"X-Key": KEY}, seed=1))
    assert written(asked)["options"] == {"headers": {"X-Key": "***"}, "seed": 1}


async def test_a_file_that_cannot_be_written_is_said_before_the_call(tmp_path) -> None:
    inner = ScriptedModel([HELLO])
    with pytest.raises(ConfigError, match="file to record to"):
        await llmstream.record(inner, tmp_path / "none" / "log.jsonl").prompt("hi")
    assert inner.requests == []
    with pytest.raises(ConfigError, match="to record"):
        llmstream.record("openai/gpt", tmp_path / "log.jsonl")


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="open files are counted in /proc")
async def test_no_file_is_left_open(tmp_path) -> None:
    model = llmstream.record(ScriptedModel([HELLO, [AuthError("no")], HELLO]), tmp_path / "log.jsonl")
    before = len([*OPEN_FILES.iterdir()])
    await model.prompt("hi")
    with pytest.raises(AuthError):
        await model.prompt("hi")
    async with model.prompt("hi") as stream:
        await anext(stream)
    assert len([*OPEN_FILES.iterdir()]) == before
