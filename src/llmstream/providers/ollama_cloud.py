"""Ollama's cloud, by Ollama's own API.

https://docs.ollama.com/cloud
"""

from llmstream.providers._provider import Provider
from llmstream.wire.ollama import OllamaCodec

PROVIDER = Provider(
    name="ollama-cloud",
    codec=OllamaCodec("ollama-cloud"),
    base_url="https://ollama.com",
    key_env=("OLLAMA_API_KEY",),
)
