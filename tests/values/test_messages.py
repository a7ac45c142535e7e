import pytest

from llmstream.values.content import Attachment, AttachmentPart, ReasoningPart, TextPart, ToolResultPart
from llmstream.values.messages import Message, assistant, system, tool_message, user

IMAGE = Attachment("image/png", data=b"x")


@pytest.mark.parametrize(
    ("build", "role"), [(user, "user"), (system, "system"), (assistant, "assistant"), (tool_message, "tool")]
)
def test_each_builder_makes_its_role(build, role: str):
    assert build("hi") == Message(role, (TextPart("hi"),))
    assert build("hi", cache="5m").cache == "5m"


def test_strings_become_text_parts():
    """Case A13 of the behaviours to match."""
    assert user("a", "b").parts == (TextPart("a"), TextPart("b"))


def test_parts_and_attachments_are_taken_as_they_are():
    """Case A13 of the behaviours to match."""
    result = ToolResultPart("c1", "f", output="x")
    assert tool_message(result).parts == (result,)
    assert user(IMAGE, AttachmentPart(IMAGE)).parts == (AttachmentPart(IMAGE), AttachmentPart(IMAGE))


def test_lists_are_flattened_one_level():
    """Case A13 of the behaviours to match."""
    assert user(["a", IMAGE], ("b",), "c").parts == (
        TextPart("a"),
        AttachmentPart(IMAGE),
        TextPart("b"),
        TextPart("c"),
    )


@pytest.mark.parametrize("content", [42, None, [42], [["a"]], b"a", {"type": "text", "text": "a"}])
def test_what_is_no_content_is_refused(content: object):
    """Case A13 of the behaviours to match."""
    with pytest.raises(TypeError, match="expected a string, an attachment or a part in a message, got "):
        user(content)


def test_the_role_is_on_the_message():
    """Case A6 of the behaviours to match."""
    assert not hasattr(TextPart("a"), "role")
    assert Message("user").role == "user"


def test_the_text_of_a_message_is_its_visible_text():
    assert assistant(ReasoningPart("hm"), "a", IMAGE, "b").text() == "ab"
    assert Message("user").text() == ""


def test_a_message_keeps_its_own_copy_of_the_parts():
    parts = [TextPart("a")]
    message = Message("user", parts)
    parts.append(TextPart("b"))
    assert message.parts == (TextPart("a"),)
