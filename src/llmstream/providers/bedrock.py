"""Amazon Bedrock, by its Converse API."""

from __future__ import annotations

from llmstream.providers._provider import Provider, Setting, Signing
from llmstream.wire.bedrock import CODEC

# https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-runtime.html
# The key is an API key of Bedrock's own; without one, calls are signed with the account's keys.
PROVIDER = Provider(
    name="bedrock",
    codec=CODEC,
    base_url="https://bedrock-runtime.{region}.amazonaws.com",
    base_url_env="AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    settings=(Setting("region", ("AWS_REGION", "AWS_DEFAULT_REGION")),),
    # Those for FIPS, and those inside of a private network.
    addresses=r"https://([\w-]+\.)?bedrock-runtime(-fips)?\.[\w-]+\.(vpce\.)?amazonaws\.com/?",
    key_env=("AWS_BEARER_TOKEN_BEDROCK",),
    signing=Signing(service="bedrock"),
)
