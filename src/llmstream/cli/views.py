"""What is shown of an answer, and where."""

from __future__ import annotations

from typing import Protocol

from llmstream.cli.neutral import one_line
from llmstream.cli.sink import Sink
from llmstream.jsontext import dumps
from llmstream.serial import event_to_json
from llmstream.values.content import Attachment, AttachmentPart, Citation, TextPart, ToolCallPart
from llmstream.values.events import (
    Event,
    ImageOut,
    ReasoningDelta,
    Restarted,
    TextDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultOut,
)
from llmstream.values.response import Response

_LONGEST_NOTE = 1000


class View(Protocol):
    """A way to show an answer."""

    async def show(self, event: Event, /) -> None:
        """Show an event as it comes."""
        ...

    async def end(self, response: Response, /) -> None:
        """Show what only the whole answer tells, as far as it came."""
        ...

    async def close(self) -> None:
        """Leave the streams at the beginning of a line, where a person reads along."""
        ...


class JSONLines:
    """Each event as one line of JSON on standard output."""

    def __init__(self, out: Sink) -> None:
        self._out = out

    async def show(self, event: Event, /) -> None:
        """Write an event."""
        await self._out.write(event_to_json(event).decode() + "\n")

    async def end(self, response: Response, /) -> None:
        """Add nothing: the events have said it."""

    async def close(self) -> None:
        """Every line is whole."""


class Prose:
    """Text on standard output; reasoning, and one line for each other thing, on standard error."""

    def __init__(self, out: Sink, err: Sink, *, hide_reasoning: bool = False) -> None:
        self._out = out
        self._err = err
        self._hide_reasoning = hide_reasoning
        self._one_screen = out.terminal and err.terminal
        self._reasoning: int | None = None
        self._calls: dict[int, str] = {}

    async def show(self, event: Event, /) -> None:
        """Show an event, if there is anything to see of it."""
        match event:
            case TextDelta(text=text) if text:
                await self._err.end_line()
                await self._out.write(text)
            case ReasoningDelta(index=index, text=text) if text and not self._hide_reasoning:
                await self._reason(index, text)
            case ToolCallStart(index=index, name=name):
                self._calls[index] = name
            case ToolCallEnd(index=index, arguments=arguments):
                await self._note(f"→ {self._calls.pop(index, '')}({dumps(arguments)})")
            case ToolResultOut(name=name, output=output, error=error):
                await self._note(f"← {name}: {_written(output) if error is None else f'error: {error}'}")
            case ImageOut(attachment=image, partial=False):
                await self._note(f"image: {_described(image)}")
            case Restarted(reason=reason):
                await self._note(f"restarted: {reason}")
            case _:
                pass

    async def end(self, response: Response, /) -> None:
        """Show the calls that have no arguments to show, sound, and the sources of the text."""
        sources: dict[str, None] = {}
        for index, part in enumerate(response.parts):
            match part:
                case ToolCallPart(name=name, raw=raw) if index in self._calls:
                    await self._note(f"→ {name}({raw})")
                case AttachmentPart(attachment=sound, transcript=said) if _is_sound(sound):
                    await self._note(f"sound: {_described(sound)}{f': {said}' if said else ''}")
                case TextPart(citations=citations):
                    sources.update(dict.fromkeys(map(_source, citations)))
                case _:
                    pass
        for number, source in enumerate(sources, 1):
            await self._note(f"[{number}] {source}")

    async def close(self) -> None:
        """End the lines that are open; of standard output only on a terminal."""
        await self._err.end_line()
        if self._out.terminal:
            await self._out.end_line()

    async def _reason(self, index: int, text: str) -> None:
        if index != self._reasoning:
            await self._err.end_line()
            self._reasoning = index
        await self._leave_text()
        await self._err.write(text, faint=True)

    async def _note(self, line: str) -> None:
        await self._err.end_line()
        await self._leave_text()
        await self._err.write(one_line(_shortened(line)) + "\n", faint=True)

    async def _leave_text(self) -> None:
        """Break the line of the answer's text on the screen that both streams share, not in the text."""
        if self._one_screen and self._out.midline:
            await self._err.write("\n")
            self._out.midline = False


def _written(value: object) -> str:
    return value if isinstance(value, str) else dumps(value)


def _shortened(line: str) -> str:
    return line if len(line) <= _LONGEST_NOTE else f"{line[:_LONGEST_NOTE]}… ({len(line)} characters)"


def _is_sound(attachment: Attachment) -> bool:
    return (attachment.media_type or "").startswith("audio/")


def _described(attachment: Attachment) -> str:
    media_type = attachment.media_type or "of unknown type"
    if attachment.data is not None:
        return f"{media_type}, {len(attachment.data)} bytes"
    return f"{media_type}, {attachment.url or attachment.file_id or attachment.name}"


def _source(citation: Citation) -> str:
    words = (citation.title, citation.url) if citation.title or citation.url else (citation.cited_text,)
    return ": ".join(word for word in words if word) or "a source without a name"
