"""OpenAI, by legacy Completions.

https://platform.openai.com/docs/api-reference/completions
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_completions import CompletionsCodec

PROVIDER = Provider(
    name="openai-completions",
    codec=CompletionsCodec("openai-completions"),
    base_url="https://api.openai.com/v1",
    key_env=("OPENAI_API_KEY",),
)
