"""The differences of providers."""

import attrs

from llmstream.wire.openai_chat import Quirks


def test_without_quirks_the_wire_is_openais():
    assert (Quirks().max_tokens, Quirks().reasoning) == ("max_completion_tokens", "effort")


def test_quirks_are_values_with_a_sentence_each():
    assert Quirks(sampling=["top_k"]) == Quirks(sampling=("top_k",))  # type: ignore[arg-type]
    assert all(f"{field.name}:" in (Quirks.__doc__ or "") for field in attrs.fields(Quirks))
