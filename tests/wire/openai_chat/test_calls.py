"""Which fragment belongs to which call."""

import msgspec
import pytest

from llmstream import (
    MalformedFrameError,
    PartMetadata,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultOut,
    reduce,
)
from llmstream.wire.codec import counter
from llmstream.wire.openai_chat._calls import Calls
from llmstream.wire.openai_chat._parts import Parts
from llmstream.wire.openai_chat.frames import Call, Function


def entry(index=None, id=None, name=None, text=None, **more) -> Call:
    given = {"index": index, "id": id, "function": {"name": name, "arguments": text}, **more}
    return msgspec.convert(given, Call)


def made(*frames: list[Call], cut: bool = False) -> list:
    calls, out = Calls(Parts("p"), counter()), []
    for frame in frames:
        calls.feed(frame, out)
    calls.close(out, cut=cut)
    return out


def seen(*frames: list[Call]) -> list[tuple]:
    """The calls that came of it: their ids, names and texts."""
    return [(part.id, part.name, part.raw) for part in reduce(made(*frames)).tool_calls()]


def test_fragments_go_by_their_index():
    assert seen(
        [entry(0, "x", "f", "")],
        [entry(1, "y", "g", "")],
        [entry(1, None, None, "[1")],
        [entry(0, None, None, '{"a"')],
        [entry(1, None, None, "]")],
        [entry(0, None, None, ": 1}")],
    ) == [("x", "f", '{"a": 1}'), ("y", "g", "[1]")]


def test_a_number_may_come_as_text():
    assert seen([entry("3", "x", "f", "{")], [entry("3", None, "", "}")]) == [("x", "f", "{}")]


def test_calls_without_index_go_by_their_id():
    assert seen([entry(None, "x", "f", "{}"), entry(None, "y", "g", "{")], [entry(None, "y", None, "}")]) == [
        ("x", "f", "{}"),
        ("y", "g", "{}"),
    ]


def test_fragments_without_index_and_id_go_on_with_the_last_call():
    assert seen([entry(None, "x", "f", "{")], [entry(None, None, "", "}")]) == [("x", "f", "{}")]


def test_an_index_that_moves_without_a_name_goes_by_the_id():
    assert seen([entry(0, "x", "f", "{")], [entry(1, "x", None, "}")]) == [("x", "f", "{}")]


@pytest.mark.parametrize("index", [None, 0])
@pytest.mark.parametrize("id", [None, "", "x"])
def test_whole_calls_with_a_missing_or_repeated_index_or_id_are_calls_of_their_own(index, id):
    calls = seen([entry(index, id, "f", '{"a": 1}')], [entry(index, id, "f", '{"a": 2}')])
    assert [(name, text) for _, name, text in calls] == [("f", '{"a": 1}'), ("f", '{"a": 2}')]
    assert len({name for name, _, _ in calls}) == 2


def test_fragments_under_one_index_go_by_their_id():
    frames = (
        [entry(0, "x", "f", "{")],
        [entry(0, "y", "g", "{")],
        [entry(0, "x", None, "}")],
        [entry(0, None, None, "}")],
    )
    assert seen(*frames) == [("x", "f", "{}"), ("y", "g", "{}")]


def test_fragments_under_one_id_go_by_their_index():
    frames = [entry(0, "x", "f", "{")], [entry(1, "x", "g", "[")], [entry(1, "x", None, "]")]
    assert [text for _, _, text in seen(*frames)] == ["{", "[]"]


def test_an_index_that_is_used_again_with_another_id_begins_a_call():
    assert seen([entry(0, "x", "f", "{}")], [entry(0, "y", "f", "{}")]) == [
        ("x", "f", "{}"),
        ("y", "f", "{}"),
    ]


def test_another_name_begins_a_call():
    assert [name for _, name, _ in seen([entry(0, None, "f", "")], [entry(0, None, "g", "")])] == ["f", "g"]


def test_an_id_that_changes_without_a_name_begins_none():
    assert seen([entry(0, "x", "f", "{")], [entry(0, "y", None, "}")]) == [("x", "f", "{}")]


def test_a_repeated_name_goes_on_with_its_call():
    assert seen([entry(0, "x", "f", "")], [entry(0, "x", "f", "{")], [entry(0, "x", "f", "}")]) == [
        ("x", "f", "{}")
    ]


def test_a_whole_call_that_is_given_again_is_the_same():
    fragments = [[entry(0, "x", "f", '{"a":')], [entry(0, None, None, " 1}")]]
    assert seen(*fragments, [entry(0, "x", "f", '{"a":1}')]) == [("x", "f", '{"a": 1}')]
    assert seen(*fragments, [entry(0, "x", None, '{"a": 1}')]) == [("x", "f", '{"a": 1}')]


def test_a_call_without_id_gets_one():
    assert made([entry(0, None, "f", "{}")])[0] == ToolCallStart(0, id="call_1", name="f")


def test_a_repeated_id_is_replaced_and_kept():
    events = made([entry(0, "x", "f", "{}")], [entry(1, "x", "g", "{}")])
    assert events[3:6] == [
        ToolCallStart(1, id="call_1", name="g"),
        PartMetadata(1, "p", {"id": "x"}),
        ToolCallArgsDelta(1, "{}"),
    ]


def test_an_id_that_comes_late_is_kept():
    assert made([entry(0, None, "f", "{")], [entry(0, "x", None, "}")])[1:4] == [
        ToolCallArgsDelta(0, "{"),
        PartMetadata(0, "p", {"id": "x"}),
        ToolCallArgsDelta(0, "}"),
    ]
    assert seen([entry(None, None, "f", "{")], [entry(None, "x", None, "}")]) == [("call_1", "f", "{}")]


def test_an_id_alone_says_what_the_call_is_called():
    alone = Call(index=0, id="y")
    assert made([entry(0, "x", "f", "{}")], [alone])[2] == PartMetadata(0, "p", {"id": "y"})


def test_a_generated_id_does_not_repeat_one_of_the_wire():
    assert [one for one, _, _ in seen([entry(0, "call_1", "f", "{}"), entry(1, None, "g", "{}")])] == [
        "call_1",
        "call_2",
    ]


def test_a_call_is_held_back_until_its_name_is_known():
    events = made([entry(0, "x", None, '{"a"')], [entry(0, None, None, ": ")], [entry(0, None, "f", "1}")])
    assert events == [
        ToolCallStart(0, id="x", name="f"),
        ToolCallArgsDelta(0, '{"a": 1}'),
        ToolCallEnd(0, {"a": 1}),
    ]


def test_a_call_without_a_name_is_malformed():
    with pytest.raises(MalformedFrameError, match="expected a name for a tool call"):
        made([entry(0, "x", None, "{}")])


def test_an_entry_that_says_nothing_is_passed_over():
    assert made([entry(0, "", "", " ")], [Call(index=1)]) == []


@pytest.mark.parametrize(("given", "text"), [({"a": 1}, '{"a":1}'), ([1], "[1]"), (None, ""), (5, "")])
def test_arguments_that_are_no_text_are_written(given, text: str):
    call = Call(index=0, id="x", function=Function("f", given))
    assert seen([call]) == [("x", "f", text)]


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_no_arguments_are_none_to_give(nothing):
    assert made([entry(0, "x", "f", nothing)])[-1] == ToolCallEnd(0, {})
    assert not any(isinstance(event, ToolCallEnd) for event in made([entry(0, "x", "f", nothing)], cut=True))


@pytest.mark.parametrize("text", ["[1]", '{"a"', "{}}", "5"])
def test_arguments_that_are_no_object_do_not_end(text: str):
    assert not any(isinstance(event, ToolCallEnd) for event in made([entry(0, "x", "f", text)]))


def test_complete_arguments_end_when_another_call_begins():
    events = made([entry(0, "x", "f", "{}")], [entry(1, "y", "g", "{")])
    assert events[2:4] == [ToolCallEnd(0, {}), ToolCallStart(1, id="y", name="g")]


def test_blanks_after_an_end_are_passed_over_and_more_is_malformed():
    frames = [entry(0, "x", "f", "{}")], [entry(1, "y", "g", "{}")]
    assert len(made(*frames, [entry(0, None, None, " \n")])) == 6
    with pytest.raises(MalformedFrameError, match="expected no more arguments of the call 'x'"):
        made(*frames, [entry(0, None, None, "x")])


def test_what_rides_on_a_call_is_kept():
    extra = {"google": {"thought_signature": "s"}}
    assert made([entry(0, "x", "f", "{}", extra_content=extra)])[2] == PartMetadata(
        0, "p", {"extra_content": extra}
    )
    assert made([entry(0, "x", None, None, extra_content=extra)]) == []


def test_what_rides_on_a_fragment_is_kept():
    events = made([entry(0, "x", "f", "{")], [entry(0, None, None, "}", extra_content={"s": 1})])
    assert events[2:4] == [ToolCallArgsDelta(0, "}"), PartMetadata(0, "p", {"extra_content": {"s": 1}})]


def test_free_text_may_repeat_itself():
    def custom(text: str, **more) -> Call:
        return msgspec.convert({"index": 0, "custom": {"input": text, **more}}, Call)

    frames = [custom("{}", name="sql")], [custom("{}")], [custom("{}", name="sql")]
    assert seen(*frames) == [("call_1", "sql", "{}{}{}")]


def test_a_function_beside_an_empty_custom_call_is_a_function():
    call = entry(0, "x", "f", "{}", type="function", custom={"name": "", "input": ""})
    assert made([call])[0] == ToolCallStart(0, id="x", name="f")


def executed(*frames: list) -> list:
    calls, out = Calls(Parts("p"), counter()), []
    for frame in frames:
        calls.executed(frame, out)
    return out


def test_a_call_that_the_provider_ran_is_answered_once():
    ran = {"index": 0, "type": "search", "arguments": {"q": 1}, "output": "a", "more": 1}
    events = executed([ran, 5], [ran], [{**ran, "more": 2}])
    assert events[:3] == [
        ToolCallStart(0, id="call_1", name="search", server_executed=True),
        ToolCallArgsDelta(0, '{"q":1}'),
        ToolCallEnd(0, {"q": 1}),
    ]
    assert events[3:] == [
        ToolResultOut(1, "call_1", name="search", output="a", server_executed=True),
        PartMetadata(1, "p", {"executed_tool": {"more": 1}}),
        PartMetadata(1, "p", {"executed_tool": {"more": 2}}),
    ]


def test_other_arguments_under_the_same_number_are_another_call():
    ran = {"index": 0, "name": "search", "arguments": "{}", "output": "a"}
    ids = [e.id for e in executed([ran], [{**ran, "arguments": "[]"}]) if isinstance(e, ToolCallStart)]
    assert ids == ["call_1", "call_2"]


def test_a_tool_of_the_providers_may_fail():
    assert executed([{"id": "s", "arguments": None, "error": "no"}])[2] == ToolResultOut(
        1, "s", name="tool", error="no", server_executed=True
    )
