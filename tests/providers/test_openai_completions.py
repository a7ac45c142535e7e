"""OpenAI, by legacy Completions."""

from llmstream.providers.openai_completions import PROVIDER
from llmstream.wire.openai_completions import CompletionsCodec


def test_the_row_is_openais_address_with_the_older_wire():
    assert PROVIDER.codec == CompletionsCodec("openai-completions")
    assert (PROVIDER.base_url, PROVIDER.key_env) == ("https://api.openai.com/v1", ("OPENAI_API_KEY",))
