"""The clocks of a call, on a time that the test moves."""

from math import inf

import pytest

from llmstream import (
    Done,
    PartMetadata,
    Raw,
    ReasoningDelta,
    TextDelta,
    TimeoutExceeded,
    Timeouts,
    ToolCallArgsDelta,
    ToolCallStart,
)
from llmstream.client.clocks import Clocks, is_progress
from llmstream.values.events import AudioDelta, ToolProgress


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


NONE = Timeouts(connect=None, first_event=None, stall=None, liveness=None, total=None, pool=None)


def test_without_limits_nothing_runs_out() -> None:
    assert Clocks(NONE, Time()).deadline == inf


def test_first_event_runs_from_the_start_until_progress() -> None:
    time = Time()
    clocks = Clocks(Timeouts(first_event=5, stall=3), time)
    assert clocks.deadline == 105
    time.now = 104
    clocks.read(b"x", [TextDelta(0, "")])
    assert clocks.deadline == 105
    assert clocks.exceeded().clock == "first_event"
    clocks.read(b"x", [TextDelta(0, ""), TextDelta(0, "a")])
    assert clocks.deadline == 107
    error = clocks.exceeded()
    assert (error.clock, error.seconds) == ("stall", 3)
    assert "3 s (stall)" in str(error)


def test_a_flood_ends_with_the_read_after_the_one_that_came_late() -> None:
    time = Time()
    clocks = Clocks(Timeouts(total=5, stall=3), time)
    time.now = 105
    clocks.read(b"x", [TextDelta(0, "a")])
    # The end of the body, and of an answer that was complete, is no flood.
    clocks.read(b"", [])
    with pytest.raises(TimeoutExceeded) as caught:
        clocks.read(b"x", [TextDelta(0, "b")])
    assert caught.value.clock == "total"


def test_bytes_feed_liveness_and_not_progress() -> None:
    time = Time()
    clocks = Clocks(Timeouts(first_event=50, liveness=2), time)
    time.now = 101.5
    clocks.read(b": ping", [])
    assert clocks.deadline == 103.5
    assert clocks.exceeded().clock == "liveness"
    time.now = 102.5
    clocks.read(b"", [])
    assert clocks.deadline == 103.5
    time.now = 149
    clocks.read(b": ping", [])
    assert clocks.deadline == 150


def test_total_is_never_moved() -> None:
    time = Time()
    clocks = Clocks(Timeouts(first_event=9, stall=9, total=10), time)
    time.now = 108
    clocks.read(b"x", [TextDelta(0, "a")])
    time.now = 109
    clocks.resume()
    assert clocks.deadline == 110
    assert clocks.exceeded().clock == "total"


def test_the_time_that_the_consumer_takes_is_not_the_peers() -> None:
    time = Time()
    clocks = Clocks(Timeouts(first_event=5, stall=3, liveness=2), time)
    time.now = 101
    clocks.read(b"x", [TextDelta(0, "a")])
    assert clocks.deadline == 103
    time.now = 161
    clocks.resume()
    assert clocks.deadline == 163


@pytest.mark.parametrize(
    ("event", "progress"),
    [
        (TextDelta(0, "a"), True),
        (TextDelta(0, ""), False),
        (ReasoningDelta(0, ""), False),
        (ReasoningDelta(0, "r"), True),
        (ToolCallStart(0, id="c", name="f"), True),
        (ToolCallArgsDelta(0, ""), False),
        (ToolCallArgsDelta(0, "{"), True),
        (AudioDelta(0, b""), False),
        (AudioDelta(0, b"", transcript="a"), True),
        (PartMetadata(0, "p", {}), False),
        (ToolProgress(0, "c"), True),
        (Raw({}), False),
        (Done(), True),
    ],
)
def test_only_what_brings_the_answer_on_is_progress(event, progress) -> None:
    assert is_progress(event) is progress
