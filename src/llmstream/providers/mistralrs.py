"""The server of mistral.rs.

https://github.com/EricLBuehler/mistral.rs/blob/master/docs/HTTP.md
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="mistralrs",
    codec=OpenAIChatCodec(
        "mistralrs",
        Quirks(
            # the vendor's reference: max_tokens
            max_tokens="max_tokens",
        ),
    ),
    base_url="http://127.0.0.1:1234/v1",
    needs_key=False,
    local=True,
)
