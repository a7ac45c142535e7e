"""Google: Gemini, by the vendor's own API."""

from llmstream.providers._provider import Provider
from llmstream.wire.gemini import CODEC

PROVIDER = Provider(
    name="gemini",
    codec=CODEC,
    base_url="https://generativelanguage.googleapis.com",
    key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    key_header="x-goog-api-key",
    key_prefix="",
    prefixes=("gemini-", "gemma-"),
    default_model="gemini-2.5-flash",
)
