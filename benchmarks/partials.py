"""How the time of partial objects grows with the text: one value four times as long, in 4-byte deltas.

    python benchmarks/partials.py

It prints JSON; `ratio` is the time of 4n over that of n, and linear is 4.
"""

from __future__ import annotations

import json
import sys
import time

from llmstream.output import PartialReader
from llmstream.values.events import TextDelta

SIZE = 1_000_000
DELTA = 4


def text_of(size: int) -> str:
    dog = {"name": "Rex", "age": 3, "bio": "a good dog " * 5}
    return json.dumps({"dogs": [dog] * (size // len(json.dumps(dog)))})


def seconds(text: str) -> float:
    reader = PartialReader()
    deltas = [TextDelta(0, text[at : at + DELTA]) for at in range(0, len(text), DELTA)]
    started = time.perf_counter()
    for delta in deltas:
        reader.feed(delta)
    return time.perf_counter() - started


def main() -> None:
    small, large = text_of(SIZE // 4), text_of(SIZE)
    n = min(seconds(small) for _ in range(3))
    four_n = min(seconds(large) for _ in range(3))
    figures = {"bytes": len(large), "seconds": round(four_n, 3), "ratio": round(four_n / n, 2)}
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
