"""The row of the Interactions API."""

from llmstream.providers.gemini import PROVIDER as GEMINI
from llmstream.providers.gemini_interactions import PROVIDER
from llmstream.wire.gemini_interactions import CODEC


def test_the_row_speaks_the_other_wire_of_the_same_service() -> None:
    assert PROVIDER.codec is CODEC
    assert PROVIDER.codec.provider == PROVIDER.name == "gemini-interactions"
    assert (PROVIDER.base_url, PROVIDER.key_env) == (GEMINI.base_url, GEMINI.key_env)
    assert (PROVIDER.key_header, PROVIDER.key_prefix, PROVIDER.query) == ("x-goog-api-key", "", ())


def test_bare_ids_are_not_its() -> None:
    assert PROVIDER.prefixes == ()
