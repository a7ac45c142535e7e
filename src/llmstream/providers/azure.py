"""Azure OpenAI and AI Foundry, by the v1 API; the base address ends in /openai/v1.

https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks
from llmstream.wire.portable import IdShape

PROVIDER = Provider(
    name="azure",
    codec=OpenAIChatCodec(
        "azure",
        # the vendor refuses longer ones: "Expected a string with maximum length 40"
        Quirks(call_ids=IdShape.up_to(40)),
    ),
    base_url_env="AZURE_OPENAI_BASE_URL",
    key_env=("AZURE_OPENAI_API_KEY",),
    key_header="api-key",
    key_prefix="",
)
