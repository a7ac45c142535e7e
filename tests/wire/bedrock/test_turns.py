"""Messages as the wire's system blocks and its turns."""

import pytest

from llmstream import (
    Attachment,
    AttachmentPart,
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
from llmstream.values.content import Citation
from llmstream.wire.bedrock.turns import system_of, turns_of

P = "bedrock"
PNG = Attachment("image/png", data=b"p")
POINT = {"cachePoint": {"type": "default"}}


def own(**data: object) -> dict:
    return {"provider_metadata": {P: data}}


def turns(*messages: Message) -> list:
    return turns_of(messages, P)


def said(*parts, role="assistant") -> list:
    """The blocks of one message."""
    found = turns(Message(role, parts))
    return found[0]["content"] if found else []


def test_system_messages_are_blocks_wherever_they_stand() -> None:
    guarded = OpaquePart(P, "guardContent", {"text": {"text": "x"}})
    messages = [
        system("a", " ", cache="5m"),
        user("hi"),
        system(guarded, OpaquePart("other", "x")),
        system("", cache="1h"),
    ]
    assert system_of(messages, P) == [{"text": "a"}, POINT, {"guardContent": {"text": {"text": "x"}}}]
    with pytest.raises(UnsupportedError, match="a system message"):
        system_of([system(PNG)], P)


def test_neighbours_of_one_side_are_one_turn() -> None:
    assert turns(user("a"), user("b"), assistant("c"), user("d")) == [
        {"role": "user", "content": [{"text": "a"}, {"text": "b"}]},
        {"role": "assistant", "content": [{"text": "c"}]},
        {"role": "user", "content": [{"text": "d"}]},
    ]


def test_blank_text_is_left_out_and_so_is_an_empty_turn() -> None:
    assert turns(user("a"), assistant(" \n"), user("b", "")) == [
        {"role": "user", "content": [{"text": "a"}, {"text": "b"}]}
    ]


def test_cache_points_follow_their_messages() -> None:
    assert turns(user("a", cache="5m"), user("b", cache="1h"), assistant("", cache="5m")) == [
        {
            "role": "user",
            "content": [
                {"text": "a"},
                POINT,
                {"text": "b"},
                {"cachePoint": {"type": "default", "ttl": "1h"}},
            ],
        }
    ]


def test_the_users_files_and_opaque_items() -> None:
    searched = OpaquePart(P, "searchResult", {"source": "s"})
    cited = AttachmentPart(
        Attachment("text/plain", data=b"t", name="a_b"), **own(citations={"enabled": True})
    )
    assert said(AttachmentPart(PNG), cited, searched, OpaquePart("other", "x"), role="user") == [
        {"image": {"format": "png", "source": {"bytes": "cA=="}}},
        {
            "document": {
                "format": "txt",
                "name": "a b",
                "source": {"bytes": "dA=="},
                "citations": {"enabled": True},
            }
        },
        {"searchResult": {"source": "s"}},
    ]


@pytest.mark.parametrize("part", [ReasoningPart("a"), ToolCallPart("t", "f", arguments={})])
def test_what_only_a_model_says(part) -> None:
    with pytest.raises(UnsupportedError, match="a message of the user's"):
        turns(user(part))


def test_what_the_model_said_goes_back_as_it_was() -> None:
    record = {"title": "t", "location": {"documentPage": {"start": 1}}}
    result = [{"json": {"a": 1}}]
    assert said(
        ReasoningPart("hm", **own(signature="s")),
        ReasoningPart(redacted=True, **own(redactedContent="YQ==")),
        TextPart("a", citations=[Citation(provider=P, data=record), Citation("https://x.test")]),
        ToolCallPart("s", "run", arguments={}, server_executed=True, **own(type="server_tool_use")),
        ToolResultPart(
            "s", "run", output=result, server_executed=True, **own(type="run_result", status="success")
        ),
        OpaquePart(P, "video", {"format": "mp4"}),
        AttachmentPart(PNG),
        ToolCallPart("t", "f", arguments={"b": 2}, **own(x=1)),
    ) == [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": "YQ=="}},
        {"citationsContent": {"content": [{"text": "a"}], "citations": [record]}},
        {"toolUse": {"toolUseId": "s", "name": "run", "input": {}, "type": "server_tool_use"}},
        {"toolResult": {"toolUseId": "s", "content": result, "type": "run_result", "status": "success"}},
        {"video": {"format": "mp4"}},
        {"image": {"format": "png", "source": {"bytes": "cA=="}}},
        {"toolUse": {"toolUseId": "t", "name": "f", "input": {"b": 2}, "x": 1}},
    ]


def test_what_another_provider_said_is_set_aside() -> None:
    foreign = {"provider_metadata": {"other": {"signature": "s", "type": "x"}}}
    assert said(
        ReasoningPart("hm", **foreign),
        ReasoningPart("bare"),
        ToolCallPart("s", "run", arguments={}, server_executed=True, **foreign),
        ToolResultPart("s", "run", server_executed=True, **foreign),
        OpaquePart("other", "x"),
        TextPart("a", citations=[Citation("https://x.test", provider="other", data={"a": 1})]),
    ) == [{"text": "a"}]


def test_a_call_is_an_object_in_any_case() -> None:
    assert [
        block["toolUse"]["input"]
        for block in said(
            ToolCallPart("a", "f", raw='{"a'),
            ToolCallPart("b", "f", raw="free text", custom=True),
            ToolCallPart("c", "f", raw=""),
        )
    ] == [{"INVALID_JSON": '{"a'}, {"input": "free text"}, {}]


def test_ids_are_written_in_a_form_that_the_wire_takes() -> None:
    long = "x" * 70 + "end"
    calls = [
        ToolCallPart("call_1", "f", arguments={}, **own(id="t1")),
        ToolCallPart("functions.f:0", "f", arguments={}),
        ToolCallPart("ü", "f", arguments={}),
        ToolCallPart("", "f", arguments={}),
        ToolCallPart(long, "f", arguments={}),
    ]
    results = [ToolResultPart(call.id, "f", output="r") for call in calls]
    asked, answered = turns(assistant(calls), tool_message(results))
    ids = [block["toolUse"]["toolUseId"] for block in asked["content"]]
    assert ids[:2] == ["t1", "functions.f:0"]
    assert all(len(id) == 24 and id.isalnum() for id in ids[2:])
    assert [block["toolResult"]["toolUseId"] for block in answered["content"]] == ids


def test_results_come_first_in_their_turn_with_their_cache_points() -> None:
    call = ToolCallPart("t", "f", arguments={})
    result = ToolResultPart("t", "f", output="r")
    (_, turn) = turns(assistant(call), user("also", cache="5m"), tool_message(result, cache="1h"))
    assert [next(iter(block)) for block in turn["content"]] == [
        "toolResult",
        "cachePoint",
        "text",
        "cachePoint",
    ]
    assert turn["content"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}


@pytest.mark.parametrize(
    ("result", "content"),
    [
        (ToolResultPart("t", "f", output="r"), [{"text": "r"}]),
        (ToolResultPart("t", "f", output=""), [{"text": ""}]),
        (ToolResultPart("t", "f", output={"a": 1}), [{"json": {"a": 1}}]),
        (ToolResultPart("t", "f", output=[1, 2]), [{"text": "[1,2]"}]),
        (
            ToolResultPart("t", "f", output="", attachments=[PNG]),
            [{"image": {"format": "png", "source": {"bytes": "cA=="}}}],
        ),
        (ToolResultPart("t", "f", error="broke"), [{"text": "broke"}]),
    ],
)
def test_results_are_lists_of_blocks(result, content) -> None:
    ((block,),) = [turn["content"] for turn in turns(tool_message(result))]
    assert block["toolResult"]["content"] == content
    assert block["toolResult"].get("status") == ("error" if result.error else None)
