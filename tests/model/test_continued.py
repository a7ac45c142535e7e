"""One answer that several models make."""

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from llmstream import (
    Citation,
    CitationOut,
    ConnectionLost,
    Done,
    PartMetadata,
    ReasoningDelta,
    Request,
    Restarted,
    TextDelta,
    Tool,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallPart,
    ToolCallStart,
    ToolChoice,
    Usage,
    assistant,
    reduce,
    user,
)
from llmstream.model.continued import Continued
from llmstream.testing import strategies

ASKED = Request("m", [user("hi")], tools=[Tool("f")], tool_choice=ToolChoice("required"))
END = Done(finish_reason="stop", usage=Usage(output=2), model="b")


def call(index: int, arguments: str, *, id: str = "c1", ended: bool = True) -> list:
    end = [ToolCallEnd(index, {"n": 1})] if ended else []
    return [ToolCallStart(index, id=id, name="f"), ToolCallArgsDelta(index, arguments), *end]


def joined(first: list, second: list, *, lost: ConnectionLost | None = None) -> list:
    """What is given of two models' events, the first of which broke off."""
    answer = Continued("instruction")
    given = [out for event in first for out in answer.take([event])]
    answer.restart(lost or ConnectionLost("gone"), "why")
    return given + [out for event in second for out in answer.take([event])]


def test_parts_go_on_and_the_consumer_is_told() -> None:
    events = joined([ReasoningDelta(0, "hm"), TextDelta(1, "Hello wor")], [TextDelta(0, "world"), END])
    assert events == [
        ReasoningDelta(0, "hm"),
        TextDelta(1, "Hello wor"),
        Restarted("why"),
        TextDelta(2, "ld"),
        END,
    ]
    assert reduce(events).text() == "Hello world"


def test_an_answer_that_had_not_begun_is_not_restarted() -> None:
    assert joined([], [TextDelta(0, "a"), END]) == [TextDelta(0, "a"), END]


def test_a_call_that_was_cut_is_none_of_the_answer() -> None:
    events = joined(call(0, '{"n', ended=False), [*call(0, '{"n":1}', id="c2"), END])
    assert [part.id for part in reduce(events).tool_calls()] == ["c2"]
    assert not any(isinstance(event, Restarted) for event in events)


def test_a_complete_call_is_kept_and_not_made_again() -> None:
    first = [TextDelta(0, "I look"), *call(1, '{"n":1}'), TextDelta(2, " and")]
    again = [*call(0, '{"n": 1}', id="c2"), PartMetadata(0, "x", {"a": 1}), TextDelta(1, " and so"), END]
    response = reduce(joined(first, again))
    assert [part.id for part in response.tool_calls()] == ["c1"]
    assert response.text() == "I look and so"
    assert response.finish_reason == "tool_calls"


def test_what_comes_behind_an_open_call_keeps_its_place() -> None:
    answer = Continued("instruction")
    start, args, end = call(0, '{"n":1}')
    assert answer.take([start, args, TextDelta(1, "x")]) == []
    assert not answer.begun
    assert answer.take([end]) == [start, args, TextDelta(1, "x"), end]
    cut = ToolCallStart(2, id="c2", name="g")
    assert answer.take([cut]) == []
    assert answer.take([END]) == [cut, END]


def test_usage_of_all_is_in_the_sum() -> None:
    lost = ConnectionLost("gone")
    lost.ending = Done(usage=Usage(input=3, output=1))
    done = joined([TextDelta(0, "a")], [TextDelta(0, "b"), END], lost=lost)[-1]
    assert done.usage == Usage(input=3, output=3)
    assert done.model == "b"


def test_citations_count_what_is_left_of_their_text() -> None:
    cited = CitationOut(0, Citation("http://a", start=6, end=11))
    events = joined(
        [TextDelta(0, "Hello ")], [TextDelta(0, "Hello wor"), cited, TextDelta(0, "ld"), cited, END]
    )
    (part,) = reduce(events).parts[1:]
    assert part.text == "world"
    assert [(c.start, c.end) for c in part.citations] == [(0, 5), (0, 5)]


def test_of_a_text_that_was_said_already_nothing_is_left() -> None:
    again = [TextDelta(0, "Hel"), TextDelta(0, "lo"), PartMetadata(0, "x", {"a": 1}), TextDelta(1, "!"), END]
    response = reduce(joined([TextDelta(0, "Hello")], again))
    assert [part.text for part in response.parts] == ["Hello", "!"]


def test_the_next_model_is_told_what_was_said() -> None:
    answer = Continued("instruction")
    assert answer.request(ASKED) == ASKED
    answer.take([TextDelta(0, "Hello ")])
    answer.restart(ConnectionLost("gone"), "why")
    asked = answer.request(ASKED)
    assert asked.messages[:2] == (user("hi"), assistant("Hello "))
    assert "Go on" in asked.messages[2].text()
    assert asked.tool_choice == ASKED.tool_choice
    answer.take(call(0, '{"n":1}'))
    answer.restart(ConnectionLost("gone"), "why")
    asked = answer.request(ASKED)
    assert 'f({"n":1})' in asked.messages[2].text()
    assert asked.tool_choice is None


def test_a_prefill_is_the_beginning_of_the_models_own_turn() -> None:
    answer = Continued("prefill")
    answer.take([TextDelta(0, "Hello ")])
    answer.restart(ConnectionLost("gone"), "why")
    assert answer.request(ASKED).messages == (user("hi"), assistant("Hello"))


MANY = settings(max_examples=int(os.environ.get("LLMSTREAM_EXAMPLES", "200")))


@MANY
@given(strategies.events(), strategies.events(), st.integers(0, 20))
def test_two_answers_make_one_by_the_grammar(first, second, cut) -> None:
    broken = list(first[:-1])[:cut]
    response = reduce(joined(broken, list(second)))
    assert response.state in {"complete", "budget"}
    kept = reduce(joined(broken, [])).parts
    assert response.parts[: len(kept)] == kept
    assert all(part.arguments is not None for part in kept if isinstance(part, ToolCallPart))


@MANY
@given(strategies.events())
def test_an_answer_that_nobody_breaks_off_is_the_same(events) -> None:
    answer = Continued("instruction")
    given = [out for event in events for out in answer.take([event])]
    assert reduce(given) == reduce(events)
