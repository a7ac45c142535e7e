"""What differs where others speak the Messages protocol."""

from llmstream.wire.anthropic.quirks import Quirks


def test_the_default_is_the_vendors_own_api() -> None:
    assert Quirks() == Quirks(path="/v1/messages", version="", says_stream=True, betas="header")
