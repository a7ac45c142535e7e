"""Ollama's cloud, by its compatible API.

https://docs.ollama.com/cloud
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="ollama-cloud",
    codec=OpenAIChatCodec(
        "ollama-cloud",
        Quirks(
            # like most compatible servers, it is known to take max_tokens alone
            max_tokens="max_tokens",
        ),
    ),
    base_url="https://ollama.com/v1",
    key_env=("OLLAMA_API_KEY",),
)
