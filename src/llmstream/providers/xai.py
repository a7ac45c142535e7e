"""xAI: Grok.

https://docs.x.ai/docs/api-reference
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="xai",
    codec=OpenAIChatCodec(
        "xai",
        Quirks(
            # takes max_tokens (corpus: openai-chat/xai/fantasy-xai-grok-code-fast-multi_tool_streaming-1)
            max_tokens="max_tokens",
            # total = prompt + completion + reasoning (corpus: openai-chat/xai/...fast-multi_tool_streaming-0)
            output_excludes_reasoning=True,
        ),
    ),
    base_url="https://api.x.ai/v1",
    key_env=("XAI_API_KEY",),
    prefixes=("grok-",),
)
