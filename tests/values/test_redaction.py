"""What looks like a key is starred out, in linear time, and prose is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.values.redaction import redacted, without

KEY = "0123456789abcdefABCDEF"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Incorrect API key provided: sk-abc12***xyz9.", "Incorrect API key provided: ***"),
        ("Incorrect API key provided: abcd****wxyz. See", "Incorrect API key provided: ***. See"),
        ("key ************vwxyz is wrong", "key *** is wrong"),
        ("bad sk-ant-api03-abcdefghijk!", "bad ***!"),
        ("bad sk-proj-abc_def-ghi", "bad ***"),
        ("gsk_0123456789abc, hf_0123456789abc", "***, ***"),
        ("AIzaSyA0123456789abcdefghij was blocked", "*** was blocked"),
        ("The id AKIAIOSFODNN7EXAMPLE is unknown", "The id *** is unknown"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "token ***"),
        ("authorization: Bearer abc123def", "authorization: Bearer ***"),
        ("authorization: Basic dXNlcjpwYXNz1==", "authorization: Basic ***"),
        ("https://a.test/v1?key=secret&b=1", "https://a.test/v1?key=***&b=1"),
        ("https://a.test/v1?b=1&api_key=secret1", "https://a.test/v1?b=1&api_key=***"),
        ('{"api_key":"secret","b":1}', '{"api_key":"***","b":1}'),
        ("https://user:pw@a.test/", "https://***@a.test/"),
        ("X-Amz-Credential=AKIA/2026&a=b", "X-Amz-Credential=***&a=b"),
        ("X-Amz-Security-Token=abcd", "X-Amz-Security-Token=***"),
    ],
)  # fmt: skip
def test_keys_of_all_makers_are_starred_out(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Bearer authentication is required",
        "Invalid value for 'tools[0].name': expected a string, got 3",
        "Rate limit reached for gpt-5.5 in organization on tokens per min: Limit 10, Used 9",
        "mail someone@example.org, see https://example.org/docs?page=3#keys",
        "key-value pairs and **bold** words; basic usage of 3 tokens",
        '{"error":{"message":"Not found","code":null}}',
        "the model `claude-sonnet-4-6-20260101` does not exist, req_011CSHoEeqs5C35K2UUqR7Fy",
    ],
)
def test_prose_is_left_alone(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize("piece", [KEY, KEY[:8], KEY[:12], KEY[-8:], KEY[-13:]])
def test_a_secret_that_is_known_is_found_in_part(piece: str) -> None:
    assert without(f"a {piece}. b {piece}!", KEY) == "a ***. b ***!"


def test_a_short_secret_is_found_whole_only() -> None:
    assert without("a 01234567 b 0123456789", "0123456789") == "a 01234567 b ***"


@given(st.text(), st.text(alphabet="abc-_0123", min_size=1, max_size=30), st.text())
def test_a_secret_that_is_known_never_stays(before: str, secret: str, after: str) -> None:
    assert secret not in without(before + secret + after, secret).replace("***", "\0")


@given(st.text(alphabet="sk-*=?&:/@ .Bearky0\n", max_size=200))
def test_starring_out_twice_changes_nothing_more(text: str) -> None:
    once = redacted(text)
    assert redacted(once) == once


@pytest.mark.parametrize(
    "unit", ["sk-", "*", "a*", "Bearer ", "://", "key=", "a", "-", "eyJ", 'api_key":"', "0"]
)
def test_the_time_is_linear(unit: str) -> None:
    # Some tenths of a second; a square of it would be minutes, and the time limit of a test ends those.
    assert len(redacted(unit * (300_000 // len(unit)))) <= 300_000


def test_what_the_maker_has_hidden_but_for_four_characters_stays_as_it_is():
    assert redacted("Your api key: ****-key is invalid") == "Your api key: ****-key is invalid"
