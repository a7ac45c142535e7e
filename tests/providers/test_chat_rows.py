"""The rows of all providers that speak Chat Completions."""

import json
from importlib import import_module
from pathlib import Path

import pytest

from llmstream import Options, Request, user
from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec

ELSEWHERE = ("azure", "cloudflare", "databricks", "snowflake")
LOCAL = ("gpustack", "litellm-proxy", "llamacpp", "lmstudio", "mistralrs", "ollama-compat", "vllm")
HOSTED = (
    "alibaba",
    "anthropic-compat",
    "avian",
    "bedrock-mantle",
    "cerebras",
    "deepseek",
    "doubleword",
    "fireworks",
    "github-copilot",
    "google-compat",
    "groq",
    "huggingface",
    "mistral",
    "moonshot",
    "openai-chat",
    "openrouter",
    "perplexity",
    "together",
    "venice",
    "vercel-gateway",
    "xai",
    "zai",
)
NAMES = (*ELSEWHERE, *LOCAL, *HOSTED)


def row(name: str) -> Provider:
    provider = import_module(f"llmstream.providers.{name.replace('-', '_')}").PROVIDER
    assert isinstance(provider, Provider)
    return provider


def body(name: str, **options) -> dict:
    return json.loads(row(name).codec.encode(Request("m", [user("hi")], options=Options(**options))).body)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_called_as_its_file_and_keeps_its_own_state(name: str):
    assert (row(name).name, row(name).codec.provider, row(name).codec.name) == (name, name, "openai-chat")
    assert isinstance(row(name).codec, OpenAIChatCodec)


@pytest.mark.parametrize("name", HOSTED)
def test_a_hosted_provider_has_an_address_and_a_key(name: str):
    assert row(name).base_url.startswith("https://")
    assert not row(name).base_url.endswith("/")
    assert row(name).needs_key
    assert row(name).key_env
    assert not row(name).local


@pytest.mark.parametrize("name", LOCAL)
def test_a_local_server_is_used_by_name_and_needs_no_key(name: str):
    assert row(name).base_url.startswith("http://127.0.0.1")
    assert row(name).local
    assert not row(name).needs_key


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_provider_that_is_elsewhere_for_everyone_has_no_address(name: str):
    assert row(name).base_url == ""
    assert row(name).needs_key


def test_no_two_rows_claim_the_same_models():
    claims = [prefix for name in NAMES for prefix in row(name).prefixes]
    assert sorted(set(claims)) == sorted(claims)


def test_azure_takes_its_key_in_a_header_of_its_own():
    assert (row("azure").key_header, row("azure").key_prefix) == ("api-key", "")


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        (
            "openai-chat",
            {"max_tokens": 5},
            {"max_completion_tokens": 5, "stream_options": {"include_usage": True}},
        ),
        ("groq", {"max_tokens": 5}, {"max_tokens": 5}),
        ("mistral", {"seed": 1, "max_tokens": 5}, {"random_seed": 1, "max_tokens": 5}),
        ("deepseek", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ("zai", {"reasoning_effort": "high"}, {"thinking": {"type": "enabled"}}),
        ("openrouter", {"reasoning_budget": 5}, {"reasoning": {"max_tokens": 5}}),
        ("snowflake", {"reasoning_effort": "low"}, {"reasoning": {"effort": "low"}}),
        ("vercel-gateway", {"reasoning_effort": "low"}, {"reasoning": {"effort": "low"}}),
        ("together", {"top_k": 5, "min_p": 0.1}, {"top_k": 5, "min_p": 0.1}),
    ],
)
def test_a_row_says_things_in_its_providers_way(name: str, options: dict, said: dict):
    assert said.items() <= body(name, **options).items()


@pytest.mark.parametrize("name", ["mistral", "perplexity", "databricks"])
def test_usage_that_comes_unasked_is_not_asked_for(name: str):
    assert "stream_options" not in body(name)


def test_every_provider_with_recorded_cases_has_a_row(shared: Path):
    recorded = {folder.name for folder in (shared / "corpus" / "openai-chat").iterdir() if folder.is_dir()}
    # Recorded by the compatible API, which any server of Ollama's has.
    # OpenAI's own default is another dialect.
    assert recorded - {"ollama-cloud"} <= {name.removesuffix("-chat") for name in NAMES}
