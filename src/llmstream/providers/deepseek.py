"""DeepSeek.

https://api-docs.deepseek.com/api/create-chat-completion
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="deepseek",
    codec=OpenAIChatCodec(
        "deepseek",
        Quirks(
            # takes max_tokens (corpus: openai-chat/deepseek/...ent_streaming_truncated_call_is_not_invoked-0)
            max_tokens="max_tokens",
            # thinking: {"type"} (corpus: openai-chat/deepseek/...reaming_reasoner_parallel_tool_tur-32dd90-0)
            reasoning="switch and effort",
            # a tool loop fails without (corpus: openai-chat/deepseek/nonstream/...capability_with_thinking-1)
            echo_reasoning="reasoning_content",
        ),
    ),
    base_url="https://api.deepseek.com",
    key_env=("DEEPSEEK_API_KEY",),
    prefixes=("deepseek-",),
    default_model="deepseek-chat",
)
