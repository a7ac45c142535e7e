"""What holds of every call, whatever the peer and the caller did: one function a law.

A law returns when it holds and raises AssertionError when it does not.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from math import inf
from types import FrameType, TracebackType
from typing import get_args

import attrs

from llmstream.client.retries import ONCE, Attempt, Retries
from llmstream.client.timeouts import Timeouts
from llmstream.errors import (
    ConnectError,
    ConnectionLost,
    LLMStreamError,
    OverloadedError,
    Phase,
    PoolTimeout,
    ProviderError,
    RateLimitError,
    ServerError,
    TimeoutExceeded,
    TruncatedStreamError,
    WireError,
)
from llmstream.jsontext import dumps
from llmstream.model import stream as streams
from llmstream.reduce import reduce
from llmstream.stage import Pipe, run
from llmstream.testing.fakes import Pause
from llmstream.testing.sim.consumers import Act, Seen, Stream
from llmstream.testing.sim.peer import Visit, Watched
from llmstream.testing.sim.plan import MAX_FRAME_BYTES, SENTINEL, Plan
from llmstream.values.events import Done, Event
from llmstream.values.response import Response
from llmstream.wire.codec import counter

# What reading a refusal's body may take, and the end of an answer's.
_REFUSAL_SECONDS = 10.0
_SLACK_SECONDS = 0.5
# What the jitter leaves of a wait, and what clocks differ by.
_LEAST_JITTER = 0.75
_TICK = 0.001
_ENDS = {"complete", "incomplete", "cancelled", "failed"}


@attrs.frozen(kw_only=True)
class Observed:
    """One call that is over, from both sides.

    Attributes:
        bytes_say: the events that the bytes say which were delivered, decoded in one piece.
        failure: why they say no more.
        failed: the attempts that failed before an event, and when each did.
        thorough: whether the laws that cost much are asked, too.
    """

    visit: Visit
    act: Act
    seen: Seen
    stream: Stream
    state: streams.Phase
    timeouts: Timeouts
    retries: Retries = ONCE
    failed: Sequence[tuple[float, Attempt]] = ()
    bytes_say: Sequence[Event] = ()
    failure: LLMStreamError | None = None
    thorough: bool = False

    @property
    def plan(self) -> Plan:
        """What the peer did."""
        return self.visit.plan

    @property
    def events(self) -> Sequence[Event]:
        """What the caller saw; who awaits sees no single events, but what they make."""
        return self.bytes_say if self.act.name == "whole" else self.seen.events


def observed(visit: Visit, act: Act, seen: Seen, *, stream: Stream, timeouts: Timeouts) -> Observed:
    """Put the sides of a call together."""
    call = Observed(visit=visit, act=act, seen=seen, stream=stream, state=stream.state, timeouts=timeouts)
    if visit.exchange is None:
        return call
    events, failure = _decoded(visit, visit.exchange)
    return attrs.evolve(call, bytes_say=events, failure=failure)


def _decoded(visit: Visit, exchange: Watched) -> tuple[list[Event], LLMStreamError | None]:
    if not 200 <= exchange.head.status < 300:
        return [], None
    codec = visit.plan.answer.codec
    pipe = Pipe(
        codec.framer(exchange.head, max_frame_bytes=MAX_FRAME_BYTES),
        codec.decoder(exchange.head, ids=counter()),
    )
    events: list[Event] = []
    try:
        for event in run(pipe, [bytes(exchange.delivered)]):
            events.append(event)
            if isinstance(event, Done):
                return events, None
    except LLMStreamError as error:
        return events, error
    return events, None


def end(call: Observed) -> None:
    """A call that nobody left ends in its answer, or in a typed error: in what the bytes say."""
    error, left = call.seen.caught, call.seen.left
    assert call.state in _ENDS, f"expected a call that has ended, got the state {call.state}"
    if left and error is None:
        return
    assert error is None or isinstance(error, LLMStreamError), f"expected a typed error, got {error!r}"
    done = _done(call.events)
    assert (done is None) is (error is not None), f"expected Done or an error, got {done} and {error!r}"
    if not left:
        _same(call.bytes_say, call.events, "the events that the bytes say")
        if isinstance(call.failure, ProviderError):
            assert type(error) is type(call.failure), f"expected {call.failure!r}, got {error!r}"


def answer(call: Observed) -> None:
    """What is seen is what the peer said, in order: all of it with Done, else its beginning."""
    outcome, said = call.plan.outcome, call.plan.answer.events
    done = _done(call.events)
    if not outcome.foreign:
        content = [event for event in call.events if not isinstance(event, Done)]
        _same(said[: len(content)], content, "the beginning of what the peer said")
        assert done is None or len(content) == len(said) - 1, "expected no quiet half answer, got one"
        want = _done(said)
        assert done is None or want is None or done.finish_reason == want.finish_reason, (
            f"expected {want}, got {done}"
        )
    if call.seen.left or _out_of_time(call):
        return
    if outcome.whole:
        _same(said, call.events, "the whole answer")
    if outcome.whole is False:
        assert done is None, f"expected a failure, got {done}"
        assert isinstance(call.seen.caught, outcome.errors), (
            f"expected one of {[kind.__name__ for kind in outcome.errors]}, got {call.seen.caught!r}"
        )
    if outcome.status is not None:
        got = getattr(call.seen.caught, "status", None)
        assert got == outcome.status, f"expected the status {outcome.status}, got {got}"


def _out_of_time(call: Observed) -> bool:
    """Whether the clock of the whole answer ended it, whatever the peer did; a law of its own says when."""
    got = call.seen.caught
    return isinstance(got, TimeoutExceeded) and got.clock == "total"


def grammar(call: Observed) -> None:
    """The events follow the grammar: they can be folded."""
    try:
        reduce(call.events)
    except WireError as error:
        raise AssertionError(f"expected events by the grammar, got {error}") from error


def done_once(call: Observed) -> None:
    """Done comes at most once, and last."""
    dones = sum(isinstance(event, Done) for event in call.events)
    assert dones <= 1, f"expected Done once, got it {dones} times"
    assert not dones or isinstance(call.events[-1], Done), f"expected Done last, got {call.events[-1]}"


def state(call: Observed) -> None:
    """The state agrees with what the caller saw."""
    error, got = call.seen.caught, call.state
    if _done(call.events) is not None:
        want = {"complete"}
    elif error is None:
        want = {"cancelled"} if not call.seen.cancelled else {"cancelled", "incomplete", "failed"}
    elif _is_callers(error):
        want = {"cancelled"}
        assert call.seen.left and call.act.name == "close", f"expected no cancellation as {error!r}"  # noqa: PT018
    else:
        want = {"incomplete"} if isinstance(error, TruncatedStreamError) else {"failed"}
    if call.act.name == "whole" and call.seen.left:
        want |= {"complete", "cancelled"}
    assert got in want, f"expected the state {' or '.join(sorted(want))}, got {got}"


def _is_callers(error: Exception) -> bool:
    if not isinstance(error, TruncatedStreamError):
        return False
    phase: Phase = error.phase
    return phase == "consumer"


def error(call: Observed) -> None:
    """An error says where the call was, what came before it, and that it is not to be tried again."""
    got = call.seen.caught
    if not isinstance(got, LLMStreamError):
        return
    begun = bool(call.events)
    assert got.phase in get_args(Phase), f"expected a phase, got {got.phase!r}"
    if isinstance(got, ConnectError | PoolTimeout):
        assert got.phase == "connect", f"expected the phase connect, got {got.phase}"
    assert not (begun and got.retryable), "expected no error to be retryable after the first event"
    assert begun or got.partial is None, "expected no partial answer before the first event"
    if begun and call.act.keep:
        assert got.partial is not None, "expected the partial answer, got none"
        _same_parts(call.events, got.partial, "the partial answer")
        assert got.partial.state == call.state, f"expected {call.state}, got {got.partial.state}"
    wait = getattr(got, "retry_after", None)
    assert wait is None or 0 <= wait < inf, f"expected a wait or none, got {wait}"


def snapshot(call: Observed) -> None:
    """The Response is the fold of what was seen."""
    if not call.act.keep:
        return
    held = call.stream.snapshot()
    if not (call.act.name == "whole" and call.seen.left):
        _same_parts(call.events, held, "the snapshot")
    assert held.state == (call.state if call.state in _ENDS else "incomplete"), f"got {held.state}"


def _same_parts(events: Sequence[Event], got: Response, what: str) -> None:
    want = reduce(events)
    assert want.parts == got.parts, (
        f"expected the fold of the events as {what}: {want.parts}, got {got.parts}"
    )


def requests(call: Observed) -> None:
    """A call is made so often at most; never again when an event had come, or after what stays as it is."""
    asked, most, visit = call.visit.asked, call.retries.attempts, call.visit
    assert len(asked) <= most, f"expected at most {most} requests, got {len(asked)}"
    assert not any(asked), f"expected no request after the first event, got one after {asked[-1]}"
    for exchange in visit.exchanges:
        if exchange is not visit.exchange:
            events, _ = _decoded(visit, exchange)
            assert not events, f"expected no request after the first event, got one after {events[0]}"
    for _, attempt in call.failed[: len(asked) - 1]:
        assert _may_pass(attempt.error), f"expected no request after {attempt.error!r}, got one"


def _may_pass(error: LLMStreamError) -> bool:
    match error:
        case PoolTimeout():
            return False
        case TimeoutExceeded(clock=clock):
            return clock == "connect"
        case ConnectError() | ConnectionLost() | RateLimitError() | OverloadedError() | ServerError():
            return True
        case _:
            return isinstance(error, ProviderError) and error.status in {408, 409}


def attempts(call: Observed) -> None:
    """The error has those of the attempts before it, which are what the peer did to these."""
    got, before = call.seen.caught, call.visit.before
    if not isinstance(got, LLMStreamError) or _is_callers(got):
        return
    assert len(got.attempts) == len(before), f"expected {len(before)} earlier errors, got {got.attempts}"
    for plan, earlier in zip(before, got.attempts, strict=True):
        assert isinstance(earlier, plan.outcome.errors), f"expected {plan.outcome.errors}, got {earlier!r}"
        status = getattr(earlier, "status", None)
        assert plan.outcome.status in {None, status}, f"expected {plan.outcome.status}, got {status}"


def waits(call: Observed) -> None:
    """Between two attempts is the wait that was asked for, else one that doubles; all begin in time."""
    times = call.visit.times
    for number, ((failed, attempt), began) in enumerate(zip(call.failed, times[1:], strict=False)):
        wait, longest = began - failed, _longest(call, number, attempt.error)
        least = longest if _asked(attempt.error) is not None else longest * _LEAST_JITTER
        assert least - _TICK <= wait <= longest + _TICK, (
            f"expected a wait of {least:.3f} to {longest:.3f} s before attempt {number + 2}, got {wait:.3f} s"
        )
    assert not times or times[-1] <= _last(call) + _TICK, "expected all attempts to begin in time"


def made_again(call: Observed) -> None:
    """A call that nobody left does not fail while it may be made again."""
    got, made = call.seen.caught, len(call.visit.asked)
    if call.seen.left or call.bytes_say or not isinstance(got, LLMStreamError) or not _passes(got):
        return
    wait = _longest(call, made - 1, got)
    due = made < call.retries.attempts and (_asked(got) is None or wait <= call.retries.longest_wait)
    assert not due or call.seen.ended + wait > _last(call), f"expected another attempt after {got!r}"


def _passes(error: LLMStreamError) -> bool:
    """Whether it is one of those that nobody disputes."""
    if isinstance(error, ProviderError) and error.status not in {429, 500, 502, 503, 504, 529}:
        return False
    return error.retryable and _may_pass(error)


def _asked(error: LLMStreamError) -> float | None:
    return error.retry_after if isinstance(error, ProviderError) else None


def _longest(call: Observed, number: int, error: LLMStreamError) -> float:
    asked, retries = _asked(error), call.retries
    return min(retries.first_wait * 2**number, retries.longest_backoff) if asked is None else asked


def _last(call: Observed) -> float:
    return call.seen.began + min(call.retries.within or inf, call.timeouts.total or inf)


def closed(call: Observed) -> None:
    """What was opened is closed when control returns, and is not read any more."""
    for exchange in call.visit.exchanges:
        assert exchange.closed, "expected a closed exchange when control returns, got an open one"
        assert not exchange.late, "expected nobody to read an exchange that was closed"


def cancelled(call: Observed) -> None:
    """A cancellation comes out, unless the call was over."""
    if call.seen.cancelled is False and call.seen.left:
        over = _done(call.seen.events) is not None or call.seen.caught is not None
        assert over, "expected a cancellation to come out, got it swallowed"


def time(call: Observed) -> None:
    """Every wait is bounded by a clock, and the error names the one that ran out."""
    elapsed, limits = call.seen.ended - call.seen.began, call.timeouts
    plans = [*call.visit.before, call.plan]
    longest = max(limits.first_event or inf, limits.stall or inf)
    bound = call.seen.slow + sum(attempt.wait or 0.0 for _, attempt in call.failed)
    bound += sum(_pauses(plan) + _refusal(plan) + longest + _SLACK_SECONDS for plan in plans)
    bound = min(bound, (limits.total or inf) + call.seen.slow + _SLACK_SECONDS)
    assert elapsed <= bound, f"expected an end within {bound} s, got one after {elapsed} s"
    got = call.seen.caught
    if isinstance(got, TimeoutExceeded):
        value = getattr(limits, got.clock)
        assert got.seconds == value, f"expected the value {value} of the clock {got.clock}, got {got.seconds}"
        assert elapsed > value - 0.001, f"expected {got.clock} to run out after {value} s, got {elapsed} s"


def _refusal(plan: Plan) -> float:
    return _REFUSAL_SECONDS if plan.head.status >= 400 else 0.0


def _pauses(plan: Plan) -> float:
    body = () if plan.endless else plan.body()
    steps = [*plan.dialling, *plan.opening, *body]
    return sum(step.seconds for step in steps if isinstance(step, Pause) and step.seconds < inf)


def secrets(call: Observed) -> None:
    """The key is in nothing that is shown, written or stored."""
    got = call.seen.caught
    for text in _shown(got, thorough=call.thorough) if got is not None else ():
        assert SENTINEL not in text, "expected the key nowhere, got it in an error"
    if call.thorough and call.act.keep:
        assert SENTINEL not in dumps(call.stream.snapshot().to_dict()), "expected no key in to_dict"
        assert SENTINEL not in repr(call.stream.snapshot()), "expected no key in repr"


def _shown(error: BaseException, *, thorough: bool) -> Iterator[str]:
    for each in _chain(error):
        yield str(each)
        yield repr(each)
        yield repr(vars(each))
        if thorough:
            yield from _locals(each.__traceback__)
    if thorough:
        yield _pickled(error)


def _pickled(error: BaseException) -> str:
    try:
        return repr(pickle.dumps(error))
    except (TypeError, AttributeError, pickle.PicklingError):
        # What cannot be stored shows nothing.
        return ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    known: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in known:
            known.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__]
            waiting += each.attempts if isinstance(each, LLMStreamError) else ()


def _locals(trace: TracebackType | None) -> Iterator[str]:
    """What a traceback with locals would show, of the library's own frames."""
    while trace is not None:
        if _is_ours(trace.tb_frame):
            yield from (_safely(value) for value in list(trace.tb_frame.f_locals.values()))
        trace = trace.tb_next


def _is_ours(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__", "")
    return name.startswith("llmstream.") and not name.startswith("llmstream.testing.")


def _safely(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - a half-made local is none of the error's
        return ""


LAWS: tuple[Callable[[Observed], None], ...] = (
    grammar, end, answer, done_once, state, error, snapshot,
    requests, attempts, waits, made_again, closed, cancelled, time, secrets,
)  # fmt: skip


async def asked_again(call: Observed) -> None:
    """Asking again gives the same again, and asks nobody."""
    if not call.act.keep:
        return
    asked, error, again = len(call.visit.asked), call.seen.caught, await _again(call)
    if isinstance(again, Response):
        assert call.state == "complete", f"expected no Response of a call that is {call.state}, got one"
        _same_parts(call.events, again, "the Response")
    else:
        assert call.state != "complete", f"expected the Response again, got {again!r}"
        assert error is None or _is_callers(error) or again is error, f"expected {error!r}, got {again!r}"
    assert len(call.visit.asked) == asked, "expected no new request when a call is asked again"
    assert call.stream.state == call.state, f"expected the state {call.state}, got {call.stream.state}"


async def _again(call: Observed) -> Response | LLMStreamError:
    try:
        return await call.stream
    except LLMStreamError as error:
        return error


def _done(events: Sequence[Event]) -> Done | None:
    return next((event for event in events if isinstance(event, Done)), None)


def _same(want: Sequence[Event], got: Sequence[Event], what: str) -> None:
    if list(want) == list(got):
        return
    at = next((n for n, pair in enumerate(zip(want, got, strict=False)) if pair[0] != pair[1]), None)
    if at is None:
        raise AssertionError(f"expected {what}: {len(want)} events, got {len(got)}")
    raise AssertionError(f"expected {what}: event {at} to be {want[at]}, got {got[at]}")
