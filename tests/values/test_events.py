import pickle
from typing import get_args

import attrs
import pytest

from llmstream.values import events
from llmstream.values.content import Attachment, Citation
from llmstream.values.events import (
    AudioDelta,
    CitationOut,
    Done,
    Event,
    ImageOut,
    OpaqueOut,
    PartMetadata,
    Raw,
    ReasoningDelta,
    Restarted,
    RoundDone,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolProgress,
    ToolResultOut,
    UnknownEvent,
    text_delta,
)

IMAGE = Attachment("image/png", data=b"x")
WITHOUT_PART = {Done, RoundDone, Restarted, Raw, UnknownEvent}
LEAST = [
    TextDelta(0, "a"),
    ReasoningDelta(0, "a"),
    ToolCallStart(0, id="c1", name="f"),
    ToolCallArgsDelta(0, "{"),
    ToolCallEnd(0, {}),
    ToolResultOut(0, "c1"),
    ToolProgress(0, "c1"),
    ImageOut(0, IMAGE),
    AudioDelta(0),
    CitationOut(0, Citation("u")),
    PartMetadata(0, "a-provider"),
    OpaqueOut(0, "a-provider", type="compaction"),
    Raw({}),
    RoundDone(),
    Restarted("another model took over"),
    Done(),
    UnknownEvent("x"),
]


def test_the_union_has_every_event_of_the_module():
    records = {
        cls
        for cls in vars(events).values()
        if attrs.has(cls) and cls.__module__ == events.__name__ and cls.__name__[0] != "_"
    }
    assert records == set(get_args(Event))


def test_every_event_can_be_made_of_the_least():
    assert {type(event) for event in LEAST} == set(get_args(Event))


@pytest.mark.parametrize("kind", get_args(Event))
def test_events_of_a_part_begin_with_its_index(kind: type):
    first = attrs.fields(kind)[0].name
    assert (first == "index") == (kind not in WITHOUT_PART)


@pytest.mark.parametrize("event", LEAST, ids=lambda event: type(event).__name__)
def test_events_are_small_and_cannot_be_changed(event: Event):
    assert not hasattr(event, "__dict__")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(event, attrs.fields(type(event))[0].name, None)


def test_events_do_not_share_what_they_were_not_given():
    assert Done().provider_metadata is not Done().provider_metadata
    assert RoundDone().provider_metadata is not RoundDone().provider_metadata
    assert UnknownEvent("x").data is not UnknownEvent("x").data
    assert PartMetadata(0, "a").data is not PartMetadata(0, "a").data
    assert OpaqueOut(0, "a", type="b").data is not OpaqueOut(0, "a", type="b").data


def test_an_event_matches_by_its_fields():
    match TextDelta(0, "a"):
        case TextDelta(text=text):
            assert text == "a"
        case _:
            pytest.fail("it is a TextDelta")


def test_a_round_ends_with_what_an_answer_ends_with():
    assert [f.name for f in attrs.fields(RoundDone)] == [f.name for f in attrs.fields(Done)]


def test_the_text_of_an_unknown_event_is_not_its_content():
    event = UnknownEvent("x", {"type": "x"}, text=b'{ "type": "x" }')
    assert event == UnknownEvent("x", {"type": "x"})
    assert "{ " not in repr(event)


def test_a_text_delta_of_text_alone_is_any_other_text_delta():
    made = text_delta(1, "a")
    assert (type(made), made, hash(made)) == (TextDelta, TextDelta(1, "a"), hash(TextDelta(1, "a")))
    assert attrs.evolve(made, text="b") == pickle.loads(pickle.dumps(text_delta(1, "b"))) == TextDelta(1, "b")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.text = "b"
