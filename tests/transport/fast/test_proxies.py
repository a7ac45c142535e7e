import pytest

from llmstream.testing.loopback import Received, Reply, replies, serve
from llmstream.transport.fast import FastTransport, environment_mounts
from llmstream.transport.fast.proxies import has_proxies, pattern


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("example.com", "all://*example.com"),
        (".example.com", "all://*.example.com"),
        ("localhost", "all://localhost"),
        ("127.0.0.1", "all://127.0.0.1"),
        ("127.0.0.1:8080", "all://127.0.0.1:8080"),
        ("::1", "all://[::1]"),
        ("https://example.com", "https://example.com"),
    ],
)
def test_exceptions_are_written_as_the_libraries_write_them(entry, expected):
    assert pattern(entry) == expected


def test_without_proxies_nothing_is_mounted(library):
    assert environment_mounts(library, {}) == {}
    assert environment_mounts(library, {"no": "a,b"}) == {}
    assert environment_mounts(library, {"http": "http://p:1", "no": "a, *"}) == {}


def test_the_environment_is_read(library, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert environment_mounts(library) == {}
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "example.com")
    assert [*environment_mounts(library)] == ["https://", "all://*example.com"]


@pytest.mark.anyio
async def test_proxied_requests_do_not_reach_this_transport(library, transport):
    async def proxy(received: Received, reply: Reply) -> None:
        await replies(b"through the proxy: " + received.path.encode())(received, reply)

    async with serve(proxy) as server, serve(replies(b"direct")) as direct:
        mounts = environment_mounts(library, {"http": server.url[7:], "no": "127.0.0.1"})
        async with library.AsyncClient(transport=transport, mounts=mounts) as client:
            proxied = await client.get("http://name.invalid/x")
            assert proxied.text == "through the proxy: http://name.invalid/x"
            assert (await client.get(direct.url)).text == "direct"
    assert isinstance(transport, FastTransport)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"NO_PROXY": "127.0.0.1"}, False),
        ({"HTTPS_PROXY": ""}, False),
        ({"https_proxy": "http://127.0.0.1:9"}, True),
        ({"ALL_PROXY": "127.0.0.1:9"}, True),
    ],
)
def test_a_proxy_is_looked_for_where_everybody_names_it(variables, expected, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert has_proxies() is expected
