"""The wire's system blocks and turns as messages."""

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
    system,
    user,
)
from llmstream.values.content import Citation
from llmstream.wire.bedrock.server.history import History, cache_time
from llmstream.wire.bedrock.turns import turns_of
from llmstream.wire.typed import MisfitError

P = "bedrock"
POINT = {"cachePoint": {"type": "default"}}


def read(*turns: tuple[str, list]) -> list[Message]:
    """The messages of turns; written again they are the turns."""
    said = [{"role": role, "content": content} for role, content in turns]
    messages = list(History(P).turns(said))
    assert turns_of(messages, P) == said
    return messages


def own(**data: object) -> dict:
    return {"provider_metadata": {P: data}}


def test_system_blocks_and_their_cache_points() -> None:
    blocks = [{"text": "a"}, POINT, {"text": "b"}, {"guardContent": {"text": {}}}]
    assert list(History(P).system(blocks)) == [
        system("a", cache="5m"),
        system("b", OpaquePart(P, "guardContent", {"text": {}})),
    ]
    assert list(History(P).system(None)) == []


def test_a_turn_of_each_side() -> None:
    image = {"image": {"format": "png", "source": {"bytes": "cA=="}}}
    document = {"document": {"format": "txt", "name": "n", "source": {"bytes": "dA=="}, "context": "c"}}
    odd = {"image": {"format": "png", "source": {"text": "t"}}}
    record = {"title": "t"}
    assert read(
        ("user", [{"text": "a"}, image, document, odd, {"searchResult": {"source": "s"}}]),
        (
            "assistant",
            [
                {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
                {"reasoningContent": {"redactedContent": "YQ=="}},
                {"citationsContent": {"content": [{"text": "c"}], "citations": [record]}},
                {"text": "t"},
                image,
                {"novel": {"x": 1}},
            ],
        ),
    ) == [
        user(
            "a",
            Attachment("image/png", data=b"p"),
            AttachmentPart(Attachment("text/plain", data=b"t", name="n"), **own(context="c")),
            OpaquePart(P, "image", odd["image"]),
            OpaquePart(P, "searchResult", {"source": "s"}),
        ),
        Message(
            "assistant",
            [
                ReasoningPart("hm", **own(signature="s")),
                ReasoningPart(redacted=True, **own(redactedContent="YQ==")),
                TextPart("c", citations=[Citation(title="t", provider=P, data=record)]),
                TextPart("t"),
                AttachmentPart(Attachment("image/png", data=b"p")),
                OpaquePart(P, "novel", {"x": 1}),
            ],
        ),
    ]


def test_calls_and_their_results() -> None:
    server = {"toolUseId": "s", "name": "run", "input": {"a": 1}, "type": "server_tool_use"}
    result = {"toolUseId": "s", "content": [{"json": {}}], "type": "run_result", "status": "error"}
    messages = read(
        ("user", [{"text": "a"}]),
        (
            "assistant",
            [
                {"toolUse": server},
                {"toolResult": result},
                {"toolUse": {"toolUseId": "t", "name": "f", "input": {}}},
            ],
        ),
        (
            "user",
            [{"toolResult": {"toolUseId": "t", "content": [{"text": "r"}]}}, POINT, {"text": "b"}, POINT],
        ),
    )
    assert messages[1:] == [
        Message(
            "assistant",
            [
                ToolCallPart(
                    "s",
                    "run",
                    arguments={"a": 1},
                    raw='{"a":1}',
                    server_executed=True,
                    **own(type="server_tool_use"),
                ),
                ToolResultPart(
                    "s",
                    "run",
                    output=[{"json": {}}],
                    error='[{"json":{}}]',
                    server_executed=True,
                    **own(type="run_result", status="error"),
                ),
                ToolCallPart("t", "f", arguments={}, raw="{}"),
            ],
        ),
        Message("tool", [ToolResultPart("t", "f", output="r")], cache="5m"),
        user("b", cache="5m"),
    ]


@pytest.mark.parametrize(
    ("content", "output", "attachments"),
    [
        ([{"text": "a"}], "a", ()),
        ([{"json": {"a": 1}}], {"a": 1}, ()),
        ([{"text": "a"}, {"text": "b"}], [{"text": "a"}, {"text": "b"}], ()),
        (
            [{"text": "a"}, {"image": {"format": "png", "source": {"bytes": "cA=="}}}],
            "a",
            (Attachment("image/png", data=b"p"),),
        ),
    ],
)
@pytest.mark.parametrize("status", [None, "success", "error"])
def test_what_a_result_holds(content, output, attachments, status) -> None:
    record = {"toolUseId": "t", "content": content} | ({} if status is None else {"status": status})
    ((part,),) = [message.parts for message in read(("user", [{"toolResult": record}]))]
    assert isinstance(part, ToolResultPart)
    assert (part.output, part.attachments, part.error is not None) == (output, attachments, status == "error")
    assert part.provider_metadata == ({P: {"status": "success"}} if status == "success" else {})


def test_results_without_content_and_items_of_a_new_kind() -> None:
    (message,) = History(P).turns([{"role": "user", "content": [{"toolResult": {"toolUseId": "t"}}]}])
    assert message.parts == (ToolResultPart("t", ""),)
    novel = {"toolResult": {"toolUseId": "t", "content": [{"novel": {}}]}}
    (message,) = History(P).turns([{"role": "user", "content": [novel]}])
    assert message.parts == (ToolResultPart("t", "", output=[{"novel": {}}]),)


def test_a_system_turn_is_one() -> None:
    (message,) = History(P).turns([{"role": "system", "content": [{"text": "a"}]}])
    assert message == system("a")


@pytest.mark.parametrize(
    ("block", "time"),
    [
        (("cachePoint", {"type": "default"}, ""), "5m"),
        (("cachePoint", {"type": "default", "ttl": "1h"}, ""), "1h"),
        (("cachePoint", {"type": "default", "ttl": "9h"}, ""), None),
        (("cachePoint", {"type": "default", "x": 1}, ""), None),
        (("cachePoint", None, ""), None),
        (("text", "a", ""), None),
    ],
)
def test_how_long_a_cache_point_keeps(block, time) -> None:
    assert cache_time(block) == time


def test_a_second_cache_point_among_results_is_opaque() -> None:
    result = {"toolResult": {"toolUseId": "t", "content": []}}
    messages = list(History(P).turns([{"role": "user", "content": [result, POINT, POINT]}]))
    assert messages == [
        Message("tool", [ToolResultPart("t", "")], cache="5m"),
        Message("tool", [OpaquePart(P, "cachePoint", {"type": "default"})]),
    ]


def test_a_cache_point_with_nothing_before_it_is_opaque() -> None:
    (message,) = History(P).turns([{"role": "user", "content": [POINT, {"text": "a"}]}])
    assert message == user(OpaquePart(P, "cachePoint", {"type": "default"}), "a")


@pytest.mark.parametrize(
    "content",
    [
        [1],
        [{}],
        [{"text": "a", "more": 1}],
        [{"text": 1}],
        [{"image": 1}],
        [{"toolResult": {"content": []}}],
        [{"toolResult": {"toolUseId": "t", "content": [{"text": "a", "b": 1}]}}],
        [{"toolUse": {"toolUseId": "t"}}],
        [{"reasoningContent": {"reasoningText": 1}}],
        [{"reasoningContent": {"redactedContent": 1}}],
        [{"citationsContent": {"content": [{"text": 1}]}}],
    ],
)
def test_what_is_no_content_says_where(content) -> None:
    with pytest.raises(MisfitError, match="messages"):
        list(History(P).turns([{"role": "assistant", "content": content}]))
    with pytest.raises(MisfitError, match=r"messages\[0\]\.role"):
        list(History(P).turns([{"role": "x", "content": []}]))
