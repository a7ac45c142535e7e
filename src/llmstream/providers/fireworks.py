"""Fireworks AI.

https://docs.fireworks.ai/api-reference/post-chatcompletions
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="fireworks",
    codec=OpenAIChatCodec(
        "fireworks",
        Quirks(
            # the vendor's reference: max_tokens
            max_tokens="max_tokens",
            # the vendor's reference: both
            sampling=("top_k", "min_p"),
        ),
    ),
    base_url="https://api.fireworks.ai/inference/v1",
    key_env=("FIREWORKS_API_KEY",),
)
