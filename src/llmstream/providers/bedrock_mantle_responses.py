"""Amazon Bedrock, by its compatible Responses; in another region, give its base address.

https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html
"""

from llmstream.providers._provider import Provider
from llmstream.wire.openai_responses import OpenAIResponsesCodec

PROVIDER = Provider(
    name="bedrock-mantle-responses",
    codec=OpenAIResponsesCodec("bedrock-mantle-responses"),
    base_url="https://bedrock-mantle.us-east-1.api.aws/v1",
    key_env=("AWS_BEARER_TOKEN_BEDROCK",),
)
