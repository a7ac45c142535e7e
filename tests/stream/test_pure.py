"""Joining, mapping, filtering and cutting events, against the reducer."""

import itertools
import os
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmstream import (
    Attachment,
    AudioDelta,
    Done,
    ImageOut,
    Logprob,
    Raw,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    reduce,
)
from llmstream.stage import run
from llmstream.stream.pure import Coalesce, Filter, Map, Pending, Until, joined, joins, several
from llmstream.testing.strategies import events

MANY = settings(max_examples=int(os.environ.get("LLMSTREAM_EXAMPLES", "200")))
DOG = [TextDelta(0, "A "), TextDelta(0, "dog"), TextDelta(0, "."), Done(finish_reason="stop")]


def image(byte: int, **more) -> ImageOut:
    return ImageOut(0, Attachment("image/png", data=bytes([byte])), **more)


@MANY
@given(events(), st.integers(1, 30))
def test_coalescing_changes_no_fold(answer, characters):
    out = list(run(Coalesce(characters), answer))
    assert reduce(out) == reduce(answer)
    assert len(out) <= len(answer)


@MANY
@given(events(), st.lists(st.integers(0, 3), max_size=40))
def test_events_that_wait_for_a_while_change_no_fold(answer, taken):
    pending, out = Pending(), []
    turns = iter(taken)
    for event in answer:
        pending.append(event)
        out += [pending.popleft() for _ in range(min(next(turns, 0), len(pending)))]
    out += [pending.popleft() for _ in range(len(pending))]
    assert reduce(out) == reduce(answer)


def test_deltas_are_joined_until_they_are_long_enough():
    assert list(run(Coalesce(4), DOG)) == [TextDelta(0, "A dog"), TextDelta(0, "."), DOG[-1]]


def test_deltas_of_two_parts_are_joined_each():
    pending = Pending()
    for index in (0, 1, 0, 1, 0):
        pending.append(TextDelta(index, "x"))
    assert len(pending) == 2
    assert [pending.popleft(), pending.popleft()] == [TextDelta(0, "xxx"), TextDelta(1, "xx")]


def test_what_belongs_to_no_part_keeps_its_place():
    pending = Pending()
    for event in (TextDelta(0, "a"), Raw({}), TextDelta(0, "b")):
        pending.append(event)
    assert [pending.popleft() for _ in range(3)] == [TextDelta(0, "a"), Raw({}), TextDelta(0, "b")]


def test_the_end_of_a_call_stays_behind_its_arguments():
    call = [ToolCallStart(0, id="c", name="f"), ToolCallArgsDelta(0, "{"), ToolCallArgsDelta(0, "}")]
    pending = Pending()
    for event in (*call, ToolCallEnd(0, {})):
        pending.append(event)
    assert [pending.popleft() for _ in range(3)] == [call[0], ToolCallArgsDelta(0, "{}"), ToolCallEnd(0, {})]


def test_what_is_said_beside_the_text_is_joined_too():
    sure, unsure = Logprob("a", -0.1), Logprob("b", -9.0)
    assert joined([TextDelta(0, "a", (sure,)), TextDelta(0, "b", (unsure,), refusal=True)]) == TextDelta(
        0, "ab", (sure, unsure), refusal=True
    )
    assert joined([ReasoningDelta(0, "a"), ReasoningDelta(0, "", redacted=True)]) == ReasoningDelta(
        0, "a", redacted=True
    )
    assert joined([AudioDelta(0, b"a", transcript="x"), AudioDelta(0, b"b")]) == AudioDelta(
        0, b"ab", transcript="x"
    )


def test_a_preview_gives_way_and_an_image_does_not():
    pending = Pending()
    for event in (image(1, partial=True), image(2), image(3)):
        pending.append(event)
    assert [pending.popleft(), pending.popleft()] == [image(2), image(3)]


def test_only_deltas_of_one_part_and_kind_join():
    assert joins(TextDelta(0, "a"), TextDelta(0, "b"))
    assert not joins(TextDelta(0, "a"), TextDelta(1, "b"))
    assert not joins(TextDelta(0, "a"), ReasoningDelta(0, "b"))
    assert not joins(Done(), Done())


def test_a_function_gives_one_event_several_or_none():
    assert list(several(None)) == []
    assert list(several(DOG[0])) == [DOG[0]]
    assert list(several(DOG)) == DOG
    shout = Map(lambda event: TextDelta(0, event.text.upper()) if isinstance(event, TextDelta) else None)
    assert list(run(shout, DOG)) == [TextDelta(0, "A "), TextDelta(0, "DOG"), TextDelta(0, ".")]


def test_a_filter_keeps_what_is_wanted():
    assert list(run(Filter(lambda event: isinstance(event, Done)), DOG)) == [DOG[-1]]


@pytest.mark.parametrize("pattern", ["do", re.compile("DO", re.IGNORECASE), "A do"])
def test_the_text_is_cut_behind_a_match(pattern):
    until = Until(pattern)
    assert list(run(until, DOG)) == [TextDelta(0, "A "), TextDelta(0, "do")]
    assert until.over


def test_a_predicate_ends_with_its_event():
    assert list(run(Until(lambda event: event == DOG[1]), DOG)) == DOG[:2]


def test_without_a_match_all_is_given():
    until = Until("cat")
    assert list(run(until, DOG)) == DOG
    assert not until.over


@MANY
@given(st.text("abc", max_size=40), st.lists(st.integers(0, 40), max_size=6))
def test_a_match_is_found_across_any_cuts(text, offsets):
    edges = sorted({0, len(text), *(offset for offset in offsets if offset < len(text))})
    deltas = [TextDelta(0, text[a:b]) for a, b in itertools.pairwise(edges)]
    said = "".join(event.text for event in run(Until("abc"), deltas))
    assert said == (text[: text.index("abc") + 3] if "abc" in text else text)


def cost(deltas: int) -> float:
    start = time.process_time()
    pending = Pending()
    for _ in range(deltas):
        pending.append(TextDelta(0, "word"))
    pending.popleft()
    list(run(Until("never"), [TextDelta(0, "word")] * deltas))
    return time.process_time() - start


def test_time_grows_with_the_text_and_not_its_square():
    cost(1000)
    assert min(cost(20_000) for _ in range(3)) < 8 * min(cost(5_000) for _ in range(3))
