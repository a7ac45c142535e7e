"""Snowflake Cortex; the base address has the account in it and ends in /api/v2/cortex/v1.

https://docs.snowflake.com/en/user-guide/snowflake-cortex/open_ai_sdk
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="snowflake",
    codec=OpenAIChatCodec(
        "snowflake",
        Quirks(
            # reasoning: {"effort"} (corpus: openai-chat/snowflake/nonstream/pyai-test_snowflake_thinking-0)
            reasoning="object",
        ),
    ),
    key_env=("SNOWFLAKE_PAT", "SNOWFLAKE_TOKEN"),
)
