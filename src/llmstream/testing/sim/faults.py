"""The catalogue of faults: what a peer can do wrong with a call, each with what must come of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal, TypeAlias

import attrs

from llmstream.errors import ConfigError
from llmstream.testing.sim import bodies, openings, refusals
from llmstream.testing.sim.answers import Answer
from llmstream.testing.sim.plan import Plan, planned
from llmstream.testing.sim.seed import Seed
from llmstream.wire.http import ResponseHead

Layer: TypeAlias = Literal["memory", "http"]


@attrs.frozen
class Fault:
    """One way to go wrong.

    Attributes:
        name: what it is called in reports and by `faults=`.
        make: the plan of a peer that does it to an answer.
        media: the types of bodies that it can be done to; empty is any.
        layer: "http" for what is below an exchange and needs a connection.
    """

    name: str
    make: Callable[[Seed, Answer], Plan]
    media: tuple[str, ...] = attrs.field(default=(), kw_only=True)
    layer: Layer = attrs.field(default="memory", kw_only=True)

    def fits(self, head: ResponseHead, layer: Layer) -> bool:
        """Whether it can be done to a body with such a head, on such a transport."""
        return (not self.media or head.media_type in self.media) and self.layer in {"memory", layer}

    def plan(self, seed: Seed, answer: Answer) -> Plan:
        """What the peer does."""
        return attrs.evolve(self.make(seed, answer), fault=self.name)


def nothing(seed: Seed, answer: Answer) -> Plan:
    """The whole answer, in good order."""
    return planned(answer, answer.frames, framing=bodies.sound(seed))


NONE = Fault("none", nothing)
_SSE = ("text/event-stream",)
_LINES = ("text/event-stream", "application/x-ndjson")

CATALOGUE: tuple[Fault, ...] = (
    Fault("connection refused", openings.refused),
    Fault("connecting hangs", openings.hanging_connect),
    Fault("slow connection", openings.slow_connect),
    Fault("no free connection", openings.pool_wait),
    Fault("lost before the head", openings.lost_before_head),
    Fault("no head", openings.no_head),
    Fault("slow head", openings.slow_head),
    Fault("status", refusals.status),
    Fault("status with retry-after", refusals.retry_after),
    Fault("status with a strange body", refusals.strange_body),
    Fault("status with an endless body", refusals.endless_body),
    Fault("status that echoes the key", refusals.echo),
    Fault("redirect", refusals.redirect),
    Fault("web page", refusals.page),
    Fault("error as a document", refusals.error_document),
    Fault("whole document", refusals.whole_document),
    Fault("empty body", refusals.empty),
    Fault("end between frames", bodies.end_between),
    Fault("end inside a frame", bodies.end_inside),
    Fault("lost between frames", bodies.lost_between),
    Fault("lost inside a frame", bodies.lost_inside),
    Fault("lost after the end", bodies.lost_after_end),
    Fault("stall", bodies.stall),
    Fault("stall after the end", bodies.stall_after_end),
    Fault("extra frames after the end", bodies.extra_frames),
    Fault("error in the stream", bodies.error_in_stream),
    Fault("error in the stream that echoes the key", bodies.echo_in_stream),
    Fault("endless deltas", bodies.endless_deltas),
    Fault("frame twice", bodies.frame_twice),
    Fault("frames out of order", bodies.out_of_order),
    Fault("byte changed", bodies.byte_changed),
    Fault("frame too large", bodies.too_large),
    Fault("keep-alives for ever", bodies.keep_alives, media=_LINES),
    Fault("frame that is no JSON", bodies.no_json, media=_LINES),
    Fault("deep JSON", bodies.deep, media=_LINES),
    Fault("wrong shapes", bodies.wrong_shape, media=_LINES),
    Fault("bytes that are no UTF-8", bodies.no_utf8, media=_LINES),
    Fault("other line ends", bodies.line_ends, media=_SSE),
    Fault("byte order mark", bodies.byte_order_mark, media=_SSE),
    Fault("comments between frames", bodies.comments, media=_SSE),
    Fault("broken HTTP", bodies.broken_http, layer="http"),
    Fault("harmless HTTP", bodies.harmless_http, layer="http"),
    Fault("closed while idle", bodies.closed_while_idle, layer="http"),
)


def named(names: Collection[str], /) -> tuple[Fault, ...]:
    """Those faults of the catalogue.

    Raises:
        ConfigError: when there is none of that name.
    """
    known = {fault.name: fault for fault in (NONE, *CATALOGUE)}
    for name in names:
        if name not in known:
            raise ConfigError(f"expected faults of the catalogue, got {name!r}; they are {', '.join(known)}")
    return tuple(known[name] for name in names)
