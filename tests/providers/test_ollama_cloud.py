"""Ollama's cloud, by Ollama's own API."""

from llmstream.providers.ollama_cloud import PROVIDER
from llmstream.wire.ollama import OllamaCodec


def test_the_cloud_has_an_address_and_a_key():
    assert PROVIDER.codec == OllamaCodec("ollama-cloud")
    assert (PROVIDER.base_url, PROVIDER.key_env) == ("https://ollama.com", ("OLLAMA_API_KEY",))
    assert PROVIDER.needs_key
    assert not PROVIDER.local
