"""What folding costs: microseconds an event, and the time for four times as many.

Prints JSON. `ratio` is the time at 4n over the time at n: 4 is linear, 16 would be quadratic.
"""

import json
from collections.abc import Callable
from timeit import repeat

from llmstream.reduce import Draft, reduce, step
from llmstream.values.events import Done, Event, ReasoningDelta, TextDelta, ToolCallArgsDelta, ToolCallStart

COUNT = 5_000


def stream(count: int) -> list[Event]:
    """A third reasoning, a third text, a third arguments of a call."""
    third = count // 3
    reasoning: list[Event] = [ReasoningDelta(0, "a token ") for _ in range(third)]
    text: list[Event] = [TextDelta(1, "a token ") for _ in range(third)]
    arguments: list[Event] = [ToolCallArgsDelta(2, "  ") for _ in range(third)]
    start = ToolCallStart(2, id="call_1", name="f")
    return [*reasoning, *text, start, *arguments, ToolCallArgsDelta(2, "{}"), Done(finish_reason="stop")]


def stepped(events: list[Event]) -> object:
    draft = Draft()
    for event in events:
        draft = step(draft, event)
    return draft.response()


def watched(events: list[Event]) -> object:
    """With a snapshot at every twentieth of the stream."""
    draft, often = Draft(), len(events) // 20
    for number, event in enumerate(events):
        draft = step(draft, event)
        if number % often == 0:
            draft.response()
    return draft.response()


def seconds(fold: Callable[[list[Event]], object], events: list[Event]) -> float:
    return min(repeat(lambda: fold(events), number=1, repeat=7))


def measured(fold: Callable[[list[Event]], object]) -> dict[str, float]:
    short, long = seconds(fold, stream(COUNT)), seconds(fold, stream(4 * COUNT))
    return {"us_per_event": round(short / COUNT * 1e6, 3), "ratio": round(long / short, 2)}


FOLDS: dict[str, Callable[[list[Event]], object]] = {
    "reduce": reduce,
    "step": stepped,
    "step_with_20_snapshots": watched,
}

if __name__ == "__main__":
    print(json.dumps({"events": COUNT, **{name: measured(fold) for name, fold in FOLDS.items()}}, indent=2))
