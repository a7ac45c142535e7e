"""Avian.

https://docs.avian.io
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="avian",
    codec=OpenAIChatCodec(
        "avian",
        Quirks(
            # the vendor's reference: max_tokens
            max_tokens="max_tokens",
        ),
    ),
    base_url="https://api.avian.io/v1",
    key_env=("AVIAN_API_KEY",),
)
