"""Rows 77 to 82 of the faults: what comes in from outside, and must not reach where it was aimed at.

Attachments, addresses, names, keys, and stored dicts.
"""

import gzip
import hashlib
import os
import re
import sys
import tracemalloc
from base64 import b64decode
from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from threading import get_ident
from typing import Any, NoReturn

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmstream
from llmstream import (
    Attachment,
    AttachmentPart,
    ConfigError,
    Model,
    TimeoutExceeded,
    Timeouts,
    UnexpectedContentError,
    UnsupportedError,
    get_model,
    open_attachments,
    sync,
    user,
)
from llmstream.client import attach
from llmstream.client.download import Fetcher
from llmstream.jsontext import JSON, loads
from llmstream.testing.loopback import Handler, Received, Reply, Server, replies, serve
from llmstream.transport.addresses import Target, checked

pytestmark = pytest.mark.anyio
PNG = b"\x89PNG\r\n\x1a\n" + b"rest"
ANSWER = (
    b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


def chat(server: Server, **more: object) -> Model:
    return get_model("openai-chat/m", base_url=f"{server.url}/v1", **{"key": "k", **more})


async def sent(attachment: Attachment) -> bytes:
    """The bytes that a call sends of an attachment."""
    async with serve(replies(ANSWER)) as server:
        await chat(server).prompt("look", attachments=[attachment])
    (received,) = server.requests
    (url,) = re.findall(rb'"url":"data:[^,]*,([^"]*)"', received.body)
    return b64decode(url)


async def refused(attachment: Attachment) -> ConfigError:
    """The error of a call that is not even connected."""
    async with serve(replies(ANSWER)) as server:
        with pytest.raises(ConfigError) as caught:
            await chat(server).prompt("look", attachments=[attachment])
        assert server.accepted == 0
    return caught.value


async def test_row_79_only_the_file_that_was_named_is_sent(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "link.png").symlink_to("a.png")
    for name in ("a.png", "link.png", "../" + tmp_path.name + "/a.png"):
        assert await sent(Attachment(path=str(tmp_path / name))) == PNG


@pytest.mark.parametrize("kind", ["fifo", "folder", "missing", "device", "dangling", "loop", "nul"])
async def test_row_79_what_is_no_regular_file_is_refused_without_a_hang(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "device":
            path = Path("/dev/zero")
        case "dangling":
            path.symlink_to("nowhere")
        case "loop":
            path.symlink_to(path)
        case "nul":
            path = Path(f"{path}\0")
    await refused(Attachment("image/png", path=str(path)))


async def test_row_79_a_sparse_file_of_10_gb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.write(PNG)
        os.truncate(path, 10 * 2**30)
    assert "at most" in str(await refused(Attachment(path=str(path))))


async def test_row_79_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    real = os.fdopen

    def changing(*given: object, **more: object) -> object:
        with path.open("ab") as file:
            file.write(b"more")
        return real(*given, **more)

    monkeypatch.setattr(attach.os, "fdopen", changing)
    assert "stays as it is" in str(await refused(Attachment(path=str(path))))


async def test_row_79_the_response_keeps_what_was_sent(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    async with serve(replies(ANSWER)) as server:
        response = await chat(server).prompt("look", attachments=[Attachment(path=str(tmp_path / "a.png"))])
    (tmp_path / "a.png").write_bytes(b"other")
    kept = [part for part in response.request.messages[0].parts if isinstance(part, AttachmentPart)]
    assert hashlib.sha256(kept[0].attachment.data or b"").digest() == hashlib.sha256(PNG).digest()


async def test_row_79_a_path_in_a_stored_message_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    async with serve(replies(ANSWER)) as server:
        model = chat(server)
        stored = (await model.prompt("x")).to_dict()
        attachment = {"media_type": "image/png", "path": str(tmp_path / "a.png")}
        message = {"role": "user", "parts": [{"type": "attachment", "attachment": attachment}]}
        hostile = {**stored, "request": {**stored["request"], "messages": [message]}}
        restored = llmstream.Response.from_dict(hostile, model=model)
        with pytest.raises(ConfigError, match="not opened"):
            await restored.reply("go on")
        assert len(server.requests) == 1
        messages = await open_attachments(restored.request.messages, root=tmp_path)
        await model.prompt(messages=[*messages, user("go on")])
        assert b"iVBORw0K" in server.requests[1].body


class Names:
    """A resolver that gives each question the next of its answers, and the last one ever after."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def __call__(self, host: str, port: int) -> list[str]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def lenient(target: Target, addresses: Iterable[str], /, *, allow_private: bool) -> tuple[str, ...]:
    """As the real check, but that 127.0.0.1 counts as public: where the test's own server is."""
    found = tuple(addresses)
    checked(target, [a for a in found if a != "127.0.0.1"] or ["8.8.8.8"], allow_private=allow_private)
    return found


def fetcher(*answers: list[str], **more: Any) -> Fetcher:
    return Fetcher(resolve=Names(*(answers or (["127.0.0.1"],))), check=lenient, **more)


def public(server: Server) -> str:
    return server.url.replace("127.0.0.1", "files.test") + "/a.png"


async def test_row_80_the_addresses_of_the_shared_cases_are_refused_before_a_connection(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = loads((shared / "cases" / "ssrf_url_cases.json").read_bytes())["cases"]
    dialled: list[str] = []

    async def dial(*given: Any, **_: Any) -> NoReturn:
        dialled.append(given[1].origin.address)
        raise llmstream.ConnectError("no network in a test")

    monkeypatch.setattr("llmstream.transport.direct.open_directly", dial)
    for case in cases:
        if case["url"].startswith("data:"):
            continue  # nothing to connect to
        dialled.clear()
        expected = llmstream.ConnectError if case["allow"] else ConfigError
        with pytest.raises(expected):
            await Fetcher(resolve=Names(["8.8.8.8"])).fetch(case["url"])
        assert bool(dialled) == case["allow"], case


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "::1",
        "169.254.169.254",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fe80::1%lo",
    ],
)
async def test_row_80_a_name_that_stands_for_a_private_address_is_refused(address: str) -> None:
    async with serve(replies(PNG)) as server:
        with pytest.raises(ConfigError, match=r"files\.test"):
            await fetcher(["127.0.0.1", address]).fetch(public(server))
        assert server.accepted == 0


async def test_row_80_a_rebound_name_is_connected_to_where_it_was_checked() -> None:
    async with serve(replies(PNG)) as server:
        got = await fetcher(["127.0.0.1"], ["169.254.169.254"]).fetch(public(server))
    assert got.data == PNG


@pytest.mark.parametrize(
    "location", ["http://192.168.0.1/", "http://0x7f000002/", "file:///etc/passwd", "http://internal/"]
)
async def test_row_80_a_redirect_to_a_private_address_is_refused(location: str) -> None:
    async with serve(replies(b"", status=307, headers={"location": location})) as server:
        with pytest.raises(ConfigError):
            await fetcher().fetch(public(server))
        assert len(server.requests) == 1


async def test_row_80_nothing_is_fetched_unless_the_caller_asks() -> None:
    async with serve(replies(PNG)) as server:
        for name in ("ollama", "bedrock"):
            model = get_model(f"{name}/m", base_url=server.url, key="k")
            with pytest.raises(UnsupportedError, match="fetch_attachment"):
                await model.prompt("look", attachments=[Attachment("image/png", url=f"{server.url}/a.png")])
        assert server.accepted == 0


async def endless(_: Received, reply: Reply) -> None:
    await reply.head(200, {"content-type": "image/png"})
    while True:
        await reply.send(PNG * 1000)


async def test_row_81_an_endless_body_ends_at_the_limit() -> None:
    async with serve(endless) as server:
        with pytest.raises(UnexpectedContentError, match="at most 100000 bytes"):
            await fetcher(max_bytes=100_000).fetch(public(server))
        await server.wait_closed()


async def dripping(_: Received, reply: Reply) -> None:
    await reply.head(200, {"content-type": "image/png"})
    while True:
        await reply.send(b"x")
        await anyio.sleep(0.005)


async def hanging(_: Received, reply: Reply) -> None:
    await reply.head(200, {"content-type": "image/png"})
    await reply.hang()


@pytest.mark.parametrize(("handler", "clock"), [(dripping, "total"), (hanging, "stall")])
async def test_row_81_a_body_that_stalls_or_drips_ends_by_a_clock(handler: Handler, clock: str) -> None:
    async with serve(handler) as server:
        with pytest.raises(TimeoutExceeded) as caught:
            await fetcher(timeouts=Timeouts(stall=0.1, total=0.2)).fetch(public(server))
        await server.wait_closed()
    assert caught.value.clock == clock


async def test_row_81_a_gzip_bomb_ends_at_the_limit() -> None:
    bomb = gzip.compress(bytes(50 * 2**20))
    async with serve(replies(bomb, headers={"content-encoding": "gzip"})) as server:
        tracemalloc.start()
        try:
            with pytest.raises(UnexpectedContentError, match="at most 1000000 bytes"):
                await fetcher(max_bytes=1_000_000).fetch(public(server))
            assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
        finally:
            tracemalloc.stop()


async def test_row_81_a_lying_content_type_is_not_believed() -> None:
    async with serve(replies(PNG, content_type="text/html")) as server:
        assert (await fetcher().fetch(public(server))).media_type == "image/png"
    async with serve(replies(b"<script>", content_type="image/png")) as server:
        with pytest.raises(UnexpectedContentError, match="image/png"):
            await fetcher().fetch(public(server))


REACHING = {"open", "import", "socket", "os", "subprocess", "shutil", "tempfile", "ctypes", "urllib"}


def hostile() -> list[JSON]:
    """Dicts that somebody else wrote, each aimed at something."""
    response: dict[str, Any] = sync.get_model("demo").prompt("x").response().to_dict()
    deep: JSON = 1
    for _ in range(100_000):
        deep = [deep]
    part = {"type": "text", "text": "x"}
    lc = {"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {"command": "id"}}
    return [
        None,
        "text",
        [],
        {},
        {"type": "response"},
        lc,
        {**response, "type": "os.system"},
        {**response, "version": 10**30},
        {**response, "parts": [{"type": "builtins.eval", "text": "1"}]},
        {**response, "parts": [lc]},
        {**response, "parts": [{**part, "__class__": "Secret"}]},
        {**response, "parts": [part] * 100_000},
        {**response, "parts": [{**part, "provider_metadata": {"a": {"b": deep}}}]},
        {**response, "parts": deep},
        {**response, "usage": {"input": float("nan")}},
        {**response, "usage": {"input": 10**5000}},
        {**response, "state": {"$ref": "file:///etc/passwd"}},
        {**response, "source": "../../etc/passwd"},
        {**response, "api_key": "x", "base_url": "http://127.0.0.1:1/"},
        {**response, "parts": [{"type": "attachment", "attachment": {"data": "!!not base64!!"}}]},
        {**response, "parts": [{"type": "attachment", "attachment": {"path": "/etc/passwd"}}]},
        {
            **response,
            "parts": [{"type": "attachment", "attachment": {"path": "/dev/zero", "restored": False}}],
        },
    ]


def test_row_82_a_hostile_dict_is_a_value_or_refused_and_reaches_nothing() -> None:
    dicts = hostile()
    # What is imported at first use is imported before the watch begins.
    llmstream.Response.from_dict(sync.get_model("demo").prompt("x").response().to_dict())
    touched: list[str] = []
    watching: list[int] = []

    def watch(event: str, _: object) -> None:
        # cattrs writes the readers of our own types with exec; nothing of the dict goes into those.
        if watching and event.partition(".")[0] in REACHING and get_ident() == watching[0]:
            touched.append(event)

    sys.addaudithook(watch)
    for stored in dicts:
        watching.append(get_ident())
        try:
            restored = llmstream.Response.from_dict(stored)
        except ConfigError as error:
            str(error)
        else:
            files = [part.attachment for part in restored.parts if isinstance(part, AttachmentPart)]
            assert all(file.restored for file in files)
        finally:
            watching.clear()
    assert touched == []


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just({"lc": 1}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.data())
def test_row_82_a_dict_with_any_field_exchanged_is_a_value_or_refused(data: st.DataObject) -> None:
    *outer, key = data.draw(st.sampled_from(PATHS))
    stored = deepcopy(STORED)
    holder = stored
    for name in outer:
        holder = holder[name]
    holder[key] = data.draw(JSONS)
    try:
        llmstream.Response.from_dict(stored)
    except ConfigError as error:
        str(error)


STORED: Any = {
    "version": 1,
    "type": "response",
    "request": {
        "version": 1,
        "type": "request",
        "model": "m",
        "messages": [{"role": "user", "parts": [{"type": "text", "text": "x"}]}],
    },
    "parts": [{"type": "text", "text": "x", "provider_metadata": {"a": {"lc": 1}}}],
    "state": "complete",
    "usage": {"input": 1, "output": 33},
}
PATHS = [
    ("version",),
    ("type",),
    ("request",),
    ("request", "messages"),
    ("request", "model"),
    ("parts",),
    ("state",),
    ("usage",),
    ("usage", "input"),
    ("extra",),
]
