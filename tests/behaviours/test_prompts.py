"""Behaviours 29 to 33: prompts and conversations."""

import pytest

from llmstream import (
    Attachment,
    AttachmentPart,
    Done,
    Message,
    PartMetadata,
    ReasoningDelta,
    ReasoningPart,
    TextDelta,
    TextPart,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallPart,
    ToolCallStart,
    ToolResultPart,
    assistant,
    user,
)
from llmstream.testing.fakes import ScriptedModel

pytestmark = pytest.mark.anyio
PNG = Attachment("image/png", data=b"x")
HELLO = [TextDelta(0, "Hello"), Done(finish_reason="stop")]
CALLS = [
    ReasoningDelta(0, "hm"),
    PartMetadata(0, "p", {"signature": "s"}),
    ToolCallStart(1, id="c1", name="f"),
    ToolCallArgsDelta(1, "{}"),
    ToolCallEnd(1, {}),
    Done(finish_reason="tool_calls"),
]
RESULT = ToolResultPart("c1", "f", output="x")


def roles(request):
    return [message.role for message in request.messages]


async def test_b29_a_prompt_becomes_system_results_and_user():
    model = ScriptedModel([CALLS, HELLO])
    await (await model.prompt("x")).reply("and?", system="s", attachments=[PNG], tool_results=[RESULT])
    first, *_, results, last = model.requests[1].messages
    assert (first.role, first.text()) == ("system", "s")
    assert results == Message("tool", [RESULT])
    assert last == Message("user", [TextPart("and?"), AttachmentPart(PNG)])


async def test_b30_messages_are_used_as_given_and_copied():
    arguments = {"a": [1]}
    given = [user("x"), assistant(ToolCallPart("c1", "f", arguments=arguments)), Message("tool", [RESULT])]
    model = ScriptedModel([HELLO])
    stream = model.prompt(messages=given)
    arguments["a"].append(2)
    given.clear()
    await stream
    sent = model.requests[0].messages
    assert roles(model.requests[0]) == ["user", "assistant", "tool"]
    assert sent[1].parts[0].arguments == {"a": [1]}


async def test_b31_a_prompt_beside_messages_is_one_user_message_more():
    model = ScriptedModel([HELLO])
    await model.prompt("c", messages=[user("a"), assistant("b")])
    assert model.requests[0].messages == (user("a"), assistant("b"), user("c"))


async def test_b32_each_turn_carries_all_before_it():
    model = ScriptedModel([CALLS, HELLO, HELLO])
    talk = model.conversation(system="s")
    await talk.prompt("one")
    await talk.prompt("two", tool_results=[RESULT])
    await talk.prompt("three")
    third = model.requests[2]
    assert roles(third) == ["system", "user", "assistant", "tool", "user", "assistant", "user"]
    reasoning, call = third.messages[2].parts
    assert reasoning == ReasoningPart("hm", provider_metadata={"p": {"signature": "s"}})
    assert (call.id, call.arguments) == ("c1", {})


async def test_b33_a_reply_goes_on_from_its_answer():
    model = ScriptedModel([HELLO, HELLO, CALLS, HELLO])
    first = await model.prompt("one", system="s")
    await first.reply("two")
    assert model.requests[1].messages == (
        *model.requests[0].messages,
        assistant("Hello"),
        user("two"),
    )
    calling = await model.prompt("three")
    await calling.reply("four", tool_results=[RESULT])
    assert model.requests[3].messages[-2:] == (Message("tool", [RESULT]), user("four"))


async def test_b33_a_reply_without_a_prompt_goes_on_with_what_is_there():
    model = ScriptedModel([CALLS, HELLO])
    await (await model.prompt("x")).reply(tool_results=[RESULT])
    assert roles(model.requests[1]) == ["user", "assistant", "tool"]
