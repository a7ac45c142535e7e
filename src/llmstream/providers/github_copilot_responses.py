"""GitHub Copilot, by Responses.

https://docs.github.com/en/copilot
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_responses import OpenAIResponsesCodec

PROVIDER = Provider(
    name="github-copilot-responses",
    codec=OpenAIResponsesCodec("github-copilot-responses"),
    base_url="https://api.githubcopilot.com",
    key_env=("GITHUB_COPILOT_API_KEY",),
)
