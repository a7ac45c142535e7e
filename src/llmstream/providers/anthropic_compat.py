"""Anthropic, by its compatible API, for comparing models.

https://docs.claude.com/en/api/openai-sdk
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec

PROVIDER = Provider(
    name="anthropic-compat",
    codec=OpenAIChatCodec("anthropic-compat"),
    base_url="https://api.anthropic.com/v1",
    key_env=("ANTHROPIC_API_KEY",),
)
