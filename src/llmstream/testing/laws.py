"""The laws that every codec keeps, one function each.

It returns when the law holds and raises AssertionError, saying where, when it does not. The functions take
any codec, so that a dialect of a third party is held to what ours are held to. None of them reads a clock
or draws a number that the caller cannot repeat.
"""

from __future__ import annotations

import random
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from types import FrameType
from typing import NamedTuple, TypeAlias

from llmstream.errors import LLMStreamError, TruncatedStreamError, UnsupportedError, WireError
from llmstream.jsontext import loads_object
from llmstream.reduce import Draft, Fold, reduce, step
from llmstream.stage import run
from llmstream.testing import splits
from llmstream.values.events import Done, Event, ToolCallArgsDelta, ToolCallEnd, ToolCallStart
from llmstream.values.request import Request
from llmstream.wire.codec import Codec, Ids
from llmstream.wire.http import ResponseHead
from llmstream.wire.plain import piped

STREAM = ResponseHead(200, {"content-type": "text/event-stream"})

Cuttings: TypeAlias = Callable[[bytes], Iterable[Iterable[bytes]]]


class Decoded(NamedTuple):
    """What came of one body: the events up to its end or its failure."""

    events: list[Event]
    error: LLMStreamError | None


def decode_all(
    codec: Codec,
    pieces: Iterable[bytes],
    *,
    head: ResponseHead = STREAM,
    ids: Ids | None = None,
    raw: bool = False,
) -> Decoded:
    """Decode a body that comes in pieces: an answer, or by its status a refusal.

    Only the library's own errors are caught; any other is a fault of the codec and is let through.
    """
    if head.status >= 400:
        return Decoded([], codec.error(head, b"".join(pieces)))
    events: list[Event] = []
    try:
        stage = piped(codec.framer(head), codec.decoder(head, ids=ids, raw=raw))
        for event in run(stage, pieces):
            events.append(event)  # noqa: PERF402 - those before a failure are kept
    except LLMStreamError as error:
        return Decoded(events, error)
    return Decoded(events, None)


def split(
    codec: Codec, body: bytes, *, head: ResponseHead = STREAM, cuttings: Cuttings = splits.sample
) -> None:
    """Law 1: any cut of the bytes gives the same events and the same end."""
    whole = decode_all(codec, [body], head=head)
    for number, cutting in enumerate(cuttings(body)):
        pieces = list(cutting)
        got = decode_all(codec, pieces, head=head)
        where = f"cutting {number} into {len(pieces)} pieces"
        _same(whole.events, got.events, where)
        assert repr(got.error) == repr(whole.error), (
            f"{where}: expected the end {whole.error!r}, got {got.error!r}"
        )


def truncation(
    codec: Codec, body: bytes, *, head: ResponseHead = STREAM, offsets: Iterable[int] | None = None
) -> None:
    """Law 2: a body that is cut off ends loudly, or was complete already.

    The events of the shorter body are a prefix of the whole's. Only usage and the like may be missing
    from a `Done` that comes early. By default the cuts are after each frame and at 200 random places.
    """
    whole = decode_all(codec, [body], head=head)
    if offsets is None:
        chance = random.Random(len(body))
        anywhere = [chance.randrange(len(body)) for _ in range(200 if body else 0)]
        offsets = {*boundaries(codec, body, head=head), *anywhere}
    for offset in sorted(offsets):
        _cut_off(whole, decode_all(codec, [body[:offset]], head=head), f"cut off at byte {offset}")


def boundaries(codec: Codec, body: bytes, *, head: ResponseHead = STREAM) -> list[int]:
    """The offsets at which the codec's framer has a frame complete."""
    feed = codec.framer(head).feed
    return [end for end in range(1, len(body) + 1) if any(True for _ in feed(body[end - 1 : end]))]


def _cut_off(whole: Decoded, got: Decoded, where: str) -> None:
    if got.error is not None:
        allowed = (TruncatedStreamError, type(whole.error))
        assert isinstance(got.error, allowed), f"{where}: expected TruncatedStreamError, got {got.error!r}"
        _same(whole.events[: len(got.events)], got.events, f"{where}, events that the whole has not")
        return
    last, done = _done(got.events), _done(whole.events)
    assert last is not None, f"{where}: expected Done or an error, got neither"
    _same(_content(whole.events), _content(got.events), f"{where}, a quiet half answer")
    assert done is None or last.finish_reason == done.finish_reason, (
        f"{where}: expected the finish reason {done.finish_reason}, got {last.finish_reason}"
    )


def _content(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Done)]


def _done(events: Sequence[Event]) -> Done | None:
    last = events[-1] if events else None
    return last if isinstance(last, Done) else None


def grammar(events: Sequence[Event], *, complete: bool = True) -> None:
    """Law 3: the events follow the grammar.

    `complete` says whether a Done must end them or must not be among them.
    """
    fold = Fold()
    for position, event in enumerate(events):
        try:
            fold.add(event)
        except WireError as error:
            raise AssertionError(f"event {position} breaks the grammar: {error}") from error
    assert (_done(events) is not None) is complete, (
        f"expected {'a' if complete else 'no'} Done at the end, got {events[-1:]}"
    )
    _calls(events)


def _calls(events: Iterable[Event]) -> None:
    """Calls have names and ids of their own, and end only with what their text says."""
    ids = {""}
    started: dict[int, ToolCallStart] = {}
    texts: dict[int, list[str]] = {}
    for event in events:
        if isinstance(event, ToolCallStart):
            assert event.name, f"expected a call with a name, got {event}"
            assert event.id not in ids, f"expected a call with an id of its own, got {event}"
            ids.add(event.id)
            started[event.index], texts[event.index] = event, []
        elif isinstance(event, ToolCallArgsDelta):
            texts[event.index].append(event.json)
        elif isinstance(event, ToolCallEnd):
            text = "".join(texts[event.index])
            assert not started[event.index].custom, f"expected no arguments of a custom call, got {event}"
            assert not text.strip() or loads_object(text) == event.arguments, (
                f"expected the arguments that the text {text!r} says, got {event}"
            )


def round_trip(
    codec: Codec,
    events: Iterable[Event],
    *,
    request: Request | None = None,
    cuttings: Cuttings = lambda body: splits.random_cuts(body, 0, 2),
) -> bool:
    """Law 4: what the server half writes, the client half reads as canonical.

    Returns whether the wire can say the events at all; if `canonical` refuses them, so must the encoder.
    """
    events, request = tuple(events), request or Request("a-model")
    server = codec.server
    try:
        want = server.canonical(events)
    except UnsupportedError:
        assert _encoded(codec, request, events) is None, "expected the encoder to refuse what canonical does"
        return False
    _same(want, server.canonical(want), "the canonical form of the canonical form")
    for source, name in ((events, "the events"), (want, "their canonical form")):
        body = _encoded(codec, request, source)
        assert body is not None, f"expected {name} to be encoded, got UnsupportedError"
        for pieces in ([body], *cuttings(body)):
            got = decode_all(codec, pieces, head=server.head(request))
            assert got.error is None, f"{name}, encoded, do not decode: {got.error!r}\n{body!r}"
            _same(want, got.events, f"{name}, encoded and decoded\n{body!r}\n")
    return True


def _encoded(codec: Codec, request: Request, events: Iterable[Event]) -> bytes | None:
    try:
        return b"".join(run(codec.server.encoder(request), events))
    except UnsupportedError:
        return None


def prefix(events: Sequence[Event]) -> None:
    """Law 5: folding at once and by steps agree everywhere; old drafts stay valid."""
    drafts = [Draft()]
    for event in events:
        drafts.append(step(drafts[-1], event))
    # A draft that others went on from is folded anew when it is asked: 50 places are enough.
    for count in range(0, len(drafts), len(drafts) // 50 + 1):
        want = reduce(events[:count])
        assert drafts[count].response() == want, f"expected the fold of {count} events, got another"
        if count:
            again = step(drafts[count - 1], events[count - 1])
            assert again.response() == want, f"event {count - 1} was stepped over twice with two results"


class _Work(NamedTuple):
    calls: int
    bytes: int


def linear(
    codec: Codec, body_of_size: Callable[[int], bytes], *, size: int = 250, head: ResponseHead = STREAM
) -> None:
    """Law 7: a body four times as large takes at most five times the work.

    Work is what decoding and folding take, counted and not timed: calls, of Python and of C, and bytes
    allocated, those freed again included. So it finds text that is joined anew for every delta, buffers
    that are copied, and frames that are read twice; it does not see one C call that scans the same bytes
    again and allocates nothing.
    """
    bodies = [body_of_size(size), body_of_size(4 * size)]
    assert len(bodies[1]) <= 5 * len(bodies[0]), "expected a body that grows with the size, not faster"
    runs = [_decoding(codec, body, head) for body in bodies]
    runs[0]()
    once, four = _work(runs[0]), _work(runs[1])
    for name, small, large in zip(_Work._fields, once, four, strict=True):
        assert large <= 5 * small, (
            f"expected at most 5 times the {name} at 4 times the size, got {small} and {large}"
        )


def _decoding(codec: Codec, body: bytes, head: ResponseHead) -> Callable[[], None]:
    pieces = splits.cut(body, range(32, len(body), 32))

    def decode() -> None:
        fold = Fold()
        events, error = decode_all(codec, pieces, head=head)
        assert error is None, f"expected a body that decodes, got {error!r}"
        for event in events:
            fold.add(event)
        fold.response()

    return decode


def _work(action: Callable[[], None]) -> _Work:
    """Count what an action does, by the interpreter's own hooks."""
    calls, allocated, level = 0, 0, 0

    def count(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal calls, allocated, level
        now, peak = tracemalloc.get_traced_memory()
        calls += 1
        allocated += max(peak - level, 0)
        level = now
        tracemalloc.reset_peak()

    traced, profile = tracemalloc.is_tracing(), sys.getprofile()
    tracemalloc.start()
    level = tracemalloc.get_traced_memory()[0]
    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(profile)
        if not traced:
            tracemalloc.stop()
    return _Work(calls, allocated)


def _same(want: Sequence[Event], got: Sequence[Event], where: str) -> None:
    for position, (left, right) in enumerate(zip(want, got, strict=False)):
        assert left == right, f"{where}: event {position}: expected {left}, got {right}"
    longer, word = (got, "more") if len(got) > len(want) else (want, "fewer")
    extra = longer[min(len(got), len(want)) :]
    assert not extra, f"{where}: {len(extra)} events {word} than expected, from {extra[0]}"
