"""Azure OpenAI and AI Foundry, by the v1 API; the base address ends in /openai/v1.

https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec

PROVIDER = Provider(
    name="azure",
    codec=OpenAIChatCodec("azure"),
    base_url_env="AZURE_OPENAI_BASE_URL",
    key_env=("AZURE_OPENAI_API_KEY",),
    key_header="api-key",
    key_prefix="",
)
