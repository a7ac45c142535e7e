"""GPUStack's server.

https://docs.gpustack.ai/latest/user-guide/openai-compatible-apis/
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="gpustack",
    codec=OpenAIChatCodec(
        "gpustack",
        Quirks(
            # like most compatible servers, it is known to take max_tokens alone
            max_tokens="max_tokens",
            # a failure is a field `error:` of the event stream, where others have `data:`
            error_field=True,
        ),
    ),
    base_url="http://127.0.0.1/v1",
    key_env=("GPUSTACK_API_KEY",),
    needs_key=False,
    local=True,
)
