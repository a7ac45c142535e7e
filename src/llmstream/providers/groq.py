"""Groq.

https://console.groq.com/docs/api-reference
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="groq",
    codec=OpenAIChatCodec(
        "groq",
        Quirks(
            # takes max_tokens (corpus: openai-chat/groq/fantasy-groq-kimi-k2-tool_streaming-1)
            max_tokens="max_tokens",
        ),
    ),
    base_url="https://api.groq.com/openai/v1",
    key_env=("GROQ_API_KEY",),
)
