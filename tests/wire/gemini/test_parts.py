"""The parts of a content."""

import pytest

from llmstream.wire.gemini import parts


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"text": ""}, "text"),
        ({"thought": True, "functionCall": {}}, "functionCall"),
        ({"thoughtSignature": "s", "toolCall": {"toolType": "T"}}, "toolCall"),
        ({"thoughtSignature": "s"}, "text"),
        ({"text": None, "hologram": {}}, "hologram"),
        ({}, "text"),
    ],
)
def test_a_part_is_what_its_data_is(part: dict, kind: str) -> None:
    assert parts.kind_of(part) == kind
    assert parts.is_opaque(part) is (kind == "hologram")


def test_what_stands_beside_the_data_is_kept_if_it_says_something() -> None:
    part = {"text": "a", "thought": False, "thoughtSignature": "s", "videoMetadata": None}
    assert parts.beside(part, "text") == {"thoughtSignature": "s"}


def test_what_is_about_a_part_does_not_stand_beside_it() -> None:
    own = {"type": "toolCall", "id": None, "toolCall": {"new": 1}, "thoughtSignature": "s", "thought": False}
    assert parts.beside_of(own) == {"thoughtSignature": "s"}


def test_fields_of_data_that_nobody_knows_are_kept_under_its_key() -> None:
    assert parts.beyond({"name": "f", "new": 1, "old": None}, "functionCall") == {"functionCall": {"new": 1}}
    assert parts.beyond({"name": "f"}, "functionCall") == {}


@pytest.mark.parametrize(
    ("output", "error"),
    [
        ({"outcome": "OUTCOME_OK", "output": "1"}, None),
        ({"output": "1"}, None),
        ({"outcome": "OUTCOME_FAILED", "output": "boom"}, "boom"),
        ({"outcome": "OUTCOME_DEADLINE_EXCEEDED"}, "OUTCOME_DEADLINE_EXCEEDED"),
    ],
)
def test_code_that_failed_says_how(output: dict, error: str | None) -> None:
    assert parts.code_error(output) == error
