"""llama.cpp's server.

https://github.com/ggml-org/llama.cpp/tree/master/tools/server
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="llamacpp",
    codec=OpenAIChatCodec(
        "llamacpp",
        Quirks(
            # takes max_tokens (corpus: openai-chat/llamacpp/...atrix-streaming_tool_call_cut_mid_arguments-0)
            max_tokens="max_tokens",
        ),
    ),
    base_url="http://127.0.0.1:8080/v1",
    key_env=("LLAMA_API_KEY",),
    needs_key=False,
    local=True,
)
