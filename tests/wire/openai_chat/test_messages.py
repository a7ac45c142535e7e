"""The messages of a request, compared whole."""

import pytest

from llmstream import (
    Attachment,
    AttachmentPart,
    ConfigError,
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
from llmstream.wire.openai_chat import Quirks
from llmstream.wire.openai_chat._messages import History
from llmstream.wire.portable import IdShape

SHORT = IdShape("[A-Za-z0-9]{9}", 9)

PNG = Attachment("image/png", data=b"hi")
URL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


def written(*messages: Message, **quirks) -> list[dict]:
    history = History("p", Quirks(**quirks))
    for message in messages:
        history.add(message)
    return history.finish()


def said(*parts, **quirks) -> dict:
    (message,) = written(Message("assistant", parts), **quirks)
    return message


def test_one_text_is_a_string_and_several_are_a_list():
    assert written(system("a"), system("a", "b"), user("c"), user(), user("")) == [
        {"role": "system", "content": "a"},
        {"role": "system", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "user", "content": "c"},
        {"role": "user", "content": ""},
        {"role": "user", "content": ""},
    ]


def test_files_are_parts_of_the_content():
    image = AttachmentPart(
        Attachment("image/png", url="https://x.test/a.png"), provider_metadata={"p": {"detail": "low"}}
    )
    contents = [
        "look",
        PNG,
        image,
        Attachment(url="https://x.test/b"),
        Attachment("audio/wav", data=b"hi"),
        Attachment("audio/mpeg", data=b"hi"),
        Attachment("application/pdf", data=b"hi", name="a.pdf"),
        Attachment("text/plain", data=b"hi"),
        Attachment(file_id="file-1"),
    ]
    (message,) = written(user(contents))
    assert message["content"] == [
        {"type": "text", "text": "look"},
        URL,
        {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://x.test/b"}},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": "data:text/plain;base64,aGk="}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]


def test_a_link_to_a_document_needs_a_provider_that_follows_it():
    link = user(Attachment("application/pdf", url="https://x.test/a.pdf"))
    assert written(link, document_url=True)[0]["content"] == [
        {"type": "document_url", "document_url": "https://x.test/a.pdf"}
    ]
    with pytest.raises(UnsupportedError, match="a link to application/pdf"):
        written(link)


def test_audio_may_go_without_its_format():
    sound = user(Attachment("audio/wav", data=b"hi"))
    assert written(sound, audio_as_text=True)[0]["content"] == [
        {"type": "input_audio", "input_audio": "aGk="}
    ]


@pytest.mark.parametrize("attachment", [Attachment(path="a"), Attachment(data=b"hi")])
def test_a_file_that_is_not_ready_is_the_callers_mistake(attachment: Attachment):
    with pytest.raises(ConfigError):
        written(user(attachment))


def test_calls_and_their_results():
    calls = [
        ToolCallPart("a", "f", arguments={"x": 1}, raw='{"x":  1}'),
        ToolCallPart("b", "g", arguments={"y": 2}),
    ]
    results = [ToolResultPart("a", "f", output="one"), ToolResultPart("b", "g", output={"z": [1]})]
    assert written(assistant(calls), tool_message(results)) == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":  1}'}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": '{"y":2}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "one"},
        {"role": "tool", "tool_call_id": "b", "content": '{"z":[1]}'},
    ]


@pytest.mark.parametrize("raw", ["", "  "])
def test_no_arguments_are_an_empty_object(raw: str):
    assert (
        said(ToolCallPart("a", "f", arguments={}, raw=raw))["tool_calls"][0]["function"]["arguments"] == "{}"
    )


def test_arguments_that_were_cut_off_go_back_as_they_came():
    assert said(ToolCallPart("a", "f", raw='{"x'))["tool_calls"][0]["function"]["arguments"] == '{"x'


def test_a_custom_call_goes_back_as_text():
    assert said(ToolCallPart("a", "sql", raw="SELECT", custom=True))["tool_calls"] == [
        {"id": "a", "type": "custom", "custom": {"name": "sql", "input": "SELECT"}}
    ]


def test_a_failure_is_read_by_the_model():
    results = [ToolResultPart("a", "f", error="no"), ToolResultPart("b", "f", output="half", error="no")]
    assert [one["content"] for one in written(tool_message(results))] == ["no", "half\nno"]


def test_files_of_tools_follow_the_last_result():
    first = tool_message(ToolResultPart("a", "f", output="x", attachments=(PNG,)), "see", PNG)
    second = tool_message(ToolResultPart("b", "f", output="y"))
    assert [(one["role"], one["content"]) for one in written(first, second, user("and?"))] == [
        ("tool", "x"),
        ("tool", "y"),
        ("user", [URL, {"type": "text", "text": "see"}, URL]),
        ("user", "and?"),
    ]
    assert written(first)[-1]["role"] == "user"


def test_text_around_calls_is_joined():
    assert said(TextPart("a"), ToolCallPart("x", "f"), TextPart("b"))["content"] == "ab"


def test_a_refusal_goes_back_as_one():
    assert said(TextPart("no", refusal=True)) == {"role": "assistant", "content": None, "refusal": "no"}


def test_ids_of_the_wires_own_go_back():
    call = ToolCallPart("call_1", "f", provider_metadata={"p": {"id": "x", "extra_content": {"s": 1}}})
    assert written(assistant(call), tool_message(ToolResultPart("call_1", "f"))) == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "x",
                    "type": "function",
                    "function": {"name": "f", "arguments": "{}"},
                    "extra_content": {"s": 1},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "x", "content": ""},
    ]
    foreign = ToolCallPart("call_1", "f", provider_metadata={"q": {"id": "x"}})
    assert said(foreign)["tool_calls"][0]["id"] == "call_1"


def test_ids_are_brought_into_shape_the_same_way_each_time():
    call, result = ToolCallPart("toolu_01", "f"), ToolResultPart("toolu_01", "f")
    turn, answer = written(assistant(call), tool_message(result), call_ids=SHORT)
    assert turn["tool_calls"][0]["id"] == answer["tool_call_id"]
    assert len(answer["tool_call_id"]) == 9
    assert answer["tool_call_id"].isalnum()
    assert written(tool_message(result), call_ids=SHORT)[0]["tool_call_id"] == answer["tool_call_id"]
    assert said(ToolCallPart("QAw0JBXkB", "f"), call_ids=SHORT)["tool_calls"][0]["id"] == "QAw0JBXkB"


def thought(text: str, **entry) -> ReasoningPart:
    return ReasoningPart(text, provider_metadata={"p": {"reasoning_detail": entry}})


def test_details_of_reasoning_go_back_in_order_with_their_text():
    message = said(
        thought("a", type="reasoning.text", signature="s", index=0),
        thought("b", type="reasoning.summary", index=1),
        TextPart("hi"),
        thought("", type="reasoning.encrypted", data="x", id="r1"),
    )
    assert message == {
        "role": "assistant",
        "content": "hi",
        "reasoning_details": [
            {"type": "reasoning.text", "signature": "s", "index": 0, "text": "a"},
            {"type": "reasoning.summary", "index": 1, "summary": "b"},
            {"type": "reasoning.encrypted", "data": "x", "id": "r1"},
        ],
    }


def test_reasoning_and_state_of_others_are_left_out():
    foreign = ReasoningPart("a", provider_metadata={"q": {"signature": "s"}})
    opaque = OpaquePart("q", "compaction", {"a": 1})
    ran = ToolCallPart("s", "search", server_executed=True)
    answered = ToolResultPart("s", "search", output="x", server_executed=True)
    parts = (foreign, ReasoningPart("b"), opaque, ran, answered, TextPart("hi"))
    assert said(*parts) == {"role": "assistant", "content": "hi"}
    assert written(Message("assistant", parts[:-1])) == []


def test_reasoning_goes_back_where_a_tool_loop_needs_it():
    call = ToolCallPart("a", "f")
    loop = {"echo_reasoning": "reasoning_content"}
    assert said(ReasoningPart("a"), ReasoningPart("b"), call, **loop)["reasoning_content"] == "ab"
    assert said(call, **loop)["reasoning_content"] == ""
    assert "reasoning_content" not in said(ReasoningPart("a"), TextPart("hi"), **loop)
    foreign = ReasoningPart("a", provider_metadata={"q": {}})
    assert said(foreign, call, **loop)["reasoning_content"] == ""


def test_thinking_goes_back_as_parts():
    signed = ReasoningPart("", provider_metadata={"p": {"thinking": {"signature": "s"}}})
    assert said(ReasoningPart("hm"), signed, TextPart("hi"), thinking_parts=True)["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True},
        {"type": "thinking", "thinking": [], "closed": True, "signature": "s"},
        {"type": "text", "text": "hi"},
    ]


def test_what_the_model_showed_goes_back_in_the_providers_way():
    spoken = AttachmentPart(
        Attachment("audio/wav", data=b"x"), transcript="hi", provider_metadata={"p": {"id": "a1"}}
    )
    assert said(spoken) == {"role": "assistant", "content": None, "audio": {"id": "a1"}}
    heard = AttachmentPart(Attachment("audio/wav", data=b"x"), transcript="hi")
    assert said(heard) == {"role": "assistant", "content": "hi"}
    assert said(AttachmentPart(PNG), assistant_images=True)["images"] == [URL]
    with pytest.raises(UnsupportedError, match="image/png in an assistant message"):
        said(AttachmentPart(PNG))


def test_results_in_an_assistants_message_end_the_turn_that_called():
    parts = [
        TextPart("a"),
        ToolCallPart("x", "f"),
        ToolCallPart("y", "f"),
        ToolResultPart("x", "f", output="1", attachments=(PNG,)),
        ToolResultPart("y", "f", output="2"),
        TextPart("b"),
    ]
    assert [(one["role"], one["content"]) for one in written(Message("assistant", parts))] == [
        ("assistant", "a"),
        ("tool", "1"),
        ("tool", "2"),
        ("user", [URL]),
        ("assistant", "b"),
    ]


def test_a_mark_ends_a_cached_prefix_on_the_last_part():
    mark = {"cache_control": {"type": "ephemeral"}}
    messages = written(
        system("s", cache="5m"),
        user("a", PNG, cache="1h"),
        assistant(TextPart("b"), ToolCallPart("x", "f"), cache="5m"),
        tool_message(ToolResultPart("x", "f", output="r"), cache="5m"),
        cache_control=True,
    )
    assert [one["content"] for one in messages] == [
        [{"type": "text", "text": "s", **mark}],
        [{"type": "text", "text": "a"}, {**URL, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        [{"type": "text", "text": "b", **mark}],
        [{"type": "text", "text": "r", **mark}],
    ]


def test_a_mark_needs_a_provider_that_knows_it_and_a_content():
    with pytest.raises(UnsupportedError, match="the option cache of a message"):
        written(user("a", cache="5m"))
    with pytest.raises(UnsupportedError, match="without content"):
        written(assistant(ToolCallPart("x", "f"), cache="5m"), cache_control=True)
    assert written(tool_message("a", cache="5m"), cache_control=True) == [{"role": "user", "content": "a"}]


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (system(PNG), "AttachmentPart in a system message"),
        (user(ToolCallPart("x", "f")), "ToolCallPart in a user message"),
        (tool_message(ReasoningPart("x")), "ReasoningPart in a tool message"),
    ],
)
def test_a_part_in_the_wrong_place_is_refused(message: Message, named: str):
    with pytest.raises(UnsupportedError, match=named):
        written(message)
