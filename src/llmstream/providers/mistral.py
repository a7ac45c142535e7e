"""Mistral.

https://docs.mistral.ai/api/endpoint/chat
"""

from llmstream.providers._provider import Provider
from llmstream.wire.embedding import OpenAIEmbedding
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks
from llmstream.wire.portable import IdShape

PROVIDER = Provider(
    name="mistral",
    codec=OpenAIChatCodec(
        "mistral",
        Quirks(
            # takes max_tokens (corpus: mistral/...tool_truncation_matrix-streaming_mistral_small_low_agent-0)
            max_tokens="max_tokens",
            # usage comes unasked (corpus: mistral/chatlas-test_mistral_images-0)
            stream_usage=False,
            # its word for the seed (corpus: mistral/chatlas-test_mistral_images-0)
            seed="random_seed",
            # its word for a forced call (corpus: mistral/...cycle_matrix-streaming_ministral_3b_zero_agent-0)
            required="any",
            # gives its thinking as parts, and wants it back so (corpus: mistral/...mpletions_post_ccfa08da-0)
            thinking_parts=True,
            # takes links to documents (corpus: mistral/nonstream/..._matrix-tool_return_content-url-294b63-2)
            document_url=True,
            # the vendor's reference: base64 alone
            audio_as_text=True,
            # its ids of calls (corpus: mistral/...istral_chat_model_acomplete_async_parallel_function_call-0)
            call_ids=IdShape("[A-Za-z0-9]{9}", 9),
        ),
    ),
    base_url="https://api.mistral.ai/v1",
    key_env=("MISTRAL_API_KEY",),
    prefixes=("mistral-", "ministral-", "magistral-", "codestral-", "devstral-", "pixtral-"),
    default_model="mistral-large-latest",
    # the vendor's reference: its word for the size
    embedding=OpenAIEmbedding(dimensions="output_dimension"),
)
