"""How the time of partial objects grows with the text: one value four times as long, in 4-byte deltas.

    python benchmarks/partials.py

It prints JSON, for a stream asked without a type and with one; `ratio` is the time of 4n over that of n,
and linear is 4.
"""

from __future__ import annotations

import json
import sys
import time

import attrs

from llmstream.output import Output, PartialReader
from llmstream.values.events import TextDelta

SIZE = 1_000_000
DELTA = 4


@attrs.frozen
class Dog:
    name: str
    age: int
    bio: str


@attrs.frozen
class Kennel:
    dogs: list[Dog]


def text_of(size: int) -> str:
    dog = {"name": "Rex", "age": 3, "bio": "a good dog " * 5}
    return json.dumps({"dogs": [dog] * (size // len(json.dumps(dog)))})


def seconds(text: str, output: Output[Kennel] | None) -> float:
    reader = PartialReader(output=output)
    deltas = [TextDelta(0, text[at : at + DELTA]) for at in range(0, len(text), DELTA)]
    started = time.perf_counter()
    for delta in deltas:
        reader.feed(delta)
    return time.perf_counter() - started


def figures(output: Output[Kennel] | None) -> dict[str, float]:
    small, large = text_of(SIZE // 4), text_of(SIZE)
    n = min(seconds(small, output) for _ in range(3))
    four_n = min(seconds(large, output) for _ in range(3))
    return {"bytes": len(large), "seconds": round(four_n, 3), "ratio": round(four_n / n, 2)}


def main() -> None:
    found = {"plain": figures(None), "typed": figures(Output.of(Kennel))}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
