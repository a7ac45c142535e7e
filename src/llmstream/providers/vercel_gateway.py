"""Vercel's AI Gateway, which fronts other providers.

https://vercel.com/docs/ai-gateway/openai-compat
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="vercel-gateway",
    codec=OpenAIChatCodec(
        "vercel-gateway",
        Quirks(
            # reasoning: {..} (corpus: openai-chat/vercel-gateway/...asy-claude-sonnet-4-thinking-streaming-0)
            reasoning="object",
        ),
    ),
    base_url="https://ai-gateway.vercel.sh/v1",
    key_env=("AI_GATEWAY_API_KEY", "VERCEL_OIDC_TOKEN"),
)
