"""Each law holds of a call that went well, and not of one that did not."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from llmstream.client.retries import Attempt, Retries
from llmstream.errors import AuthError, ConnectError, ConnectionLost
from llmstream.testing.fakes import ScriptedModel
from llmstream.testing.sim import consumers, laws
from llmstream.testing.sim.answers import answer, codec_of
from llmstream.testing.sim.consumers import Seen
from llmstream.testing.sim.laws import Observed
from llmstream.testing.sim.peer import PlannedExchange, Visit, Watched
from llmstream.testing.sim.plan import SENTINEL, planned
from llmstream.testing.sim.seed import Seed
from llmstream.values.events import Done

pytestmark = pytest.mark.anyio
SAID = answer(Seed(1), codec_of("openai-chat"))


async def good() -> Observed:
    visit, seen = Visit(planned(SAID, SAID.frames)), Seen()
    stream = ScriptedModel([SAID.events]).prompt("hi")
    await consumers.iterate(stream, consumers.READ, seen)
    exchange = Watched(PlannedExchange(visit.plan))
    exchange.delivered += SAID.body
    exchange.closed = 1
    visit.exchange = exchange
    visit.exchanges.append(exchange)
    visit.asked.append(0)
    call = laws.observed(visit, consumers.READ, seen, stream=stream, timeouts=laws.Timeouts())
    return attrs.evolve(call, thorough=True)


async def test_they_hold_of_a_call_that_went_well() -> None:
    call = await good()
    for law in laws.LAWS:
        law(call)
    await laws.asked_again(call)


def open_exchange(call: Observed) -> Any:
    call.visit.exchanges[0].closed = 0


def late(call: Observed) -> Any:
    call.visit.exchanges[0].late = True


def two_requests(call: Observed) -> Any:
    call.visit.asked.append(3)


def another_after_an_event(call: Observed) -> Any:
    exchange = Watched(PlannedExchange(call.plan))
    exchange.delivered += SAID.body
    call.visit.exchanges.insert(0, exchange)


def after_a_lasting_error(call: Observed) -> Any:
    call.visit.asked.append(0)
    return attrs.evolve(call, retries=Retries(2), failed=[(0.0, Attempt(1, AuthError("no"), 1.0))])


def at_once(call: Observed) -> Any:
    call.visit.times += [0.0, 0.1]
    return attrs.evolve(call, retries=Retries(2), failed=[(0.1, Attempt(1, ConnectError("no"), 0.5))])


def too_late(call: Observed) -> Any:
    call.visit.times += [call.seen.began + 5.0]
    return attrs.evolve(call, retries=Retries(within=4.0))


def one_of_three(call: Observed) -> Any:
    call.seen.caught = ConnectError("refused")
    return attrs.evolve(call, retries=Retries(3), bytes_say=())


def earlier_error_missing(call: Observed) -> Any:
    call.seen.caught = ConnectError("refused")
    call.visit.before.append(call.plan)


def no_done(call: Observed) -> Any:
    call.seen.events.pop()


def early_done(call: Observed) -> Any:
    call.seen.events.insert(0, Done())


def lost(call: Observed) -> Any:
    call.seen.caught = ConnectionLost("lost")


def untyped(call: Observed) -> Any:
    call.seen.caught = KeyError("choices")


def key(call: Observed) -> Any:
    call.seen.caught = ConnectError(f"for {SENTINEL}")


def slow(call: Observed) -> Any:
    call.seen.ended += 10_000


def other_state(call: Observed) -> Any:
    return attrs.evolve(call, state="failed")


def swallowed(call: Observed) -> Any:
    call.seen.left, call.seen.cancelled = True, False
    call.seen.events.pop()


@pytest.mark.parametrize(
    ("law", "harm"),
    [
        (laws.closed, open_exchange),
        (laws.closed, late),
        (laws.requests, two_requests),
        (laws.requests, another_after_an_event),
        (laws.requests, after_a_lasting_error),
        (laws.waits, at_once),
        (laws.waits, too_late),
        (laws.made_again, one_of_three),
        (laws.attempts, earlier_error_missing),
        (laws.end, no_done),
        (laws.answer, no_done),
        (laws.grammar, early_done),
        (laws.done_once, early_done),
        (laws.end, lost),
        (laws.error, lost),
        (laws.end, untyped),
        (laws.secrets, key),
        (laws.time, slow),
        (laws.state, other_state),
        (laws.state, no_done),
        (laws.snapshot, other_state),
        (laws.cancelled, swallowed),
    ],
)
async def test_a_law_can_fail(law: Callable[[Observed], None], harm: Callable[[Observed], Any]) -> None:
    call = await good()
    harmed = harm(call) or call
    with pytest.raises(AssertionError):
        law(harmed)
