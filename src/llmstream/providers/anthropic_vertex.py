"""Anthropic's models on Google's Vertex AI.

https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
"""

from llmstream.providers._provider import Provider, Setting
from llmstream.providers._vertex import ADDRESSES, BASE_URL, HOST, KEY_ENV, LOCATION
from llmstream.wire.anthropic import AnthropicCodec, Quirks

PROVIDER = Provider(
    name="anthropic-vertex",
    codec=AnthropicCodec(
        "anthropic-vertex",
        Quirks(
            path="/publishers/anthropic/models/{model}:streamRawPredict",
            version="vertex-2023-10-16",
        ),
    ),
    base_url=BASE_URL,
    settings=(HOST, LOCATION, Setting("project", ("GOOGLE_CLOUD_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID"))),
    addresses=ADDRESSES,
    key_env=KEY_ENV,
)
