"""OpenAI, by Chat Completions and by that name alone.

https://platform.openai.com/docs/api-reference/chat
"""

from llmstream.providers._provider import Provider
from llmstream.wire.embedding import OpenAIEmbedding
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks
from llmstream.wire.portable import IdShape

PROVIDER = Provider(
    name="openai-chat",
    codec=OpenAIChatCodec(
        "openai-chat",
        # the vendor refuses longer ones: "Expected a string with maximum length 40"
        Quirks(call_ids=IdShape.up_to(40)),
    ),
    base_url="https://api.openai.com/v1",
    base_url_env="OPENAI_BASE_URL",
    key_env=("OPENAI_API_KEY",),
    # packed, a vector takes a third of the bytes
    embedding=OpenAIEmbedding(encoding="base64"),
)
