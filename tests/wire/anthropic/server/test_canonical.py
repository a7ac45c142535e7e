"""Events put into the order and the words that the wire has."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmstream import (
    Attachment,
    AudioDelta,
    Citation,
    CitationOut,
    Done,
    Event,
    ImageOut,
    OpaqueOut,
    PartMetadata,
    Raw,
    ReasoningDelta,
    Request,
    Restarted,
    RoundDone,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolProgress,
    ToolResultOut,
    UnknownEvent,
    UnsupportedError,
    Usage,
    WireError,
)
from llmstream.jsontext import dumps
from llmstream.stage import run
from llmstream.testing import laws, splits
from llmstream.testing.strategies import events as any_events
from llmstream.testing.strategies import usages
from llmstream.values.content import Logprob
from llmstream.wire.anthropic import CODEC
from llmstream.wire.anthropic.server.canonical import Canonical

END = Done(finish_reason="stop", raw_finish_reason="end_turn")
P = "anthropic"
# As many answers as the law of the round trip is held to; CI asks for 2,000.
MANY = settings(max_examples=int(os.environ.get("LLMSTREAM_EXAMPLES", "200")))


def canonical(*events: Event) -> list[Event]:
    """The canonical form of an answer, without its end."""
    *body, done = CODEC.server.canonical([*events, END])
    assert isinstance(done, Done)
    laws.grammar([*body, done])
    return body


def test_what_the_wire_says_as_it_is_stays_as_it_is() -> None:
    record = {"type": "page_location", "cited_text": "x"}
    said = [
        PartMetadata(0, P, {"signature": "s"}, kind="reasoning"),
        ReasoningDelta(1, "", redacted=True),
        PartMetadata(1, P, {"data": "d"}),
        ReasoningDelta(2, "hm"),
        PartMetadata(2, P, {"signature": "s"}),
        CitationOut(3, Citation(cited_text="x", provider=P, data=record)),
        TextDelta(3, "so"),
        TextDelta(4, "next"),
        ToolCallStart(5, id="t", name="f"),
        PartMetadata(5, P, {"caller": {"type": "direct"}}),
        ToolCallArgsDelta(5, "{}"),
        ToolCallEnd(5, {}),
        ToolCallStart(6, id="s", name="ask", server_executed=True),
        PartMetadata(6, P, {"type": "mcp_tool_use", "server_name": "wiki"}),
        ToolCallEnd(6, {}),
        ToolResultOut(7, "s", name="ask", output="r", error="r", server_executed=True),
        PartMetadata(7, P, {"type": "mcp_tool_result", "is_error": True}),
        OpaqueOut(8, P, type="compaction", data={"type": "compaction", "content": None}),
    ]
    assert canonical(*said) == said


def test_events_of_the_live_block_are_passed_on_at_once() -> None:
    stage = Canonical(P)
    assert list(stage.feed(TextDelta(0, "a"))) == [TextDelta(0, "a")]
    assert list(stage.feed(ToolCallStart(1, id="t", name="f"))) == []
    assert list(stage.feed(ToolCallArgsDelta(1, "{"))) == [
        ToolCallStart(1, id="t", name="f"),
        ToolCallArgsDelta(1, "{"),
    ]
    assert list(stage.feed(TextDelta(2, "waits"))) == []
    assert list(stage.feed(ToolCallArgsDelta(1, "}"))) == [ToolCallArgsDelta(1, "}")]
    assert list(stage.feed(ToolCallEnd(1, {}))) == [ToolCallEnd(1, {}), TextDelta(2, "waits")]


def test_parallel_calls_follow_each_other() -> None:
    first = [ToolCallStart(0, id="a", name="f"), ToolCallArgsDelta(0, "{}"), ToolCallEnd(0, {})]
    second = [ToolCallStart(1, id="b", name="f"), ToolCallArgsDelta(1, "{}"), ToolCallEnd(1, {})]
    mixed = [event for pair in zip(first, second, strict=True) for event in pair]
    assert canonical(*mixed) == first + second


def test_text_that_was_overtaken_becomes_a_part_of_its_own() -> None:
    mixed = [TextDelta(0, "a"), ReasoningDelta(1, "hm"), TextDelta(0, "b"), ReasoningDelta(1, "m")]
    assert canonical(*mixed) == [
        TextDelta(0, "a"),
        ReasoningDelta(1, "hm"),
        TextDelta(2, "b"),
        ReasoningDelta(3, "m"),
    ]


def test_parts_that_the_wire_cannot_show_take_no_number() -> None:
    shown = [
        TextDelta(0, "", refusal=True),
        ReasoningDelta(1, "", redacted=True),
        PartMetadata(1, "other", {"data": "x"}),
        PartMetadata(2, P, {"x": 1}, kind="text"),
        PartMetadata(3, "other", {"signature": "x"}, kind="reasoning"),
        OpaqueOut(4, "other", type="compaction", data={}),
        TextDelta(5, "a", (Logprob("a", -1.0),)),
    ]
    assert canonical(*shown) == [TextDelta(0, "a")]


def test_what_is_no_part_is_dropped() -> None:
    asides = [Raw({}), RoundDone(), Restarted("x"), UnknownEvent("x"), ToolProgress(0, "t")]
    assert canonical(TextDelta(0, "a"), *asides) == [TextDelta(0, "a")]


def test_arguments_that_came_without_text_are_written() -> None:
    start = ToolCallStart(0, id="t", name="f")
    assert canonical(start, ToolCallEnd(0, {"a": 1}))[1:] == [
        ToolCallArgsDelta(0, '{"a":1}'),
        ToolCallEnd(0, {"a": 1}),
    ]


def test_a_call_ends_where_its_text_is_complete() -> None:
    start = ToolCallStart(0, id="t", name="f")
    assert canonical(start, ToolCallArgsDelta(0, '{"a":'), ToolCallArgsDelta(0, "")) == [
        start,
        ToolCallArgsDelta(0, '{"a":'),
    ]
    assert canonical(start, ToolCallArgsDelta(0, "{}"))[-1] == ToolCallEnd(0, {})
    assert canonical(start) == [start, ToolCallEnd(0, {})]


def test_a_server_side_call_waits_for_its_late_metadata() -> None:
    start = ToolCallStart(0, id="s", name="ask", server_executed=True)
    late = PartMetadata(0, P, {"type": "mcp_tool_use", "server_name": "wiki", "name": "other"})
    assert canonical(start, ToolCallEnd(0, {}), late, TextDelta(1, "a"))[1] == PartMetadata(
        0, P, {"type": "mcp_tool_use", "server_name": "wiki"}
    )
    odd = PartMetadata(0, P, {"type": "tool_use"})
    assert canonical(start, odd)[1] == PartMetadata(0, P, {"type": "server_tool_use"})


def test_a_server_side_call_that_is_overtaken_before_its_end_holds_the_others_back() -> None:
    start = ToolCallStart(0, id="s", name="ask", server_executed=True)
    assert canonical(start, TextDelta(1, "a"), ToolCallEnd(0, {})) == [
        start,
        PartMetadata(0, P, {"type": "server_tool_use"}),
        ToolCallEnd(0, {}),
        TextDelta(1, "a"),
    ]


def test_metadata_that_comes_for_a_closed_block_is_lost() -> None:
    start = ToolCallStart(0, id="t", name="f")
    late = PartMetadata(0, P, {"caller": {"type": "direct"}})
    assert canonical(start, ToolCallArgsDelta(0, "{}"), late, ToolCallEnd(0, {}), late) == [
        start,
        ToolCallArgsDelta(0, "{}"),
        ToolCallEnd(0, {}),
    ]
    cited = CitationOut(0, Citation("u"))
    assert canonical(TextDelta(0, "a"), TextDelta(1, "b"), cited) == [TextDelta(0, "a"), TextDelta(1, "b")]


def test_a_result_is_named_by_its_call_and_typed_by_its_name() -> None:
    call = [ToolCallStart(0, id="s", name="search", server_executed=True), ToolCallEnd(0, {})]
    result = ToolResultOut(1, "s", name="x", output=[], server_executed=True)
    named, noted = canonical(*call, result)[-2:]
    assert named == ToolResultOut(1, "s", name="search", output=[], server_executed=True)
    assert noted == PartMetadata(1, P, {"type": "x_tool_result"})
    nameless = ToolResultOut(0, "s", output="", server_executed=True)
    assert canonical(nameless)[1] == PartMetadata(0, P, {"type": "server_tool_result"})
    odd = PartMetadata(0, P, {"type": "text", "is_error": False})
    assert canonical(nameless, odd)[1] == PartMetadata(
        0, P, {"type": "server_tool_result", "is_error": False}
    )


def test_a_foreign_error_is_put_into_the_results_content() -> None:
    result = ToolResultOut(0, "s", name="x", output=[1], error="boom", server_executed=True)
    (said, _) = canonical(result)
    assert isinstance(said, ToolResultOut)
    assert said.error == "boom"
    assert said.output == {"type": "x_tool_result_error", "error_code": "boom", "output": [1]}


def test_the_end_is_said_in_the_wires_words() -> None:
    done = Done(
        finish_reason="content_filter", raw_finish_reason="SAFETY", usage=Usage(input=1), id="i", model="m"
    )
    assert CODEC.server.canonical([done]) == (
        Done(finish_reason="refusal", raw_finish_reason="refusal", usage=Usage(input=1), id="i", model="m"),
    )


def test_without_an_end_what_waited_is_given_and_nothing_is_made_up() -> None:
    open_call = [ToolCallStart(0, id="t", name="f"), ToolCallArgsDelta(0, "{"), TextDelta(1, "a")]
    assert CODEC.server.canonical(open_call) == tuple(open_call)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (ImageOut(0, Attachment("image/png", data=b"x")), "got ImageOut"),
        (AudioDelta(0, b"x"), "got AudioDelta"),
        (PartMetadata(0, P, {}, kind="attachment"), "got PartMetadata"),
        (ToolCallStart(0, id="t", name="f", custom=True), "got the custom call 'f'"),
        (ToolCallStart(0, id="", name="f"), "a name and an id of its own"),
        (ToolCallStart(0, id="t", name=""), "a name and an id of its own"),
        (ToolResultOut(0, "t", name="f"), "results of the server's own tools in an answer, got one of 'f'"),
        (
            ToolResultOut(0, "t", server_executed=True, attachments=(Attachment("image/png", data=b"x"),)),
            "results without attachments in an answer, got one of 't'",
        ),
        (OpaqueOut(0, P, type="text", data={}), "expected an opaque item, got one of the type 'text'"),
        (OpaqueOut(0, P, type="x", data={"type": 3}), "got one of the type 3"),
    ],
)
def test_what_the_wire_cannot_say_is_refused(event, said) -> None:
    with pytest.raises(UnsupportedError, match=said):
        canonical(event)


def test_a_second_call_of_one_id_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="an id of its own"):
        canonical(ToolCallStart(0, id="t", name="f"), ToolCallStart(1, id="t", name="f"))


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([ToolCallArgsDelta(0, "x")], "an open part at index 0, got ToolCallArgsDelta"),
        ([PartMetadata(0, P, {})], "an open part at index 0, got PartMetadata"),
        ([TextDelta(0, "a"), ReasoningDelta(0, "b")], "more of the part at index 0, got ReasoningDelta"),
        ([ReasoningDelta(0, "a"), TextDelta(0, "b")], "more of the part at index 0, got TextDelta"),
        (
            [ToolCallStart(0, id="t", name="f"), TextDelta(0, "b")],
            "more of the part at index 0, got TextDelta",
        ),
        (
            [ToolCallStart(0, id="t", name="f"), ToolCallEnd(0, {}), ToolCallArgsDelta(0, "x")],
            "no more of the call at index 0, got ToolCallArgsDelta",
        ),
        (
            [ToolResultOut(0, "s", server_executed=True), ToolCallEnd(0, {})],
            "more of the part at index 0, got ToolCallEnd",
        ),
    ],
)
def test_events_that_break_the_grammar_are_refused(events, said) -> None:
    with pytest.raises(WireError, match=said):
        canonical(*events)


# A pool of awkward values: drawing JSON afresh for each of 2,000 answers takes longer than all the rest.
NAMES = st.sampled_from(["web_search", "f", "a-b_c"])
WORDS = st.sampled_from(["a", "é\u2028\x85", "\r\n\n", "😀", '"\\', "data: ", "[DONE]", "\ufeff\x00", " "])
OBJECTS = st.sampled_from(
    [{}, {"a": 1}, {"é\u2028": [None, 1.5, {"b": "😀"}]}, {"": "\n\ndata: x"}, {"x": -(2**63), "y": True}]
)
VALUES = st.sampled_from(["", "so", 0, None, False, [], [{"url": "https://a.example"}], "\ud7ff\r\n", 1e300])
RECORDS = st.sampled_from(
    [
        {"type": "web_search_result_location", "url": "u", "title": "t", "encrypted_index": "Eo8B"},
        {"type": "char_location", "document_title": "d", "cited_text": "c", "file_id": None},
        {"type": "search_result_location", "source": "s", "title": None},
        {"cited_text": ""},
    ]
)


@st.composite
def _text(draw: st.DrawFn, index: int) -> list[Event]:
    some = st.one_of(
        WORDS.map(lambda text: TextDelta(index, text)),
        RECORDS.map(lambda record: CitationOut(index, _cited(record))),
    )
    return draw(st.lists(some, min_size=1, max_size=4))


def _cited(record: dict) -> Citation:
    url = record.get("url") or record.get("source")
    title = record.get("title") or record.get("document_title")
    return Citation(url, title, cited_text=record.get("cited_text") or None, provider=P, data=record)


@st.composite
def _thinking(draw: st.DrawFn, index: int) -> list[Event]:
    if draw(st.booleans()):
        data = draw(WORDS)
        return [ReasoningDelta(index, "", redacted=True), PartMetadata(index, P, {"data": data})]
    said: list[Event] = [ReasoningDelta(index, text) for text in draw(st.lists(WORDS, max_size=3))]
    if not said or draw(st.booleans()):
        kind = None if said else "reasoning"
        said.append(PartMetadata(index, P, {"signature": draw(WORDS)}, kind=kind))
    return said


@st.composite
def _call(draw: st.DrawFn, index: int, *, server_executed: bool = False) -> list[Event]:
    start = ToolCallStart(index, id=f"call_{index}", name=draw(NAMES), server_executed=server_executed)
    data = draw(OBJECTS)
    if server_executed:
        data = {"type": draw(st.sampled_from(["server_tool_use", "mcp_tool_use", "new_tool_use"])), **data}
    arguments = draw(OBJECTS)
    text = dumps(arguments) if arguments or draw(st.booleans()) else ""
    whole = not text or draw(st.booleans())
    said = text if whole else text[: draw(st.integers(1, len(text) - 1))]
    pieces = splits.cut(
        said.encode("utf-32-le"), [4 * at for at in draw(st.lists(st.integers(0, len(said))))]
    )
    deltas = [ToolCallArgsDelta(index, piece.decode("utf-32-le")) for piece in pieces if piece]
    noted = [PartMetadata(index, P, data)] if data else []
    return [start, *noted, *deltas, *([ToolCallEnd(index, arguments)] if whole else [])]


@st.composite
def _server(draw: st.DrawFn, index: int) -> list[Event]:
    call = draw(_call(index, server_executed=True))
    start = call[0]
    assert isinstance(start, ToolCallStart)
    output = draw(VALUES)
    result = ToolResultOut(index + 1, start.id, name=start.name, output=output, server_executed=True)
    data = {"type": draw(NAMES) + "_tool_result", **draw(OBJECTS)}
    return [*call, result, PartMetadata(index + 1, P, data)]


@st.composite
def _opaque(draw: st.DrawFn, index: int) -> list[Event]:
    type = draw(st.sampled_from(["compaction", "container_upload", "novelty"]))
    data = {**draw(OBJECTS), "type": type}
    return [OpaqueOut(index, P, type=type, data=data)]


@st.composite
def answers(draw: st.DrawFn) -> tuple[Event, ...]:
    """Answers as this wire's decoder gives them: the canonical set."""
    events: list[Event] = []
    index = 0
    for make in draw(st.lists(st.sampled_from([_text, _thinking, _call, _server, _opaque]), max_size=5)):
        said = draw(make(index))
        index = said[-1].index + 1
        events += said
    called = any(isinstance(event, ToolCallStart) and not event.server_executed for event in events)
    finish, raw = draw(
        st.sampled_from(
            [
                ("tool_calls" if called else "stop", "end_turn"),
                ("tool_calls", "tool_use"),
                ("length", "max_tokens"),
                ("pause", "pause_turn"),
                ("refusal", "refusal"),
                ("other", "compaction"),
                (None, None),
            ]
        )
    )
    own = {"stop_sequence": draw(WORDS), "container": draw(OBJECTS)} if draw(st.booleans()) else {}
    counted = draw(st.none() | usages().filter(lambda usage: usage != Usage()))
    end = Done(
        finish_reason=finish,
        raw_finish_reason=raw,
        usage=counted,
        id=draw(st.none() | NAMES),
        model=draw(st.none() | NAMES),
        provider_metadata={P: own} if own else {},
    )
    return (*events, end)


@MANY
@given(answers(), st.integers(0, 2**32))
def test_canonical_answers_come_back_equal_under_random_cuts(answer, seed) -> None:
    assert CODEC.server.canonical(answer) == answer
    laws.grammar(answer)
    request = Request("a-model")
    body = b"".join(run(CODEC.server.encoder(request), answer))
    for pieces in ([body], *splits.random_cuts(body, seed, 2)):
        decoded = laws.decode_all(CODEC, pieces, head=CODEC.server.head(request))
        assert decoded.error is None
        assert tuple(decoded.events) == answer


@MANY
@given(any_events(provider=P))
def test_any_answer_comes_back_in_its_canonical_form(answer) -> None:
    laws.round_trip(CODEC, answer)


SAYABLE = {"text", "reasoning", "call", "server_call", "citation", "metadata", "redacted", "progress", "raw"}


@given(any_events(SAYABLE, provider=P))
def test_the_wire_can_say_whatever_it_has_a_block_for(answer) -> None:
    assert laws.round_trip(CODEC, answer)
