"""Random answers are answers of their wires."""

import pytest

from llmstream.testing import laws
from llmstream.testing.sim.answers import DIALECTS, answer, codec_of, draw
from llmstream.testing.sim.seed import Seed
from llmstream.values.events import Done, ReasoningDelta, TextDelta, ToolCallStart


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_bytes_say_the_events_and_the_ending_says_that_they_are_all(dialect: str) -> None:
    codec = codec_of(dialect)
    for number in range(30):
        said = answer(Seed(number), codec)
        got = laws.decode_all(codec, [said.body], head=said.head)
        assert got.error is None
        assert tuple(got.events) == said.events
        cut = laws.decode_all(codec, [said.body[: said.ends_at]], head=said.head)
        assert not any(isinstance(event, Done) for event in cut.events)


def test_events_follow_the_grammar_and_are_of_all_kinds() -> None:
    kinds = set()
    for number in range(50):
        events = draw(Seed(number))
        laws.grammar(events)
        kinds |= {type(event) for event in events}
    assert {TextDelta, ReasoningDelta, ToolCallStart} <= kinds


def test_a_dialect_that_cannot_say_it_says_a_text() -> None:
    codec = codec_of("openai-completions")
    answers = [answer(Seed(number), codec) for number in range(20)]
    assert all(any(isinstance(event, TextDelta) for event in said.events) for said in answers)
