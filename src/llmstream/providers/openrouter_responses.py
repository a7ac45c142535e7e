"""OpenRouter, by Responses.

https://openrouter.ai/docs/api-reference/responses/overview
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_responses import OpenAIResponsesCodec

PROVIDER = Provider(
    name="openrouter-responses",
    codec=OpenAIResponsesCodec("openrouter-responses"),
    base_url="https://openrouter.ai/api/v1",
    key_env=("OPENROUTER_API_KEY",),
)
