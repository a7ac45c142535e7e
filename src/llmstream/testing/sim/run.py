"""Runs: scenarios drawn from seeds, each of calls that go wrong and of calls that must go well after them."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Awaitable, Collection, Mapping, Sequence
from functools import cache

import anyio
import attrs

from llmstream.client.retries import ONCE, Attempt, Retries
from llmstream.client.timeouts import Timeouts
from llmstream.errors import ConfigError
from llmstream.model.model import Model
from llmstream.testing.clock import Backend, virtual
from llmstream.testing.sim import consumers, faulty, laws
from llmstream.testing.sim.answers import DIALECTS, MODEL, Answer, answer, codec_of
from llmstream.testing.sim.consumers import Act, BodyError, Seen
from llmstream.testing.sim.faults import CATALOGUE, NONE, Fault, Layer, named
from llmstream.testing.sim.peer import MemoryPeer, Visit
from llmstream.testing.sim.plan import Plan
from llmstream.testing.sim.seed import Seed
from llmstream.testing.sim.wires import WiredPeer
from llmstream.transport.base import HttpCall
from llmstream.values.messages import user
from llmstream.values.request import Request

# Longer than any call may take: time jumps here when a call waits for nothing.
_HANGING_SECONDS = 1000.0
_THOROUGH_ONCE_IN = 8
_NAME = re.compile(rb"call-(\d+)\.")


class Violation(AssertionError):  # noqa: N818 - the field's word
    """A law did not hold.

    Attributes:
        seed: of the scenario, which repeats it.
    """

    def __init__(self, words: str, *, seed: int, backend: Backend) -> None:
        again = f"python -m llmstream.testing.sim --seed {seed} --calls 1 --backend {backend}"
        super().__init__(f"seed {seed} on {backend}: {words}\nreplay: {again}")
        self.seed = seed


@attrs.frozen(kw_only=True)
class Report:
    """What a run found.

    Attributes:
        calls: how many calls met a peer that draws from the catalogue.
        healthy: how many calls were made after them, when the faults had stopped.
        faults: how often each was met first.
        attempts: how many requests the faulty calls made.
        acts: how often each way to read or leave a stream was met.
        digest: of all that was drawn, seen and timed: the same seeds give the same.
        outcomes: of what was seen, without calls that are cancelled at an await, which each event loop
            counts in its own way: the same on every loop.
    """

    calls: int
    healthy: int
    attempts: int
    faults: Mapping[str, int]
    acts: Mapping[str, int]
    violations: tuple[Violation, ...]
    digest: str
    outcomes: str

    def check(self) -> None:
        """Do nothing when all laws held.

        Raises:
            Violation: the first.
        """
        for violation in self.violations:
            raise violation


def simulate(
    seed: int = 0,
    *,
    calls: int = 1000,
    backend: Backend = "asyncio",
    dialects: Collection[str] = DIALECTS,
    faults: Collection[str] | None = None,
    violations: int = 20,
) -> Report:
    """Run the client against peers that go wrong, in virtual time, and check the laws after each call.

    The scenarios are those of `seed`, `seed + 1` and so on until there were so many calls; one scenario is
    one seed, so that `calls=1` repeats one.

    Args:
        faults: names of the catalogue to draw from; by default all.
        violations: after so many it stops.

    Raises:
        ConfigError: when there is no such dialect or fault.
    """
    if not dialects or calls < 1:
        raise ConfigError(f"expected dialects and calls, got {len(dialects)} and {calls}")
    run = _Run(backend, tuple(dialects), CATALOGUE if faults is None else named(faults))
    seeds = itertools.count(seed)
    # A violation may leave tasks behind: what follows is on an event loop of its own.
    while run.calls < calls and len(run.violations) < violations:
        name, options = virtual(backend)
        anyio.run(run.until, calls, seeds, backend=name, backend_options=options)
    return run.report()


class _Run:
    """The scenarios of a run, and what they came to."""

    def __init__(self, backend: Backend, dialects: Sequence[str], faults: Sequence[Fault]) -> None:
        self.calls = 0
        self.violations: list[Violation] = []
        self._backend: Backend = backend
        self._dialects = dialects
        self._faults = faults
        self._healthy = self._attempts = 0
        self._met: Counter[str] = Counter()
        self._acted: Counter[str] = Counter()
        self._all = hashlib.sha256()
        self._outcomes = hashlib.sha256()

    async def until(self, calls: int, seeds: itertools.count[int]) -> None:
        """Run scenarios until there were so many calls, or one went wrong."""
        while self.calls < calls:
            number = next(seeds)
            scenario = Scenario(Seed(number), self._dialects, self._faults)
            self.calls += len(scenario.trips)
            try:
                await scenario.run()
            except Exception as error:  # noqa: BLE001 - whatever it is, the seed is to be known
                words = f"{scenario.name}: {error if isinstance(error, AssertionError) else repr(error)}"
                self.violations.append(Violation(words, seed=number, backend=self._backend))
                return
            self._note(scenario)

    def _note(self, scenario: Scenario) -> None:
        self._healthy += len(scenario.healthy)
        self._all.update(repr(scenario.seed.trace).encode())
        for trip in scenario.trips:
            self._met[trip.faults[0]] += 1
            self._acted[trip.act.name] += 1
            self._attempts += len(trip.visit.asked)
            line = trip.line().encode("utf-8", "backslashreplace")
            self._all.update(line)
            if trip.act.name != "cancelled":
                self._outcomes.update(line)

    def report(self) -> Report:
        return Report(
            calls=self.calls,
            healthy=self._healthy,
            attempts=self._attempts,
            faults=dict(self._met),
            acts=dict(self._acted),
            violations=tuple(self.violations),
            digest=self._all.hexdigest(),
            outcomes=self._outcomes.hexdigest(),
        )


@attrs.define
class Trip:
    """One call of a scenario: what the peer does, what the caller does, what came of it."""

    number: int
    visit: Visit
    act: Act
    timeouts: Timeouts
    retries: Retries = ONCE
    failed: list[tuple[float, Attempt]] = attrs.field(factory=list[tuple[float, Attempt]])
    start: float = 0.0
    thorough: bool = False
    seen: Seen = attrs.field(factory=Seen)
    state: str = "new"

    def note(self, attempt: Attempt) -> None:
        """Keep an attempt that failed, and when it did."""
        self.failed.append((anyio.current_time(), attempt))

    @property
    def faults(self) -> list[str]:
        """What each attempt met."""
        return [plan.fault for plan in (*self.visit.before, self.visit.plan)]

    def line(self) -> str:
        """What came of it, for a digest."""
        seen, elapsed = self.seen, round(self.seen.ended - self.seen.began, 3)
        return f"{self.faults} {self.act.name} {self.state} {seen.events} {seen.caught!r} {elapsed}\n"


class Scenario:
    """The calls of one seed on one model: those that go wrong, and one more each when the faults stop."""

    def __init__(self, seed: Seed, dialects: Sequence[str], faults: Sequence[Fault]) -> None:
        self.seed = seed
        self.healthy: list[Trip] = []
        dialect = seed.pick("dialect", dialects)
        self._layer: Layer = seed.pick("layer", ("memory", "memory", "http"))
        self._codec = codec_of(dialect)
        count = seed.count("calls", 2, 3) if seed.once_in("several", 6) else 1
        self.trips = [self._wrong(number, faults) for number in range(count)]
        kinds = ", ".join(f"{trip.visit.plan.fault} and {trip.act.name}" for trip in self.trips)
        self.name = f"{dialect} over {self._layer}, {kinds}"

    def _wrong(self, number: int, faults: Sequence[Fault]) -> Trip:
        seed = self.seed
        act = consumers.drawn(seed)
        said = answer(seed, self._codec, self._codec.encode(_request(number)))
        retries = _retries(seed)
        plans = [faulty.plan(seed, said, faults, self._layer)]
        if plans[0].outcome.whole is not True:
            plans += [self._later(said, faults) for _ in range(retries.attempts - 1)]
        trip = _trip(number, plans, act, _timeouts(seed, plans, retries))
        trip.retries = attrs.evolve(retries, listener=trip.note)
        trip.start = seed.seconds("start", 0.0, 3.0)
        trip.thorough = seed.once_in("thorough", _THOROUGH_ONCE_IN)
        return trip

    def _later(self, said: Answer, faults: Sequence[Fault]) -> Plan:
        well = self.seed.once_in("well", 2)
        return faulty.plan(self.seed, said, (NONE,) if well else faults, self._layer)

    def _right(self, number: int) -> Trip:
        plan = faulty.plan(self.seed, _usual(self._codec.name), (NONE,), self._layer)
        return _trip(number, [plan], consumers.READ, Timeouts())

    async def run(self) -> None:
        """Make the calls, check the laws, then see that all is well again.

        Raises:
            AssertionError: when a law does not hold.
        """
        wired = WiredPeer(self._visit, connections=len(self.trips)) if self._layer == "http" else None
        model = faulty.on(wired or MemoryPeer(self._visit), self._codec)
        tasks = len(anyio.get_running_tasks())
        await _together([self._faulty(model, trip) for trip in self.trips])
        self._still(tasks, wired, "after the calls")
        offset = len(self.trips)
        self.healthy = [self._right(offset + number) for number in range(offset)]
        await _together([self._well(model, trip) for trip in self.healthy])
        self._still(tasks, wired, "after the healthy calls")

    def _visit(self, call: HttpCall) -> Visit:
        named = _NAME.search(call.body)
        number = int(named[1]) if named else -1
        return [*self.trips, *self.healthy][number].visit

    async def _faulty(self, model: Model, trip: Trip) -> None:
        if len(self.trips) > 1:
            await anyio.sleep(trip.start)
        await _go(model, trip)

    async def _well(self, model: Model, trip: Trip) -> None:
        try:
            await _go(model, trip)
        except AssertionError as error:
            words = f"expected a healthy call after the faults to succeed, got one of which was {error}"
            raise AssertionError(words) from error

    def _still(self, tasks: int, wired: WiredPeer | None, when: str) -> None:
        now = len(anyio.get_running_tasks())
        assert now == tasks, f"expected {tasks} tasks {when}, got {now}"
        if wired is not None:
            assert wired.lent == 0, f"expected no connection in use {when}, got {wired.lent}"


def _trip(number: int, plans: Sequence[Plan], act: Act, timeouts: Timeouts) -> Trip:
    visit, seen = Visit(plans[0], list(plans[1:])), Seen()
    visit.seen = lambda: len(seen.events)
    return Trip(number, visit, act, timeouts, seen=seen)


@cache
def _usual(dialect: str) -> Answer:
    """What a peer says when the faults have stopped."""
    return answer(Seed(0), codec_of(dialect))


def _request(number: int) -> Request:
    return Request(MODEL, [user(f"This is call-{number}.")])


def _retries(seed: Seed) -> Retries:
    if not seed.once_in("retries", 2):
        return ONCE
    return Retries(
        seed.count("attempts", 2, 4),
        first_wait=seed.seconds("first wait", 0.1, 3.0),
        longest_backoff=4.0,
        longest_wait=seed.pick("longest wait", (2.0, 120.0)),
        within=seed.pick("within", (None, 4.0, 300.0)),
    )


def _timeouts(seed: Seed, plans: Sequence[Plan], retries: Retries) -> Timeouts:
    total = min((plan.total for plan in plans if plan.total is not None), default=None)
    if total is None and retries.attempts > 1 and seed.once_in("total", 3):
        total = seed.seconds("total", 2.0, 40.0)
    return Timeouts(
        connect=5.0,
        first_event=30.0,
        stall=seed.pick("stall", (20.0, 45.0)),
        liveness=seed.pick("liveness", (None, 25.0)),
        total=total,
        pool=10.0,
    )


async def _together(calls: Sequence[Awaitable[None]]) -> None:
    if len(calls) == 1:
        await calls[0]
        return
    failures: list[AssertionError] = []

    async def one(call: Awaitable[None]) -> None:
        try:
            await call
        except AssertionError as error:
            failures.append(error)

    async with anyio.create_task_group() as tasks:
        for call in calls:
            tasks.start_soon(one, call)
    for failure in failures:
        raise failure


async def _go(model: Model, trip: Trip) -> None:
    """Make one call and hold it to the laws.

    Raises:
        AssertionError: when one does not hold.
    """
    seen, act = trip.seen, trip.act
    stream = model.prompt(_request(trip.number), timeouts=trip.timeouts, retries=trip.retries, keep=act.keep)
    seen.began = anyio.current_time()
    with anyio.move_on_after(_HANGING_SECONDS) as hanging:
        try:
            await act.run(stream, act, seen)
        except BodyError:
            pass
        except AssertionError:
            raise
        except Exception as error:  # noqa: BLE001 - a law says which it may be
            seen.caught = error
    seen.ended = anyio.current_time()
    assert not hanging.cancelled_caught, "expected the call to end, got one that waits for nothing"
    call = laws.observed(trip.visit, act, seen, stream=stream, timeouts=trip.timeouts)
    trip.state = call.state
    call = attrs.evolve(call, retries=trip.retries, failed=trip.failed, thorough=trip.thorough)
    for law in laws.LAWS:
        law(call)
    if trip.thorough:
        await laws.asked_again(call)
