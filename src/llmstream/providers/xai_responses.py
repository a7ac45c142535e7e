"""xAI, by Responses: its own tools search and browse.

https://docs.x.ai/docs/api-reference#create-new-response
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_responses import OpenAIResponsesCodec, Quirks

PROVIDER = Provider(
    name="xai-responses",
    codec=OpenAIResponsesCodec(
        "xai-responses",
        Quirks(
            # its searches are custom calls (corpus: openai-responses/xai/vercel-xai-x-search-tool-0)
            server_custom_calls=True,
        ),
    ),
    base_url="https://api.x.ai/v1",
    key_env=("XAI_API_KEY",),
)
