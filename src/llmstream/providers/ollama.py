"""Ollama's server, by its own API.

https://docs.ollama.com/api/chat
"""

from llmstream.providers._provider import Provider
from llmstream.wire.ollama import OllamaCodec

PROVIDER = Provider(
    name="ollama",
    codec=OllamaCodec("ollama"),
    base_url="http://127.0.0.1:11434",
    needs_key=False,
    local=True,
)
