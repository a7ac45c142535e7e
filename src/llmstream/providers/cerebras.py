"""Cerebras.

https://inference-docs.cerebras.ai/api-reference/chat-completions
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec

PROVIDER = Provider(
    name="cerebras",
    codec=OpenAIChatCodec("cerebras"),
    base_url="https://api.cerebras.ai/v1",
    key_env=("CEREBRAS_API_KEY",),
)
