"""The row of Google's Gemini."""

from llmstream.providers.gemini import PROVIDER
from llmstream.wire.gemini import CODEC


def test_the_row_speaks_the_vendors_own_wire() -> None:
    assert PROVIDER.name == "gemini"
    assert PROVIDER.codec is CODEC
    assert PROVIDER.codec.provider == PROVIDER.name


def test_the_key_goes_into_its_own_header_and_never_into_the_address() -> None:
    assert PROVIDER.key_env == ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    assert (PROVIDER.key_header, PROVIDER.key_prefix, PROVIDER.query) == ("x-goog-api-key", "", ())


def test_the_base_address_is_the_sdks_and_bare_ids_are_known() -> None:
    assert PROVIDER.base_url == "https://generativelanguage.googleapis.com"
    assert PROVIDER.prefixes == ("gemini-", "gemma-")
