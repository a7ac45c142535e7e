"""LM Studio's server.

https://lmstudio.ai/docs/developer/openai-compat
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="lmstudio",
    codec=OpenAIChatCodec(
        "lmstudio",
        Quirks(
            # like most compatible servers, it is known to take max_tokens alone
            max_tokens="max_tokens",
        ),
    ),
    base_url="http://127.0.0.1:1234/v1",
    needs_key=False,
    local=True,
)
