"""GitHub Copilot.

https://docs.github.com/en/copilot
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks
from llmstream.wire.portable import IdShape

PROVIDER = Provider(
    name="github-copilot",
    codec=OpenAIChatCodec(
        "github-copilot",
        # the vendor refuses longer ones: "Expected a string with maximum length 40"
        Quirks(call_ids=IdShape.up_to(40)),
    ),
    base_url="https://api.githubcopilot.com",
    key_env=("GITHUB_COPILOT_API_KEY",),
)
