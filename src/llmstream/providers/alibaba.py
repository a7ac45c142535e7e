"""Alibaba Cloud's Model Studio: Qwen.

https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="alibaba",
    codec=OpenAIChatCodec(
        "alibaba",
        Quirks(
            # like most compatible servers, it is known to take max_tokens alone
            max_tokens="max_tokens",
        ),
    ),
    base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    key_env=("DASHSCOPE_API_KEY",),
)
