"""Moonshot AI: Kimi.

https://platform.moonshot.ai/docs/api/chat
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="moonshot",
    codec=OpenAIChatCodec(
        "moonshot",
        Quirks(
            # like most compatible servers, it is known to take max_tokens alone
            max_tokens="max_tokens",
        ),
    ),
    base_url="https://api.moonshot.ai/v1",
    key_env=("MOONSHOT_API_KEY",),
    prefixes=("kimi-", "moonshot-"),
)
