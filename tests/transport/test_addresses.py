"""Which addresses may be fetched: the shared cases, and the ways around a check that others fell for."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.errors import ConfigError
from llmstream.jsontext import loads
from llmstream.transport.addresses import Target, allowed_by_name, checked, refusal, target_of

PUBLIC = ["8.8.8.8", "172.15.0.1", "100.128.0.1", "2606:4700::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"]
PRIVATE = [
    "10.0.0.1",
    "127.0.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "0.1.2.3",
    "192.0.0.8",
    "::1",
    "fc00::1",
    "2001:db8::1",
    "3fff:fff::1",
    "::ffff:10.0.0.1",
    "::10.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::8.8.8.8",
    "2002:a00:1::1",
    "2001:0:808:808::1",
    "5f00::1",
    "4000::1",
]
NEVER = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:169.254.169.254",
    "64:ff9b::169.254.169.254",
    "2002:a9fe:a9fe::1",
    "",
    "localhost",
    "1.2.3",
]


def judge(url: str, *, allow_private: bool = False) -> Target:
    """Whatever can be said without a resolver."""
    target = target_of(url)
    allowed_by_name(target, allow_private=allow_private)
    if target.literal:
        checked(target, [target.host], allow_private=allow_private)
    return target


def test_the_shared_cases_are_decided_as_they_say(shared: Path) -> None:
    cases = loads((shared / "cases" / "ssrf_url_cases.json").read_bytes())["cases"]
    assert len(cases) > 40
    for case in cases:
        if case["url"].startswith("data:"):
            continue  # no address of the network: see test_download
        try:
            judge(case["url"])
        except ConfigError:
            assert not case["allow"], case
        else:
            assert case["allow"], case


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_reachable_from_anywhere_may_be_connected_to(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_leave(address: str) -> None:
    assert "not globally reachable" in (refusal(address) or "")
    assert refusal(address, allow_private=True) is None


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_refused_whatever_is_allowed(address: str) -> None:
    assert refusal(address, allow_private=True) is not None


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://example.org/",
        "ftp://example.org/a",
        "javascript:alert(1)",
        "//example.org/a",
        "example.org/a",
        "",
        "http://",
        "http:///x",
        "http://user:pw@example.org/",
        "http://example.org@127.0.0.1/",
        "http://example.org\\@127.0.0.1/",
        "http://exa mple.org/",
        "http://example.org/\r\nx: y",
        "http://example.org\x00.local/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://example.org:x/",
        "http://[::1",
        "http://[fe80::1%25eth0]/",
        "http://[1:2]/",
        "http://127.1/",
        "http://0x7f.1/",
        "http://017700000001/",
        "http://0/",
        "http://0x/",
        "http://127.0.0.1./",
        "http://1.2.3.4.5/",
        "http://256.1.1.1/",
        "http://08.8.8.8/",
        "http://4294967296/",
        "http://①②⑦.⓪.⓪.①/",
        "http://127。0。0。1/",
        "http://a%2eb.org/",
        "http://example..org/",
        "http://-a.org/",
        "http://metadata.google.internal/",
        "http://LOCALHOST/",
        "http://a.localhost.localdomain/",
        "http://" + "a" * 64 + ".org/",
        "http://example.org/" + "a" * 70_000,
    ],
)
def test_ways_around_a_check_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="expected an http or https address"):
        judge(url)


def test_the_message_shows_neither_user_nor_query() -> None:
    with pytest.raises(ConfigError) as caught:
        judge("http://user:hunter2@example.org/a?token=hunter2")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("HTTP://Example.ORG.", Target("http://example.org/", "example.org", 80, False)),
        ("https://example.org:81/a?b=1#c", Target("https://example.org:81/a?b=1", "example.org", 81, False)),
        ("http://example.org/ä%20b", Target("http://example.org/%C3%A4%20b", "example.org", 80, False)),
        ("http://134744072/", Target("http://8.8.8.8/", "8.8.8.8", 80, True)),
        ("http://0x8.010.2056/", Target("http://8.8.8.8/", "8.8.8.8", 80, True)),
        ("http://[2606:4700:0::1]:81/", Target("http://[2606:4700::1]:81/", "2606:4700::1", 81, True)),
    ],
)  # fmt: skip
def test_an_address_is_sent_in_one_form(url: str, target: Target) -> None:
    assert judge(url) == target


def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    target = target_of("http://example.org/")
    assert checked(target, ["8.8.8.8", "8.8.8.8", "1.1.1.1"]) == ("8.8.8.8", "1.1.1.1")
    with pytest.raises(ConfigError, match=r"10\.0\.0\.1"):
        checked(target, ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(ConfigError, match="no address"):
        checked(target, [])


@given(
    st.text(max_size=60)
    | st.text(alphabet="http:/[]@.%\\#?019xafe", max_size=40).map(lambda s: "http://" + s)
)
def test_any_text_is_an_address_or_refused(url: str) -> None:
    try:
        target = judge(url)
    except ConfigError:
        return
    # What was judged is what is sent: reading it again changes nothing.
    assert judge(target.url) == target
