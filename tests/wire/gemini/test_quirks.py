"""What differs from one provider to the next."""

from llmstream.wire.gemini import Quirks


def test_the_defaults_are_the_vendors_own() -> None:
    assert Quirks() == Quirks(path="/v1beta/models/", call_ids=True)
