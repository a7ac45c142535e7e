"""Ways to cut bytes into pieces, as networks do; joined, they are the same."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator


def cut(data: bytes, offsets: Iterable[int]) -> list[bytes]:
    """Cut at offsets, in any order; those outside the bytes cut nothing."""
    inside = sorted({offset for offset in offsets if 0 < offset < len(data)})
    edges = [0, *inside, len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def single_bytes(data: bytes) -> list[bytes]:
    """Cut between all bytes."""
    return cut(data, range(len(data)))


def two_way(data: bytes) -> Iterator[list[bytes]]:
    """Cut in two, at each place in turn."""
    return (cut(data, [offset]) for offset in range(1, len(data)))


def random_cuts(data: bytes, seed: int, count: int) -> Iterator[list[bytes]]:
    """Cut at random places, `count` times, into few pieces or many; a seed repeats."""
    chance = random.Random(seed)
    most = max(len(data) - 1, 0)
    for _ in range(count):
        places = min(chance.choice((1, 3, 10, 100)), most)
        yield cut(data, chance.sample(range(1, len(data)), places) if places else ())


def sample(data: bytes) -> Iterator[list[bytes]]:
    """A few cuttings of each sort, also with empty pieces between."""
    # Single bytes of a long body cost more than they find.
    if len(data) <= 20_000:
        yield single_bytes(data)
    yield cut(data, range(64, len(data), 64))
    yield [b"", *(piece for half in cut(data, [len(data) // 2]) for piece in (half, b""))]
    yield from random_cuts(data, len(data), 5)
