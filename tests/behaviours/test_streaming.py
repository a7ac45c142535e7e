"""Behaviours 14 to 28: streaming, and what the reducer makes of it."""

import pytest

from llmstream import (
    Done,
    PartMetadata,
    ReasoningDelta,
    ReasoningPart,
    TextDelta,
    TextPart,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallPart,
    ToolCallStart,
    WireError,
    reduce,
    sync,
)
from llmstream.testing import decode
from llmstream.testing.fakes import ScriptedModel

pytestmark = pytest.mark.anyio
CALL = [ToolCallStart(1, id="c1", name="f"), ToolCallArgsDelta(1, '{"a":1}'), ToolCallEnd(1, {"a": 1})]
ANSWER = [TextDelta(0, "Hel"), TextDelta(0, "lo"), *CALL, TextDelta(2, "."), Done(finish_reason="stop")]


async def listed(events):
    return [event async for event in events]


async def test_b14_iterating_gives_all_events_and_text_deltas_the_text():
    """DESIGN stands: a stream is its events, in wire order; the text alone is `text_deltas()`."""
    assert await listed(ScriptedModel([ANSWER]).prompt("x")) == ANSWER
    assert await listed(ScriptedModel([ANSWER]).prompt("x").text_deltas()) == ["Hel", "lo", "."]


async def test_b15_events_are_seen_before_the_answer_is_done():
    async with ScriptedModel([ANSWER]).prompt("x") as stream:
        assert await anext(stream) == ANSWER[0]
        assert stream.state == "open"


async def test_b16_a_finished_stream_is_replayed():
    """DESIGN stands: it keeps parts, not events, and so replays one delta a part; the fold is the same."""
    model = ScriptedModel([ANSWER])
    stream = model.prompt("x")
    whole = await stream
    replayed = await listed(stream)
    assert replayed == [TextDelta(0, "Hello"), *CALL, TextDelta(2, "."), ANSWER[-1]]
    assert reduce(replayed).parts == whole.parts
    assert len(model.requests) == 1


async def test_b17_a_plugin_that_yields_strings_works():
    stream = ScriptedModel([["Hel", "lo"]]).prompt("x")
    assert await listed(stream) == [TextDelta(0, "Hel"), TextDelta(0, "lo"), Done()]


def test_b18_deltas_of_a_kind_join_and_another_kind_opens_a_part():
    assert reduce(ANSWER).parts == (
        TextPart("Hello"),
        ToolCallPart("c1", "f", arguments={"a": 1}, raw='{"a":1}'),
        TextPart("."),
    )
    split = [ReasoningDelta(0, "a"), *CALL, ReasoningDelta(2, "b"), Done()]
    kinds = [type(part) for part in reduce(split).parts]
    assert kinds == [ReasoningPart, ToolCallPart, ReasoningPart]


def test_b19_parallel_calls_interleave():
    """On our side of the wire by index; the ids are unique, and say the same."""
    starts = [ToolCallStart(at, id=f"c{at}", name="f") for at in (0, 1)]
    halves = [ToolCallArgsDelta(at, text) for text in ('{"a":', "1}") for at in (0, 1)]
    calls = reduce([*starts, *halves, Done()]).tool_calls()
    assert [(call.id, call.arguments) for call in calls] == [("c0", {"a": 1}), ("c1", {"a": 1})]


def test_b19_calls_without_ids_are_parts_of_their_own():
    body = (
        b'data: {"candidates":[{"content":{"role":"model","parts":['
        b'{"functionCall":{"name":"f","args":{"a":1}}},{"functionCall":{"name":"f","args":{"a":1}}}'
        b']},"finishReason":"STOP"}]}\n\n'
    )
    first, second = decode("gemini", body, content_type="text/event-stream").tool_calls()
    assert first.arguments == second.arguments == {"a": 1}
    assert first.id != second.id


def test_b20_arguments_that_are_no_json_are_kept_and_flagged():
    """ADAPT: instead of a dict {"_raw": …} that a tool could run with, arguments is None, the text stays
    in `raw`, and `error` says why; what runs tools gives the model that error as the result."""
    call = reduce([ToolCallStart(0, id="c", name="f"), ToolCallArgsDelta(0, '{"a": '), Done()]).parts[0]
    assert (call.arguments, call.raw) == (None, '{"a": ')
    assert "JSON object" in call.error


@pytest.mark.parametrize("said", [[], [""], ["null"]])
def test_b21_no_arguments_are_empty_arguments(said):
    deltas = [ToolCallArgsDelta(0, text) for text in said]
    call = reduce([ToolCallStart(0, id="c", name="f"), *deltas, Done(finish_reason="tool_calls")]).parts[0]
    assert (call.arguments, call.error) == ({}, None)


def test_b22_another_kind_at_the_same_index_is_an_error():
    with pytest.raises(WireError, match="more text at index 0"):
        reduce([TextDelta(0, "a"), ReasoningDelta(0, "b")])


def test_b23_metadata_merges_and_the_last_wins():
    said = [PartMetadata(0, "p", {"signature": "old", "id": 1}), PartMetadata(0, "p", {"signature": "new"})]
    (part,) = reduce([TextDelta(0, "a"), *said, Done()]).parts
    assert part.provider_metadata == {"p": {"signature": "new", "id": 1}}


def test_b24_a_late_redacted_marker_stays_where_it_came():
    """DESIGN stands: order stays as on the wire, for what is sent back must be what was said."""
    late = [TextDelta(0, "a"), ReasoningDelta(1, "", redacted=True), Done()]
    assert reduce(late).parts == (TextPart("a"), ReasoningPart("", redacted=True))


def test_b25_one_answer_is_one_list_of_parts():
    """DESIGN stands: one ordered list; a boundary between a provider's messages is two parts of a kind,
    each with the metadata (here: the item's id) that it goes back with."""
    two = [
        PartMetadata(0, "p", {"id": "m1"}, kind="text"),
        TextDelta(0, "a"),
        PartMetadata(1, "p", {"id": "m2"}, kind="text"),
        TextDelta(1, "b"),
        Done(),
    ]
    response = reduce(two)
    assert [part.text for part in response.parts] == ["a", "b"]
    assert [part.provider_metadata["p"]["id"] for part in response.parts] == ["m1", "m2"]
    assert len(response.messages()) == 1


async def test_b26_a_call_is_one_part_however_it_is_given():
    """There is one way to give a call, its events, so that nothing has to be matched; a second start at
    the same place is an error, not a second part."""
    assert len(reduce(ANSWER).tool_calls()) == 1
    with pytest.raises(WireError, match="got a tool_call part at index 1"):
        reduce([TextDelta(0, "a"), CALL[0], CALL[0]])


async def test_b27_sync_and_async_give_the_same():
    asynchronous = await listed(ScriptedModel([ANSWER]).prompt("x"))
    stream = sync.Model(ScriptedModel([ANSWER])).prompt("x")
    assert list(stream) == asynchronous == ANSWER
    assert stream.response() == await ScriptedModel([ANSWER]).prompt("x")


async def test_b28_messages_are_the_same_at_every_asking():
    stream = ScriptedModel([ANSWER]).prompt("x")
    assert await stream.text() == "Hello."
    first, second = (await stream).messages(), (await stream).messages()
    assert first == second
    assert first[0].parts == reduce(ANSWER).parts
