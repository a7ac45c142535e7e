"""What does not fit, and where: the errors of a conversion as values."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from llmstream.jsontext import Step, place

MOST = 20
"""How many problems one conversion collects: a hostile list is long, and nobody reads more."""


@attrs.frozen
class Problem:
    """One thing that does not fit. `path` leads to it from the top, by keys and positions."""

    path: tuple[Step, ...]
    message: str

    @property
    def where(self) -> str:
        """The path as `dogs[2].age`; "the top" when it is empty."""
        return place(self.path)

    def under(self, step: Step) -> Problem:
        """The same, seen from one level up."""
        return Problem((step, *self.path), self.message)

    def __str__(self) -> str:
        return f"{self.message} at {self.where}"


class MisfitError(ValueError):
    """JSON that does not fit the type it was to become.

    Attributes:
        problems: what did not fit, in the order of the JSON; at most `MOST`.
    """

    def __init__(self, problems: Iterable[Problem], /) -> None:
        self.problems = tuple(problems)[:MOST]
        super().__init__("; ".join(map(str, self.problems)))


def misfit(expected: str, got: str, /) -> MisfitError:
    """One problem, at the place where the reader stands."""
    return MisfitError([Problem((), f"expected {expected}, got {got}")])


class Collector:
    """Gathers the problems of a container's members, so that all are said at once."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, step: Step, error: MisfitError) -> None:
        """Note what a member said; raises once there are enough."""
        self.problems.extend(problem.under(step) for problem in error.problems)
        if len(self.problems) >= MOST:
            self.check()

    def check(self) -> None:
        """Raise what was gathered, if anything was."""
        if self.problems:
            raise MisfitError(self.problems)
