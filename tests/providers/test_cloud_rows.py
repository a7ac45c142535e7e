"""The rows of clouds that host the models of others."""

from importlib import import_module

import pytest

from llmstream import Request, user
from llmstream.providers._provider import Provider, Setting, Signing

NAMES = ("bedrock", "bedrock-invoke", "anthropic-vertex", "vertex")


def row(name: str) -> Provider:
    provider = import_module(f"llmstream.providers.{name.replace('-', '_')}").PROVIDER
    assert isinstance(provider, Provider)
    return provider


@pytest.mark.parametrize(
    ("name", "dialect", "path"),
    [
        ("bedrock", "bedrock", "/model/a%3A0/converse-stream"),
        ("bedrock-invoke", "anthropic", "/model/a%3A0/invoke-with-response-stream"),
        ("anthropic-vertex", "anthropic", "/publishers/anthropic/models/a%3A0:streamRawPredict"),
        ("vertex", "gemini", "/publishers/google/models/a%3A0:streamGenerateContent?alt=sse"),
    ],
)
def test_a_row_names_the_model_in_the_path(name, dialect, path) -> None:
    assert (row(name).name, row(name).codec.provider, row(name).codec.name) == (name, name, dialect)
    http = row(name).codec.encode(Request("a:0", [user("hi")]))
    assert http.path == path
    assert row(name).codec.server.request(http).model == "a:0"
    assert row(name).codec.server.streams(http)


@pytest.mark.parametrize("name", NAMES)
def test_the_words_of_an_address_are_settings(name) -> None:
    words = {setting.name for setting in row(name).settings}
    assert all(f"{{{word}}}" in row(name).base_url for word in words)
    assert row(name).base_url.format_map(dict.fromkeys(words, "x")).startswith("https://")
    assert row(name).key_header == "authorization"


@pytest.mark.parametrize("name", ["bedrock", "bedrock-invoke"])
def test_amazons_calls_may_be_signed(name) -> None:
    assert row(name).signing == Signing(service="bedrock")
    assert row(name).signing.region in {setting.name for setting in row(name).settings}


def test_a_setting_keeps_its_variables_in_order() -> None:
    assert Setting("x", ["B", "A"]).env == ("B", "A")
