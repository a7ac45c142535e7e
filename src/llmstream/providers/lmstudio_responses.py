"""LM Studio's server, by Responses.

https://lmstudio.ai/docs/developer/openai-compat/responses
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_responses import OpenAIResponsesCodec, Quirks

PROVIDER = Provider(
    name="lmstudio-responses",
    codec=OpenAIResponsesCodec(
        "lmstudio-responses",
        Quirks(
            # nothing is encrypted (corpus: openai-responses/lmstudio/vercel-lmstudio-tool-call.1-0)
            stateless=False,
        ),
    ),
    base_url="http://127.0.0.1:1234/v1",
    needs_key=False,
    local=True,
)
