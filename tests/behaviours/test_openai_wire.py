"""Behaviours 37 to 46: what is said to OpenAI's wires, and what is understood of them."""

import json

import pytest

from llmstream import (
    Attachment,
    Done,
    Options,
    ReasoningPart,
    Request,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallPart,
    ToolCallStart,
    ToolResultPart,
    assistant,
    reduce,
    system,
    tool_message,
    user,
)
from llmstream.testing import laws
from llmstream.wire import find
from llmstream.wire.http import ResponseHead

CHAT, RESPONSES = find("openai-chat"), find("openai-responses")
WHOLE = ResponseHead(200, {"content-type": "application/json"})


def body(codec, *messages, model: str = "m", **more) -> dict:
    return json.loads(codec.encode(Request(model, messages, **more)).body)


def messages(*given) -> list[dict]:
    return body(CHAT, *given)["messages"]


def sse(*records, done: bool = True) -> bytes:
    lines = [f"data: {json.dumps(record)}\n\n" for record in records]
    return "".join([*lines, *(["data: [DONE]\n\n"] if done else [])]).encode()


def events_of(codec, data: bytes, **more):
    events, error = laws.decode_all(codec, [data], **more)
    assert error is None
    return events


def chunk(delta: dict, finish: str | None = None, **more) -> dict:
    return {"id": "1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def call(**fields) -> dict:
    return chunk({"tool_calls": [{"index": 0, **fields}]})


def test_b37_a_users_message_is_text_or_a_list_with_images():
    assert messages(user("hi")) == [{"role": "user", "content": "hi"}]
    (with_image,) = messages(user("hi", Attachment("image/png", data=b"a")))
    assert [part["type"] for part in with_image["content"]] == ["text", "image_url"]


def test_b38_a_turn_of_calls_alone_has_null_as_content():
    _, said = messages(user("x"), assistant(ToolCallPart("c1", "f", arguments={"a": 1})))[:2]
    assert said["content"] is None
    (written,) = said["tool_calls"]
    assert (written["id"], written["type"], written["function"]["name"]) == ("c1", "function", "f")
    assert json.loads(written["function"]["arguments"]) == {"a": 1}


def test_b39_each_result_is_a_message_of_its_own():
    calls = [ToolCallPart(id, "f", arguments={}) for id in ("c1", "c2")]
    results = [ToolResultPart(id, "f", output=id) for id in ("c1", "c2")]
    written = messages(user("x"), assistant(*calls), tool_message(*results))[2:]
    assert [(one["role"], one["tool_call_id"], one["content"]) for one in written] == [
        ("tool", "c1", "c1"),
        ("tool", "c2", "c2"),
    ]


def test_b40_a_system_message_that_is_repeated_is_sent_once():
    turns = [system("s"), user("a"), assistant("b"), system("s"), user("c")]
    assert [one["role"] for one in messages(*turns)] == ["system", "user", "assistant", "user"]


def test_b40_one_that_changed_is_sent_again():
    turns = [system("s"), user("a"), system("t"), user("b"), system("s"), user("c")]
    said = [one["content"] for one in messages(*turns) if one["role"] == "system"]
    assert said == ["s", "t", "s"]


def test_b41_text_comes_without_empty_events():
    data = sse(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({}, "stop"),
    )
    events = events_of(CHAT, data)
    assert events[:-1] == [TextDelta(0, "Hel"), TextDelta(0, "lo")]
    assert isinstance(events[-1], Done)
    assert reduce(events).text() == "Hello"


def test_b42_a_call_is_streamed_behind_the_text():
    data = sse(
        chunk({"content": "Hm"}),
        call(id="c1", function={"name": "f", "arguments": ""}),
        call(function={"arguments": '{"a"'}),
        call(function={"arguments": ": 1}"}),
        chunk({}, "tool_calls"),
    )
    assert events_of(CHAT, data)[:-1] == [
        TextDelta(0, "Hm"),
        ToolCallStart(1, id="c1", name="f"),
        ToolCallArgsDelta(1, '{"a"'),
        ToolCallArgsDelta(1, ": 1}"),
        ToolCallEnd(1, {"a": 1}),
    ]


@pytest.mark.parametrize(("tokens", "known"), [(150, 150), (0, 0), (None, 0)])
def test_b43_reasoning_that_is_only_counted_is_in_the_usage(tokens, known):
    """ADAPT: no part is made of a count. It comes at the end, and order stays as on the wire (DESIGN, 24);
    a part that no wire said could not be sent back. `usage.reasoning` says the same, and is never lost."""
    usage = {"prompt_tokens": 3, "completion_tokens": 200, "total_tokens": 203}
    if tokens is not None:
        usage["completion_tokens_details"] = {"reasoning_tokens": tokens}
    response = reduce(events_of(CHAT, sse(chunk({"content": "a"}), chunk({}, "stop", usage=usage))))
    assert response.usage.reasoning == known
    assert not any(isinstance(part, ReasoningPart) for part in response.parts)


def test_b44_a_whole_answer_gives_the_same_events():
    message = {"role": "assistant", "content": "Hello"}
    whole = {"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    streamed = events_of(CHAT, sse(chunk({"content": "Hello"}), chunk({}, "stop")))
    assert events_of(CHAT, json.dumps(whole).encode(), head=WHOLE) == streamed


def item(at: int, phase: str, **fields) -> dict:
    return {"type": f"response.output_item.{phase}", "output_index": at, "item": fields}


def reasoning(at: int, **final) -> list[dict]:
    id = f"rs_{at}"
    return [
        item(at, "added", type="reasoning", id=id, summary=[], encrypted_content="early"),
        item(at, "done", type="reasoning", id=id, summary=[], **{"encrypted_content": f"late{at}", **final}),
    ]


def function(at: int) -> list[dict]:
    fields = {"type": "function_call", "id": f"fc_{at}", "call_id": f"call_{at}", "name": "f"}
    return [item(at, "added", arguments="", **fields), item(at, "done", arguments="{}", **fields)]


SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
END = {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}}


def responses_turn(*records) -> list[dict]:
    """What goes back of an answer that these records streamed."""
    answer = reduce(events_of(RESPONSES, sse(*records, END, done=False)))
    results = [ToolResultPart(call.id, call.name, output="x") for call in answer.tool_calls()]
    turn = [user("x"), *answer.messages(), *([tool_message(*results)] if results else ())]
    return body(RESPONSES, *turn)["input"]


def test_b45_encrypted_reasoning_goes_back_as_it_was_last_said():
    (sent,) = [one for one in responses_turn(*reasoning(0)) if one.get("type") == "reasoning"]
    assert (sent["id"], sent["encrypted_content"]) == ("rs_0", "late0")


def test_b45_reasoning_between_calls_keeps_its_place():
    records = [*reasoning(0), *function(1), *reasoning(2), *function(3)]
    order = [one.get("id") for one in responses_turn(*records) if one.get("type") != "function_call_output"]
    assert order[1:] == ["rs_0", "fc_1", "rs_2", "fc_3"]


def test_b45_the_providers_own_calls_are_not_replayed_as_functions():
    sent = responses_turn(item(0, "added", **SEARCH), item(0, "done", **SEARCH))
    assert not any(one.get("type") in {"function_call", "function_call_output"} for one in sent)


def test_b46_reasoning_is_asked_for_only_where_there_is_some():
    """What hides reasoning is `reasoning_summary`, left out or "none": no summary is asked for then."""
    assert body(RESPONSES, user("x"), options=Options(reasoning_summary="auto"))["reasoning"] == {
        "summary": "auto"
    }
    for options in (Options(), Options(reasoning_summary="none")):
        assert "reasoning" not in body(RESPONSES, user("x"), options=options)
    assert "include" not in body(RESPONSES, user("x"), model="gpt-4.1")
