"""A Stage is a pure incremental step: items in, results out, and an end.

Framers, decoders, the encoders of the server halves and most combinators are Stages. A stage has no
I/O, clock or randomness. What `feed` and `feed_eof` return is consumed before the next call; results
that come before a failure are yielded first, and then the exception is raised from the iteration.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar, cast

In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


class Stage(Protocol[In_contra, Out_co]):
    """One step of a pipeline."""

    def feed(self, item: In_contra, /) -> Iterable[Out_co]:
        """Take one item and give what follows from it."""
        ...

    def feed_eof(self) -> Iterable[Out_co]:
        """Say that no item follows and give what was held back."""
        ...


class Pipe(Generic[A, B, C]):
    """Two stages, one after the other."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: Stage[A, B], second: Stage[B, C], /) -> None:
        self._first = first
        self._second = second

    def feed(self, item: A, /) -> Iterable[C]:
        """Feed the first stage and pass on what the second makes of it."""
        middles = self._first.feed(item)
        if middles.__class__ is tuple:
            # A live stream is read a token at a time.
            known = cast("tuple[B, ...]", middles)
            if len(known) == 1:
                return self._second.feed(known[0])
        return self._each(middles)

    def _each(self, middles: Iterable[B]) -> Iterator[C]:
        second = self._second.feed
        for middle in middles:
            yield from second(middle)

    def feed_eof(self) -> Iterator[C]:
        """End the first stage, then the second."""
        second = self._second.feed
        for middle in self._first.feed_eof():
            yield from second(middle)
        yield from self._second.feed_eof()


def run(stage: Stage[A, B], items: Iterable[A], /) -> Iterator[B]:
    """Drive a stage over items to its end."""
    for item in items:
        yield from stage.feed(item)
    yield from stage.feed_eof()


async def drive(stage: Stage[A, B], items: AsyncIterable[A], /) -> AsyncGenerator[B, None]:
    """Drive a stage over asynchronous items to its end; the caller closes the items."""
    async for item in items:
        for out in stage.feed(item):
            yield out
    for out in stage.feed_eof():
        yield out
