"""OpenAI, by Responses; `openai-chat` is the same provider by Chat Completions.

https://platform.openai.com/docs/api-reference/responses
"""

from llmstream.providers._provider import Provider
from llmstream.wire.embedding import OpenAIEmbedding
from llmstream.wire.openai_responses import OpenAIResponsesCodec

PROVIDER = Provider(
    name="openai",
    codec=OpenAIResponsesCodec("openai"),
    base_url="https://api.openai.com/v1",
    base_url_env="OPENAI_BASE_URL",
    key_env=("OPENAI_API_KEY",),
    prefixes=("gpt-", "o1", "o3", "o4", "chatgpt-", "codex-"),
    default_model="gpt-5.5",
    # packed, a vector takes a third of the bytes
    embedding=OpenAIEmbedding(encoding="base64"),
)
