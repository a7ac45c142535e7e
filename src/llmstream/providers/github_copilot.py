"""GitHub Copilot.

https://docs.github.com/en/copilot
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec

PROVIDER = Provider(
    name="github-copilot",
    codec=OpenAIChatCodec("github-copilot"),
    base_url="https://api.githubcopilot.com",
    key_env=("GITHUB_COPILOT_API_KEY",),
)
