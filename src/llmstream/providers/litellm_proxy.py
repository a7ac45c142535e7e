"""A LiteLLM proxy.

https://docs.litellm.ai/docs/simple_proxy
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="litellm-proxy",
    codec=OpenAIChatCodec(
        "litellm-proxy",
        Quirks(
            # like most compatible servers, it is known to take max_tokens alone
            max_tokens="max_tokens",
        ),
    ),
    base_url="http://127.0.0.1:4000",
    base_url_env="LITELLM_PROXY_API_BASE",
    key_env=("LITELLM_PROXY_API_KEY",),
    needs_key=False,
    local=True,
)
