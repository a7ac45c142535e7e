"""DeepSeek, by Responses.

https://api-docs.deepseek.com
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_responses import OpenAIResponsesCodec, Quirks

PROVIDER = Provider(
    name="deepseek-responses",
    codec=OpenAIResponsesCodec(
        "deepseek-responses",
        Quirks(
            # asked without; it thinks aloud (corpus: openai-responses/deepseek/...function_tool_stream--0)
            stateless=False,
        ),
    ),
    base_url="https://api.deepseek.com",
    key_env=("DEEPSEEK_API_KEY",),
)
