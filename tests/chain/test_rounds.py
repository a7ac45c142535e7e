"""Events of a round as events of the chain."""

from llmstream import (
    Done,
    PartMetadata,
    Raw,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallPart,
    ToolCallStart,
    Usage,
    assistant,
)
from llmstream.chain.rounds import CallIds, Round, round_done


def test_indices_go_on_and_done_is_kept_back() -> None:
    done = Done(finish_reason="stop", usage=Usage(input=1))
    here = Round(5, CallIds())
    events = [TextDelta(0, "a"), TextDelta(0, "no", refusal=True), Raw(1), PartMetadata(1, "p"), done]
    assert here.take(events) == (
        [TextDelta(5, "a"), TextDelta(5, "no", refusal=True), Raw(1), PartMetadata(6, "p")],
        done,
    )
    assert here.next == 7
    assert round_done(done).usage == Usage(input=1)


def test_every_call_has_an_id_of_its_own() -> None:
    ids = CallIds([assistant(ToolCallPart("a", "f"))])
    here = Round(0, ids)
    starts = [ToolCallStart(at, id=id, name="f") for at, id in enumerate(["a", "", "", "b", "b"])]
    taken, _ = here.take(starts)
    told = [event.id for event in taken]
    assert told[3] == "b"
    assert len({*told, "a"}) == 6
    assert all(told)
    parts = tuple(ToolCallPart(start.id, "f") for start in starts)
    assert [part.id for part in here.named(parts)] == told


def test_calls_that_are_complete_are_told_when_asked_for() -> None:
    events = [
        ToolCallStart(0, id="a", name="f"),
        ToolCallStart(1, id="s", name="web", server_executed=True),
        ToolCallArgsDelta(0, '{"n":'),
        ToolCallArgsDelta(0, "1}"),
        ToolCallEnd(1, {}),
        ToolCallEnd(0, {"n": 1}),
    ]
    eager = Round(0, CallIds(), eager=True)
    eager.take(events[:3])
    assert eager.complete == []
    eager.take(events[3:])
    assert eager.complete == [(0, ToolCallPart("a", "f", arguments={"n": 1}, raw='{"n":1}'))]
    lazy = Round(0, CallIds())
    lazy.take(events)
    assert lazy.complete == []
