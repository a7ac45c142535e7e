"""Messages as the wire's system text and its turns."""

import pytest

from llmstream import (
    Attachment,
    AttachmentPart,
    Citation,
    Message,
    OpaquePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    UnsupportedError,
    assistant,
    system,
    tool_message,
    user,
)
from llmstream.wire.anthropic.turns import cache_control, system_of, turns_of


def text(words: str, **more) -> dict:
    return {"type": "text", "text": words, **more}


def turn(role: str, *content: dict) -> dict:
    return {"role": role, "content": list(content)}


def turns(*messages: Message) -> list[dict]:
    return turns_of(messages, "anthropic")


def own(**data) -> dict:
    return {"provider_metadata": {"anthropic": data}}


def test_the_mark_of_five_minutes_is_the_default() -> None:
    assert cache_control("5m") == {"type": "ephemeral"}
    assert cache_control("1h") == {"type": "ephemeral", "ttl": "1h"}


def test_one_plain_system_text_is_a_string() -> None:
    assert system_of([system("Be brief."), user("x")], "anthropic") == "Be brief."
    assert system_of([user("x"), system(" ")], "anthropic") == []


def test_system_messages_are_gathered_once_wherever_they_stand() -> None:
    messages = [system("A", cache="1h"), user("x"), system("A2"), assistant("y"), system("A2")]
    assert system_of(messages, "anthropic") == [
        text("A", cache_control={"type": "ephemeral", "ttl": "1h"}),
        text("A2"),
    ]


def test_a_marked_system_text_is_a_block() -> None:
    marked = TextPart("A", **own(cache_control={"type": "ephemeral"}))
    assert system_of([system(marked)], "anthropic") == [text("A", cache_control={"type": "ephemeral"})]


def test_a_system_message_is_text_only() -> None:
    with pytest.raises(UnsupportedError, match="in a system message, got AttachmentPart"):
        system_of([system(Attachment("image/png", data=b"x"))], "anthropic")


def test_neighbouring_messages_of_one_side_are_one_turn() -> None:
    assert turns(user("a"), user("b"), assistant("c"), assistant("d")) == [
        turn("user", text("a"), text("b")),
        turn("assistant", text("c"), text("d")),
    ]


def test_results_come_first_in_one_turn() -> None:
    messages = [
        user("x"),
        assistant(ToolCallPart("t1", "f", arguments={"a": 1}), ToolCallPart("t2", "g", arguments={})),
        user("and"),
        tool_message(ToolResultPart("t1", "f", output="one")),
        tool_message(ToolResultPart("t2", "g", output={"n": 2})),
        user("go on"),
    ]
    assert turns(*messages)[1:] == [
        turn(
            "assistant",
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
        ),
        turn(
            "user",
            {"type": "tool_result", "tool_use_id": "t1", "content": "one"},
            {"type": "tool_result", "tool_use_id": "t2", "content": '{"n":2}'},
            text("and"),
            text("go on"),
        ),
    ]


def test_a_result_may_hold_files_and_say_that_it_failed() -> None:
    png = Attachment("image/png", data=b"png")
    results = [
        ToolResultPart("t1", "f", output="shot", attachments=[png]),
        ToolResultPart("t2", "f", attachments=[png]),
        ToolResultPart("t3", "f", error="boom"),
        ToolResultPart("t4", "f", output="half", error="boom"),
    ]
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "cG5n"}}
    assert turns(tool_message(results)) == [
        turn(
            "user",
            {"type": "tool_result", "tool_use_id": "t1", "content": [text("shot"), image]},
            {"type": "tool_result", "tool_use_id": "t2", "content": [image]},
            {"type": "tool_result", "tool_use_id": "t3", "content": "boom", "is_error": True},
            {"type": "tool_result", "tool_use_id": "t4", "content": "half", "is_error": True},
        )
    ]


def test_a_result_in_an_answer_splits_it() -> None:
    answer = assistant(
        ToolCallPart("t1", "f", arguments={}), ToolResultPart("t1", "f", output="r"), TextPart("so")
    )
    assert [one["role"] for one in turns(answer)] == ["assistant", "user", "assistant"]


def test_the_cache_mark_is_on_the_last_block_that_takes_one() -> None:
    signed = ReasoningPart("hm", **own(signature="s"))
    assert turns(assistant("a", signed, cache="5m"), user("b", " ", cache="1h")) == [
        turn(
            "assistant",
            text("a", cache_control={"type": "ephemeral"}),
            {"type": "thinking", "thinking": "hm", "signature": "s"},
        ),
        turn("user", text("b", cache_control={"type": "ephemeral", "ttl": "1h"}), text(" ")),
    ]
    assert turns(assistant(signed, cache="5m")) == [
        turn("assistant", {"type": "thinking", "thinking": "hm", "signature": "s"})
    ]


def test_marks_and_other_keys_of_parts_go_into_their_blocks() -> None:
    mark = {"type": "ephemeral"}
    paper = AttachmentPart(
        Attachment("text/plain", data=b"x", name="a.txt"),
        **own(citations={"enabled": True}, context="c"),
    )
    assert turns(user(TextPart("a", **own(cache_control=mark)), paper)) == [
        turn(
            "user",
            text("a", cache_control=mark),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "x"},
                "title": "a.txt",
                "citations": {"enabled": True},
                "context": "c",
            },
        )
    ]


def test_what_came_from_this_provider_goes_back_as_it_was() -> None:
    record = {"type": "web_search_result_location", "url": "u", "encrypted_index": "Eo8B", "file_id": None}
    found = [{"type": "web_search_result", "encrypted_content": "EugC"}]
    answer = assistant(
        ReasoningPart("hm", **own(signature="c2ln")),
        ReasoningPart("", **own(signature="alone")),
        ReasoningPart("", redacted=True, **own(data="ZGF0YQ")),
        ToolCallPart(
            "s1", "web_search", arguments={"q": 1}, server_executed=True, **own(type="server_tool_use")
        ),
        ToolResultPart(
            "s1",
            "web_search",
            output=found,
            server_executed=True,
            **own(type="web_search_tool_result", caller={"type": "direct"}),
        ),
        TextPart("so", citations=[Citation(provider="anthropic", data=record)]),
        OpaquePart("anthropic", "compaction", {"type": "compaction", "content": None}),
        ToolCallPart("t1", "f", arguments={}, **own(caller={"type": "direct"})),
    )
    assert turns(answer) == [
        turn(
            "assistant",
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "thinking", "thinking": "", "signature": "alone"},
            {"type": "redacted_thinking", "data": "ZGF0YQ"},
            {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"q": 1}},
            {
                "type": "web_search_tool_result",
                "tool_use_id": "s1",
                "content": found,
                "caller": {"type": "direct"},
            },
            text("so", citations=[{**record, "file_id": None}]) | {"citations": [without(record, "file_id")]},
            {"type": "compaction", "content": None},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {}, "caller": {"type": "direct"}},
        )
    ]


def without(record: dict, key: str) -> dict:
    return {name: value for name, value in record.items() if name != key}


def test_what_came_from_another_provider_is_left_out() -> None:
    other = {"provider_metadata": {"other": {"signature": "s", "type": "server_tool_use"}}}
    answer = assistant(
        ReasoningPart("hm", **other),
        ReasoningPart("hm"),
        ToolCallPart("s1", "search", arguments={}, server_executed=True, **other),
        ToolResultPart("s1", "search", output=[], server_executed=True, **other),
        TextPart("so", citations=[Citation("u", provider="other", data={"x": 1}), Citation("v")]),
        OpaquePart("other", "compaction", {}),
    )
    assert turns(answer) == [turn("assistant", text("so"))]


def test_a_turn_that_has_nothing_left_is_dropped_and_its_neighbours_meet() -> None:
    assert turns(user("a"), assistant(ReasoningPart("hm")), user("b")) == [turn("user", text("a"), text("b"))]


def test_empty_text_is_left_out_and_blank_text_where_it_is_alone() -> None:
    answer = assistant("", " ", ToolCallPart("t1", "f", arguments={}))
    assert turns(user("", "a"), answer, user("\n")) == [
        turn("user", text("a")),
        turn("assistant", {"type": "tool_use", "id": "t1", "name": "f", "input": {}}),
    ]
    assert turns(assistant("a", " ", "b")) == [turn("assistant", text("a"), text(" "), text("b"))]


def test_a_call_is_always_said_with_an_object() -> None:
    calls = [
        ToolCallPart("t1", "f", raw='{"a"', error="cut"),
        ToolCallPart("t2", "f", raw="SELECT 1", custom=True),
    ]
    assert [block["input"] for block in turns(assistant(calls))[0]["content"]] == [
        {"INVALID_JSON": '{"a"'},
        {"input": "SELECT 1"},
    ]


def test_ids_go_back_as_they_came_and_in_a_form_that_the_wire_takes() -> None:
    calls = [
        ToolCallPart("functions.add:0", "f", arguments={}),
        ToolCallPart("call_2", "f", arguments={}, **own(id="toolu_1")),
        ToolCallPart("", "f", arguments={}),
    ]
    results = [ToolResultPart(call.id, "f", output="r") for call in calls]
    said, answered = turns(assistant(calls), tool_message(results))
    first, second, third = [block["id"] for block in said["content"]]
    assert second == "toolu_1"
    assert all(len(id) == 24 and id.isalnum() for id in (first, third))
    assert [block["tool_use_id"] for block in answered["content"]] == [
        block["id"] for block in said["content"]
    ]


def test_a_tool_of_a_set_is_answered_in_its_sets_name() -> None:
    called = ToolCallPart("t1", "click", arguments={}, **own(toolset_name="browser"))
    (_, answered) = turns(assistant(called), tool_message(ToolResultPart("t1", "click", output="ok")))
    assert answered["content"][0]["toolset_name"] == "browser"


def test_an_opaque_item_of_the_users_is_sent() -> None:
    upload = OpaquePart("anthropic", "container_upload", {"file_id": "file_1"})
    assert turns(user(upload)) == [turn("user", {"type": "container_upload", "file_id": "file_1"})]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (user(ToolCallPart("t", "f")), "a message of the user's, got ToolCallPart"),
        (user(ReasoningPart("x")), "a message of the user's, got ReasoningPart"),
        (
            assistant(Attachment("image/png", data=b"x")),
            "a message of the assistant's, got AttachmentPart",
        ),
    ],
)
def test_a_part_that_its_side_cannot_say_is_refused(message, said) -> None:
    with pytest.raises(UnsupportedError, match=said):
        turns(message)
