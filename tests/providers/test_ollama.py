"""Ollama's server, by its own API."""

from llmstream.providers.ollama import PROVIDER
from llmstream.wire.ollama import OllamaCodec


def test_the_local_server_is_used_by_name_and_needs_no_key():
    assert PROVIDER.codec == OllamaCodec("ollama")
    assert PROVIDER.base_url == "http://127.0.0.1:11434"
    assert PROVIDER.local
    assert not PROVIDER.needs_key
