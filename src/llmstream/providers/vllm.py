"""vLLM's server.

https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="vllm",
    codec=OpenAIChatCodec(
        "vllm",
        Quirks(
            # takes max_tokens (corpus: openai-chat/vllm/ollmetry-test_trace_propagation_stream-ChatOpenAI--0)
            max_tokens="max_tokens",
        ),
    ),
    base_url="http://127.0.0.1:8000/v1",
    key_env=("VLLM_API_KEY",),
    needs_key=False,
    local=True,
)
