"""Databricks; the base address is the workspace's, with /serving-endpoints.

https://docs.databricks.com/aws/en/machine-learning/foundation-model-apis/api-reference
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="databricks",
    codec=OpenAIChatCodec(
        "databricks",
        Quirks(
            # like most compatible servers, it is known to take max_tokens alone
            max_tokens="max_tokens",
            # usage comes unasked, in every frame (corpus: openai-chat/databricks/...bricks_tool_variations-2)
            stream_usage=False,
        ),
    ),
    key_env=("DATABRICKS_TOKEN",),
)
