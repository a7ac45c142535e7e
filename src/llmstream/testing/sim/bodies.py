"""Faults of a body that began as it should, from a clean end too early to broken HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from llmstream.errors import (
    ConnectionLost,
    LLMStreamError,
    ProviderError,
    ServerError,
    TimeoutExceeded,
    TruncatedStreamError,
    WireError,
)
from llmstream.testing.fakes import Pause
from llmstream.testing.sim.answers import Answer
from llmstream.testing.sim.plan import (
    MAX_FRAME_BYTES,
    SENTINEL,
    WHOLE,
    Break,
    Flaw,
    Framing,
    Outcome,
    Plan,
    Step,
    planned,
)
from llmstream.testing.sim.seed import Seed
from llmstream.values.events import TextDelta

_FRAMINGS: tuple[Literal["chunks", "length", "close"], ...] = ("chunks", "chunks", "length", "close")

_FOREIGN = Outcome(foreign=True)
_ENDLESS_SECONDS = 20.0
_KEEP_ALIVE_SECONDS = 4.0
_VALUE = re.compile(rb'":\s*("[^"\\]*"|-?\d+|null|true|false|\[|\{)')
_OTHERS = (b"null", b"7", b"-1", b"[]", b"{}", b'"x"', b"true", b"1e999", b"9" * 5000, b"NaN", b"[[]]")


def _between(seed: Seed, answer: Answer) -> int:
    """A place between frames."""
    return seed.count("frames", 0, len(answer.frames))


def _before_end(answer: Answer, frames: int, *errors: type[LLMStreamError]) -> Outcome:
    """A failure, if the fault comes before the wire said how the answer ended."""
    return Outcome(whole=False if frames <= answer.ending else None, errors=errors)


def _inside(seed: Seed, answer: Answer) -> tuple[bytes, Outcome]:
    """The body up to some byte, and whether it can be complete by then."""
    offset = seed.count("offset", 0, len(answer.body))
    return answer.body[:offset], Outcome(whole=False if offset <= answer.ends_at else None)


def sound(seed: Seed) -> Framing:
    """A way to delimit a body with nothing wrong in it."""
    return Framing(seed.pick("framing", _FRAMINGS), cut=seed.count("cut of HTTP", 0, 60))


def end_between(seed: Seed, answer: Answer) -> Plan:
    """The body ends in good order, after some of its frames."""
    count = _between(seed, answer)
    outcome = _before_end(answer, count, TruncatedStreamError)
    return planned(answer, answer.frames[:count], outcome, framing=sound(seed))


def end_inside(seed: Seed, answer: Answer) -> Plan:
    """The body ends in good order, at any byte."""
    body, outcome = _inside(seed, answer)
    return planned(answer, [body] if body else (), outcome, framing=sound(seed))


def lost_between(seed: Seed, answer: Answer) -> Plan:
    """The connection is lost after some of the frames."""
    count = _between(seed, answer)
    outcome = _before_end(answer, count, ConnectionLost)
    return planned(answer, [*answer.frames[:count], Break("lost")], outcome, framing=sound(seed))


def lost_inside(seed: Seed, answer: Answer) -> Plan:
    """The connection is lost at any byte."""
    body, outcome = _inside(seed, answer)
    return planned(answer, [*([body] if body else ()), Break("lost")], outcome, framing=sound(seed))


def lost_after_end(_seed: Seed, answer: Answer) -> Plan:
    """The connection is lost when all was said: that is a whole answer."""
    return planned(answer, [*answer.frames, Break("lost")], WHOLE)


def stall(seed: Seed, answer: Answer) -> Plan:
    """Nothing more comes, and the connection stays."""
    count = _between(seed, answer)
    outcome = _before_end(answer, count, TimeoutExceeded)
    return planned(answer, [*answer.frames[:count], Pause()], outcome)


def stall_after_end(_seed: Seed, answer: Answer) -> Plan:
    """All was said, and the body is left open: that is a whole answer."""
    return planned(answer, [*answer.frames, Pause()], WHOLE)


def extra_frames(seed: Seed, answer: Answer) -> Plan:
    """More comes after the end: a frame again, the ending again, or what is no frame."""
    extra = seed.pick("extra", (answer.frames[:1], answer.frames[answer.ending :], (b"\x00 what? \n\n",)))
    return planned(answer, [*answer.frames, *extra], _FOREIGN)


def error_in_stream(seed: Seed, answer: Answer) -> Plan:
    """The provider gives up in the middle and says so."""
    return _giving_up(seed, answer, "the model gave up")


def echo_in_stream(seed: Seed, answer: Answer) -> Plan:
    """The provider gives up and repeats the key it was shown."""
    return _giving_up(seed, answer, f"quota of {SENTINEL} is used up")


def _giving_up(seed: Seed, answer: Answer, words: str) -> Plan:
    count = seed.count("frames", 0, answer.ending)
    failure = answer.codec.server.failure(ServerError(words))
    outcome = Outcome(whole=False, errors=(ProviderError,))
    return planned(answer, [*answer.frames[:count], failure], outcome)


def endless_deltas(seed: Seed, answer: Answer) -> Plan:
    """The model never stops; only the clock of the whole answer ends it."""
    pause = seed.seconds("pause", 0.5, 3.0)
    outcome = Outcome(whole=False, errors=(TimeoutExceeded,), foreign=True)
    return Plan(
        answer=answer,
        head=answer.head,
        body=lambda: _babble(answer, pause),
        outcome=outcome,
        total=_ENDLESS_SECONDS,
        endless=True,
    )


def _babble(answer: Answer, pause: float) -> Iterator[Step]:
    encoder = answer.codec.server.encoder(answer.request)
    while True:
        yield from encoder.feed(TextDelta(0, "and "))
        yield Pause(pause)


def keep_alives(seed: Seed, answer: Answer) -> Plan:
    """After some frames there is a sign of life every few seconds, and nothing else."""
    count = _between(seed, answer)
    sign = b"\n" if answer.head.media_type.endswith("ndjson") else seed.pick("sign", (b": ka\n\n", b":\n"))
    outcome = _before_end(answer, count, TimeoutExceeded)

    def steps() -> Iterator[Step]:
        yield from answer.frames[:count]
        while True:
            yield Pause(_KEEP_ALIVE_SECONDS)
            yield sign

    # Endless, but not without a clock: those that count progress end it.
    return Plan(answer=answer, head=answer.head, body=steps, outcome=outcome, endless=True)


def frame_twice(seed: Seed, answer: Answer) -> Plan:
    """A frame comes again."""
    at = seed.count("frame", 0, len(answer.frames) - 1)
    return planned(answer, [*answer.frames[: at + 1], *answer.frames[at:]], _FOREIGN)


def out_of_order(seed: Seed, answer: Answer) -> Plan:
    """Two frames change places."""
    frames = list(answer.frames)
    one, other = (seed.count("frame", 0, len(frames) - 1) for _ in range(2))
    frames[one], frames[other] = frames[other], frames[one]
    return planned(answer, frames, _FOREIGN)


def byte_changed(seed: Seed, answer: Answer) -> Plan:
    """One byte is another."""
    body = bytearray(answer.body)
    body[seed.count("offset", 0, len(body) - 1)] ^= seed.count("bits", 1, 255)
    return planned(answer, [bytes(body)], _FOREIGN)


def too_large(seed: Seed, answer: Answer) -> Plan:
    """A frame goes on above the limit."""
    count = _between(seed, answer)
    start = b"\x7f\xff\xff\xff" if answer.head.media_type.endswith("eventstream") else b'data: {"a":"'
    start = b'{"a":"' if answer.head.media_type.endswith("ndjson") else start
    endless = [start, *[b"a" * 8192] * (MAX_FRAME_BYTES // 8192 + 1)]
    return planned(answer, [*answer.frames[:count], *endless], _before_end(answer, count, WireError))


def _framed(answer: Answer, text: bytes) -> bytes:
    return text + b"\n" if answer.head.media_type.endswith("ndjson") else b"data: " + text + b"\n\n"


def _inserted(seed: Seed, answer: Answer, text: bytes) -> Plan:
    count = _between(seed, answer)
    frames = [*answer.frames[:count], _framed(answer, text), *answer.frames[count:]]
    return planned(answer, frames, _before_end(answer, count, LLMStreamError))


def no_json(seed: Seed, answer: Answer) -> Plan:
    """A frame is no JSON."""
    return _inserted(seed, answer, seed.pick("text", (b'{"oops', b"oops", b"{]", b'{"a":1}}', b'"\\ud800')))


def deep(seed: Seed, answer: Answer) -> Plan:
    """A frame is nested deeper than anybody reads."""
    return _inserted(seed, answer, seed.pick("text", (b"[" * 20_000, b'{"a":' * 9000)))


def wrong_shape(seed: Seed, answer: Answer) -> Plan:
    """A value is of another kind, or too much of its own."""
    body = answer.body
    places = list(_VALUE.finditer(body))
    if not places:
        return byte_changed(seed, answer)
    place = seed.pick("place", places)
    other = seed.pick("value", _OTHERS)
    return planned(answer, [body[: place.start(1)] + other + body[place.end(1) :]], _FOREIGN)


def no_utf8(seed: Seed, answer: Answer) -> Plan:
    """A byte in the middle is none of UTF-8."""
    at = seed.count("offset", 0, len(answer.body))
    wrong = seed.pick("byte", (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f"))
    return planned(answer, [answer.body[:at] + wrong + answer.body[at:]], _FOREIGN)


def line_ends(seed: Seed, answer: Answer) -> Plan:
    """Lines end in CR LF, in CR, or in each of them by turns."""
    end = seed.pick("end", (b"\r\n", b"\r", None))
    if end is not None:
        return planned(answer, [frame.replace(b"\n", end) for frame in answer.frames])
    ends = (b"\r\n", b"\r", b"\n")
    mixed = [frame.replace(b"\n", seed.pick("end", ends)) for frame in answer.frames]
    return planned(answer, mixed)


def byte_order_mark(_seed: Seed, answer: Answer) -> Plan:
    """The body begins with a byte order mark."""
    return planned(answer, [b"\xef\xbb\xbf", *answer.frames])


def comments(seed: Seed, answer: Answer) -> Plan:
    """There are comments and fields between the frames that mean nothing."""
    steps: list[Step] = []
    for frame in answer.frames:
        steps += [seed.pick("comment", (b": ka\n\n", b":\n", b"\n", b"x: y\n", b"retry: 10\n\n")), frame]
    return planned(answer, steps)


_BROKEN: tuple[tuple[Framing, type[LLMStreamError]], ...] = (
    (Framing("chunks", "chunk size that is no number"), ConnectionLost),
    (Framing("chunks", "no last chunk"), ConnectionLost),
    (Framing("length", "length too long"), ConnectionLost),
    (Framing("length", "length too short"), TruncatedStreamError),
    (Framing("chunks", "status line that is none"), ConnectionLost),
    (Framing("chunks", "endless header"), ConnectionLost),
    (Framing("chunks", "two lengths"), ConnectionLost),
)
_BEFORE_BODY = {"status line that is none", "endless header", "two lengths"}


def broken_http(seed: Seed, answer: Answer) -> Plan:
    """What is around the body is no HTTP/1.1; what came whole of an answer is one all the same."""
    framing, error = seed.pick("flaw", _BROKEN)
    outcome = Outcome(whole=False if framing.flaw in _BEFORE_BODY else None, errors=(error,))
    return planned(answer, answer.frames, outcome, framing=framing)


_HARMLESS: tuple[Flaw, ...] = ("early hints", "bytes behind the end")


def harmless_http(seed: Seed, answer: Answer) -> Plan:
    """Heads before the head, bytes behind the end."""
    return planned(answer, answer.frames, WHOLE, framing=Framing("chunks", seed.pick("flaw", _HARMLESS)))


def closed_while_idle(_seed: Seed, answer: Answer) -> Plan:
    """The peer closes the connection when the answer is over, without a word of it."""
    return planned(answer, answer.frames, WHOLE, framing=Framing("chunks", "closed while idle"))
