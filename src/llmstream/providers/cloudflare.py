"""Cloudflare Workers AI; the base address has the account in it and ends in /ai/v1.

https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="cloudflare",
    codec=OpenAIChatCodec(
        "cloudflare",
        Quirks(
            # like most compatible servers, it is known to take max_tokens alone
            max_tokens="max_tokens",
        ),
    ),
    key_env=("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY"),
)
