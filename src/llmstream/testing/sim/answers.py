"""Answers for a peer to give: random events by the grammar, and the bytes that say them on a wire.

Leaner than the strategies of hypothesis: what is drawn here is drawn ten thousand times in a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

import attrs

from llmstream import wire
from llmstream.errors import UnsupportedError
from llmstream.jsontext import JSONObject, dumps
from llmstream.testing.sim.seed import Seed
from llmstream.values.events import (
    Done,
    Event,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
)
from llmstream.values.messages import user
from llmstream.values.request import Request
from llmstream.values.usage import Usage
from llmstream.wire.codec import Codec
from llmstream.wire.http import HttpRequest, ResponseHead

DIALECTS: tuple[str, ...] = (
    "openai-chat",
    "openai-responses",
    "anthropic",
    "gemini",
    "ollama",
    "bedrock",
    "openai-completions",
)
MODEL = "sim-1"

# Each of the later ones has broken a framer, a JSON reader or a splitter of lines once.
_WORDS = (
    "The ", "answer", " is", " forty", "-two", ".", " Yes", ", ", "no", "\n",
    "\u2028", "\x85", "\r\n", "\n\n", "😀", " é", '"', "\\", "data: ", "[DONE]", "\ufeff", "</s>", "{", ": ",
)  # fmt: skip
_FINISHES: tuple[FinishReason, ...] = ("stop", "stop", "length")
_VALUES: tuple[JSONObject, ...] = (
    {},
    {"city": "Zürich"},
    {"n": 3, "deep": {"list": [1, None, True, "a\nb"]}},
    {"quote": '"\\', "emoji": "😀", "float": 0.25},
)


@attrs.frozen
class Answer:
    """What a peer says when nothing goes wrong.

    Attributes:
        request: what was asked, as a server of the wire reads it.
        said: what the peer's model made.
        events: what a client of the wire sees of it, Done included.
        frames: the bytes of the body, in the pieces that the events made.
        ending: the first of `frames` that say how the answer ended; without those it is not complete.
    """

    codec: Codec
    request: Request
    said: tuple[Event, ...]
    events: tuple[Event, ...]
    head: ResponseHead
    frames: tuple[bytes, ...]
    ending: int

    @property
    def body(self) -> bytes:
        """All of the body."""
        return b"".join(self.frames)

    @property
    def ends_at(self) -> int:
        """The offset in the body from which on it may be complete."""
        return sum(map(len, self.frames[: self.ending]))


@cache
def codec_of(dialect: str) -> Codec:
    """The codec of a dialect, found once."""
    return wire.find(dialect)


def answer(seed: Seed, codec: Codec, http: HttpRequest | None = None) -> Answer:
    """A random answer to a call; without `http`, to any.

    A dialect that cannot say what was drawn says a text.
    """
    request = codec.server.request(http or codec.encode(Request(MODEL, [user("Hello")])))
    drawn = draw(seed)
    try:
        return encoded(codec, request, drawn)
    except UnsupportedError:
        return encoded(codec, request, (*_text(seed, 0), Done(finish_reason="stop")))


def encoded(codec: Codec, request: Request, events: Iterable[Event]) -> Answer:
    """The answer that says such events.

    Raises:
        UnsupportedError: when the wire cannot say them.
    """
    said = tuple(events)
    seen = codec.server.canonical(said)
    encoder = codec.server.encoder(request)
    frames: list[bytes] = []
    ending = 0
    for event in said:
        ending = len(frames)
        frames += [piece for piece in encoder.feed(event) if piece]
    frames += [piece for piece in encoder.feed_eof() if piece]
    return Answer(codec, request, said, seen, codec.server.head(request), tuple(frames), ending)


def draw(seed: Seed) -> tuple[Event, ...]:
    """Random events of one answer, by the grammar, with a Done that says why it ended."""
    makers = [seed.pick("part", _PARTS) for _ in range(seed.count("parts", 1, 3))]
    events: list[Event] = []
    for make in makers:
        events += make(seed, _next_index(events))
    called = any(isinstance(event, ToolCallStart) for event in events)
    reason: FinishReason = "tool_calls" if called else seed.pick("finish", _FINISHES)
    usage = Usage(input=seed.count("input", 1, 99), output=seed.count("output", 1, 99))
    return (*events, Done(finish_reason=reason, usage=usage, id="sim-answer", model=MODEL))


def _next_index(events: Sequence[Event]) -> int:
    return 1 + max((getattr(event, "index", -1) for event in events), default=-1)


def _pieces(seed: Seed) -> list[str]:
    return [seed.pick("word", _WORDS) for _ in range(seed.count("words", 1, 6))]


def _text(seed: Seed, index: int) -> list[Event]:
    return [TextDelta(index, piece) for piece in _pieces(seed)]


def _reasoning(seed: Seed, index: int) -> list[Event]:
    return [ReasoningDelta(index, piece) for piece in _pieces(seed)]


def _call(seed: Seed, index: int) -> list[Event]:
    arguments = seed.pick("arguments", _VALUES)
    text = dumps(arguments)
    cut = seed.count("cut of arguments", 1, len(text))
    pieces = [piece for piece in (text[:cut], text[cut:]) if piece]
    return [
        ToolCallStart(index, id=f"call_{index}_x", name="look_up"),
        *(ToolCallArgsDelta(index, piece) for piece in pieces),
        ToolCallEnd(index, arguments),
    ]


_PARTS: tuple[Callable[[Seed, int], list[Event]], ...] = (_text, _text, _text, _reasoning, _call)
