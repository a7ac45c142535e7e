"""Anthropic: Claude, by the vendor's own API."""

from llmstream.providers._provider import Provider
from llmstream.wire.anthropic import CODEC

PROVIDER = Provider(
    name="anthropic",
    codec=CODEC,
    base_url="https://api.anthropic.com",
    key_env=("ANTHROPIC_API_KEY",),
    key_header="x-api-key",
    key_prefix="",
    prefixes=("claude-",),
    default_model="claude-sonnet-4-6",
)
