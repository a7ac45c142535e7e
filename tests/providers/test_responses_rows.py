"""The rows of all providers that speak Responses."""

import json
from importlib import import_module
from pathlib import Path

import pytest

from llmstream import Options, Request, system, user
from llmstream.model.registry import provider as find_provider
from llmstream.providers._provider import Provider
from llmstream.wire.openai_responses import OpenAIResponsesCodec

# Those whose other dialect is the default have it in their names.
SECOND = (
    "azure-responses",
    "bedrock-mantle-responses",
    "deepseek-responses",
    "github-copilot-responses",
    "lmstudio-responses",
    "openrouter-responses",
    "xai-responses",
)
NAMES = ("openai", "chatgpt", *SECOND)


def row(name: str) -> Provider:
    provider = import_module(f"llmstream.providers.{name.replace('-', '_')}").PROVIDER
    assert isinstance(provider, Provider)
    return provider


def body(name: str, **options) -> dict:
    request = Request("m", [system("s"), user("hi")], options=Options(**options))
    return json.loads(row(name).codec.encode(request).body)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_called_as_its_file_and_keeps_its_own_state(name: str):
    provider = row(name)
    assert (provider.name, provider.codec.provider, provider.codec.name) == (name, name, "openai-responses")
    assert isinstance(provider.codec, OpenAIResponsesCodec)


@pytest.mark.parametrize("name", SECOND)
def test_a_second_dialect_is_at_the_same_place_with_the_same_key(name: str):
    first, second = find_provider(name.removesuffix("-responses")), row(name)
    assert first is not None
    for field in ("base_url", "base_url_env", "key_env", "key_header", "key_prefix", "needs_key", "local"):
        assert getattr(first, field) == getattr(second, field), field
    assert second.prefixes == ()


def test_openai_is_known_by_its_models():
    openai = row("openai")
    assert set(openai.prefixes) == {"gpt-", "o1", "o3", "o4", "chatgpt-", "codex-"}
    assert (openai.base_url, openai.key_env) == ("https://api.openai.com/v1", ("OPENAI_API_KEY",))
    assert body("openai", max_tokens=5)["max_output_tokens"] == 5


def test_a_row_says_things_in_its_providers_way():
    assert body("chatgpt")["instructions"] == "s"
    assert body("chatgpt")["store"] is False
    for name in ("deepseek-responses", "lmstudio-responses"):
        assert not {"store", "include"} & body(name).keys()
    assert body("openai")["input"][0] == {"role": "system", "content": "s"}


def test_every_provider_with_recorded_cases_has_a_row(shared: Path):
    folder = shared / "corpus" / "openai-responses"
    recorded = {path.name for path in folder.iterdir() if path.is_dir()} - {"errors", "nonstream"}
    assert recorded <= {name.removesuffix("-responses") for name in NAMES}
