"""Azure OpenAI and AI Foundry, by Responses; the base address ends in /openai/v1.

https://learn.microsoft.com/azure/ai-foundry/openai/how-to/responses
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_responses import OpenAIResponsesCodec

PROVIDER = Provider(
    name="azure-responses",
    codec=OpenAIResponsesCodec("azure-responses"),
    base_url_env="AZURE_OPENAI_BASE_URL",
    key_env=("AZURE_OPENAI_API_KEY",),
    key_header="api-key",
    key_prefix="",
)
