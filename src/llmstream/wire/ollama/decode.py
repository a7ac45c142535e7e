"""From the lines of the wire to events.

https://docs.ollama.com/api/chat and https://docs.ollama.com/api/streaming

The wire marks no boundaries: thinking and text each go on until something else comes, and a return to them
opens a new part. A call comes whole, in one line. The line that has `done` makes the answer complete and
ends it, and has the usage; a line that has an `error` ends it too. A whole body is one such line.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias, TypeVar

import msgspec

from llmstream.errors import LLMStreamError, TruncatedStreamError, WireError
from llmstream.jsontext import JSON, JSONObject, as_list, as_object, dumps, loads, loads_object
from llmstream.values.content import Attachment
from llmstream.values.events import (
    Done,
    Event,
    ImageOut,
    PartMetadata,
    Raw,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    text_delta,
)
from llmstream.values.usage import Usage
from llmstream.wire.codec import Ids, counter
from llmstream.wire.failures import failure
from llmstream.wire.framing import Frame
from llmstream.wire.logprobs import logprobs_of
from llmstream.wire.ollama._names import END_METADATA, WIRE_ID, finish_of
from llmstream.wire.ollama.frames import Line, Message, is_cut, line_of, malformed, reread

_ErrorT = TypeVar("_ErrorT", bound=LLMStreamError)
_Open: TypeAlias = Literal["text", "reasoning", "other"]

_MAGIC = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"RIFF", "image/webp"))


class OllamaDecoder:
    """A stage from the lines of one response body to its events; what follows `done` is passed over.

    Raises:
        ProviderError: when a line says that the server gave up.
        MalformedFrameError: when a line is none of an answer; it has the line's number and an excerpt.
        TruncatedStreamError: when the body ends before the answer was done.
    """

    def __init__(self, provider: str, *, ids: Ids | None = None, raw: bool = False) -> None:
        self._provider = provider
        self._ids = ids or counter()
        self._raw = raw
        self._number = 0
        self._text = ""
        # A line that ends in the middle: the body's end if nothing follows, else broken.
        self._cut: WireError | None = None
        self._count = 0
        self._index = -1
        self._open: _Open = "other"
        self._used: set[str] = set()
        self._model: str | None = None
        self._last = Line()
        self._ended = False

    def feed(self, frame: Frame, /) -> Iterable[Event]:
        """Take one line."""
        if self._cut is not None:
            raise self._told(self._cut)
        self._number += 1
        text = self._text = frame.data
        try:
            line = line_of(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return self._odd(text)
        return self._shown(line) if self._raw else self.line(line)

    def feed_eof(self) -> Iterable[Event]:
        """Say that the body has ended."""
        if self._ended:
            return ()
        got = f"the end of the body after {self._number} lines" if self._number else "an empty body"
        raise self._told(TruncatedStreamError(f"expected a line that is done, got {got}"))

    def line(self, line: Line, /) -> Iterable[Event]:
        """Take one line that was read already."""
        if self._ended:
            return ()
        if line.model.__class__ is str and line.model:
            self._model = line.model
        if line.error:
            raise self._told(failure(loads(self._text), self._text, phase="stream"))
        message = line.message
        if message is None:
            if line.response is None and line.thinking is None and not line.done:
                raise self._told(malformed("it has no message", self._text, self._number))
            message = Message(content=line.response, thinking=line.thinking)
        out: list[Event] = []
        try:
            self._add(message, line.logprobs, out)
        except WireError as error:
            return _then(out, self._told(error))
        if line.done:
            self._ended, self._last = True, line
            out.append(self._ending())
        return out

    def _odd(self, text: str) -> Iterable[Event]:
        """Take a line that is no object of JSON, or one that only a lenient reader reads."""
        if self._ended:
            return ()
        try:
            line = reread(text, self._number)
        except WireError as error:
            if is_cut(text):
                self._cut = error
                return ()
            raise self._told(error) from error.__cause__
        return self._shown(line) if self._raw else self.line(line)

    def _shown(self, line: Line) -> Iterator[Event]:
        if not self._ended:
            yield Raw(loads(self._text))
        yield from self.line(line)

    def _add(self, message: Message, beside: JSON, out: list[Event]) -> None:
        thinking, content = message.thinking, message.content
        if thinking:
            index = self._index if self._open == "reasoning" else self._next("reasoning")
            out.append(ReasoningDelta(index, self._str(thinking)))
        if beside:
            # They stand beside the thinking too, which has no place for them.
            logprobs = () if thinking and not content else logprobs_of({"content": beside})
            if content or (logprobs and self._open == "text"):
                index = self._index if self._open == "text" else self._next("text")
                out.append(TextDelta(index, self._str(content or ""), logprobs))
        elif content:
            # Nearly all lines are this one.
            index = self._index if self._open == "text" else self._next("text")
            out.append(text_delta(index, content if content.__class__ is str else self._str(content)))
        if message.images:
            images = map(self._image, self._list(message.images))
            out.extend(ImageOut(self._next("other"), image) for image in images)
        if message.tool_calls:
            for call in self._list(message.tool_calls):
                self._call(as_object(call), out)

    def _next(self, kind: _Open) -> int:
        index = self._index = self._count
        self._count += 1
        self._open = kind
        return index

    def _call(self, call: JSONObject, out: list[Event]) -> None:
        function = as_object(call.get("function"))
        name = function.get("name")
        if not (isinstance(name, str) and name):
            raise malformed("a tool call has no name", self._text, self._number)
        # Older servers give neither id nor index (corpus: ollama/prism-stream-multi-tool-conversation-1-0).
        given = call.get("id")
        id = given if isinstance(given, str) and given else self._ids()
        while id in self._used:
            id = self._ids()
        self._used.add(id)
        index = self._next("other")
        out.append(ToolCallStart(index, id=id, name=name))
        if isinstance(given, str) and given not in {"", id}:
            out.append(PartMetadata(index, self._provider, {WIRE_ID: given}))
        self._arguments(index, function.get("arguments"), out)

    def _arguments(self, index: int, given: JSON, out: list[Event]) -> None:
        """Give arguments: an object, or text where a server does as others do."""
        text = given if isinstance(given, str) else dumps({} if given is None else given)
        arguments = loads_object(text) if text.strip() else {}
        if text:
            out.append(ToolCallArgsDelta(index, text))
        if arguments is not None:
            out.append(ToolCallEnd(index, arguments))

    def _image(self, text: JSON) -> Attachment:
        try:
            data = b64decode(self._str(text), validate=True)
        except (binascii.Error, ValueError):
            raise malformed("an image is no base64", self._text, self._number) from None
        media_type = next((kind for magic, kind in _MAGIC if data.startswith(magic)), "image/*")
        return Attachment(media_type, data=data)

    def _ending(self) -> Done:
        last = self._last
        raw = last.done_reason if isinstance(last.done_reason, str) and last.done_reason else None
        about = {name: value for name in END_METADATA if (value := getattr(last, name))}
        return Done(
            finish_reason=finish_of(raw, calls=bool(self._used)),
            raw_finish_reason=raw,
            usage=_usage(last),
            model=self._model,
            provider_metadata={self._provider: about} if about else {},
        )

    def _told(self, error: _ErrorT) -> _ErrorT:
        """Put what is known of the answer as a whole on the error that ends it."""
        error.ending = self._ending()
        return error

    def _str(self, value: JSON) -> str:
        if not isinstance(value, str):
            raise malformed(f"{type(value).__name__} where text is due", self._text, self._number)
        return value

    def _list(self, value: JSON) -> list[JSON]:
        if not isinstance(value, list):
            raise malformed(f"{type(value).__name__} where a list is due", self._text, self._number)
        return as_list(value)


def _usage(line: Line) -> Usage | None:
    """The counts; that of a prompt which is cached may be absent."""
    counts = [line.prompt_eval_count, line.eval_count]
    if not any(isinstance(count, int) for count in counts):
        return None
    read, written = (count if isinstance(count, int) else 0 for count in counts)
    return Usage(input=read, output=written)


def _then(events: list[Event], error: LLMStreamError) -> Iterator[Event]:
    """Give the events that came before a failure, then raise it."""
    yield from events
    raise error
