"""The wire's system text and turns as messages."""

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
)
from llmstream.wire.anthropic.server.history import History, cache_time
from llmstream.wire.anthropic.turns import turns_of
from llmstream.wire.typed import MisfitError

P = "anthropic"
MARK = {"type": "ephemeral"}


def own(**data) -> dict:
    return {"provider_metadata": {P: data}}


def turns(*records: dict) -> list[Message]:
    return list(History(P).turns(list(records)))


def answer(*blocks: dict) -> tuple:
    (message,) = turns({"role": "assistant", "content": list(blocks)})
    return message.parts


def test_system_text_is_a_string_or_blocks() -> None:
    assert list(History(P).system(None)) == []
    assert list(History(P).system("")) == []
    assert list(History(P).system("Be brief.")) == [Message("system", [TextPart("Be brief.")])]
    marked = [{"type": "text", "text": "A", "cache_control": MARK}, {"type": "text", "text": "B"}]
    (message,) = History(P).system([*marked, {"type": "text", "text": "C", "cache_control": MARK}])
    assert message == Message(
        "system", [TextPart("A", **own(cache_control=MARK)), TextPart("B"), TextPart("C")], cache="5m"
    )


@pytest.mark.parametrize(
    ("mark", "time"),
    [
        (MARK, "5m"),
        ({**MARK, "ttl": "5m"}, "5m"),
        ({**MARK, "ttl": "1h"}, "1h"),
        ({**MARK, "ttl": "2h"}, None),
        ({**MARK, "scope": "x"}, None),
        ({**MARK, "ttl": "1h", "scope": "x"}, None),
        (None, None),
    ],
)
def test_a_mark_says_a_time_or_is_kept_as_it_is(mark, time) -> None:
    assert cache_time(mark) == time


def test_results_become_a_message_of_their_own() -> None:
    called = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "cG5n"}}
    png = Attachment("image/png", data=b"png")
    results = [
        {"type": "tool_result", "tool_use_id": "t1", "content": "r"},
        {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "r"}, image]},
        {"type": "tool_result", "tool_use_id": "t9", "is_error": True, "content": "boom"},
        {"type": "tool_result", "tool_use_id": "t1", "cache_control": {**MARK, "ttl": "1h"}},
    ]
    user = {"role": "user", "content": [*results, {"type": "text", "text": "so"}]}
    assert turns({"role": "assistant", "content": [called]}, user)[1:] == [
        Message(
            "tool",
            [
                ToolResultPart("t1", "f", output="r"),
                ToolResultPart("t1", "f", output="r", attachments=[png]),
                ToolResultPart("t9", "", output="boom", error="boom"),
                ToolResultPart("t1", "f", output=""),
            ],
            cache="1h",
        ),
        Message("user", [TextPart("so")]),
    ]


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "tool_reference", "tool_name": "f"}],
        [{"type": "document", "source": {"type": "content", "content": []}}],
        [
            {"type": "image", "source": {"type": "url", "url": "u"}},
            {"type": "text", "text": "after"},
        ],
        [{"type": "image", "source": {"type": "url", "url": "u"}, "cache_control": MARK}],
    ],
)
def test_a_result_of_another_kind_is_kept_as_it_is(content) -> None:
    result = {"type": "tool_result", "tool_use_id": "t1", "content": content}
    (message,) = turns({"role": "user", "content": [result]})
    assert message.parts == (ToolResultPart("t1", "", **own(content=content)),)
    assert turns_of([message], P) == [{"role": "user", "content": [result]}]


def test_what_a_user_says() -> None:
    search = {"type": "search_result", "source": "s", "title": "t", "content": []}
    odd = {"type": "document", "source": {"type": "content", "content": []}}
    paper = {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "x"},
        "title": "a.txt",
        "citations": {"enabled": True},
    }
    (message,) = turns({"role": "user", "content": [paper, search, odd]})
    assert message == Message(
        "user",
        [
            AttachmentPart(
                Attachment("text/plain", data=b"x", name="a.txt"), **own(citations={"enabled": True})
            ),
            OpaquePart(P, "search_result", search),
            OpaquePart(P, "document", odd),
        ],
    )
    assert turns({"role": "user", "content": "Hi"}) == [Message("user", [TextPart("Hi")])]
    assert turns({"role": "user", "content": []}) == [Message("user")]
    assert turns({"role": "system", "content": "new rules"}) == [Message("system", [TextPart("new rules")])]


def test_what_an_assistant_said() -> None:
    record = {"type": "page_location", "cited_text": "x"}
    assert answer(
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "text", "text": "so", "citations": [record]},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}, "caller": {"type": "direct"}},
        {"type": "mcp_tool_use", "id": "s", "name": "ask", "input": {}, "server_name": "wiki"},
        {"type": "mcp_tool_result", "tool_use_id": "s", "content": "r", "is_error": True},
        {"type": "compaction", "content": None},
    ) == (
        ReasoningPart("hm", **own(signature="s")),
        ReasoningPart("hm"),
        ReasoningPart("", redacted=True, **own(data="d")),
        TextPart("so", citations=[Citation(cited_text="x", provider=P, data=record)]),
        ToolCallPart("t", "f", arguments={"a": 1}, raw='{"a":1}', **own(caller={"type": "direct"})),
        ToolCallPart(
            "s",
            "ask",
            arguments={},
            raw="{}",
            server_executed=True,
            **own(type="mcp_tool_use", server_name="wiki"),
        ),
        ToolResultPart(
            "s",
            "ask",
            output="r",
            error="r",
            server_executed=True,
            **own(type="mcp_tool_result", is_error=True),
        ),
        OpaquePart(P, "compaction", {"type": "compaction", "content": None}),
    )


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"role": "robot", "content": "x"}, r"expected user, assistant or system at messages\[0\]\.role"),
        ({"role": "user", "content": 3}, r"an array at messages\[0\]\.content, got 3"),
        ({"role": "user", "content": [3]}, r"an object at messages\[0\]\.content\[0\], got 3"),
        ({"role": "user", "content": [{}]}, r"a string at messages\[0\]\.content\[0\]\.type, got nothing"),
        ({"role": "user", "content": [{"type": "text"}]}, r"content\[0\]\.text, got nothing"),
        ({"role": "user", "content": [{"type": "tool_result"}]}, r"content\[0\]\.tool_use_id, got nothing"),
        ({"role": "assistant", "content": [{"type": "text"}]}, r"content\[0\]\.text, got nothing"),
        ({"role": "assistant", "content": [{"type": "tool_use"}]}, r"content\[0\]\.id, got nothing"),
        (
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": 3}]},
            r"content\[0\]\.input, got 3",
        ),
    ],
)
def test_a_wrong_field_is_named(record, said) -> None:
    with pytest.raises(MisfitError, match=said):
        turns(record)
