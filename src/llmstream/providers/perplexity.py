"""Perplexity: Sonar.

https://docs.perplexity.ai/api-reference/chat-completions-post
"""

from llmstream.providers._provider import Provider
from llmstream.wire.embedding import OpenAIEmbedding
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="perplexity",
    codec=OpenAIChatCodec(
        "perplexity",
        Quirks(
            # takes max_tokens (corpus: openai-chat/perplexity/...x-stream_raw_exposes_terminal_usag-ebe9e4-0)
            max_tokens="max_tokens",
            # usage comes unasked, in every frame of that case
            stream_usage=False,
        ),
    ),
    base_url="https://api.perplexity.ai",
    key_env=("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
    prefixes=("sonar",),
    # bytes, where others pack floats (corpus: embeddings/perplexity-rubyllm-embedding_...mbed-5aa7ba-0)
    embedding=OpenAIEmbedding(packing="int8"),
)
