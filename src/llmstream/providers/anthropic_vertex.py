"""Anthropic's models on Google's Vertex AI."""

from __future__ import annotations

from llmstream.providers._provider import Provider, Setting
from llmstream.wire.anthropic import AnthropicCodec, Quirks

_LOCATION = ("GOOGLE_CLOUD_LOCATION", "CLOUD_ML_REGION", "GOOGLE_CLOUD_REGION")

# https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
# The key is a token that is good for an hour: a function that gives a fresh one serves longer.
PROVIDER = Provider(
    name="anthropic-vertex",
    codec=AnthropicCodec(
        "anthropic-vertex",
        Quirks(
            path="/publishers/anthropic/models/{model}:streamRawPredict",
            version="vertex-2023-10-16",
        ),
    ),
    base_url="https://{host}/v1/projects/{project}/locations/{location}",
    settings=(
        Setting(
            "host",
            _LOCATION,
            default="global",
            form="{}-aiplatform.googleapis.com",
            special={
                "global": "aiplatform.googleapis.com",
                "us": "aiplatform.us.rep.googleapis.com",
                "eu": "aiplatform.eu.rep.googleapis.com",
            },
        ),
        Setting("location", _LOCATION, default="global"),
        Setting("project", ("GOOGLE_CLOUD_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID")),
    ),
    addresses=r"https://([\w-]+-)?aiplatform(\.[\w-]+\.rep)?\.googleapis\.com/.*",
    key_env=("GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN"),
)
