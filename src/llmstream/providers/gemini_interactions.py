"""Google's Gemini, by the Interactions API."""

from llmstream.providers._provider import Provider
from llmstream.wire.gemini_interactions import CODEC

PROVIDER = Provider(
    name="gemini-interactions",
    codec=CODEC,
    base_url="https://generativelanguage.googleapis.com",
    key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    key_header="x-goog-api-key",
    key_prefix="",
)
