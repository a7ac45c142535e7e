import copy
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.errors import WireError
from llmstream.reduce import Draft, Fold, reduce, step
from llmstream.testing import strategies
from llmstream.values.content import (
    Attachment,
    AttachmentPart,
    Citation,
    Logprob,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.values.events import (
    AudioDelta,
    CitationOut,
    Done,
    Event,
    FinishReason,
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
)
from llmstream.values.request import Request
from llmstream.values.response import Response
from llmstream.values.usage import Usage

Events = tuple[Event, ...]

IMAGE = Attachment("image/png", data=b"x")
PREVIEW = Attachment("image/png", data=b"p")
CALL = ToolCallStart(0, id="c1", name="f")
NOT_READ = "expected a JSON object as arguments, got text that is none or not complete"

# Each kind of event after those that open what it needs, and the parts that come of them.
EXAMPLES: dict[type, tuple[list[Event], list[Part]]] = {
    TextDelta: ([TextDelta(0, "a"), TextDelta(0, "b")], [TextPart("ab")]),
    ReasoningDelta: ([ReasoningDelta(0, "a"), ReasoningDelta(0, "b")], [ReasoningPart("ab")]),
    ToolCallStart: ([CALL], [ToolCallPart("c1", "f", arguments={})]),
    ToolCallArgsDelta: (
        [CALL, ToolCallArgsDelta(0, '{"a"'), ToolCallArgsDelta(0, ":1}")],
        [ToolCallPart("c1", "f", arguments={"a": 1}, raw='{"a":1}')],
    ),
    ToolCallEnd: ([CALL, ToolCallEnd(0, {"a": 1})], [ToolCallPart("c1", "f", arguments={"a": 1})]),
    ToolResultOut: (
        [
            ToolResultOut(
                0, "c1", name="f", output={"a": [1]}, attachments=(IMAGE,), error="e", server_executed=True
            )
        ],
        [ToolResultPart("c1", "f", output={"a": [1]}, attachments=[IMAGE], error="e", server_executed=True)],
    ),
    ToolProgress: ([CALL, ToolProgress(0, "c1", data=1)], [ToolCallPart("c1", "f", arguments={})]),
    ImageOut: ([ImageOut(0, PREVIEW, partial=True), ImageOut(0, IMAGE)], [AttachmentPart(IMAGE)]),
    AudioDelta: (
        [AudioDelta(0, b"a", media_type="audio/mp3", transcript="x"), AudioDelta(0, b"b", transcript="y")],
        [AttachmentPart(Attachment("audio/mp3", data=b"ab"), transcript="xy")],
    ),
    CitationOut: (
        [CitationOut(0, Citation("u")), TextDelta(0, "a"), CitationOut(0, Citation("v"))],
        [TextPart("a", citations=[Citation("u"), Citation("v")])],
    ),
    PartMetadata: (
        [TextDelta(0, "a"), PartMetadata(0, "p", {"k": 1})],
        [TextPart("a", provider_metadata={"p": {"k": 1}})],
    ),
    OpaqueOut: ([OpaqueOut(0, "p", type="t", data={"k": 1})], [OpaquePart("p", "t", {"k": 1})]),
    Raw: ([Raw({"k": 1})], []),
    RoundDone: ([RoundDone(finish_reason="tool_calls")], []),
    Restarted: ([Restarted("why")], []),
    Done: ([], []),
    UnknownEvent: ([UnknownEvent("x", {"type": "x"})], []),
}


def whole(*events: Event) -> Response:
    return reduce([*events, Done(finish_reason="stop")])


def stepped(events: Iterable[Event]) -> Draft:
    draft = Draft()
    for event in events:
        draft = step(draft, event)
    return draft


def rechunked(events: Events, cut: Callable[[str], Sequence[str]]) -> list[Event]:
    """The same answer with its texts cut elsewhere."""
    again: list[Event] = []
    for event in events:
        if (isinstance(event, TextDelta) and not event.logprobs) or isinstance(event, ReasoningDelta):
            again += [attrs.evolve(event, text=piece) for piece in cut(event.text)]
        elif isinstance(event, ToolCallArgsDelta):
            again += [attrs.evolve(event, json=piece) for piece in cut(event.json)]
        else:
            again.append(event)
    return again


def test_there_is_an_example_of_every_event():
    assert set(EXAMPLES) == set(get_args(Event))


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_every_event_has_its_effect(kind: type):
    events, parts = EXAMPLES[kind]
    response = whole(*events)
    assert response.parts == tuple(parts)
    assert (response.state, response.finish_reason) == ("complete", "stop")


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_every_event_leaves_the_events_as_they_were(kind: type):
    events = EXAMPLES[kind][0]
    before = copy.deepcopy(events)
    first = whole(*events)
    assert whole(*events) == first
    assert events == before


def test_what_done_says_is_in_the_response():
    done = Done(
        finish_reason="tool_calls",
        raw_finish_reason="tool_use",
        usage=Usage(input=1),
        id="r1",
        model="m-1",
        provider_metadata={"p": {"k": 1}},
    )
    response = reduce([done])
    assert response == Response(state="complete", **attrs.asdict(done, recurse=False))


def test_nothing_is_an_incomplete_response():
    assert reduce([]) == Draft().response() == Fold().response() == Response(state="incomplete")


def test_without_done_a_response_is_incomplete():
    assert reduce([TextDelta(0, "a")]) == Response(parts=[TextPart("a")], state="incomplete")


def test_an_answer_cut_by_a_budget_says_so():
    assert reduce([TextDelta(0, "a"), Done(finish_reason="budget")]).state == "budget"


@pytest.mark.parametrize("reason", [None, *get_args(FinishReason)])
def test_any_other_reason_is_the_end_of_a_complete_answer(reason: FinishReason | None):
    response = reduce([Done(finish_reason=reason)])
    assert response.state == ("budget" if reason == "budget" else "complete")
    assert response.finish_reason == reason


def test_the_state_and_the_request_can_be_given():
    fold = Fold()
    fold.add(TextDelta(0, "a"))
    request = Request("m")
    assert fold.response(request=request, state="failed") == Response(
        request=request, parts=[TextPart("a")], state="failed"
    )
    fold.add(Done())
    assert fold.response(state="cancelled").state == "cancelled"
    assert stepped([Done()]).response(request=request).request == request


def test_parts_may_be_open_at_the_same_time():
    response = whole(
        TextDelta(0, "a"),
        attrs.evolve(CALL, index=1),
        TextDelta(0, "b"),
        ToolCallArgsDelta(1, "{}"),
        TextDelta(0, "c"),
    )
    assert response.parts == (TextPart("abc"), ToolCallPart("c1", "f", arguments={}, raw="{}"))


def test_neighbours_of_a_kind_are_two_parts():
    assert whole(TextDelta(0, "a"), TextDelta(1, "b")).parts == (TextPart("a"), TextPart("b"))


def test_one_refusal_makes_the_part_a_refusal():
    assert whole(TextDelta(0, "I "), TextDelta(0, "can't", (), True)).parts == (
        TextPart("I can't", refusal=True),
    )


def test_log_probabilities_are_gathered():
    one, other = Logprob("a", -1.0), Logprob("b", -2.0)
    parts = whole(TextDelta(0, "a", (one,)), TextDelta(0, ""), TextDelta(0, "b", (other,))).parts
    assert parts == (TextPart("ab", logprobs=[one, other]),)


def test_withheld_reasoning_makes_the_part_redacted():
    parts = whole(ReasoningDelta(0, ""), ReasoningDelta(0, "", redacted=True), ReasoningDelta(1, "")).parts
    assert parts == (ReasoningPart("", redacted=True), ReasoningPart(""))


@pytest.mark.parametrize("raw", ["", " \n", "null", " null "])
def test_a_call_that_ended_without_arguments_has_an_empty_object(raw: str):
    assert whole(CALL, ToolCallArgsDelta(0, raw)).parts == (ToolCallPart("c1", "f", arguments={}, raw=raw),)


@pytest.mark.parametrize("raw", ['{"a', "[1]", "1", "nul", "{}{}"])
def test_arguments_that_are_no_object_are_kept_as_text_with_an_error(raw: str):
    (call,) = whole(CALL, ToolCallArgsDelta(0, raw)).parts
    assert call == ToolCallPart("c1", "f", raw=raw, error=NOT_READ)


def test_a_call_that_is_not_over_has_no_arguments_yet():
    assert reduce([CALL]).parts == (ToolCallPart("c1", "f", error=NOT_READ),)


def test_a_custom_call_has_free_text():
    start = attrs.evolve(CALL, custom=True)
    assert whole(start, ToolCallArgsDelta(0, '{"a')).parts == (
        ToolCallPart("c1", "f", raw='{"a', custom=True),
    )


def test_the_end_of_a_call_says_what_its_arguments_are():
    parts = whole(CALL, ToolCallArgsDelta(0, '{"a": 1.0}'), ToolCallEnd(0, {"a": 1})).parts
    assert parts == (ToolCallPart("c1", "f", arguments={"a": 1}, raw='{"a": 1.0}'),)


def test_metadata_is_merged_by_key_and_the_last_wins():
    response = whole(
        ReasoningDelta(0, "a"),
        PartMetadata(0, "p", {"signature": "one", "id": "i"}),
        PartMetadata(0, "q", {"signature": "q"}),
        PartMetadata(0, "p", {"signature": "final"}),
    )
    expected = {"p": {"signature": "final", "id": "i"}, "q": {"signature": "q"}}
    assert response.parts == (ReasoningPart("a", provider_metadata=expected),)


def test_metadata_of_an_earlier_snapshot_does_not_change():
    fold = Fold()
    fold.add(TextDelta(0, "a"))
    first = {"k": 1}
    fold.add(PartMetadata(0, "p", first))
    snapshot = fold.response()
    fold.add(PartMetadata(0, "p", {"k": 2}))
    assert snapshot.parts[0].provider_metadata == {"p": {"k": 1}}
    assert fold.response().parts[0].provider_metadata == {"p": {"k": 2}}
    assert first == {"k": 1}


@pytest.mark.parametrize(("kind", "part"), [("text", TextPart("")), ("reasoning", ReasoningPart(""))])
def test_metadata_may_open_an_empty_part(kind, part: Part):
    parts = whole(PartMetadata(0, "p", {"k": 1}, kind=kind)).parts
    assert parts == (attrs.evolve(part, provider_metadata={"p": {"k": 1}}),)


def test_metadata_may_open_a_file_that_then_comes():
    parts = whole(PartMetadata(0, "p", {"k": 1}, kind="attachment"), ImageOut(0, IMAGE)).parts
    assert parts == (AttachmentPart(IMAGE, provider_metadata={"p": {"k": 1}}),)


TEXT, REASONING = TextDelta(0, "a"), ReasoningDelta(0, "a")
BREAKS: dict[str, tuple[list[Event], Event]] = {
    "after Done": ([Done()], TextDelta(0, "a")),
    "a second Done": ([Done()], Done()),
    "an aside after Done": ([Done()], Raw(None)),
    "an index ahead": ([TEXT], TextDelta(2, "a")),
    "a first index that is not 0": ([], TextDelta(1, "a")),
    "a negative index": ([TEXT], TextDelta(-1, "a")),
    "a call ahead": ([TEXT], attrs.evolve(CALL, index=2)),
    "a call over text": ([TEXT], CALL),
    "a call twice": ([CALL], CALL),
    "text over a call": ([CALL], TEXT),
    "text over reasoning": ([REASONING], TEXT),
    "reasoning over text": ([TEXT], REASONING),
    "a citation of reasoning": ([REASONING], CitationOut(0, Citation("u"))),
    "arguments without a call": ([], ToolCallArgsDelta(0, "{")),
    "arguments of text": ([TEXT], ToolCallArgsDelta(0, "{")),
    "arguments after the end": ([CALL, ToolCallEnd(0, {})], ToolCallArgsDelta(0, "{")),
    "an end without a call": ([], ToolCallEnd(0, {})),
    "an end of text": ([TEXT], ToolCallEnd(0, {})),
    "an end twice": ([CALL, ToolCallEnd(0, {})], ToolCallEnd(0, {})),
    "a result over text": ([TEXT], ToolResultOut(0, "c1")),
    "progress of nothing": ([], ToolProgress(0, "c1")),
    "an image over text": ([TEXT], ImageOut(0, IMAGE)),
    "an image over audio": ([AudioDelta(0, b"a")], ImageOut(0, IMAGE)),
    "audio over an image": ([ImageOut(0, IMAGE)], AudioDelta(0, b"a")),
    "metadata of nothing": ([], PartMetadata(0, "p", {"k": 1})),
    "metadata ahead": ([TEXT], PartMetadata(2, "p", {"k": 1})),
    "metadata that opens a call": ([], PartMetadata(0, "p", {"k": 1}, kind="tool_call")),
    "an opaque item over text": ([TEXT], OpaqueOut(0, "p", type="t")),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_of_the_grammar_is_refused_and_changes_nothing(name: str):
    before, broken = BREAKS[name]
    fold, draft = Fold(), stepped(before)
    for event in before:
        fold.add(event)
    expected = fold.response()
    with pytest.raises(WireError, match=r"^expected .*, got "):
        fold.add(broken)
    with pytest.raises(WireError):
        step(draft, broken)
    with pytest.raises(WireError):
        reduce([*before, broken])
    assert fold.response() == draft.response() == expected
    assert draft.count == len(before)
    if not expected.finish_reason and expected.state == "incomplete":
        assert step(draft, Done()).response().state == "complete"


@given(strategies.events())
def test_folding_at_once_is_stepping_through(events: Events):
    assert stepped(events).response() == reduce(events)


@given(strategies.events(), st.data())
def test_folding_a_stream_in_two_is_folding_it_whole(events: Events, data: st.DataObject):
    cut = data.draw(st.integers(0, len(events)))
    draft = stepped(events[:cut])
    assert draft.response() == reduce(events[:cut])
    for event in events[cut:]:
        draft = step(draft, event)
    assert draft.response() == reduce(events)


@given(
    strategies.events(max_parts=3), strategies.events(["text", "reasoning", "call"], max_parts=2), st.data()
)
def test_old_drafts_stay_valid_from_wherever_one_goes_on(events: Events, others: Events, data: st.DataObject):
    drafts = [Draft()]
    for event in events:
        drafts.append(step(drafts[-1], event))
    forked = data.draw(st.integers(0, len(drafts) - 2))
    parts = len(drafts[forked].response().parts)
    branch = drafts[forked]
    moved = [attrs.evolve(e, index=e.index + parts) if hasattr(e, "index") else e for e in others]
    for event in moved:
        branch = step(branch, event)
    assert branch.response() == reduce([*events[:forked], *moved])
    order = data.draw(st.permutations(range(len(drafts))))
    assert all(drafts[n].response() == reduce(events[:n]) for n in order)
    assert all(drafts[n].count == n for n in order)


@given(strategies.events())
def test_folding_is_pure(events: Events):
    before = copy.deepcopy(events)
    first = reduce(events)
    kept = copy.deepcopy(first)
    assert reduce(events) == first == kept
    assert events == before


@given(strategies.events())
def test_no_beginning_of_a_stream_is_refused(events: Events):
    states = [reduce(events[:end]).state for end in range(len(events))]
    assert set(states) <= {"incomplete"}


@given(strategies.events(), st.integers(1, 5))
def test_texts_in_other_pieces_make_the_same_response(events: Events, size: int):
    def cut(text: str) -> list[str]:
        return ["", *(text[start : start + size] for start in range(0, len(text), size))]

    assert reduce(rechunked(events, cut)) == reduce(events)


@given(strategies.events())
def test_text_of_the_response_is_the_deltas_joined(events: Events):
    response = reduce(events)
    by_part: dict[int, str] = {}
    for event in events:
        if isinstance(event, TextDelta):
            by_part[event.index] = by_part.get(event.index, "") + event.text
    assert response.text() == "".join(by_part[index] for index in sorted(by_part))


class Atom(str):
    """A text that fails when it is added to another, as a quadratic fold would do."""

    __slots__ = ()

    def __add__(self, other: str) -> str:
        raise AssertionError("texts are added one by one")

    __radd__ = __add__


def long_stream(count: int) -> list[Event]:
    text: list[Event] = [TextDelta(0, Atom("a")) for _ in range(count)]
    reasoning: list[Event] = [ReasoningDelta(1, Atom("a")) for _ in range(count)]
    arguments: list[Event] = [ToolCallArgsDelta(2, Atom(" ")) for _ in range(count)]
    notes: list[Event] = [PartMetadata(2, "p", {f"k{n}": n}) for n in range(count)]
    calls: list[Event] = [ToolCallStart(n, id=f"c{n}", name="f") for n in range(3, count)]
    return [*text, *reasoning, attrs.evolve(CALL, index=2), *arguments, *notes, *calls, Done()]


def calls_made(work: Callable[[], object]) -> int:
    """How many Python and C functions are called: a count, which no load of the machine changes."""
    count = 0

    def seen(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("fold", [reduce, lambda events: stepped(events).response()])
def test_the_work_grows_with_the_stream_and_not_with_its_square(fold: Callable[[list[Event]], Response]):
    short, long = long_stream(100), long_stream(400)
    assert calls_made(lambda: fold(long)) < 4.2 * calls_made(lambda: fold(short))


def test_a_snapshot_costs_what_it_shows():
    short, long = stepped(long_stream(100)[:-1]), stepped(long_stream(400)[:-1])
    assert calls_made(long.response) < 4.2 * calls_made(short.response)


def test_stepping_on_costs_the_same_however_long_the_stream_was():
    short, long = stepped(long_stream(10)[:-1]), stepped(long_stream(400)[:-1])
    event = TextDelta(0, "a")
    assert calls_made(lambda: step(long, event)) == calls_made(lambda: step(short, event))


# The recorded cases name parts by the ids of their calls, not by index, and put metadata on the deltas.


def as_events(given: list[dict[str, object]]) -> list[Event]:
    """The events of a recorded case, with indices as law 3 gives them."""
    events: list[Event] = []
    opened: list[object] = []
    for each in given:
        name = each.get("index", each.get("id", each["type"]))
        is_named = "index" in each or "id" in each
        if not (name in opened if is_named else opened[-1:] == [name]):
            opened.append(name)
        index = opened.index(name) if is_named else len(opened) - 1
        events.append(as_event(index, each))
        noted = each.get("provider_metadata", {})
        events += [PartMetadata(index, provider, data) for provider, data in noted.items()]
    return events


def as_event(index: int, fields: dict) -> Event:
    match fields["type"]:
        case "text_delta":
            return TextDelta(index, fields["text"])
        case "reasoning_delta":
            return ReasoningDelta(index, fields["text"], fields.get("redacted", False))
        case "tool_call_start":
            return ToolCallStart(index, id=fields["id"], name=fields["name"])
        case "tool_call_args_delta":
            return ToolCallArgsDelta(index, fields["text"])
        case kind:
            pytest.fail(f"the recorded cases have a new kind: {kind}")


def as_recorded(part: Part) -> dict[str, object]:
    """A part as the recorded cases write it."""
    match part:
        case TextPart():
            shown: dict[str, object] = {"kind": "text", "text": part.text}
        case ReasoningPart():
            shown = {"kind": "reasoning", "text": part.text} | ({"redacted": True} if part.redacted else {})
        case ToolCallPart():
            shown = {"kind": "tool_call", "name": part.name, "arguments": part.arguments, "id": part.id}
        case _:
            pytest.fail(f"the recorded cases have a new part: {part}")
    return shown | ({"provider_metadata": part.provider_metadata} if part.provider_metadata else {})


# Here the order of the parts is that of the wire: a late mark of withheld reasoning is a part of its own.
NOT_HOISTED = {"red-redacted-late-hoisted"}


def test_the_recorded_cases_reduce_as_expected(shared: Path):
    cases = json.loads((shared / "cases" / "reducer_cases.json").read_text())["cases"]
    for case in cases:
        events, expected = as_events(case["events"]), case["expected"]
        if expected == "error":
            with pytest.raises(WireError):
                whole(*events)
        else:
            order = list(reversed(expected)) if case["id"] in NOT_HOISTED else expected
            assert [as_recorded(part) for part in whole(*events).parts] == order, case["id"]


def test_a_rounds_end_settles_calls_without_arguments() -> None:
    call = ToolCallStart(0, id="a", name="f")
    assert reduce([call]).tool_calls()[0].arguments is None
    assert reduce([call, RoundDone(finish_reason="tool_calls")]).tool_calls()[0].arguments == {}
    assert reduce([call, RoundDone(finish_reason="length")]).tool_calls()[0].arguments is None
    fold = Fold()
    fold.extend([call, RoundDone(finish_reason="tool_calls"), TextDelta(1, "a"), RoundDone(id="r")])
    assert fold.closed == [(1, RoundDone(finish_reason="tool_calls")), (2, RoundDone(id="r"))]
