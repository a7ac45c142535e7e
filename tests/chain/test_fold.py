"""The fold of a chain."""

from llmstream import (
    Done,
    Request,
    RoundDone,
    TextDelta,
    TextPart,
    ToolCallEnd,
    ToolCallStart,
    ToolResultOut,
    Usage,
    reduce,
)
from llmstream.chain.fold import ChainFold

EVENTS = [
    TextDelta(0, "a"),
    ToolCallStart(1, id="c", name="f"),
    ToolCallEnd(1, {}),
    RoundDone(finish_reason="tool_calls", usage=Usage(input=1)),
    ToolResultOut(2, "c", name="f", output="x"),
    TextDelta(3, "b"),
    RoundDone(finish_reason="stop", usage=Usage(input=2), id="r2"),
    Done(finish_reason="stop", usage=Usage(input=3), id="r2"),
]
REQUESTS = [Request("m"), Request("n")]


def folded(count: int) -> ChainFold:
    fold = ChainFold(REQUESTS)
    fold.extend(EVENTS[:count])
    return fold


def test_the_response_is_that_of_the_round_that_runs() -> None:
    assert folded(1).response().parts == (TextPart("a"),)
    assert folded(1).response().state == "incomplete"
    for count in (4, 5):
        first = folded(count).response()
        assert (first.state, first.request, len(first.parts)) == ("complete", REQUESTS[0], 2)
    second = folded(6).response(state="cancelled")
    assert (second.state, second.request, second.parts) == ("cancelled", REQUESTS[1], (TextPart("b"),))
    last = folded(8).response()
    assert (last.text(), last.usage, last.id) == ("b", Usage(input=2), "r2")


def test_the_rounds_are_those_that_ended() -> None:
    assert [len(folded(count).rounds()) for count in (0, 3, 4, 6, 7, 8)] == [0, 0, 1, 1, 2, 2]
    assert [response.usage for response in folded(8).rounds()] == [Usage(input=1), Usage(input=2)]


def test_a_replay_folds_to_the_same() -> None:
    for count in range(len(EVENTS) + 1):
        again = list(folded(count).replay())
        assert reduce(again) == reduce(EVENTS[:count])
    assert again == EVENTS


def test_a_round_without_parts_is_a_round() -> None:
    fold = ChainFold(REQUESTS)
    fold.extend([RoundDone(finish_reason="stop"), Done(finish_reason="stop")])
    assert (fold.response().finish_reason, fold.response().parts) == ("stop", ())
    assert list(fold.replay()) == [RoundDone(finish_reason="stop"), Done(finish_reason="stop")]
