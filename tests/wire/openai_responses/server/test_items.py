"""The items of an answer that is being written."""

import pytest

from llmstream import UnsupportedError
from llmstream.wire.openai_responses.server.items import Item, Out


@pytest.fixture
def out() -> Out:
    return Out(lambda number: None)


def test_events_are_numbered_and_told_of_before():
    said: list[object] = []
    out = Out(said.append)
    out.say("a", {"output_index": 3, "type": "not this"})
    out.say("b", {})
    assert out.taken() == [
        {"output_index": 3, "type": "a", "sequence_number": 0},
        {"type": "b", "sequence_number": 1},
    ]
    assert (said, out.taken()) == ([3, None], [])


def test_a_message_is_closable_and_a_call_when_it_has_ended(out: Out):
    assert Item(0, {"type": "message", "content": []}).closable
    call = Item(0, {"type": "function_call", "arguments": ""})
    assert not (call.closable)
    assert not (call.ended)
    call.end({}, out)
    assert call.closable
    assert call.ended
    call.close(out)
    assert not (call.closable)
    assert not (call.ended)


def test_an_item_is_done_once_and_again_if_it_went_on(out: Out):
    item = Item(0, {"type": "message", "content": []})
    for _ in range(2):
        item.close(out)
        item.close(out, last=True)
    assert len(out.taken()) == 1
    item.note({"phase": "p"})
    item.close(out)
    assert out.taken() == []
    item.close(out, last=True)
    (done,) = out.taken()
    assert (done["item"]["phase"], done["item"]["status"]) == ("p", "completed")


def test_contents_have_their_places(out: Out):
    item = Item(2, {"type": "reasoning", "id": "r", "summary": []})
    for sort in ("summary_text", "reasoning_text", "summary_text"):
        item.content(sort, out).write(sort[0], None, out)
    deltas = [record for record in out.taken() if "delta" in record]
    assert [record.get("summary_index", record.get("content_index")) for record in deltas] == [0, 0, 1]
    assert {(record["item_id"], record["output_index"]) for record in deltas} == {("r", 2)}
    item.close(out)
    assert out.taken()[-1]["item"] == {
        "type": "reasoning",
        "id": "r",
        "summary": [{"type": "summary_text", "text": "s"}, {"type": "summary_text", "text": "s"}],
        "content": [{"type": "reasoning_text", "text": "r"}],
    }


def test_arguments_that_are_complete_take_no_more(out: Out):
    call = Item(0, {"type": "mcp_call", "arguments": ""})
    call.write('{"a":1}', out)
    call.end({"a": 1}, out)
    with pytest.raises(UnsupportedError):
        call.write("x", out)
    whole = Item(0, {"type": "web_search_call"})
    whole.write("x", out)
    whole.end({}, out)
    assert [record["type"] for record in out.taken()] == [
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
    ]
