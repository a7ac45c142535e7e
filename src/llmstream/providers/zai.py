"""Z.ai: GLM.

https://docs.z.ai/api-reference/llm/chat-completion
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="zai",
    codec=OpenAIChatCodec(
        "zai",
        Quirks(
            # takes max_tokens (corpus: openai-chat/zai/fantasy-zai-glm-4-7-flash-multi_tool_streaming-0)
            max_tokens="max_tokens",
            # thinking: {"type"} (corpus: openai-chat/zai/pyai-test_zai_thinking_stream-0)
            reasoning="switch",
            # taken from the recorded client (corpus: openai-chat/zai/...glm-4-7-flash-multi_tool_streaming-0)
            echo_reasoning="reasoning_content",
        ),
    ),
    base_url="https://api.z.ai/api/paas/v4",
    key_env=("ZAI_API_KEY",),
    prefixes=("glm-",),
)
