"""Which part a delta goes to."""

import pytest

from llmstream import AudioDelta, Citation, CitationOut, PartMetadata, ReasoningDelta, TextDelta
from llmstream.wire.openai_chat._parts import Parts, spoken_field

TEXT = {"type": "reasoning.text", "index": 0}
SUMMARY = {"type": "reasoning.summary", "index": 0}
SECRET = {"type": "reasoning.encrypted", "data": "x", "index": 0}


def noted(index: int, entry: dict, kind=None) -> PartMetadata:
    return PartMetadata(index, "p", {"reasoning_detail": entry}, kind=kind)


def test_the_same_kind_goes_on_and_another_opens_a_part():
    parts = Parts("p")
    assert [
        parts.text("a"),
        parts.text("b"),
        parts.reasoning("c"),
        parts.text("d"),
        parts.text("e", refusal=True),
    ] == [
        TextDelta(0, "a"),
        TextDelta(0, "b"),
        ReasoningDelta(1, "c"),
        TextDelta(2, "d"),
        TextDelta(3, "e", refusal=True),
    ]


def test_another_entry_is_another_part():
    parts = Parts("p")
    events = [
        parts.detail(entry)
        for entry in (
            {**TEXT, "text": "a"},
            {**SUMMARY, "summary": "b"},
            {**SUMMARY, "index": 1, "summary": "c"},
        )
    ]
    assert events == [
        [noted(0, TEXT, "reasoning"), ReasoningDelta(0, "a")],
        [noted(1, SUMMARY, "reasoning"), ReasoningDelta(1, "b")],
        [noted(2, {**SUMMARY, "index": 1}, "reasoning"), ReasoningDelta(2, "c")],
    ]


def test_an_entry_takes_over_reasoning_that_came_without_one():
    parts = Parts("p")
    parts.reasoning("a")
    assert parts.detail({**TEXT, "text": "b"}) == [noted(0, TEXT), ReasoningDelta(0, "b")]


def test_a_signature_alone_belongs_to_the_last_reasoning():
    parts = Parts("p")
    parts.detail({**TEXT, "text": "a", "signature": ""})
    parts.text("b")
    assert parts.detail({**TEXT, "signature": "s"}) == [noted(0, {**TEXT, "signature": "s"})]
    assert parts.detail({**TEXT, "signature": None}) == []
    assert parts.text("c") == TextDelta(1, "c")


def test_an_entry_with_a_text_belongs_where_it_comes():
    parts = Parts("p")
    parts.detail({**TEXT, "text": "a"})
    parts.text("b")
    assert parts.detail({**TEXT, "text": ""}) == [noted(2, TEXT, "reasoning")]
    assert parts.reasoning("c") == ReasoningDelta(2, "c")


def test_ciphertext_is_a_part_that_closes_none():
    parts = Parts("p")
    parts.text("a")
    assert parts.detail(SECRET) == [noted(1, SECRET, "reasoning")]
    assert parts.text("b") == TextDelta(0, "b")
    assert parts.reasoning("c") == ReasoningDelta(2, "c")


def test_an_empty_entry_says_nothing():
    parts = Parts("p")
    assert parts.detail({}) == []
    assert parts.count == 0


def test_identities_may_be_of_any_type():
    parts = Parts("p")
    parts.detail({"index": [], "text": "a"})
    assert parts.detail({"index": [], "text": "b"}) == [ReasoningDelta(0, "b")]


@pytest.mark.parametrize(
    ("kind", "field"), [("reasoning.summary", "summary"), ("reasoning.encrypted", None), (None, "text")]
)
def test_where_the_text_of_an_entry_stands(kind, field):
    assert spoken_field({"type": kind}) == field


def test_a_block_says_more_than_its_text():
    parts = Parts("p")
    assert parts.block("", {}) == []
    assert parts.block("", {"s": 1}) == [PartMetadata(0, "p", {"thinking": {"s": 1}}, kind="reasoning")]
    assert parts.block("a", {"s": 2}) == [
        PartMetadata(0, "p", {"thinking": {"s": 2}}),
        ReasoningDelta(0, "a"),
    ]


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"RIFF", "audio/wav"),
        (b"ID3", "audio/mpeg"),
        (b"\xff\xfb\x90", "audio/mpeg"),
        (b"fLaC", "audio/flac"),
        (b"OggS", "audio/ogg"),
        (b"\0\1", "audio/pcm"),
    ],
)
def test_the_first_audio_says_of_which_type_it_is(data: bytes, media_type: str):
    parts = Parts("p")
    assert parts.audio(b"", "a", {}) == [AudioDelta(0, media_type="", transcript="a")]
    assert parts.audio(data, "", {}) == [AudioDelta(0, data, media_type=media_type)]
    assert parts.audio(b"RIFF", "", {}) == [AudioDelta(0, b"RIFF", media_type=media_type)]
    parts.text("b")
    assert parts.audio(b"RIFF", "", {}) == [AudioDelta(2, b"RIFF", media_type="audio/wav")]


def test_audio_may_begin_with_what_is_said_about_it():
    parts = Parts("p")
    assert parts.audio(b"", "", {}) == []
    assert parts.audio(b"", "", {"id": "a"}) == [PartMetadata(0, "p", {"id": "a"}, kind="attachment")]
    assert parts.audio(b"", "", {"expires_at": 1}) == [PartMetadata(0, "p", {"expires_at": 1})]


def test_a_source_is_of_the_last_text_or_of_one_to_come():
    parts, source = Parts("p"), Citation("https://x.test")
    parts.reasoning("a")
    assert parts.citation(source) == CitationOut(1, source)
    assert parts.text("b") == TextDelta(1, "b")
    parts.reasoning("c")
    assert parts.citation(source) == CitationOut(1, source)
    assert parts.spans
    parts.text("d")
    assert not parts.spans
