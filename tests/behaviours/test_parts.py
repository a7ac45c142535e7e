"""Behaviours 1 to 13: parts and how they are written."""

import json

import pytest

from llmstream import (
    Attachment,
    AttachmentPart,
    ConfigError,
    Done,
    Message,
    OpaquePart,
    PartMetadata,
    ReasoningDelta,
    ReasoningPart,
    Response,
    TextDelta,
    TextPart,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallPart,
    ToolCallStart,
    ToolResultPart,
    Usage,
    assistant,
    sync,
    user,
)
from llmstream.serial import dicts, from_dict, to_dict
from llmstream.testing.fakes import ScriptedModel

pytestmark = pytest.mark.anyio
PNG = Attachment("image/png", data=b"\x89PNG\x00\xff")
PARTS = [
    TextPart("hi"),
    ReasoningPart("hm", provider_metadata={"p": {"signature": "s"}}),
    ReasoningPart("", redacted=True),
    ToolCallPart("c1", "f", arguments={"a": 1}, raw='{"a":1}', server_executed=True),
    ToolResultPart("c1", "f", output="x", error="boom", attachments=(PNG,)),
    AttachmentPart(PNG),
    OpaquePart("p", "compaction", {"x": [1]}),
]
HELLO = [TextDelta(0, "Hello"), Done(finish_reason="stop", usage=Usage(input=3, output=1))]


def through_json(value):
    return json.loads(json.dumps(value))


def again(response: Response, **more) -> Response:
    return Response.from_dict(through_json(response.to_dict()), **more)


def test_b01_a_text_part_is_written_as_its_text_alone():
    assert to_dict(TextPart("hi")) == {"type": "text", "text": "hi"}
    assert to_dict(TextPart("hi", provider_metadata={})) == to_dict(TextPart("hi"))
    assert to_dict(TextPart("hi", provider_metadata=None)) == to_dict(TextPart("hi"))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_b02_every_part_comes_back_through_json(part):
    assert from_dict(through_json(to_dict(part))) == part


def test_b02_bytes_travel_as_base64():
    written = to_dict(AttachmentPart(PNG))["attachment"]
    assert isinstance(written["data"], str)
    assert from_dict(through_json(to_dict(AttachmentPart(PNG)))).attachment.data == PNG.data


def test_b03_redacted_reasoning_is_not_empty_reasoning():
    """Content hashes belong to the log store; equality and the written form are what they stand on."""
    redacted = ReasoningPart("", redacted=True)
    assert from_dict(through_json(to_dict(redacted))) == redacted != ReasoningPart("")
    assert to_dict(redacted) != to_dict(ReasoningPart(""))


def test_b04_calls_and_results_come_back_whole():
    call, result = PARTS[3], PARTS[4]
    back = from_dict(through_json(to_dict(call)))
    assert (back.id, back.arguments, back.server_executed) == ("c1", {"a": 1}, True)
    back = from_dict(through_json(to_dict(result)))
    assert (back.tool_call_id, back.output, back.error, back.attachments) == ("c1", "x", "boom", (PNG,))


@pytest.mark.parametrize("form", [{"type": "nonsense"}, {"type": "Attachment"}, {"type": "message"}, {}])
def test_b05_an_unknown_type_is_refused(form):
    with pytest.raises(ValueError, match="expected"):
        from_dict(form)


def test_b06_the_role_is_the_messages():
    message = user(TextPart("hi"))
    assert message.role == "user"
    assert not hasattr(message.parts[0], "role")
    assert "role" not in to_dict(message.parts[0])


@pytest.mark.parametrize(
    ("form", "required"),
    [
        (dicts.TextPartDict, {"type", "text"}),
        (dicts.ReasoningPartDict, {"type", "text"}),
        (dicts.ToolCallPartDict, {"type", "id", "name", "arguments"}),
        (dicts.ToolResultPartDict, {"type", "tool_call_id", "output"}),
        (dicts.MessageDict, {"role", "parts"}),
    ],
)
def test_b07_the_published_forms_require_what_they_need(form, required):
    """A result names the call that it answers; its tool's name follows from there and may be left out.

    A response is written with its request, which has the model and the messages, and its parts. That no
    other keys are written is tests/serial/test_dicts.py, for drawn values of every class.
    """
    assert form.__required_keys__ >= required
    assert {"model", "request", "parts"} <= dicts.ResponseDict.__required_keys__


def test_b07_what_is_written_has_declared_keys_only():
    written = [to_dict(part) for part in PARTS]
    forms = [
        dicts.TextPartDict,
        dicts.ReasoningPartDict,
        dicts.ReasoningPartDict,
        dicts.ToolCallPartDict,
        dicts.ToolResultPartDict,
        dicts.AttachmentPartDict,
        dicts.OpaquePartDict,
    ]
    for one, form in zip(written, forms, strict=True):
        assert form.__required_keys__ <= one.keys() <= form.__annotations__.keys()


async def test_b08_only_a_response_can_be_written():
    """A stream has no to_dict, so that nothing is consumed unseen: it is awaited, or asked for response()."""
    stream = ScriptedModel([HELLO]).prompt("x")
    assert not hasattr(stream, "to_dict")
    assert (await stream).to_dict()["state"] == "complete"
    await stream.aclose()


def test_b08_the_sync_face_consumes_when_it_is_asked():
    response = sync.Model(ScriptedModel([HELLO])).prompt("x").response()
    assert response.to_dict()["parts"] == [{"type": "text", "text": "Hello"}]


async def test_b09_reasoning_and_signatures_survive_and_go_back():
    thought = [ReasoningDelta(0, "hm"), PartMetadata(0, "p", {"signature": "s"}), TextDelta(1, "a"), Done()]
    model = ScriptedModel([thought, HELLO])
    first = again(await model.prompt("x"), model=model)
    assert first.reasoning() == "hm"
    await first.reply("y")
    sent = model.requests[1].messages[1].parts[0]
    assert sent == ReasoningPart("hm", provider_metadata={"p": {"signature": "s"}})


async def test_b10_pending_calls_come_back_and_the_providers_own_do_not():
    """They come back as what the answer says; none can run unless the caller passes its tool."""
    events = [
        ToolCallStart(0, id="c1", name="f"),
        ToolCallArgsDelta(0, '{"a":1}'),
        ToolCallEnd(0, {"a": 1}),
        ToolCallStart(1, id="w1", name="web_search", server_executed=True),
        ToolCallEnd(1, {}),
        Done(finish_reason="tool_calls"),
    ]
    model = ScriptedModel([events])
    back = again(await model.prompt("x"), model=model)
    assert [(call.id, call.arguments) for call in back.tool_calls()] == [("c1", {"a": 1})]
    with pytest.raises(ConfigError, match=r"f \(c1\)"):
        await back.reply("and?")


async def test_b11_options_usage_and_times_survive():
    response = await ScriptedModel([HELLO]).prompt("x", options={"temperature": 0.5, "max_tokens": 9})
    back = again(response)
    assert (back.request.options.temperature, back.request.options.max_tokens) == (0.5, 9)
    assert back.usage == Usage(input=3, output=1)
    assert back.timing == response.timing
    assert back.timing.started > 0


async def test_b12_three_turns_come_back_after_each():
    model = ScriptedModel([HELLO] * 3)
    response = again(await model.prompt("one", system="s"), model=model)
    for text in ("two", "three"):
        response = again(await response.reply(text), model=model)
    roles = [message.role for message in response.request.messages]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert again(response) == response


def test_b13_the_builders_take_strings_parts_and_lists_of_them():
    part = TextPart("b")
    assert user("a", part, ["c", PNG]) == Message(
        "user", [TextPart("a"), part, TextPart("c"), AttachmentPart(PNG)]
    )
    assert assistant("a").parts == (TextPart("a"),)
    with pytest.raises(TypeError, match="got int"):
        user(42)
