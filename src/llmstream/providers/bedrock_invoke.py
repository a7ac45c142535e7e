"""Anthropic's models on Amazon Bedrock, in Anthropic's own words; answers of nova are read, too."""

from __future__ import annotations

from llmstream.providers._provider import Provider, Setting, Signing
from llmstream.wire.anthropic import AnthropicCodec, Quirks
from llmstream.wire.bedrock import BedrockCodec
from llmstream.wire.relay import Relayed

NAME = "bedrock-invoke"

# https://platform.claude.com/docs/en/build-with-claude/claude-on-amazon-bedrock
PROVIDER = Provider(
    name=NAME,
    codec=Relayed(
        AnthropicCodec(
            NAME,
            Quirks(
                path="/model/{model}/invoke-with-response-stream",
                version="bedrock-2023-05-31",
                says_stream=False,
                betas="body",
            ),
        ),
        # (corpus: bedrock/invoke/otelpy-test_invoke_model_with_response_stream_no_content_tool_cal-1893ae-0)
        others={"messageStart": BedrockCodec(NAME)},
    ),
    base_url="https://bedrock-runtime.{region}.amazonaws.com",
    base_url_env="AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    settings=(Setting("region", ("AWS_REGION", "AWS_DEFAULT_REGION")),),
    addresses=r"https://([\w-]+\.)?bedrock-runtime(-fips)?\.[\w-]+\.(vpce\.)?amazonaws\.com/?",
    key_env=("AWS_BEARER_TOKEN_BEDROCK",),
    signing=Signing(service="bedrock"),
)
