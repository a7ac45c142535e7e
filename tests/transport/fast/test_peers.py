"""Against servers that nobody here wrote: uvicorn, hypercorn, aiohttp's and nginx.

They are test dependencies only; `.ci/peers` installs them, and without them these tests fail.
"""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import attrs
import httpx
import pytest
import trustme

from llmstream.transport.fast import FastTransport

pytestmark = [pytest.mark.anyio, pytest.mark.peer]

SCRIPT = Path(__file__).parent / "peer_server.py"
EVENTS = b"".join(b"data: %d %b\n\n" % (number, b"x" * (number * 37 % 500)) for number in range(200))
NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off; default_type text/plain;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{
        listen 127.0.0.1:{port} {tls};
        {certificate}
        root {folder}; keepalive_timeout 1; client_max_body_size 1k;
        location /events.txt {{ gzip on; gzip_types text/plain; gzip_min_length 1; }}
        location /none {{ return 204; }}
        location /once {{ keepalive_requests 1; }}
        location /proxied/ {{ proxy_pass {upstream}; proxy_buffering off; proxy_http_version 1.1;
                              client_max_body_size 100m; }}
    }}
}}
"""


@attrs.frozen
class Peer:
    name: str
    url: str


@pytest.fixture(scope="session")
def certificate(authority, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(path))
    return str(path)


def python_server(name: str, *arguments: str) -> tuple[subprocess.Popen[bytes], int]:
    command = [sys.executable, str(SCRIPT), name, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    else:
        process.send_signal(signal.SIGTERM)
    process.wait(20)
    if process.stdout is not None:
        process.stdout.close()


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "tls"])
def tls(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture(scope="module", params=["uvicorn", "hypercorn", "aiohttp"])
def peer(request: pytest.FixtureRequest, tls: bool, certificate: str) -> Iterator[Peer]:
    process, port = python_server(request.param, *[certificate] * tls)
    yield Peer(request.param, f"{'https' if tls else 'http'}://127.0.0.1:{port}")
    stop(process)


@pytest.fixture(scope="module")
def nginx(tls: bool, certificate: str, tmp_path_factory) -> Iterator[Peer]:
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert found, "expected nginx to be installed"
    behind, upstream = python_server("uvicorn")
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "events.txt").write_bytes(EVENTS)
    (folder / "once").write_bytes(b"once")
    (folder / "plain.bin").write_bytes(EVENTS)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    lines = f"ssl_certificate {certificate}; ssl_certificate_key {certificate};" if tls else ""
    config = NGINX.format(
        folder=folder,
        port=port,
        tls="ssl" if tls else "",
        certificate=lines,
        upstream=f"http://127.0.0.1:{upstream}/",
    )
    (folder / "nginx.conf").write_text(config)
    process = subprocess.Popen([found, "-p", str(folder), "-c", str(folder / "nginx.conf")])
    wait_for(port)
    yield Peer("nginx", f"{'https' if tls else 'http'}://127.0.0.1:{port}")
    stop(process)
    stop(behind)


def wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            anyio.run(anyio.sleep, 0.05)
        else:
            return
    raise TimeoutError("expected nginx to listen")


@pytest.fixture
def transport(library, authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return FastTransport.under(library, ssl_context=context)


async def read(client, url: str) -> bytes:
    async with client.stream("GET", url) as response:
        assert response.status_code == 200
        return b"".join([part async for part in response.aiter_bytes()])


async def test_streams_come_whole_over_one_connection(client, peer, transport, pooled):
    for _ in range(5):
        assert await read(client, f"{peer.url}/events") == EVENTS
    assert (pooled(transport).slots, pooled(transport).idle) == (1, 1)


async def test_many_streams_at_once(client, peer, transport, pooled):
    async def one() -> None:
        assert await read(client, f"{peer.url}/events") == EVENTS

    async with anyio.create_task_group() as tasks:
        for _ in range(30):
            tasks.start_soon(one)
    assert pooled(transport).slots <= 30


async def test_bodies_come_back(client, peer):
    async def pieces():
        for _ in range(20):
            yield b"y" * 5_000

    for content in (b"", b"x", b"x" * 3_000_000):
        assert (await client.post(f"{peer.url}/echo", content=content)).content == content
    assert (await client.post(f"{peer.url}/echo", content=pieces())).content == b"y" * 100_000


async def test_answers_without_a_body(client, peer, transport, pooled):
    for _ in range(2):
        assert (await client.get(f"{peer.url}/none")).status_code == 204
        assert (await client.head(f"{peer.url}/echo")).content == b""
    assert pooled(transport).slots == 1


async def test_a_refusal_before_the_body_was_read(client, peer):
    response = await client.post(f"{peer.url}/refuse", content=b"x" * 20_000_000)
    assert (response.status_code, response.content) == (413, b"no")


async def test_a_connection_that_idled_too_long_is_replaced(peer, authority):
    await idle_too_long(f"{peer.url}/events", authority)


async def idle_too_long(url: str, authority: trustme.CA) -> None:
    """With one of the libraries: a second is the least that these servers wait."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with httpx.AsyncClient(transport=FastTransport.under(httpx, ssl_context=context)) as client:
        assert await read(client, url) == EVENTS
        await anyio.sleep(1.2)
        assert await read(client, url) == EVENTS


async def test_leaving_a_stream_early(library, client, peer, transport, pooled):
    request = client.build_request("GET", f"{peer.url}/events")
    response = await transport.handle_async_request(request)
    assert await anext(response.stream)
    await response.stream.aclose()
    assert await read(client, f"{peer.url}/events") == EVENTS
    assert pooled(transport).slots == 1


async def test_nginx_sends_files_compressed_and_plain(client, nginx, transport, pooled):
    for _ in range(3):
        assert await read(client, f"{nginx.url}/plain.bin") == EVENTS
        assert await read(client, f"{nginx.url}/events.txt") == EVENTS
    assert (await client.get(f"{nginx.url}/none")).status_code == 204
    assert (await client.head(f"{nginx.url}/plain.bin")).headers["content-length"] == str(len(EVENTS))
    assert pooled(transport).slots == 1


async def test_nginx_closes_after_one_request(client, nginx, transport, pooled):
    for _ in range(3):
        assert await read(client, f"{nginx.url}/once") == b"once"
        assert pooled(transport).slots == 0


async def test_nginx_refuses_large_bodies(client, nginx):
    response = await client.post(f"{nginx.url}/plain.bin", content=b"x" * 20_000_000)
    assert response.status_code == 413


async def test_nginx_refuses_what_is_no_tls(client, nginx, tls):
    if tls:
        response = await client.get(nginx.url.replace("https:", "http:"))
        assert response.status_code == 400


async def test_nginx_in_front_of_another_server(client, nginx):
    for _ in range(3):
        assert await read(client, f"{nginx.url}/proxied/events") == EVENTS
    assert (await client.post(f"{nginx.url}/proxied/echo", content=b"x" * 500_000)).content == b"x" * 500_000


async def test_nginx_closes_what_idles_too_long(nginx, authority):
    await idle_too_long(f"{nginx.url}/plain.bin", authority)
