"""Calls as values: what of them may be shown."""

import pytest

from llmstream import Secret
from llmstream.transport.base import HttpCall, shown
from llmstream.wire.http import HttpRequest

CALL = HttpCall(
    "POST",
    "https://me:pass@example.org/v1/chat?key=abcd&x=1",
    (("accept", "a"), ("authorization", Secret("Bearer sk-sentinel")), ("x-short", Secret("abc"))),
    b"body",
)


def test_neither_secrets_nor_the_body_are_in_the_repr() -> None:
    assert repr(CALL) == (
        "HttpCall(method='POST', url=https://example.org/v1/chat, headers=[accept, authorization, x-short], "
        "body=<4 bytes>, connect=10.0, pool=30.0)"
    )


def test_a_server_half_reads_it_without_secrets() -> None:
    assert CALL.plain() == HttpRequest("POST", CALL.url, [("accept", "a")], b"body")


@pytest.mark.parametrize(
    ("url", "may_be_shown"),
    [
        ("https://me:pass@example.org/v1/chat?key=abcd", "https://example.org/v1/chat"),
        ("http://a:b@c@d:1/e", "http://d:1/e"),
        ("http://h/a@b", "http://h/a@b"),
        ("http://h/a?b@c", "http://h/a"),
        ("nonsense", "nonsense"),
    ],
)
def test_an_address_is_shown_without_user_and_query(url, may_be_shown) -> None:
    assert shown(url) == may_be_shown


def test_the_address_of_a_call_is_shown_so() -> None:
    assert CALL.address == "https://example.org/v1/chat"


def test_secrets_that_a_peer_repeats_are_starred_out() -> None:
    told = "expected a key, got sk-sentinel (Bearer sk-sentinel) for abc"
    assert CALL.conceal(told) == "expected a key, got *** (Bearer ***) for abc"
