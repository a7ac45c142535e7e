"""ChatGPT's own backend, which Codex speaks to: it streams only, keeps nothing, and wants instructions.

https://developers.openai.com/codex
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_responses import OpenAIResponsesCodec, Quirks

PROVIDER = Provider(
    name="chatgpt",
    codec=OpenAIResponsesCodec(
        "chatgpt",
        Quirks(
            # asked so (corpus: openai-responses/chatgpt/rig-codex_sessions-long_history_replay_...-1)
            instructions=True,
        ),
    ),
    base_url="https://chatgpt.com/backend-api/codex",
    key_env=("CHATGPT_ACCESS_TOKEN",),
)
