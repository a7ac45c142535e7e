"""Requests made from what a caller writes."""

import pytest

from llmstream import (
    Attachment,
    AttachmentPart,
    ConfigError,
    Message,
    Options,
    OutputSchema,
    ReasoningPart,
    Request,
    ServerSideTool,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    assistant,
    system,
    tool_message,
    user,
)
from llmstream.model.ask import Ask
from llmstream.values.response import Response

PNG = Attachment("image/png", data=b"png")
TOOL = Tool("f")
CALLED = Response(
    request=Request("m", [system("be kind"), user("hi")]),
    parts=[ReasoningPart("hm"), ToolCallPart("c1", "f", arguments={}), ToolCallPart("c2", "g", arguments={})],
    state="complete",
)


def test_a_prompt_is_a_user_message() -> None:
    assert Ask(prompt="hi").request("m") == Request("m", [user("hi")])


def test_everything_has_its_place_c29() -> None:
    result = ToolResultPart("c1", "f", output="ok")
    ask = Ask(prompt="hi", system="be kind", attachments=[PNG], tool_results=[result])
    assert ask.request("m").messages == (
        system("be kind"),
        tool_message(result),
        Message("user", [TextPart("hi"), AttachmentPart(PNG)]),
    )


def test_explicit_messages_are_taken_as_they_are_and_copied_c30() -> None:
    call = ToolCallPart("c1", "f", arguments={"a": [1]}, provider_metadata={"p": {"signature": "s"}})
    result = ToolResultPart("c1", "f", output={"b": 1})
    given = [user("one", PNG), assistant("two", call), tool_message(result)]
    request = Ask(messages=given).request("m")
    same = Request("m", [user("one", PNG), assistant("two", call), tool_message(result)])
    assert request == same
    given.append(user("three"))
    assert call.arguments is not None
    call.arguments["a"].append(2)
    call.provider_metadata["p"]["signature"] = "forged"
    result.output["b"] = 2
    assert len(request.messages) == 3
    kept = request.messages[1].parts[1]
    assert isinstance(kept, ToolCallPart)
    assert (kept.arguments, kept.provider_metadata) == ({"a": [1]}, {"p": {"signature": "s"}})
    assert request.messages[2].parts[0].output == {"b": 1}


def test_messages_that_hold_nothing_to_change_are_the_same_objects() -> None:
    message = user("one", PNG)
    assert Ask(messages=[message]).request("m").messages[0] is message


def test_messages_and_words_append_one_user_message_c31() -> None:
    ask = Ask(
        messages=(message for message in [user("one"), assistant("two")]), prompt="three", attachments=(PNG,)
    )
    assert ask.request("m").messages == (user("one"), assistant("two"), user("three", PNG))


@pytest.mark.parametrize("given", ["be kind", system("be kind", cache="5m")])
def test_the_system_message_is_a_string_or_a_message(given) -> None:
    first = Ask(prompt="hi", system=given).request("m").messages[0]
    assert (first.role, first.text()) == ("system", "be kind")


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        (None, None),
        ("auto", ToolChoice()),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ("f", ToolChoice("required", ["f"])),
        (ToolChoice("auto", ["f"]), ToolChoice("auto", ["f"])),
    ],
)
def test_a_tool_choice_is_a_mode_or_a_tools_name(given, choice) -> None:
    assert Ask(prompt="hi", tool_choice=given).request("m").tool_choice == choice


def test_schema_options_and_tools_are_taken_in_either_form() -> None:
    asked = {"prompt": "hi", "tools": [TOOL, ServerSideTool("web")]}
    plain = Ask(**asked, schema={"type": "object"}, options={"max_tokens": 5}).request("m")
    made = Ask(**asked, schema=OutputSchema({"type": "object"}), options=Options(max_tokens=5)).request("m")
    assert plain == made
    assert plain.tools == (TOOL, ServerSideTool("web"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "expected a prompt, messages or attachments"),
        ({"prompt": 5}, "a string as prompt, got int"),
        ({"messages": ["hi"]}, r"a Message at messages\[0\], got str"),
        ({"messages": 5}, "a list as messages, got int"),
        ({"prompt": "x", "system": ["a"]}, "a string as system, got list"),
        ({"attachments": ["a.png"]}, r"an Attachment at attachments\[0\], got str"),
        ({"tool_results": [TextPart("x")]}, r"a ToolResultPart at tool_results\[0\], got TextPart"),
        ({"prompt": "x", "tools": [5]}, r"a Tool or a ServerSideTool at tools\[0\]"),
        ({"prompt": "x", "tool_choice": {"name": "f"}}, "a ToolChoice, got dict"),
        ({"prompt": "x", "schema": 5}, "a JSON Schema as a dict, or an OutputSchema, got int"),
        ({"prompt": "x", "options": 5}, "Options or a dict of them, got int"),
        ({"prompt": "x", "options": {"temprature": 1}}, "'temprature'"),
    ],
)
def test_what_is_of_the_wrong_kind_is_named(given, message) -> None:
    with pytest.raises(ConfigError, match=message):
        Ask(**given).request("m")


def results(*ids: str) -> list[ToolResultPart]:
    return [ToolResultPart(id, "f", output="ok") for id in ids]


def test_an_answer_is_gone_on_from_with_all_that_led_to_it_c32() -> None:
    messages = Ask(prompt="thanks", tool_results=results("c1", "c2")).request("m", after=CALLED).messages
    assert messages == (
        system("be kind"),
        user("hi"),
        Message("assistant", CALLED.parts),
        tool_message(*results("c1", "c2")),
        user("thanks"),
    )


def test_new_system_words_replace_those_at_the_beginning() -> None:
    asked = Request("m", [system("a"), system("b"), user("hi"), system("kept")])
    after = Response(request=asked, parts=[TextPart("yes")], state="complete")
    messages = Ask(prompt="more", system="new").request("m", after=after).messages
    assert messages == (system("new"), user("hi"), system("kept"), assistant("yes"), user("more"))


@pytest.mark.parametrize(
    ("ask", "missing"),
    [
        (Ask(prompt="hi"), r"f \(c1\), g \(c2\)"),
        (Ask(tool_results=results("c1")), r"none for g \(c2\)"),
        (Ask(messages=[tool_message(*results("c2"))]), r"none for f \(c1\)"),
    ],
)
def test_calls_without_a_result_are_named(ask, missing) -> None:
    with pytest.raises(ConfigError, match=missing):
        ask.request("m", after=CALLED)


def test_results_may_come_in_the_messages_too() -> None:
    ask = Ask(messages=[tool_message(*results("c1"))], tool_results=results("c2"))
    assert len(ask.request("m", after=CALLED).messages) == 5


def test_calls_that_the_provider_ran_need_no_result() -> None:
    ran = Response(request=CALLED.request, parts=[ToolCallPart("c", "web", server_executed=True)])
    assert len(Ask(prompt="and?").request("m", after=ran).messages) == 4


def test_an_older_result_of_the_same_id_does_not_count() -> None:
    before = Request(
        "m", [user("hi"), assistant(ToolCallPart("c1", "f", arguments={})), tool_message(*results("c1"))]
    )
    again = Response(request=before, parts=[ToolCallPart("c1", "f", arguments={})])
    with pytest.raises(ConfigError, match="c1"):
        Ask(prompt="hi").request("m", after=again)


def test_an_answer_that_does_not_know_its_request_cannot_be_gone_on_from() -> None:
    with pytest.raises(ConfigError, match="knows its request"):
        Ask(prompt="hi").request("m", after=Response())


def test_what_is_not_given_is_inherited_but_for_the_tool_choice() -> None:
    request = Request(
        "m",
        [user("hi")],
        tools=[TOOL],
        tool_choice=ToolChoice("required"),
        schema=OutputSchema(),
        options=Options(seed=1),
    )
    inherited = Ask(prompt="x").inheriting(request).request("m")
    assert (inherited.tools, inherited.schema, inherited.options) == (
        (TOOL,),
        OutputSchema(),
        Options(seed=1),
    )
    assert inherited.tool_choice is None
    own = Ask(prompt="x", tools=[], schema={}, options={}).inheriting(request).request("m")
    assert (own.tools, own.schema, own.options) == ((), OutputSchema({}), Options())
