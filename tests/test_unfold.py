"""Responses turned back into events."""

from llmstream import (
    Attachment,
    AttachmentPart,
    AudioDelta,
    Citation,
    Done,
    ImageOut,
    OpaquePart,
    PartMetadata,
    ReasoningPart,
    TextDelta,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Usage,
    reduce,
)
from llmstream.unfold import unfold
from llmstream.values.content import Logprob
from llmstream.values.response import Response

PARTS = (
    TextPart("hi", citations=[Citation("https://a")], logprobs=[Logprob("hi", -0.5)]),
    TextPart("no", refusal=True),
    TextPart("", provider_metadata={"p": {"k": 1}}),
    TextPart(""),
    ReasoningPart("why", provider_metadata={"p": {"signature": "s"}, "q": {"x": []}}),
    ReasoningPart("", redacted=True, provider_metadata={"p": {"data": "d"}}),
    ReasoningPart("", provider_metadata={"p": {"signature": "s"}}),
    ReasoningPart(""),
    ToolCallPart("c1", "f", arguments={"a": 1}, raw='{"a": 1}'),
    ToolCallPart("c2", "f", arguments={}, server_executed=True),
    ToolCallPart("c3", "f", raw="free", custom=True),
    ToolResultPart("c2", "f", output=[{"x": 1}], server_executed=True, error="e"),
    AttachmentPart(Attachment("image/png", data=b"png")),
    AttachmentPart(Attachment("audio/pcm", data=b"pcm"), transcript="said"),
    OpaquePart("p", "compaction", {"content": "c"}),
)


def test_a_replay_folds_to_the_same_response() -> None:
    whole = Response(
        parts=PARTS,
        state="complete",
        finish_reason="stop",
        raw_finish_reason="end",
        usage=Usage(input=1),
        id="r",
        model="m",
        provider_metadata={"x": 1},
    )
    assert reduce(unfold(whole)) == whole


def test_an_answer_without_its_end_has_no_done() -> None:
    cut = Response(parts=(TextPart("ha"),), state="incomplete")
    assert list(unfold(cut)) == [TextDelta(0, "ha")]
    assert reduce(unfold(cut)) == cut


def test_each_part_is_one_delta() -> None:
    events = list(
        unfold(Response(parts=(TextPart("a"), TextPart("b", provider_metadata={"p": {}})), state="complete"))
    )
    assert events == [TextDelta(0, "a"), TextDelta(1, "b"), PartMetadata(1, "p", {}), Done()]


def test_sound_and_pictures_come_back_as_what_they_are() -> None:
    events = list(unfold(Response(parts=PARTS[12:14], state="failed")))
    assert events == [
        ImageOut(0, Attachment("image/png", data=b"png")),
        AudioDelta(1, b"pcm", media_type="audio/pcm", transcript="said"),
    ]
