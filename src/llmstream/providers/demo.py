"""The embedded default: a script in process, which answers over a real wire and says what it is."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Iterator

from llmstream.jsontext import dumps
from llmstream.providers._provider import Provider
from llmstream.values.content import Attachment, Citation, TextPart, ToolResultPart
from llmstream.values.events import (
    CitationOut,
    Done,
    Event,
    FinishReason,
    ImageOut,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
)
from llmstream.values.messages import Message
from llmstream.values.request import Request
from llmstream.values.usage import Usage
from llmstream.wire.openai_chat import OpenAIChatCodec
from llmstream.wire.openai_chat.quirks import Quirks

EVERY_KIND = "show every event kind"

_CAPITALS = {
    "austria": "Vienna",
    "brazil": "Brasília",
    "egypt": "Cairo",
    "france": "Paris",
    "germany": "Berlin",
    "hungary": "Budapest",
    "india": "New Delhi",
    "italy": "Rome",
    "japan": "Tokyo",
    "kenya": "Nairobi",
    "spain": "Madrid",
    "ukraine": "Kyiv",
}
_WHAT_I_AM = (
    "I am the demo model of llmstream: a short script in your own process, with no network behind it."
)


def script(request: Request) -> Iterator[Event]:
    """Answer by rule: the same request always gets the same events."""
    asked = _last_text(request.messages)
    if EVERY_KIND in asked.lower() and not _results(request.messages):
        yield from _every_kind(request)
        return
    yield from _words(0, _answer(request.messages, asked))
    yield _done(request, _answer(request.messages, asked))


def _answer(messages: tuple[Message, ...], asked: str) -> str:
    results = _results(messages)
    if results:
        said = "; ".join(f"{part.name or part.tool_call_id}: {part.output}" for part in results)
        return f"Your tools answered: {said}. {_WHAT_I_AM}"
    capital = _capital(asked)
    if capital is not None:
        return f"{capital}. ({_WHAT_I_AM})"
    turn = sum(message.role == "user" for message in messages)
    shown = asked if len(asked) <= 200 else f"{asked[:200]}…"
    return f"{_WHAT_I_AM} This is turn {turn}, and you wrote: {shown} — try “{EVERY_KIND}”."


def _results(messages: tuple[Message, ...]) -> list[ToolResultPart]:
    return [part for part in messages[-1].parts if isinstance(part, ToolResultPart)]


def _capital(asked: str) -> str | None:
    words = re.findall(r"[a-z]+", asked.lower())
    if "capital" not in words and len(words) > 3:
        return None
    return next((_CAPITALS[word] for word in words if word in _CAPITALS), None)


def _last_text(messages: tuple[Message, ...]) -> str:
    return next((message.text() for message in reversed(messages) if message.role == "user"), "")


def _words(index: int, text: str) -> Iterator[Event]:
    for word in re.findall(r"\s*\S+|\s+$", text):
        yield TextDelta(index, word)


def _every_kind(request: Request) -> Iterator[Event]:
    for word in ("First", " some", " reasoning", ",", " as", " a", " model", " shows", " it", "."):
        yield ReasoningDelta(0, word)
    text = "Now text, with a source behind it; then two calls at once, and an image."
    yield from _words(1, text)
    yield CitationOut(
        1,
        Citation(
            url="https://html.spec.whatwg.org/multipage/server-sent-events.html", title="Server-sent events"
        ),
    )
    yield from _calls(2)
    yield ImageOut(4, Attachment("image/png", data=_picture()))
    yield _done(request, text, reasoning=10, calls=True)


def _calls(first: int) -> Iterator[Event]:
    calls = (("get_weather", {"city": "Paris"}), ("get_time", {"zone": "Europe/Paris"}))
    for index, (name, _) in enumerate(calls, first):
        yield ToolCallStart(index, id=f"demo_{index}", name=name)
    for index, (_, arguments) in enumerate(calls, first):
        text = dumps(arguments)
        yield ToolCallArgsDelta(index, text[: len(text) // 2])
        yield ToolCallArgsDelta(index, text[len(text) // 2 :])
    for index, (_, arguments) in enumerate(calls, first):
        yield ToolCallEnd(index, arguments)


def _done(request: Request, text: str, *, reasoning: int = 0, calls: bool = False) -> Done:
    """The end, with usage counted in words: the demo has no tokens."""
    asked = (p.text for message in request.messages for p in message.parts if isinstance(p, TextPart))
    usage = Usage(
        input=sum(len(words.split()) for words in asked),
        output=len(text.split()) + reasoning,
        reasoning=reasoning,
    )
    reason: FinishReason = "tool_calls" if calls else "stop"
    return Done(finish_reason=reason, raw_finish_reason=reason, usage=usage, id="demo-1", model=request.model)


def _picture(side: int = 32) -> bytes:
    """A small square of colours as PNG; the chunks are those of the PNG specification, section 5."""
    rows = b"".join(
        b"\0" + b"".join(bytes((255 * x // side, 255 * y // side, 160)) for x in range(side))
        for y in range(side)
    )
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks: Iterable[tuple[bytes, bytes]] = (
        (b"IHDR", header),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


PROVIDER = Provider(
    name="demo",
    codec=OpenAIChatCodec(provider="demo", quirks=Quirks(assistant_images=True)),
    needs_key=False,
    local=True,
    default_model="demo",
    script=script,
)
