"""The client against peers that go wrong: the laws hold, and each law is one that can fail.

A thousand calls by default, ten thousand with LLMSTREAM_EXAMPLES of 2,000 and more.
"""

import asyncio  # noqa: TID251 - bugs are planted that only it can have
import os
import random
from collections.abc import Callable
from contextlib import aclosing, suppress

import anyio.lowlevel
import attrs
import pytest

from llmstream.client import clocks, drive, retry
from llmstream.client.line import Line
from llmstream.errors import LLMStreamError, ProviderError, ServerError
from llmstream.model.stream import EventStream
from llmstream.reduce import Fold
from llmstream.testing.sim import CATALOGUE, Violation, simulate
from llmstream.transport.fast.pool import Pool
from llmstream.values.events import Done, TextDelta
from llmstream.wire.framing.sse import SSEFramer

EXAMPLES = int(os.environ.get("LLMSTREAM_EXAMPLES", "0"))
CALLS = 10_000 if EXAMPLES >= 2000 else 1000


@pytest.mark.timeout(600)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_laws_hold_whatever_goes_wrong(backend) -> None:
    report = simulate(1, calls=CALLS if backend == "asyncio" else CALLS // 4, backend=backend)
    report.check()
    assert report.healthy >= report.calls
    assert report.attempts > 1.05 * report.calls
    assert len(report.acts) == 10
    if report.calls >= 1000:
        assert set(report.faults) == {fault.name for fault in CATALOGUE}


def test_a_seed_makes_the_same_run() -> None:
    reports = [simulate(5000, calls=100) for _ in range(2)]
    assert reports[0].digest == reports[1].digest
    assert simulate(5001, calls=100).digest != reports[0].digest


def test_the_event_loops_agree() -> None:
    asyncio_run, trio_run = (simulate(6000, calls=200, backend=name) for name in ("asyncio", "trio"))
    assert asyncio_run.outcomes == trio_run.outcomes


Patch = Callable[[pytest.MonkeyPatch], None]


def invents_done(patch: pytest.MonkeyPatch) -> None:
    """A body that ends early is an answer."""
    take = drive._Answer.take

    def taking(self, chunk, lost):
        batch = take(self, chunk, lost)
        if not chunk and self.done is None:
            self.done, self.failure = Done(finish_reason="stop"), None
        return batch

    patch.setattr(drive._Answer, "take", taking)


def decodes_done_of_nothing(patch: pytest.MonkeyPatch) -> None:
    """The decoder itself invents the end, so that the bytes say it too."""
    from llmstream.wire.openai_chat.decode import ChatDecoder

    feed_eof = ChatDecoder.feed_eof

    def inventing(self):
        try:
            return list(feed_eof(self))
        except LLMStreamError:
            return [Done(finish_reason="stop")]

    patch.setattr(ChatDecoder, "feed_eof", inventing)


def says_done_twice(patch: pytest.MonkeyPatch) -> None:
    def twice(original):
        async def batches(*call):
            async for batch in original(*call):
                yield [*batch, *batch] if isinstance(batch[-1], Done) else batch

        return batches

    _patch_batches(patch, twice)


def leaves_it_open(patch: pytest.MonkeyPatch) -> None:
    """Leaving a stream does not close what it reads from."""

    async def closing(self):
        self._settle()
        self._end("cancelled" if self._error is None else "failed")

    patch.setattr(EventStream, "_close", closing)


def shows_the_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(drive, "_conceal", lambda error, http: False)


def asks_again(patch: pytest.MonkeyPatch) -> None:
    """A call that failed is made again, whatever was seen of it."""

    def again(original):
        async def batches(*call):
            try:
                async for batch in original(*call):
                    yield batch
            except LLMStreamError:
                async for batch in original(*call):
                    yield batch

        return batches

    _patch_batches(patch, again)


def asks_again_after_an_event(patch: pytest.MonkeyPatch) -> None:
    """That events were seen does not end the attempts."""

    async def attempts(begin, retries, /, *, line=None, total=None, chance=random.random):
        course = retry._Course(retries, line or Line(), total, chance)
        while True:
            try:
                async with aclosing(begin()) as source:
                    async for batch in source:
                        yield batch
                return
            except LLMStreamError as error:
                error.attempts = course.failed
                if not await course.goes_on(error):
                    raise

    patch.setattr(retry, "attempts", attempts)


def asks_again_after_any_error(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(retry, "is_retried", lambda error: True)


def never_asks_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(retry, "is_retried", lambda error: False)


def asks_once_too_often(patch: pytest.MonkeyPatch) -> None:
    wait = retry.wait_before

    def waiting(attempt, error, retries, *, chance):
        return wait(attempt, error, attrs.evolve(retries, attempts=retries.attempts + 1), chance=chance)

    patch.setattr(retry, "wait_before", waiting)


def ignores_retry_after(patch: pytest.MonkeyPatch) -> None:
    wait = retry.wait_before

    def waiting(attempt, error, retries, *, chance):
        if isinstance(error, ProviderError) and error.retryable:
            error = ServerError("without")
        return wait(attempt, error, retries, chance=chance)

    patch.setattr(retry, "wait_before", waiting)


def does_not_wait(patch: pytest.MonkeyPatch) -> None:
    async def at_once(self, until):
        await anyio.lowlevel.checkpoint()

    patch.setattr(Line, "pause", at_once)


def tries_for_ever(patch: pytest.MonkeyPatch) -> None:
    """Each attempt has all the time there is."""
    begin = retry._Course.__init__
    patch.setattr(
        retry._Course,
        "__init__",
        lambda self, retries, line, total, chance: begin(
            self, attrs.evolve(retries, within=None), line, None, chance
        ),
    )


def forgets_earlier_errors(patch: pytest.MonkeyPatch) -> None:
    goes_on = retry._Course.goes_on

    async def going_on(self, error):
        error.attempts = ()
        return await goes_on(self, error)

    patch.setattr(retry._Course, "goes_on", going_on)


def counts_bytes_as_progress(patch: pytest.MonkeyPatch) -> None:
    read = clocks.Clocks.read
    patch.setattr(clocks.Clocks, "read", lambda self, chunk, events: read(self, chunk, [TextDelta(0, "x")]))


def has_no_clocks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(clocks, "_seconds", lambda given: float("inf"))


def names_another_value(patch: pytest.MonkeyPatch) -> None:
    exceeded = clocks.Clocks.exceeded

    def wrong(self, phase="stream"):
        error = exceeded(self, phase)
        error.seconds += 1
        return error

    patch.setattr(clocks.Clocks, "exceeded", wrong)


def swallows_cancellation(patch: pytest.MonkeyPatch) -> None:
    fill = EventStream._fill

    async def filling(self):
        with suppress(asyncio.CancelledError):
            return await fill(self)
        return False

    patch.setattr(EventStream, "_fill", filling)


def calls_a_failure_complete(patch: pytest.MonkeyPatch) -> None:
    end = EventStream._end
    patch.setattr(
        EventStream, "_end", lambda self, state: end(self, "complete" if state == "failed" else state)
    )


def says_it_can_be_tried_again(patch: pytest.MonkeyPatch) -> None:
    fail = EventStream._fail

    def failing(self, error):
        fail(self, error)
        if isinstance(error, LLMStreamError):
            error.retryable = True

    patch.setattr(EventStream, "_fail", failing)


def forgets_a_part(patch: pytest.MonkeyPatch) -> None:
    extend = Fold.extend
    patch.setattr(Fold, "extend", lambda self, events: extend(self, events[: max(len(events) - 2, 1)]))


def keeps_a_slot(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Pool, "free", lambda self: None)


def leaves_a_connection(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Pool, "drop", lambda self, wire: None)


def leaves_a_task(patch: pytest.MonkeyPatch) -> None:
    def leaving(original):
        async def batches(*call):
            tasks.append(asyncio.ensure_future(asyncio.sleep(1e9)))
            async for batch in original(*call):
                yield batch

        return batches

    tasks: list[asyncio.Future[None]] = []
    _patch_batches(patch, leaving)


def lets_another_error_out(patch: pytest.MonkeyPatch) -> None:
    """What a decoder makes of a wrong shape comes out as it is."""

    def untyped(original):
        async def batches(*call):
            try:
                async for batch in original(*call):
                    yield batch
            except LLMStreamError as error:
                raise KeyError("choices") from error

        return batches

    _patch_batches(patch, untyped)


def loses_a_byte_between_reads(patch: pytest.MonkeyPatch) -> None:
    feed = SSEFramer.feed
    patch.setattr(
        SSEFramer, "feed", lambda self, chunk: feed(self, chunk[1:] if chunk[:1] == b"d" else chunk)
    )


def mixes_up_the_order(patch: pytest.MonkeyPatch) -> None:
    """Events that come together are given backwards."""
    take = drive._Answer.take
    patch.setattr(drive._Answer, "take", lambda self, chunk, lost: take(self, chunk, lost)[::-1])


def _patch_batches(patch: pytest.MonkeyPatch, change: Callable) -> None:
    patch.setattr(retry, "batches", change(retry.batches))


PLANTED: list[tuple[Patch, str]] = [
    (invents_done, "expected Done or an error|the events that the bytes say|expected a failure"),
    (decodes_done_of_nothing, "expected a failure|no quiet half answer"),
    (says_done_twice, "Done once|bytes say|after Done|by the grammar"),
    (leaves_it_open, "expected a closed exchange"),
    (shows_the_key, "expected the key nowhere"),
    (asks_again, "requests, got|no request after|bytes say"),
    (asks_again_after_an_event, "no request after the first event|bytes say|by the grammar|Done once"),
    (asks_again_after_any_error, "expected no request after"),
    (never_asks_again, "expected another attempt"),
    (asks_once_too_often, "expected at most . requests"),
    (ignores_retry_after, "expected a wait of|expected another attempt"),
    (does_not_wait, "expected a wait of"),
    (tries_for_ever, "all attempts to begin in time|expected an end within"),
    (forgets_earlier_errors, "earlier errors"),
    (counts_bytes_as_progress, "expected an end within|waits for nothing|expected a failure"),
    (has_no_clocks, "waits for nothing|expected an end within"),
    (names_another_value, "expected the value"),
    (swallows_cancellation, "expected a cancellation|expected no cancellation as"),
    (calls_a_failure_complete, "expected the state"),
    (says_it_can_be_tried_again, "to be retryable after the first event"),
    (forgets_a_part, "expected the fold of the events"),
    (keeps_a_slot, "expected a healthy call after the faults to succeed"),
    (leaves_a_connection, "connection in use"),
    (leaves_a_task, "expected . tasks"),
    (lets_another_error_out, "expected a typed error"),
    (loses_a_byte_between_reads, "expected"),
    (mixes_up_the_order, "expected"),
]


@pytest.mark.parametrize(("plant", "words"), PLANTED, ids=[plant.__name__ for plant, _ in PLANTED])
def test_a_planted_bug_is_found_and_its_seed_repeats_it(plant: Patch, words: str, monkeypatch) -> None:
    plant(monkeypatch)
    with pytest.raises(Violation, match=words) as found:
        simulate(1, calls=2000, violations=1).check()
    violation = found.value
    assert f"--seed {violation.seed} --calls 1 --backend asyncio" in str(violation)
    with pytest.raises(Violation) as again:
        simulate(violation.seed, calls=1).check()
    assert str(again.value) == str(violation)


def test_a_report_is_a_value() -> None:
    assert attrs.asdict(simulate(1, calls=5))["violations"] == ()
