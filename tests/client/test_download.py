"""Files fetched from addresses: on loopback, with a resolver of the test's own."""

import gzip
import socket
import ssl
from collections.abc import Iterable

import anyio
import attrs
import pytest
import trustme

import llmstream
from llmstream import (
    Attachment,
    ConfigError,
    ConnectError,
    ConnectionLost,
    TimeoutExceeded,
    Timeouts,
    UnexpectedContentError,
    fetch_attachment,
    sync,
)
from llmstream.client import download
from llmstream.client.download import MAX_REDIRECTS, Fetcher
from llmstream.testing.loopback import Received, Reply, Server, replies, serve
from llmstream.transport.addresses import Target, checked
from llmstream.transport.fast.pool import Limits
from llmstream.transport.fast.sender import Sender

pytestmark = pytest.mark.anyio
PNG = b"\x89PNG\r\n\x1a\n" + b"rest"


class Names:
    """A resolver with a table, which notes what it was asked; one list of answers a question."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def loopback_is_public(
    target: Target, addresses: Iterable[str], /, *, allow_private: bool
) -> tuple[str, ...]:
    """As the real check, but that 127.0.0.1 alone counts as public."""
    found = tuple(addresses)
    checked(target, [a for a in found if a != "127.0.0.1"] or ["8.8.8.8"], allow_private=allow_private)
    return found


def fetcher(*answers: list[str], **more: object) -> Fetcher:
    names = Names(*(answers or (["127.0.0.1"],)))
    return attrs.evolve(Fetcher(resolve=names, check=loopback_is_public), **more)


def named(server: Server, path: str = "/a.png", host: str = "files.test") -> str:
    return server.url.replace("127.0.0.1", host) + path


async def test_a_file_is_fetched_from_the_address_that_was_checked() -> None:
    async with serve(replies(PNG, content_type="image/png", headers={"set-cookie": "a=b"})) as server:
        got = await fetcher().fetch(named(server, "/p/a%20b.png?size=3#x"))
        await server.wait_closed()
    assert got == Attachment("image/png", data=PNG, name="a b.png")
    (received,) = server.requests
    port = server.url.rpartition(":")[2]
    assert (received.method, received.path) == ("GET", "/p/a%20b.png?size=3")
    assert received.headers == {
        "host": f"files.test:{port}",
        "accept": "*/*",
        "user-agent": "llmstream",
        "content-length": "0",
        "accept-encoding": "identity",
    }


async def test_loopback_is_refused_before_a_connection_and_allowed_on_request() -> None:
    async with serve(replies(PNG, content_type="image/png")) as server:
        with pytest.raises(ConfigError, match=r"127\.0\.0\.1 is not globally reachable"):
            await fetch_attachment(server.url)
        assert server.accepted == 0
        assert (await fetch_attachment(server.url, allow_private=True)).data == PNG


def test_the_sync_face_fetches_too() -> None:
    assert sync.fetch_attachment("data:text/plain,hello%20you") == Attachment("text/plain", data=b"hello you")
    with pytest.raises(ConfigError, match="scheme 'file'"):
        sync.fetch_attachment("file:///etc/passwd")


async def test_a_data_url_needs_no_connection() -> None:
    assert await fetch_attachment("data:text/plain;base64,aGVsbG8=") == Attachment(
        "text/plain", data=b"hello"
    )
    assert (await fetch_attachment("data:;charset=x,a")).media_type == "text/plain"
    for url in ("data:text/plain", "data:text/plain;base64,a", "data:;base64,aGVsbG8hISE="):
        with pytest.raises(ConfigError):
            await fetch_attachment(url, max_bytes=5)
    with pytest.raises(UnexpectedContentError, match="image/png"):
        await fetch_attachment("data:image/png,hello")


async def test_every_address_of_a_name_is_checked_and_none_is_connected_to_when_one_is_private() -> None:
    async with serve(replies(PNG)) as server:
        with pytest.raises(ConfigError, match=r"10\.0\.0\.1"):
            await fetcher(["127.0.0.1", "10.0.0.1"]).fetch(named(server))
        assert server.accepted == 0


async def test_a_name_that_stands_for_another_machine_a_moment_later_changes_nothing() -> None:
    async with serve(replies(PNG)) as server:
        names = Names(["127.0.0.1"], ["169.254.169.254"])
        got = await Fetcher(resolve=names, check=loopback_is_public).fetch(named(server))
    assert (got.data, names.asked) == (PNG, ["files.test"])


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    async with serve(replies(PNG)) as server:
        got = await fetcher(["127.0.0.3", "127.0.0.1"], check=lambda _t, a, **_: tuple(a)).fetch(
            named(server)
        )
    assert got.data == PNG


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed_by_hand(status: int) -> None:
    async def handler(received: Received, reply: Reply) -> None:
        if received.path == "/a.png":
            await reply.head(status, {"location": "../b/c.png", "set-cookie": "a=b"}, chunked=0)
        else:
            await reply.head(200, {"content-type": "image/png"}, chunked=len(PNG))
            await reply.send(PNG)

    async with serve(handler) as server:
        got = await fetcher().fetch(named(server))
        await server.wait_closed()
    assert (got.name, got.data) == ("c.png", PNG)
    assert [received.path for received in server.requests] == ["/a.png", "/b/c.png"]
    assert all("cookie" not in r.headers and "referer" not in r.headers for r in server.requests)


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "//localhost/",
        "file:///etc/passwd",
        "http://user@files.test/",
        "gopher://files.test/",
        "http://[::1]:1/",
    ],
)
async def test_a_redirect_is_checked_as_the_first_address_was(location: str) -> None:
    async with serve(replies(b"", status=302, headers={"location": location})) as server:
        with pytest.raises(ConfigError, match="expected an http or https address"):
            await fetcher().fetch(named(server))
        await server.wait_closed()
    assert len(server.requests) == 1


async def test_a_redirect_to_a_name_is_resolved_and_checked_anew() -> None:
    async with serve(replies(b"", status=302, headers={"location": "http://other.test/"})) as server:
        with pytest.raises(ConfigError, match=r"192\.168\.0\.1"):
            await fetcher(["127.0.0.1"], ["192.168.0.1"]).fetch(named(server))


async def test_endless_redirects_end() -> None:
    async with serve(replies(b"", status=302, headers={"location": "/again"})) as server:
        with pytest.raises(UnexpectedContentError, match="at most 3 redirects"):
            await fetcher().fetch(named(server))
    assert len(server.requests) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("status", [204, 206, 302, 401, 404, 500])
async def test_what_is_no_file_is_an_error(status: int) -> None:
    async with serve(replies(b"", status=status)) as server:
        with pytest.raises(UnexpectedContentError, match=f"status {status}"):
            await fetcher().fetch(named(server))


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_over_the_limit_is_refused(chunked: bool) -> None:
    async def endless(_: Received, reply: Reply) -> None:
        await reply.head(200, {"content-type": "image/png"}, chunked=chunked)
        with anyio.CancelScope():
            while True:
                await reply.send(PNG * 1000)

    async with serve(endless) as server:
        with pytest.raises(UnexpectedContentError, match="at most 100000 bytes"):
            await fetcher(max_bytes=100_000).fetch(named(server))
        await server.wait_closed()


async def test_a_length_over_the_limit_is_refused_before_the_body() -> None:
    async def announced(_: Received, reply: Reply) -> None:
        await reply.head(200, {"content-type": "image/png"}, chunked=10**12)
        await reply.hang()

    async with serve(announced) as server:
        with pytest.raises(UnexpectedContentError, match="at most"):
            await fetcher().fetch(named(server))


async def test_a_packed_body_counts_as_unpacked() -> None:
    packed = gzip.compress(PNG + bytes(50_000_000))
    assert len(packed) < 100_000
    async with serve(replies(packed, headers={"content-encoding": "gzip"})) as server:
        with pytest.raises(UnexpectedContentError, match="at most 1000000 bytes"):
            await fetcher(max_bytes=1_000_000).fetch(named(server))
    async with serve(replies(gzip.compress(PNG), headers={"content-encoding": "gzip"})) as server:
        assert (await fetcher().fetch(named(server))).data == PNG
    async with serve(replies(b"x", headers={"content-encoding": "br"})) as server:
        with pytest.raises(UnexpectedContentError, match="br"):
            await fetcher().fetch(named(server))


@pytest.mark.parametrize(
    ("clock", "timeouts"),
    [
        ("stall", Timeouts(stall=0.05)),
        ("liveness", Timeouts(liveness=0.05)),
        ("total", Timeouts(total=0.05)),
    ],
)
async def test_a_body_that_stalls_ends_by_the_clock(clock: str, timeouts: Timeouts) -> None:
    async def stalling(_: Received, reply: Reply) -> None:
        await reply.head(200, {"content-type": "image/png"})
        await reply.send(PNG)
        await reply.hang()

    async with serve(stalling) as server:
        with pytest.raises(TimeoutExceeded) as caught:
            await fetcher(timeouts=timeouts).fetch(named(server))
        await server.wait_closed()
    assert (caught.value.clock, caught.value.seconds) == (clock, 0.05)


async def test_what_is_not_given_of_the_clocks_is_as_without(monkeypatch) -> None:
    async def silent(_: Received, reply: Reply) -> None:
        await reply.hang()

    monkeypatch.setattr(download, "FETCH_TIMEOUTS", Timeouts(first_event=0.05))
    async with serve(silent) as server:
        with pytest.raises(TimeoutExceeded, match=r"0\.05 s \(first_event\)"):
            await fetch_attachment(server.url, allow_private=True, timeouts=Timeouts(connect=5))


async def test_a_head_that_does_not_come_ends_by_the_clock() -> None:
    async def silent(_: Received, reply: Reply) -> None:
        await reply.hang()

    async with serve(silent) as server:
        with pytest.raises(TimeoutExceeded) as caught:
            await fetcher(timeouts=Timeouts(first_event=0.05)).fetch(named(server))
        await server.wait_closed()
    assert caught.value.clock == "first_event"


async def test_cancelled_it_leaves_no_connection() -> None:
    async def silent(_: Received, reply: Reply) -> None:
        await reply.hang()

    async with serve(silent) as server:
        with anyio.move_on_after(0.05) as scope:
            await fetcher().fetch(named(server))
        assert scope.cancelled_caught
        await server.wait_closed()


async def test_a_body_that_breaks_off_is_an_error() -> None:
    async def broken(_: Received, reply: Reply) -> None:
        await reply.head(200, {"content-type": "image/png"}, chunked=1000)
        await reply.send(PNG)

    async with serve(broken) as server:
        with pytest.raises(ConnectionLost):
            await fetcher().fetch(named(server))


async def test_a_name_without_an_address_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no address"):
        await Fetcher(resolve=Names([])).fetch("http://files.test/")

    async def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(anyio, "getaddrinfo", unknown)
    with pytest.raises(ConnectError, match=r"files\.invalid"):
        await llmstream.fetch_attachment("http://files.invalid/")


async def test_a_proxy_of_the_environment_takes_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with serve(replies(PNG)) as server:
        assert (await fetcher().fetch(named(server))).data == PNG


async def test_the_certificate_is_that_of_the_name_though_the_address_is_dialled() -> None:
    authority = trustme.CA()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("files.test").configure_cert(server_context)
    seen: list[str | None] = []
    server_context.sni_callback = lambda _socket, name, _context: seen.append(name)
    client_context = ssl.create_default_context()
    authority.configure_trust(client_context)
    tls = fetcher(connections=lambda: Sender(lambda: client_context, limits=Limits(idle=0)))
    async with serve(replies(PNG), ssl_context=server_context) as server:
        assert (await tls.fetch(named(server))).data == PNG
        with pytest.raises(llmstream.TLSError):
            await tls.fetch(named(server, host="other.test"))
    assert seen[0] == "files.test"
