"""From the frames of the wire to events.

https://platform.openai.com/docs/api-reference/chat-streaming

A frame holds deltas of choices; only choice 0 is read. What is open at any time is in `Parts` and `Calls`;
this module says which field of a delta goes where, and when the answer is over: a finish reason makes it
complete, `[DONE]` or the end of the body ends it, and only then is `Done` given, so that usage that comes
late is in it and an error that comes late wins. A whole body is one frame whose choice has a `message` for
a `delta`; it needs no finish reason.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from llmstream.errors import LLMStreamError, ProviderError, TruncatedStreamError, WireError
from llmstream.jsontext import JSON, JSONError, JSONObject, as_list, as_object, loads
from llmstream.values.events import Done, Event, FinishReason, ImageOut, Raw, text_delta
from llmstream.wire.codec import Ids, counter
from llmstream.wire.dataurl import attachment_of
from llmstream.wire.failures import failure
from llmstream.wire.framing import Frame
from llmstream.wire.logprobs import logprobs_of
from llmstream.wire.openai_chat._calls import Calls
from llmstream.wire.openai_chat._names import CHOICE_METADATA, DELTA_METADATA, FRAME_METADATA, finish_of
from llmstream.wire.openai_chat._parts import Parts, detail_text
from llmstream.wire.openai_chat._records import citation_of, usage_of
from llmstream.wire.openai_chat.frames import (
    Choice,
    Chunk,
    Delta,
    chunk_from,
    chunk_of,
    malformed,
    plain_chunk_of,
    reread,
)
from llmstream.wire.openai_chat.quirks import Quirks

_PLAIN_TRIES = 3

_ErrorT = TypeVar("_ErrorT", bound=LLMStreamError)


class ChatDecoder:
    """A stage from the frames of one response body to its events.

    What follows `[DONE]` is passed over; a `[DONE]` before any choice says nothing.

    Raises:
        ProviderError: when a frame says that the provider gave up.
        MalformedFrameError: when a frame is no chunk; it has the frame's number and an excerpt.
        TruncatedStreamError: when the body ends before the answer was complete.
    """

    plain_head = b"data: "

    def __init__(self, provider: str, quirks: Quirks, *, ids: Ids | None = None, raw: bool = False) -> None:
        self._quirks = quirks
        self._raw = raw
        self._parts = Parts(provider)
        self._calls = Calls(self._parts, ids or counter())
        self._number = 0
        self._text = ""
        self._id: str | None = None
        self._model: str | None = None
        self._usage: JSONObject | None = None
        self._finish: str | None = None
        self._metadata: JSONObject = {}
        self._cited = 0
        self._begun = False
        # How often in a row the short way may still fail before it is given up.
        self._plain = 0
        self._refused = False
        self._whole = False
        self._ended = False

    def feed(self, frame: Frame, /) -> Iterable[Event]:
        """Take one frame."""
        if frame.event != "error":
            out: list[Event] = []
            if self.plain(frame.data, out):
                return out
        self._number += 1
        self._text = frame.data
        try:
            chunk = chunk_of(frame.data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return self._odd(frame)
        if self._raw or frame.event == "error":
            return self._slow(frame, chunk)
        return self.chunk(chunk)

    def plain(self, data: bytes | str, out: list[Event], /) -> bool:
        """Take the data of a frame that lengthens the text; as `wire.plain.PlainDecoder`.

        `chunk` would give the same, at twice the price.
        """
        if not self._plain or self._parts.kind != "text":
            return False
        try:
            chunk = plain_chunk_of(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            self._plain -= 1
            return False
        self._number += 1
        self._plain = _PLAIN_TRIES
        self._id = chunk.id or self._id
        self._model = chunk.model or self._model
        content = chunk.choices[0].delta.content
        if content:
            out.append(text_delta(self._parts.index, content))
        return True

    def feed_eof(self) -> Iterable[Event]:
        """Say that the body has ended."""
        if self._ended:
            return ()
        if self._finish is None and not self._whole:
            got = f"the end of the body after {self._number} frames" if self._number else "an empty body"
            raise self._told(TruncatedStreamError(f"expected a finish reason or [DONE], got {got}"))
        return self.end()

    def chunk(self, chunk: Chunk, /) -> Iterable[Event]:
        """Take one frame that was read already."""
        if self._ended:
            return ()
        out: list[Event] = []
        if chunk.id.__class__ is str and chunk.id:
            self._id = chunk.id
        if chunk.model.__class__ is str and chunk.model:
            self._model = chunk.model
        ours: Choice | None = None
        try:
            for choice in chunk.choices or ():
                if not choice.index:
                    self._choice(choice, out)
                    ours = choice
            if ours is None or chunk.usage or self._finish or not self._begun:
                self._note(chunk, ours)
            if chunk.citations or chunk.search_results:
                self._cite(chunk, out)
        except WireError as error:
            return _then(out, self._told(error))
        if chunk.error or (chunk.choices is None and (chunk.message or chunk.detail)):
            return _then(out, self._failure())
        return out

    def _odd(self, frame: Frame) -> Iterable[Event]:
        """Take a frame that is no object of JSON, or one that only a lenient reader reads."""
        text = frame.data.strip()
        if self._ended or not text:
            return ()
        if text == "[DONE]":
            return self.end() if self._begun else ()
        if frame.event == "error":
            raise self._failure()
        try:
            value = reread(text, self._number, whole=not frame.event)
            if alone := as_list(value):
                # google-compat: an error may come as a list of one
                value = alone[0]
            return self._slow(frame, chunk_from(value, text, self._number))
        except WireError as error:
            self._told(error)
            raise

    def _slow(self, frame: Frame, chunk: Chunk) -> Iterator[Event]:
        if self._raw and not self._ended:
            yield Raw(loads(frame.data))
        if frame.event == "error" and not self._ended:
            raise self._failure()
        yield from self.chunk(chunk)

    def _choice(self, choice: Choice, out: list[Event]) -> None:
        delta = choice.delta
        if delta is None:
            delta = choice.message
            self._whole = self._whole or delta is not None
        if delta is not None:
            if delta.reasoning_content or delta.reasoning or delta.reasoning_details:
                self._reasoning(delta, out)
            if delta.executed_tools:
                self._calls.executed(self._list(delta.executed_tools), out)
            content, parts = delta.content, self._parts
            if choice.logprobs or delta.refusal or content.__class__ is not str or parts.kind != "text":
                self._spoken(delta, choice.logprobs, out)
            elif content:
                # Nearly all frames are this one: more of the text that is open.
                out.append(text_delta(parts.index, content))
            if (
                delta.annotations
                or delta.images
                or delta.audio
                or delta.function_call
                or delta.provider_metadata
            ):
                self._rest(delta, out)
            if delta.tool_calls:
                self._calls.feed(delta.tool_calls, out)
        finish = choice.finish_reason
        if finish:
            if not isinstance(finish, str):
                raise self._malformed("the finish reason is no string")
            self._finish, self._plain = finish, 0
            self._close(out)

    def _reasoning(self, delta: Delta, out: list[Event]) -> None:
        """Give reasoning once, though it may stand in two or three fields of one delta.

        openrouter, vercel, doubleword: details repeat the text
        (corpus: openai-chat/openrouter/fantasy-grok-multi_tool_streaming-1); vllm: two fields the same.
        """
        plain = delta.reasoning_content or delta.reasoning
        details = [as_object(entry) for entry in self._list(delta.reasoning_details)]
        if plain and not any(map(detail_text, details)):
            out.append(self._parts.reasoning(self._str(plain)))
        for detail in details:
            out += self._parts.detail(detail)

    def _spoken(self, delta: Delta, beside: JSON, out: list[Event]) -> None:
        """Take visible text; what stands beside it belongs to the first of it."""
        parts, content = self._parts, delta.content
        logprobs = logprobs_of(beside) if beside else ()
        if content.__class__ is str and (content or (logprobs and parts.kind == "text")):
            out.append(parts.text(content, logprobs))
            logprobs = ()
        elif content:
            for item in self._list(content):
                self._item(item, out)
        refusal = self._str(delta.refusal or "")
        if refusal or (logprobs and parts.kind == "refusal"):
            self._refused = self._refused or bool(refusal)
            out.append(parts.text(refusal, logprobs, refusal=True))

    def _item(self, item: JSON, out: list[Event]) -> None:
        """Take one part of a content that is a list.

        mistral, while it thinks (corpus: mistral/ddpy-mistral_v1_chat_completions_post_ccfa08da-0)
        """
        if isinstance(item, str):
            item = {"type": "text", "text": item}
        part = as_object(item)
        match part.get("type"):
            case "text" if part.get("text"):
                out.append(self._parts.text(self._str(part["text"])))
            case "thinking":
                inner = part.get("thinking")
                texts = self._list(inner) if isinstance(inner, list) else [{"text": inner or ""}]
                spoken = [as_object(text).get("text") for text in texts]
                rest = {k: v for k, v in part.items() if k not in _THOUGHT and v is not None}
                out += self._parts.block("".join(self._str(text or "") for text in spoken), rest)
            case "image_url":
                self._image(part, out)
            case _:
                pass

    def _rest(self, delta: Delta, out: list[Event]) -> None:
        """Take what few deltas have."""
        self._sources(filter(None, map(as_object, self._list(delta.annotations))), out)
        for image in self._list(delta.images):
            self._image(image, out)
        if delta.audio:
            self._audio(as_object(delta.audio), out)
        if delta.function_call is not None:
            self._calls.legacy(delta.function_call, out)
        if delta.provider_metadata:
            self._metadata[DELTA_METADATA] = delta.provider_metadata

    def _image(self, entry: JSON, out: list[Event]) -> None:
        """Take an image (corpus: openai-chat/openrouter/synthetic/image-out)."""
        link = as_object(entry).get("image_url") or entry
        url = as_object(link).get("url") or link
        attachment = attachment_of(self._str(url))
        if attachment is None:
            raise self._malformed("the image is no base64")
        out.append(ImageOut(self._parts.open(), attachment))

    def _audio(self, audio: JSONObject, out: list[Event]) -> None:
        try:
            data = b64decode(self._str(audio.get("data") or ""), validate=True)
        except (binascii.Error, ValueError):
            raise self._malformed("the audio is no base64") from None
        about = {name: audio[name] for name in ("id", "expires_at") if audio.get(name)}
        out += self._parts.audio(data, self._str(audio.get("transcript") or ""), about)

    def _cite(self, chunk: Chunk, out: list[Event]) -> None:
        """Take lists of sources, which grow, or stay, from frame to frame."""
        # perplexity (corpus: openai-chat/perplexity/...ream_raw_round_trips_terminal_type-0)
        results = [as_object(result) for result in self._list(chunk.search_results)]
        links = [link for link in self._list(chunk.citations) if isinstance(link, str)]
        known = {str(result.get("url")): result for result in results}
        sources = [known.get(link) or _linked(link) for link in links] or results
        self._sources(sources[self._cited :], out)
        self._cited = max(self._cited, len(sources))

    def _sources(self, entries: Iterable[JSONObject], out: list[Event]) -> None:
        parts = self._parts
        out += [parts.citation(citation_of(one, parts.provider, spans=parts.spans)) for one in entries]

    def _note(self, chunk: Chunk, choice: Choice | None) -> None:
        """Keep what belongs to the end of the answer: usage and metadata, the last of each."""
        for name in FRAME_METADATA:
            if value := getattr(chunk, name):
                self._metadata[name] = value
        usages = [chunk.usage]
        if choice is not None:
            if not self._begun:
                self._begun, self._plain = True, 0 if self._raw else _PLAIN_TRIES
            for name in CHOICE_METADATA:
                if value := getattr(choice, name):
                    self._metadata[name] = value
            # moonshot: usage stands in the choice
            usages.append(choice.usage)
        # groq: usage may stand here alone (corpus: openai-chat/groq/...oq_model_web_search_tool_stream-0)
        usages.append(as_object(chunk.x_groq).get("usage"))
        for usage in usages:
            if usage := as_object(usage):
                self._usage = usage
                break

    def _close(self, out: list[Event]) -> None:
        self._calls.close(out, cut=self._reason() == "length")

    def _reason(self) -> FinishReason | None:
        return finish_of(self._finish, calls=self._calls.made, refused=self._refused)

    def end(self) -> Iterable[Event]:
        """End the answer, as `[DONE]` does."""
        self._ended = True
        out: list[Event] = []
        try:
            self._close(out)
        except WireError as error:
            return _then(out, self._told(error))
        return [*out, self._ending()]

    def _ending(self) -> Done:
        excludes = self._quirks.output_excludes_reasoning
        return Done(
            finish_reason=self._reason(),
            raw_finish_reason=self._finish,
            usage=usage_of(self._usage, output_excludes_reasoning=excludes) if self._usage else None,
            id=self._id,
            model=self._model,
            provider_metadata={self._parts.provider: self._metadata} if self._metadata else {},
        )

    def _told(self, error: _ErrorT) -> _ErrorT:
        """Put what is known of the answer as a whole on the error that ends it."""
        error.ending = self._ending()
        return error

    def _failure(self) -> ProviderError:
        try:
            payload = loads(self._text)
        except JSONError:
            payload = self._text
        return self._told(failure(payload, self._text, phase="stream"))

    def _str(self, value: JSON) -> str:
        if not isinstance(value, str):
            raise self._malformed(f"{type(value).__name__} where text is due")
        return value

    def _list(self, value: JSON) -> list[JSON]:
        if isinstance(value, list):
            return as_list(value)
        if isinstance(value, dict):
            return [as_object(value)]
        if value:
            raise self._malformed(f"{type(value).__name__} where a list is due")
        return []

    def _malformed(self, why: str) -> WireError:
        return malformed(why, self._text, self._number)


_THOUGHT = {"type", "thinking", "closed"}


def _linked(url: str) -> JSONObject:
    return {"type": "url_citation", "url_citation": {"url": url}}


def _then(events: list[Event], error: LLMStreamError) -> Iterator[Event]:
    """Give the events that came before a failure, then raise it."""
    yield from events
    raise error
