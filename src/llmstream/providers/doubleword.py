"""Doubleword.

https://docs.doubleword.ai
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="doubleword",
    codec=OpenAIChatCodec(
        "doubleword",
        Quirks(
            # takes max_tokens (corpus: openai-chat/doubleword/...inish_reason_matrix-streaming_token_limit-0)
            max_tokens="max_tokens",
        ),
    ),
    base_url="https://api.doubleword.ai/v1",
    key_env=("DOUBLEWORD_API_KEY",),
)
