"""The row of Anthropic."""

from llmstream.providers.anthropic import PROVIDER
from llmstream.wire.anthropic import CODEC


def test_the_row_speaks_the_vendors_own_wire() -> None:
    assert PROVIDER.name == "anthropic"
    assert PROVIDER.codec is CODEC
    assert PROVIDER.codec.provider == PROVIDER.name


def test_the_key_goes_into_its_own_header_as_it_is() -> None:
    assert PROVIDER.key_env == ("ANTHROPIC_API_KEY",)
    assert (PROVIDER.key_header, PROVIDER.key_prefix) == ("x-api-key", "")


def test_the_base_address_is_the_sdks_and_bare_claude_ids_are_known() -> None:
    assert PROVIDER.base_url == "https://api.anthropic.com"
    assert PROVIDER.prefixes == ("claude-",)
