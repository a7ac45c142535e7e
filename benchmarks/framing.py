"""What framing costs, as JSON: microseconds a frame, and how time grows with the size of one frame.

python benchmarks/framing.py

Each figure is the best of several runs, since a shared machine only ever adds time. The growth figures are
ratios of the time for four times as much; 4 is linear, 16 is quadratic.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from llmstream.stage import Stage
from llmstream.wire.framing import Frame
from llmstream.wire.framing.eventstream import EventStreamFramer, encode_message
from llmstream.wire.framing.ndjson import NDJSONFramer
from llmstream.wire.framing.select import select
from llmstream.wire.framing.sse import SSEFramer
from llmstream.wire.framing.whole import WholeFramer
from llmstream.wire.http import ResponseHead

Framer = Stage[bytes, Frame]
FRAMES = 1800
FRAMES_A_READ = 180
RUNS = 50
BYTEWISE = 1 << 16
# Beyond what a core caches, so that both sizes pay for memory alike.
HUGE = 1 << 21
READ = 1 << 16


def payload(word: str) -> bytes:
    """A chunk of an answer, as long as the common wires make one for a token."""
    chunk = {
        "id": "chatcmpl-0123456789abcdefghijklmnopqrs",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "some-model-2026-01-01",
        "choices": [{"index": 0, "delta": {"content": word}, "logprobs": None, "finish_reason": None}],
        "usage": None,
    }
    return json.dumps(chunk, separators=(",", ":"), ensure_ascii=False).encode()


ASCII = [payload(f" word{number}") for number in range(FRAMES)]
WIDE = [payload(f" größer{number}\N{DOG FACE}") for number in range(FRAMES)]
HEADERS = {":message-type": "event", ":event-type": "contentBlockDelta", ":content-type": "application/json"}


def sse() -> Framer:
    return SSEFramer()


def selected() -> Framer:
    return select(ResponseHead(200, {"content-type": "text/event-stream"}))


BODIES: dict[str, tuple[Callable[[], Framer], list[bytes]]] = {
    "sse data": (sse, [b"data: %b\n\n" % one for one in ASCII]),
    "sse data, selected": (selected, [b"data: %b\n\n" % one for one in ASCII]),
    "sse data, not ASCII": (sse, [b"data: %b\n\n" % one for one in WIDE]),
    "sse event and data": (sse, [b"event: content_block_delta\ndata: %b\n\n" % one for one in ASCII]),
    "sse data, CRLF": (sse, [b"data: %b\r\n\r\n" % one for one in ASCII]),
    "sse data without space": (sse, [b"data:%b\n\n" % one for one in ASCII]),
    "ndjson": (NDJSONFramer, [b"%b\n" % one for one in ASCII]),
    "eventstream": (EventStreamFramer, [encode_message(HEADERS, one) for one in ASCII]),
}

SHAPES: dict[str, tuple[Callable[[], Framer], Callable[[int], bytes]]] = {
    "sse": (sse, lambda size: b"data: " + b"x" * size + b"\n\n"),
    "sse, many lines": (sse, lambda size: b"data: word\n" * (size // 11) + b"\n"),
    "ndjson": (NDJSONFramer, lambda size: b'"' + b"x" * size + b'"\n'),
    "eventstream": (EventStreamFramer, lambda size: encode_message({}, b"x" * size)),
    "whole": (WholeFramer, lambda size: b'"' + b"x" * size + b'"'),
}


def seconds(make: Callable[[], Framer], reads: list[bytes], frames: int) -> float:
    """The time of one run over all reads."""
    framer, count = make(), 0
    feed = framer.feed
    start = time.perf_counter()
    for read in reads:
        for _ in feed(read):
            count += 1
    for _ in framer.feed_eof():
        count += 1
    spent = time.perf_counter() - start
    if count != frames:
        raise SystemExit(f"expected {frames} frames, got {count}")
    return spent


def best(make: Callable[[], Framer], reads: list[bytes], *, frames: int) -> float:
    """The shortest of several runs: at least three, and as many as half a second holds."""
    spent: list[float] = []
    while len(spent) < 3 or (sum(spent) < 0.5 and len(spent) < RUNS):
        spent.append(seconds(make, reads, frames))
    return min(spent)


def together(pieces: list[bytes]) -> list[bytes]:
    return [b"".join(pieces[at : at + FRAMES_A_READ]) for at in range(0, len(pieces), FRAMES_A_READ)]


def single(body: bytes) -> list[bytes]:
    return [body[at : at + 1] for at in range(len(body))]


def reads_of(body: bytes) -> list[bytes]:
    return [body[at : at + READ] for at in range(0, len(body), READ)]


def growth(cut: Callable[[bytes], list[bytes]], size: int) -> dict[str, dict[str, float]]:
    """Seconds for a frame of `size` bytes and for one of four times as many, and their ratio."""
    figures: dict[str, dict[str, float]] = {}
    for name, (make, shape) in SHAPES.items():
        small, large = (best(make, cut(shape(n)), frames=1) for n in (size, 4 * size))
        figures[name] = {"n": round(small, 6), "4n": round(large, 6), "ratio": round(large / small, 2)}
    return figures


def main() -> None:
    # An allocator that has freed so large a block keeps it; before, the large frames alone would pay for
    # fresh pages, and the ratios be the kernel's.
    del [b"x" * (31 << 20)][:]
    each = {
        name: {
            "one frame a read": round(best(make, pieces, frames=FRAMES) / FRAMES * 1e6, 3),
            f"{FRAMES_A_READ} frames a read": round(
                best(make, together(pieces), frames=FRAMES) / FRAMES * 1e6, 3
            ),
        }
        for name, (make, pieces) in BODIES.items()
    }
    figures = {
        "microseconds a frame": each,
        f"seconds, one frame, byte by byte, n = {BYTEWISE}": growth(single, BYTEWISE),
        f"seconds, one frame, reads of {READ}, n = {HUGE}": growth(reads_of, HUGE),
        f"seconds, one frame, one read, n = {HUGE}": growth(lambda body: [body], HUGE),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
