"""Venice.

https://docs.venice.ai/api-reference/endpoint/chat/completions
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="venice",
    codec=OpenAIChatCodec(
        "venice",
        Quirks(
            # takes max_tokens (corpus: openai-chat/venice/rig-prompt_caching-streaming_probe-2)
            max_tokens="max_tokens",
        ),
    ),
    base_url="https://api.venice.ai/api/v1",
    key_env=("VENICE_API_KEY",),
)
