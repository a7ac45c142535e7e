"""The items of one answer in the making."""

import pytest

from llmstream import Event, PartMetadata, TextDelta, ToolCallEnd, ToolCallStart
from llmstream.wire.codec import counter
from llmstream.wire.openai_responses._answer import CONTENT, Answer, MisfitError
from llmstream.wire.openai_responses.quirks import Quirks


@pytest.fixture
def answer() -> Answer:
    return Answer("p", Quirks(), counter())


def test_a_part_is_opened_once(answer: Answer):
    out: list[Event] = []
    item = answer.begin(0, {"type": "message", "id": "m"}, out)
    slot = answer.slot(item, CONTENT, 0, out)
    assert answer.slot(item, CONTENT, 0, out) is slot
    assert out == [PartMetadata(0, "p", {"id": "m"}, kind="text")]
    answer.text(slot, "a", None, out)
    answer.text(slot, "", None, out)
    assert out[1:] == [TextDelta(0, "a")]


def test_an_item_without_a_type_is_none(answer: Answer):
    for record in ({}, {"type": 1}, {"type": ""}):
        with pytest.raises(MisfitError, match="no type"):
            answer.begin(0, record, [])


def test_an_item_that_is_done_twice_says_what_is_new(answer: Answer):
    out: list[Event] = []
    record = {"type": "message", "content": [{"type": "output_text", "text": "a"}]}
    item = answer.begin(0, record, out)
    answer.finish(item, record, out)
    answer.finish(item, {**record, "id": "late"}, out)
    assert out == [TextDelta(0, "a"), PartMetadata(0, "p", {"id": "late"})]


def test_it_knows_who_is_to_make_the_calls(answer: Answer):
    answer.begin(0, {"type": "web_search_call", "id": "w"}, [])
    assert not answer.called
    answer.begin(1, {"type": "function_call", "call_id": "c", "name": "f"}, [])
    assert answer.called


def test_what_is_open_is_closed_in_order(answer: Answer):
    out: list[Event] = []
    for number in (1, 0):
        answer.begin(number, {"type": "function_call", "call_id": f"c{number}", "name": "f"}, out)
    answer.close(out, cut=False)
    assert out == [
        ToolCallStart(0, id="c1", name="f"),
        ToolCallStart(1, id="c0", name="f"),
        ToolCallEnd(0, {}),
        ToolCallEnd(1, {}),
    ]
