"""Google's Gemini API, by its compatible API.

https://ai.google.dev/gemini-api/docs/openai
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="google-compat",
    codec=OpenAIChatCodec(
        "google-compat",
        Quirks(
            # like most compatible servers, it is known to take max_tokens alone
            max_tokens="max_tokens",
        ),
    ),
    base_url="https://generativelanguage.googleapis.com/v1beta/openai",
    key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
)
