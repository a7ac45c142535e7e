"""Together AI.

https://docs.together.ai/reference/chat-completions-1
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="together",
    codec=OpenAIChatCodec(
        "together",
        Quirks(
            # takes max_tokens (corpus: openai-chat/together/nonstream/ollmetry-test_together_chat_legacy-0)
            max_tokens="max_tokens",
            # takes both (corpus: openai-chat/together/nonstream/ollmetry-test_together_chat_legacy-0)
            sampling=("top_k", "min_p"),
        ),
    ),
    base_url="https://api.together.xyz/v1",
    key_env=("TOGETHER_API_KEY",),
)
