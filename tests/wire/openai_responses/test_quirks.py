"""The quirks."""

from llmstream.wire.openai_responses import Quirks


def test_the_defaults_are_openais_own_ways():
    quirks = Quirks()
    assert quirks.stateless
    assert not (quirks.instructions)
    assert not (quirks.server_custom_calls)
    assert "gpt-4o".startswith(quirks.unreasoning)
    assert not "gpt-5.5".startswith(quirks.unreasoning)
    assert Quirks(unreasoning=["a"]) == Quirks(unreasoning=("a",))
