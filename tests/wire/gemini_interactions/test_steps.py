"""The steps of an interaction."""

import pytest

from llmstream.wire.gemini_interactions.steps import kind_of, spoken, without


@pytest.mark.parametrize(
    ("type", "kind"),
    [
        ("thought", "thought"),
        ("model_output", "output"),
        ("function_call", "function"),
        ("google_search_call", "call"),
        ("google_search_result", "result"),
        ("function_result", "opaque"),
        ("hologram", "opaque"),
    ],
)
def test_a_step_is_what_its_type_says(type: str, kind: str) -> None:
    assert kind_of(type) == kind


def test_texts_are_taken_out_of_contents() -> None:
    assert spoken([{"type": "text", "text": "a"}, {"type": "image"}, 7]) == ["a"]
    assert spoken({"text": "a"}) == ["a"]
    assert spoken(None) == []


def test_nulls_say_nothing() -> None:
    assert without({"a": 1, "b": None, "c": 2}, frozenset({"c"})) == {"a": 1}
