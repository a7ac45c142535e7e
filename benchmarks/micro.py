"""What the pieces cost, in microseconds: frames, decoders, events, folding, JSON, layers; and the sync face.

    python benchmarks/micro.py [--count 10000] [--rounds 9]

`decoders` has what an event of each dialect costs, for reads of 64 KiB: `framed` by the framer alone,
`decoded` from bytes to events by the way that a call takes, which may pass the framer by, and all of it up
to a consumer, `iterated` by `async for` and `awaited` as a Response. `growth` is the cost an
event of a stream four times as long over that of the short one: near 1 is linear. `sync` reads the same
2,000 events from a server on 127.0.0.1 with and without `await`; `throughput` is sync to async.
Each figure is the median over rounds in which all take turns, scaled by a fixed piece of work beside each.

Prints JSON. framing.py, decode.py, reduce.py and serial.py beside this file print more of their own.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import anyio
import decode
import framing
import reduce
from streams.meter import fixed_work, median, stamp
from streams.processes import servers

import llmstream
import serial
from llmstream import sync
from llmstream.serial import event_from_json, event_to_json
from llmstream.values.events import Done, Event, ReasoningDelta, TextDelta, ToolCallArgsDelta, text_delta

EVENTS = 2000
ANSWERS = 3
MODEL = "openai-chat/gpt-5.5"
LAYERS = (decode.frames, decode.events, decode.stream, decode.folded)


class Job(NamedTuple):
    """Something to measure: its place in the result, what to call, and how many it does in one call."""

    section: str
    name: str
    call: Callable[[], object]
    size: int


def repeated(work: Callable[[], object], times: int) -> Callable[[], None]:
    def call() -> None:
        for _ in range(times):
            work()

    return call


def jobs(count: int) -> Iterator[Job]:
    for name, (make, pieces) in framing.BODIES.items():
        reads = framing.together(pieces)
        call = partial(framing.seconds, make, reads, framing.FRAMES)
        yield Job("framer", name, call, framing.FRAMES)
    for name in decode.dialects():
        for length, suffix in ((count, ""), (4 * count, " x4")):
            body = decode.body(name, length)
            for layer in LAYERS if not suffix else (decode.stream,):
                yield Job(name, layer.__name__ + suffix, partial(layer, name, body), length)
    for name, make_event in MADE.items():
        yield Job("events_made", name, repeated(make_event, count), count)
    for name, fold in reduce.FOLDS.items():
        for length, suffix in ((count, ""), (4 * count, " x4")):
            yield Job("reducer", name + suffix, partial(fold, reduce.stream(length)), length)
    for name, event in serial.EVENTS.items():
        yield from converted(name, event, max(count // 5, 1))


def converted(name: str, event: Event, count: int) -> Iterator[Job]:
    line = event_to_json(event)
    yield Job("serial_write", name, repeated(lambda: event_to_json(event), count), count)
    yield Job("serial_read", name, repeated(lambda: event_from_json(line), count), count)


# `text_delta` is the decoders' own way to make a TextDelta.
MADE: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "TextDelta": lambda: TextDelta(0, " token"),
    "text_delta": lambda: text_delta(0, " token"),
    "ReasoningDelta": lambda: ReasoningDelta(0, " token"),
    "ToolCallArgsDelta": lambda: ToolCallArgsDelta(0, '{"a":'),
    "Done": lambda: Done(finish_reason="stop"),
}


def microseconds(todo: list[Job], rounds: int) -> dict[str, dict[str, float]]:
    """What each costs, by section and name."""
    taken: dict[tuple[str, str], list[float]] = {(job.section, job.name): [] for job in todo}
    works: list[float] = []
    for number in range(rounds + 1):
        for job in todo:
            before = fixed_work()
            start = time.process_time()
            job.call()
            spent = time.process_time() - start
            work = (before + fixed_work()) / 2
            # The first round warms up.
            if number:
                works.append(work)
                taken[job.section, job.name].append(spent / work / job.size)
        print(f"round {number} of {rounds}", file=sys.stderr)
    usual = median(works) * 1e6
    found: dict[str, dict[str, float]] = {}
    for (section, name), units in taken.items():
        found.setdefault(section, {})[name] = median(units) * usual
    return found


def layers(cost: dict[str, float]) -> dict[str, float]:
    frames, events, iterated, awaited = (cost[layer.__name__] for layer in LAYERS)
    growth = cost[f"{decode.stream.__name__} x4"] / iterated
    return {
        "framed": frames,
        "decoded": events,
        "iterated": iterated,
        "awaited": awaited,
        "growth": growth,
    }


def arranged(found: dict[str, dict[str, float]]) -> dict[str, Any]:
    found["events_made"] = {
        name: max(cost - found["events_made"]["nothing"], 0.0)
        for name, cost in found["events_made"].items()
        if name != "nothing"
    }
    folds = found["reducer"]
    for name in reduce.FOLDS:
        folds[f"{name}, growth"] = folds.pop(f"{name} x4") / folds[name]
    others = {name: section for name, section in found.items() if name not in decode.dialects()}
    return {"decoders": {name: rounded(layers(found[name])) for name in decode.dialects()}} | {
        name: rounded(section) for name, section in others.items()
    }


def rounded(costs: dict[str, float]) -> dict[str, float]:
    return {name: round(cost, 3) for name, cost in costs.items()}


async def with_await(base: str) -> float:
    """Events a second, the connection being open."""
    model = llmstream.get_model(MODEL, base_url=base, key="x")
    await model.prompt("Hi")
    start, seen = time.perf_counter(), 0
    for _ in range(ANSWERS):
        async with model.prompt("Hi") as stream:
            async for event in stream:
                seen += type(event) is TextDelta
    return counted(seen) / (time.perf_counter() - start)


def without(base: str) -> float:
    model = sync.get_model(MODEL, base_url=base, key="x")
    model.prompt("Hi").text()
    start, seen = time.perf_counter(), 0
    for _ in range(ANSWERS):
        with model.prompt("Hi") as stream:
            for event in stream:
                seen += type(event) is TextDelta
    return counted(seen) / (time.perf_counter() - start)


def counted(seen: int) -> int:
    if seen != ANSWERS * EVENTS:
        raise SystemExit(f"expected {ANSWERS * EVENTS} events, got {seen}")
    return seen


def faces(rounds: int) -> dict[str, float]:
    """The throughput of the two faces, in turns; the ratio is the median of each round's own."""
    asynchronous, synchronous = [], []
    with servers(1) as (base,):
        base = f"{base}/burst-{EVENTS}/v1"
        for number in range(rounds + 1):
            turns = anyio.run(with_await, base), without(base)
            # The first round warms up.
            if number:
                asynchronous.append(turns[0])
                synchronous.append(turns[1])
    ratios = [slow / fast for slow, fast in zip(synchronous, asynchronous, strict=True)]
    return {
        "async_us": round(1e6 / median(asynchronous), 2),
        "sync_us": round(1e6 / median(synchronous), 2),
        "throughput": round(median(ratios), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=decode.COUNT, help="events a measurement")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    pieces = arranged(microseconds(list(jobs(options.count)), options.rounds))
    found = {**stamp(), "events": options.count, "rounds": options.rounds, **pieces}
    print(json.dumps({**found, "sync": faces(options.rounds)}, indent=2))


if __name__ == "__main__":
    main()
