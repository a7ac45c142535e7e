"""The words of the wire."""

import pytest

from llmstream import UnsupportedError
from llmstream.wire.ollama._names import cannot, finish_of


@pytest.mark.parametrize(
    ("raw", "calls", "reason"),
    [
        ("stop", False, "stop"),
        ("stop", True, "tool_calls"),
        ("length", True, "length"),
        ("refusal", False, "refusal"),
        ("load", False, "other"),
        (None, True, None),
    ],
)
def test_reasons_to_finish_are_unified(raw: str | None, calls: bool, reason: str | None):
    assert finish_of(raw, calls=calls) == reason


def test_what_cannot_be_said_is_named_with_the_dialect():
    error = cannot("this")
    assert isinstance(error, UnsupportedError)
    assert str(error) == "expected what ollama can say, got this"
