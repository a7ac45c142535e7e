"""Hugging Face's router, which fronts other providers.

https://huggingface.co/docs/inference-providers/index
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="huggingface",
    codec=OpenAIChatCodec(
        "huggingface",
        Quirks(
            # takes max_tokens (corpus: openai-chat/huggingface/...huggingface-kimi-k2-multi_tool_streaming-0)
            max_tokens="max_tokens",
        ),
    ),
    base_url="https://router.huggingface.co/v1",
    key_env=("HF_TOKEN",),
)
