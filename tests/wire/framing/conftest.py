"""What the tests of the framings share: cuts, the folder of shared cases, and a buffer that counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def shared_cases(shared: Path) -> Path:
    """The folder of cases that is kept beside the repository."""
    return shared / "cases"


def cuts_of(body: bytes, *, most: int = 5000) -> Iterator[list[bytes]]:
    yield [body]
    yield [body[at : at + 1] for at in range(len(body))]
    # A body beyond `most` bytes is cut at an even spread of places, since the cost is the square of its size.
    for at in range(0, len(body) + 1, 1 + len(body) // most):
        yield [body[:at], body[at:]]


@pytest.fixture
def cuts() -> Callable[..., Iterator[list[bytes]]]:
    """Whole, byte by byte, and at every place in two."""
    return cuts_of


class Ledger(bytearray):
    """A buffer that counts the bytes which each operation on it moves or looks at.

    Put in the place of a framer's own buffer, it makes the framer's work a number: no clock, no noise.
    An operation that it does not know fails the test, rather than go uncounted.
    """

    counted = 0

    def __getattribute__(self, name: str):
        if name not in Ledger.__dict__ and name != "__class__":
            raise AssertionError(f"{name} is not counted")
        return super().__getattribute__(name)

    def __iadd__(self, other):
        self.counted += len(other)
        return super().__iadd__(other)

    def __getitem__(self, place):
        found = super().__getitem__(place)
        self.counted += len(found) if isinstance(place, slice) else 1
        return found

    def __setitem__(self, place, value):
        self.counted += len(self) + len(value)
        super().__setitem__(place, value)

    def __delitem__(self, place):
        self.counted += len(self)
        super().__delitem__(place)

    def __bytes__(self):
        self.counted += len(self)
        return bytes(memoryview(self))

    def __add__(self, other):
        raise AssertionError("a buffer is copied to be lengthened")

    def __contains__(self, other):
        raise AssertionError("a buffer is searched from its start")

    def startswith(self, prefix, *places):
        self.counted += len(prefix)
        return super().startswith(prefix, *places)

    def decode(self, *how):
        self.counted += len(self)
        return super().decode(*how)

    def strip(self, blanks):
        self.counted += len(self)
        return super().strip(blanks)

    def clear(self):
        super().clear()


@pytest.fixture
def ledger() -> Callable[..., Ledger]:
    """Make a buffer that counts."""
    return Ledger
