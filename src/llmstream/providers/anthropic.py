"""Anthropic: Claude, by the vendor's own API."""

from llmstream.providers._provider import Provider
from llmstream.values.timeouts import Timeouts
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
    # "Event streams may also include any number of ping events":
    # https://docs.anthropic.com/en/docs/build-with-claude/streaming
    timeouts=Timeouts(liveness=120),
)
