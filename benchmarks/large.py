"""How time and memory grow with the size of one frame, as JSON.

    python benchmarks/large.py [--mib 16 32 64] [--limit-mib 8] [--endless-mb 400] [--rounds 3]

`frames`: one frame of each size, read in pieces of 64 KiB under a raised limit and decoded the way that a
call takes, on three framings: the best of several runs in milliseconds, and the most memory that Python
held, as a multiple of the frame. `growth` is the time of the largest to that of the smallest, divided by
how much larger it is: 1 is linear. AWS frames hold 24 MiB at most and are a quarter as large.
`endless`: a line that has no end, which is refused at the limit: the time, how much was read until then,
and the memory as a multiple of the limit.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from streams.meter import stamp

from llmstream import wire
from llmstream.errors import LLMStreamError
from llmstream.values.events import Event, TextDelta
from llmstream.values.request import Request
from llmstream.wire.codec import Codec
from llmstream.wire.plain import piped

MIB = 2**20
READ = 64 * 1024
M_MMAP_THRESHOLD = -3
DIALECTS = {"sse": "openai-chat", "ndjson": "ollama", "eventstream": "bedrock"}
SMALLER = {"eventstream": 4}
# How a line begins that is to have no end; in AWS frames, a length of 2 GiB.
OPENINGS = {"sse": b"data: ", "ndjson": b'{"a":"', "eventstream": b"\x7f\xff\xff\xff"}


class Cost(NamedTuple):
    """Seconds, and bytes at most, each from a run of its own: watching memory takes time."""

    seconds: float
    peak: int


def pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), READ):
        yield body[start : start + READ]


def said(codec: Codec, size: int) -> bytes:
    """One delta of so many bytes as its wire says it; the end that is missing is no part of the work."""
    encoder = codec.server.encoder(Request("m"))
    return b"".join(encoder.feed(TextDelta(0, "x" * size)))


def decoded(codec: Codec, body: Iterator[bytes], limit: int) -> list[Event]:
    head = codec.server.head(Request("m"))
    pipe = piped(codec.framer(head, max_frame_bytes=limit), codec.decoder(head))
    return [event for piece in body for event in pipe.feed(piece)]


def cost(work: Callable[[], object], rounds: int) -> Cost:
    seconds: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    tracemalloc.start()
    try:
        work()
        return Cost(min(seconds), tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


def read(codec: Codec, body: bytes, size: int) -> None:
    events = decoded(codec, pieces(body), size + MIB)
    got = sum(len(event.text) for event in events if isinstance(event, TextDelta))
    if got != size:
        raise SystemExit(f"expected {size} bytes of text, got {got}")


def frames(dialect: str, sizes: list[int], rounds: int) -> dict[str, float]:
    codec, found, costs = wire.find(dialect), dict[str, float](), list[Cost]()
    for size in sizes:
        body = said(codec, size)
        costs.append(cost(partial(read, codec, body, size), rounds))
        found[f"{size / MIB:g} MiB, ms"] = round(costs[-1].seconds * 1e3, 1)
        found[f"{size / MIB:g} MiB, memory"] = round(costs[-1].peak / len(body), 2)
    longer = sizes[-1] / sizes[0]
    return {**found, "growth": round(costs[-1].seconds / costs[0].seconds / longer, 2)}


def endless(framing: str, limit: int, total: int) -> dict[str, float]:
    codec, given = wire.find(DIALECTS[framing]), [0]

    def line() -> Iterator[bytes]:
        piece = b"x" * READ
        yield OPENINGS[framing]
        for _ in range(total // READ):
            given[0] += READ
            yield piece

    def refused() -> None:
        given[0] = 0
        try:
            decoded(codec, line(), limit)
        except LLMStreamError:
            return
        raise SystemExit(f"expected a line of {total} bytes to be refused, got {framing} to take it")

    spent = cost(refused, 1)
    return {
        "ms": round(spent.seconds * 1e3, 1),
        "read, of the limit": round(given[0] / limit, 2),
        "memory, of the limit": round(spent.peak / limit, 2),
    }


def fresh_memory() -> None:
    """Have every size pay for its pages: glibc keeps blocks of up to 32 MiB at hand, and larger ones not."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 128 * 1024)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mib", type=int, nargs="+", default=[16, 32, 64], help="sizes of a frame")
    parser.add_argument("--limit-mib", type=int, default=8, help="what an endless line may hold")
    parser.add_argument("--endless-mb", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    fresh_memory()
    limit, total = given.limit_mib * MIB, given.endless_mb * 1_000_000
    found = {
        **stamp(),
        "frames": {
            name: frames(dialect, [size * MIB // SMALLER.get(name, 1) for size in given.mib], given.rounds)
            for name, dialect in DIALECTS.items()
        },
        "endless": {name: endless(name, limit, total) for name in DIALECTS},
    }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
