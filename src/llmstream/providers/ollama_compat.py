"""Ollama's server, by its compatible API.

https://docs.ollama.com/api/openai-compatibility
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="ollama-compat",
    codec=OpenAIChatCodec(
        "ollama-compat",
        Quirks(
            # like most compatible servers, it is known to take max_tokens alone
            max_tokens="max_tokens",
        ),
    ),
    base_url="http://127.0.0.1:11434/v1",
    needs_key=False,
    local=True,
)
