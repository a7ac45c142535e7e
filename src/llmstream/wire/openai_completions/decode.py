"""From the frames of the wire to events.

https://platform.openai.com/docs/api-reference/completions/object

A frame holds pieces of the texts of choices; only choice 0 is read. A finish reason makes the answer
complete, `[DONE]` or the end of the body ends it. A whole body is one such frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar, cast

import msgspec

from llmstream.errors import LLMStreamError, MalformedFrameError, TruncatedStreamError
from llmstream.jsontext import JSON, JSONError, JSONObject, as_list, as_object, loads
from llmstream.values.content import Logprob
from llmstream.values.events import Done, Event, FinishReason, Raw, TextDelta
from llmstream.values.usage import Usage
from llmstream.wire.failures import failure
from llmstream.wire.framing import Frame

_ErrorT = TypeVar("_ErrorT", bound=LLMStreamError)

_EXCERPT = 200
_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    # what our own server half says of answers that came over other wires
    "tool_calls": "tool_calls",
    "refusal": "refusal",
    "pause": "pause",
    "error": "error",
    "budget": "budget",
}


class Choice(msgspec.Struct, gc=False):
    """One of the answers in a frame."""

    index: JSON = None
    text: JSON = None
    finish_reason: JSON = None
    logprobs: JSON = None


class Chunk(msgspec.Struct, gc=False):
    """One frame."""

    choices: list[Choice] | None = None
    id: JSON = None
    model: JSON = None
    usage: JSON = None
    error: JSON = None
    system_fingerprint: JSON = None


_chunk_of = msgspec.json.Decoder(Chunk).decode


class CompletionsDecoder:
    """A stage from the frames of one response body to its events; what follows `[DONE]` is passed over.

    Raises:
        ProviderError: when a frame says that the provider gave up.
        MalformedFrameError: when a frame is no chunk; it has the frame's number and an excerpt.
        TruncatedStreamError: when the body ends before the answer was complete.
    """

    def __init__(self, provider: str, *, raw: bool = False) -> None:
        self._provider = provider
        self._raw = raw
        self._number = 0
        self._text = ""
        self._begun = False
        self._ended = False
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._id: str | None = None
        self._model: str | None = None
        self._metadata: JSONObject = {}

    def feed(self, frame: Frame, /) -> Iterable[Event]:
        """Take one frame."""
        self._number += 1
        text = self._text = frame.data
        if self._ended or not text.strip():
            return ()
        if text.strip() == "[DONE]":
            return self.end() if self._begun else ()
        try:
            chunk = _chunk_of(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            chunk = self._reread(text)
        return self._shown(chunk) if self._raw else self.chunk(chunk)

    def feed_eof(self) -> Iterable[Event]:
        """Say that the body has ended."""
        if self._ended:
            return ()
        if self._finish is None:
            got = f"the end of the body after {self._number} frames" if self._number else "an empty body"
            raise self._told(TruncatedStreamError(f"expected a finish reason or [DONE], got {got}"))
        return self.end()

    def chunk(self, chunk: Chunk, /) -> Iterable[Event]:
        """Take one frame that was read already."""
        self._id = chunk.id if isinstance(chunk.id, str) and chunk.id else self._id
        self._model = chunk.model if isinstance(chunk.model, str) and chunk.model else self._model
        if chunk.system_fingerprint:
            self._metadata = {"system_fingerprint": chunk.system_fingerprint}
        self._usage = _usage(as_object(chunk.usage)) or self._usage
        if chunk.error:
            raise self._told(failure(loads(self._text), self._text, phase="stream"))
        out: list[Event] = []
        for choice in chunk.choices or ():
            if not choice.index:
                self._choice(choice, out)
        return out

    def end(self) -> Iterable[Event]:
        """End the answer, as `[DONE]` does."""
        self._ended = True
        return (self._ending(),)

    def _choice(self, choice: Choice, out: list[Event]) -> None:
        self._begun = True
        text, finish = choice.text or "", choice.finish_reason
        if not isinstance(text, str) or not isinstance(finish, str | None):
            raise self._told(self._malformed("no string where text is due"))
        logprobs = _logprobs(as_object(choice.logprobs)) if choice.logprobs else ()
        if text or logprobs:
            out.append(TextDelta(0, text, logprobs))
        self._finish = finish or self._finish

    def _shown(self, chunk: Chunk) -> Iterator[Event]:
        yield Raw(loads(self._text))
        yield from self.chunk(chunk)

    def _reread(self, text: str) -> Chunk:
        """Read a frame that the fast path refused."""
        try:
            return msgspec.convert(loads(text), Chunk)
        except (JSONError, msgspec.ValidationError) as error:
            if text.startswith("{") and not text.rstrip().endswith("}"):
                cut = TruncatedStreamError("expected a whole JSON body, got one that is cut off")
                raise self._told(cut) from error
            raise self._told(self._malformed(str(error))) from error

    def _ending(self) -> Done:
        return Done(
            finish_reason=None if self._finish is None else _FINISH.get(self._finish, "other"),
            raw_finish_reason=self._finish,
            usage=self._usage,
            id=self._id,
            model=self._model,
            provider_metadata={self._provider: self._metadata} if self._metadata else {},
        )

    def _malformed(self, why: str) -> MalformedFrameError:
        got = f"{self._text[:_EXCERPT]!r} in frame {self._number}: {why}"
        return MalformedFrameError(f"expected a completion chunk, got {got}")

    def _told(self, error: _ErrorT) -> _ErrorT:
        """Put what is known of the answer as a whole on the error that ends it."""
        error.ending = self._ending()
        return error


def _usage(usage: JSONObject) -> Usage | None:
    if not isinstance(usage.get("prompt_tokens"), int):
        return None
    return Usage(
        input=usage["prompt_tokens"],
        output=_count(usage, "completion_tokens"),
        cached_input=_count(as_object(usage.get("prompt_tokens_details")), "cached_tokens"),
        reasoning=_count(as_object(usage.get("completion_tokens_details")), "reasoning_tokens"),
    )


def _count(record: JSONObject, name: str) -> int:
    count = record.get(name)
    return count if isinstance(count, int) else 0


def _logprobs(record: JSONObject) -> tuple[Logprob, ...]:
    """Read the lists of this wire: tokens, their numbers, and the likeliest in the place of each."""
    tokens, numbers = as_list(record.get("tokens")), as_list(record.get("token_logprobs"))
    likely = [*as_list(record.get("top_logprobs")), *[None] * len(tokens)]
    return tuple(
        Logprob(
            token,
            float(number),
            top=tuple(Logprob(other, float(value)) for other, value in _numbers(top)),
        )
        for token, number, top in zip(tokens, numbers, likely, strict=False)
        # The first token of a prompt that is echoed has none.
        if isinstance(token, str) and isinstance(number, int | float)
    )


def _numbers(likely: JSON) -> Iterator[tuple[str, float]]:
    for token, number in as_object(likely).items():
        if isinstance(number, int | float):
            yield token, cast("float", number)
