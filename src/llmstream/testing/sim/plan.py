"""What a peer does with one call, step by step, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from llmstream.errors import LLMStreamError
from llmstream.testing.fakes import Pause
from llmstream.testing.sim.answers import Answer
from llmstream.testing.sim.seed import Seed
from llmstream.testing.splits import cut
from llmstream.wire.http import ResponseHead

SENTINEL = "sk-SENTINEL-5f0c9b1e7a"
"""The key of every simulated call: it must be found nowhere."""

MAX_FRAME_BYTES = 64 * 1024
"""The limit of simulated calls, so that a frame above it costs little."""

Flaw: TypeAlias = Literal[
    "chunk size that is no number",
    "no last chunk",
    "length too long",
    "length too short",
    "two lengths",
    "early hints",
    "status line that is none",
    "endless header",
    "bytes behind the end",
    "closed while idle",
]


@attrs.frozen
class Break:
    """The connection is refused, never to be had from the pool, or lost."""

    kind: Literal["refused", "full", "lost"]


Step: TypeAlias = bytes | Pause | Break


@attrs.frozen
class Framing:
    """How a body is delimited in HTTP/1.1, and what is wrong with it.

    `cut` is where each piece of HTTP is cut in two once more.
    """

    by: Literal["chunks", "length", "close"] = "chunks"
    flaw: Flaw | None = None
    cut: int = 0


@attrs.frozen(kw_only=True)
class Outcome:
    """What must come of a call that nobody leaves early.

    Attributes:
        whole: True for the whole answer, False for a failure; None is whatever the bytes say, which the
            codec decides that decodes them in one piece.
        errors: what a failure may be.
        status: what a refusal says.
        foreign: the peer also said what is no part of its answer, so that the events are not its prefix.
    """

    whole: bool | None = None
    errors: tuple[type[LLMStreamError], ...] = (LLMStreamError,)
    status: int | None = None
    foreign: bool = False


WHOLE = Outcome(whole=True)


@attrs.frozen(kw_only=True)
class Plan:
    """One call as the peer sees it.

    Attributes:
        dialling: before there is a connection.
        opening: before the head.
        body: after it; then the body ends in good order. A function, because it may be endless.
        endless: the body has no end.
        total: the `total` clock that the call needs to end at all.
        fault: the name of the fault, for reports.
    """

    answer: Answer
    head: ResponseHead
    body: Callable[[], Iterable[Step]]
    outcome: Outcome = WHOLE
    dialling: Sequence[Step] = ()
    opening: Sequence[Step] = ()
    framing: Framing = Framing()
    total: float | None = None
    endless: bool = False
    fault: str = "none"


def planned(answer: Answer, body: Iterable[Step], outcome: Outcome = WHOLE, **rest: Any) -> Plan:
    """A plan for a stream that begins as it should; Any stands for the other fields of a plan."""
    steps = tuple(body)
    return Plan(answer=answer, head=answer.head, body=lambda: steps, outcome=outcome, **rest)


def dressed(seed: Seed, plan: Plan) -> Plan:
    """The plan with its body cut as networks cut, and with short delays, which change nothing."""
    if plan.endless:
        return plan
    steps = seed.pick("pieces", _CUTTINGS)(seed, list(plan.body()))
    for _ in range(seed.count("delays", 0, 2)):
        steps.insert(seed.count("delay at", 0, len(steps)), Pause(seed.seconds("delay", 0.001, 2.0)))
    return attrs.evolve(plan, body=lambda: steps)


def _as_they_are(_seed: Seed, steps: list[Step]) -> list[Step]:
    return steps


def _anywhere(seed: Seed, steps: list[Step]) -> list[Step]:
    """A cut in each piece."""
    return [part for step in steps for part in _cut(step, [seed.count("cut", 0, 400)])]


def _single_bytes(seed: Seed, steps: list[Step]) -> list[Step]:
    """A few single bytes somewhere: all places are found out in time, and a run is not all reads."""
    at = seed.count("step", 0, max(len(steps) - 1, 0))
    start = seed.count("window", 0, 300)
    parts = [part for step in steps[at : at + 1] for part in _cut(step, range(start, start + 24))]
    return [*steps[:at], *parts, *steps[at + 1 :]]


def _in_one(_seed: Seed, steps: list[Step]) -> list[Step]:
    """As much as comes together in one piece."""
    joined: list[Step] = []
    for step in steps:
        if isinstance(step, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += step
        else:
            joined.append(step)
    return joined


def _cut(step: Step, offsets: Iterable[int]) -> Sequence[Step]:
    return cut(step, offsets) if isinstance(step, bytes) else (step,)


_CUTTINGS = (_as_they_are, _anywhere, _single_bytes, _single_bytes, _in_one)
