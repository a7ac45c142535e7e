"""The words of the wire."""

import pytest

from llmstream import UnsupportedError
from llmstream.wire.openai_responses._names import cannot, finish_of


@pytest.mark.parametrize(
    ("raw", "calls", "refused", "reason"),
    [
        ("completed", False, False, "stop"),
        ("completed", True, False, "tool_calls"),
        ("completed", True, True, "refusal"),
        ("max_output_tokens", True, False, "length"),
        ("content_filter", False, True, "content_filter"),
        ("failed", False, False, "error"),
        ("cancelled", False, False, "other"),
        ("new", False, False, "other"),
        (None, True, True, None),
    ],
)
def test_reasons_are_unified(raw: str | None, calls: bool, refused: bool, reason: str | None):
    assert finish_of(raw, calls=calls, refused=refused) == reason


def test_what_cannot_be_said_names_the_dialect():
    assert isinstance(cannot("x"), UnsupportedError)
    assert "openai-responses" in str(cannot("x"))
