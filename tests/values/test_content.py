import attrs
import pytest

from llmstream.errors import ConfigError
from llmstream.values.content import (
    Attachment,
    AttachmentPart,
    Citation,
    Logprob,
    OpaquePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

IMAGE = Attachment("image/png", data=b"\x89PNG")
PARTS = [
    TextPart("a"),
    ReasoningPart("a"),
    ToolCallPart("c1", "f"),
    ToolResultPart("c1", "f"),
    AttachmentPart(IMAGE),
    OpaquePart("a-provider", "compaction"),
]


@pytest.mark.parametrize(
    "source", [{"data": b""}, {"url": "https://x.test"}, {"path": "a.png"}, {"file_id": "f1"}]
)
def test_an_attachment_has_one_source(source: dict[str, object]):
    attachment = Attachment("image/png", **source)
    assert all(getattr(attachment, name) == value for name, value in source.items())


def test_an_attachment_without_a_source_is_refused():
    with pytest.raises(ConfigError, match=r"expected one of data, url, path and file_id .* got none"):
        Attachment("image/png")


def test_an_attachment_with_several_sources_is_refused():
    with pytest.raises(ConfigError, match="got data and url and path"):
        Attachment(data=b"", url="https://x.test", path="a.png")


def test_an_attachment_shows_how_long_its_data_is_and_not_the_data():
    assert "<4 bytes>" in repr(IMAGE)
    assert "PNG" not in repr(IMAGE)
    assert "data=None" in repr(Attachment(url="https://x.test"))


def test_a_restored_attachment_equals_one_that_the_caller_wrote():
    assert Attachment(path="a.png", restored=True) == Attachment(path="a.png")
    assert not Attachment(path="a.png").restored


@pytest.mark.parametrize("part", PARTS)
def test_no_metadata_and_empty_metadata_are_the_same(part: TextPart):
    assert part.provider_metadata == {}
    assert attrs.evolve(part, provider_metadata=None) == part


@pytest.mark.parametrize("part", PARTS)
def test_metadata_counts(part: TextPart):
    assert attrs.evolve(part, provider_metadata={"a-provider": {"signature": "s"}}) != part


@pytest.mark.parametrize("value", [*PARTS, IMAGE, Citation(), Logprob("a", -1.0)])
def test_values_cannot_be_changed(value: object):
    name = attrs.fields(type(value))[0].name
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, name, "x")
    with pytest.raises(AttributeError):
        setattr(value, "another", "x")  # noqa: B010 - it has no such attribute


def test_lists_become_tuples():
    part = TextPart(
        "a", citations=[Citation("u")], logprobs=iter([Logprob("a", -1.0, top=[Logprob("b", -2.0)])])
    )
    assert part.citations == (Citation("u"),)
    assert part.logprobs[0].top == (Logprob("b", -2.0),)
    assert ToolResultPart("c1", "f", attachments=[IMAGE]).attachments == (IMAGE,)


def test_values_do_not_share_what_they_were_not_given():
    assert Citation().data is not Citation().data
    assert TextPart("a").provider_metadata is not TextPart("a").provider_metadata
    assert OpaquePart("p", "t").data is not OpaquePart("p", "t").data


def test_redacted_reasoning_differs_from_empty_reasoning():
    assert ReasoningPart("", redacted=True) != ReasoningPart("")


def test_a_call_whose_arguments_are_not_read_has_none():
    call = ToolCallPart("c1", "f", raw='{"a', error="cut")
    assert (call.arguments, call.raw, call.error) == (None, '{"a', "cut")
    assert call != ToolCallPart("c1", "f", arguments={})
