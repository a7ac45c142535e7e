"""OpenRouter, which fronts other providers.

https://openrouter.ai/docs/api-reference/chat-completion
"""

from llmstream.providers._provider import Provider
from llmstream.values.timeouts import Timeouts
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="openrouter",
    codec=OpenAIChatCodec(
        "openrouter",
        Quirks(
            # takes max_tokens (corpus: openai-chat/openrouter/fantasy-grok-multi_tool_streaming-1)
            max_tokens="max_tokens",
            # reasoning: {"max_tokens"} (corpus: openai-chat/openrouter/..._order_matrix-streaming_parallel-0)
            reasoning="object",
            # takes marks on parts (corpus: openai-chat/openrouter/pyai-test_openrouter_cache_streaming_e2e-0)
            cache_control=True,
            # its tools go among the others (corpus: openai-chat/openrouter/...eb_search_annotations_stream-0)
            server_tools=True,
            # its messages have the field of its deltas (corpus: openai-chat/openrouter/synthetic/image-out)
            assistant_images=True,
        ),
    ),
    base_url="https://openrouter.ai/api/v1",
    key_env=("OPENROUTER_API_KEY",),
    default_model="openrouter/auto",
    # "we occasionally send comments to prevent connection timeouts":
    # https://openrouter.ai/docs/api-reference/streaming
    timeouts=Timeouts(liveness=120),
)
