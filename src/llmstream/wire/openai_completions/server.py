"""The other side of the wire: what a server of legacy Completions does.

https://platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast

import attrs
import msgspec

from llmstream.errors import InvalidRequestError, LLMStreamError, ProviderError
from llmstream.jsontext import JSON, JSONError, JSONObject, dump_bytes, loads, loads_object
from llmstream.unfold import unfold
from llmstream.values.content import Logprob, TextPart
from llmstream.values.events import (
    CitationOut,
    Done,
    Event,
    PartMetadata,
    Raw,
    Restarted,
    RoundDone,
    TextDelta,
    UnknownEvent,
)
from llmstream.values.messages import Message
from llmstream.values.request import Options, Request
from llmstream.values.response import Response
from llmstream.values.usage import Usage
from llmstream.wire.fields import Fields, bad
from llmstream.wire.http import HttpRequest, HttpResponse, ResponseHead
from llmstream.wire.openai_completions.decode import Chunk, CompletionsDecoder
from llmstream.wire.openai_completions.encode import PLAIN, cannot
from llmstream.wire.refusals import refusal_record, refuse

_STREAM: Final = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
_JSON: Final = {"content-type": "application/json"}
_KINDS: Final[dict[str, type]] = {"max_tokens": int, "seed": int, "logprobs": int, "user": str}


class FrameWriter:
    """Writes the events of one answer; `id` and `model` stand in every frame until Done gives others."""

    def __init__(self, provider: str, *, id: str = "", model: str = "") -> None:
        self._provider = provider
        self._id = id
        self._model = model

    def feed(self, event: Event) -> list[JSONObject]:
        """Write one event.

        Raises:
            UnsupportedError: when the wire cannot say it.
        """
        match event:
            case TextDelta(text=text, logprobs=logprobs):
                beside = _logprobs(logprobs) if logprobs else None
                return [self._frame(text, beside)] if text or logprobs else []
            case Done():
                return self._done(event)
            case CitationOut() | PartMetadata() | Raw() | RoundDone() | Restarted() | UnknownEvent():
                return []
            case _:
                raise cannot(type(event).__name__)

    def _frame(self, text: str, logprobs: JSON = None, finish: str | None = None) -> JSONObject:
        return self._bare([{"text": text, "index": 0, "logprobs": logprobs, "finish_reason": finish}])

    def _bare(self, choices: list[JSONObject]) -> JSONObject:
        # There is no clock here; clients need the field, not its value.
        head: JSONObject = {"id": self._id, "object": "text_completion", "created": 0}
        return {**head, "model": self._model, "choices": choices}

    def _done(self, done: Done) -> list[JSONObject]:
        self._id, self._model = done.id or self._id, done.model or self._model
        reason = done.finish_reason
        raw = done.raw_finish_reason if reason == "other" else reason
        frame = self._frame("", None, raw)
        own: JSONObject = done.provider_metadata.get(self._provider, {})
        if fingerprint := own.get("system_fingerprint"):
            frame["system_fingerprint"] = fingerprint
        usage = done.usage
        return [frame] if usage is None else [frame, {**self._bare([]), "usage": _usage(usage)}]


class StreamEncoder:
    """A stage from events to server-sent events; an answer without Done ends without `[DONE]`.

    Raises:
        UnsupportedError: from `feed`, when the wire cannot say an event.
    """

    def __init__(self, frames: FrameWriter) -> None:
        self._frames = frames

    def feed(self, event: Event, /) -> Iterable[bytes]:
        """Write one event."""
        written = b"".join(map(_sse, self._frames.feed(event)))
        if isinstance(event, Done):
            written += b"data: [DONE]\n\n"
        return (written,) if written else ()

    def feed_eof(self) -> Iterable[bytes]:
        """Give nothing: Done was the end, and without it there is none."""
        return ()


@attrs.frozen
class CompletionsServer:
    """The server half."""

    provider: str

    def request(self, http: HttpRequest, /) -> Request:
        """Read a request; what no field of ours says is in `Options.extra`.

        Raises:
            InvalidRequestError: when the body is not a request; it names the field.
        """
        return _read(http)

    def streams(self, http: HttpRequest, /) -> bool:
        """Whether a request asks for a stream; if not, `whole` answers it."""
        return (loads_object(http.body) or {}).get("stream") is True

    def head(self, request: Request, /) -> ResponseHead:
        """The head of a stream."""
        return ResponseHead(200, _STREAM)

    def encoder(self, request: Request, /, *, id: str = "", model: str = "") -> StreamEncoder:
        """Return a fresh encoder; without a Done the body has no end, so that a client sees it is cut.

        Raises:
            UnsupportedError: from `feed`, when the wire cannot say an event.
        """
        return StreamEncoder(FrameWriter(self.provider, id=id, model=model))

    def whole(self, request: Request, response: Response, /) -> HttpResponse:
        """The answer to a request that did not ask for a stream.

        Raises:
            UnsupportedError: when the wire cannot say a part, or the answer is not complete.
        """
        events, frames = tuple(unfold(response)), FrameWriter(self.provider)
        if not events or not isinstance(events[-1], Done):
            raise cannot("an answer that is not complete")
        body: JSONObject = {}
        for frame in (frame for event in events for frame in frames.feed(event)):
            body = {**body, **frame, "choices": frame["choices"] or body["choices"]}
        tokens = [one for event in events if isinstance(event, TextDelta) for one in event.logprobs]
        body["choices"][0] |= {"text": response.text(), "logprobs": _logprobs(tokens) if tokens else None}
        return HttpResponse(ResponseHead(200, _JSON), dump_bytes(body))

    def failure(self, error: LLMStreamError, /) -> bytes:
        """The frame that ends a stream which failed after it began; nothing follows it."""
        return _sse(refusal_record(error))

    def refuse(self, error: ProviderError, /) -> HttpResponse:
        """The answer that says that the call is refused."""
        return refuse(error)

    def canonical(self, events: Iterable[Event], /) -> tuple[Event, ...]:
        """What the decoder yields of a stream that is encoded from `events`.

        Lost are: boundaries between texts, that one is a refusal, citations, metadata, the bytes of
        tokens, raw, unknown and restart events, ends of rounds, and words for an end that has another.

        Raises:
            UnsupportedError: when the wire cannot say an event.
        """
        frames, decoder = FrameWriter(self.provider), CompletionsDecoder(self.provider)
        out: list[Event] = []
        for event in events:
            for frame in frames.feed(event):
                out += decoder.chunk(msgspec.convert(frame, Chunk))
            if isinstance(event, Done):
                out += decoder.end()
        return tuple(out)


def _read(http: HttpRequest) -> Request:
    try:
        value = loads(http.body)
    except JSONError as error:
        raise InvalidRequestError(f"expected a JSON body, got other text: {error}", status=400) from error
    body = Fields(value, "")
    model, prompt = body.need("model", str), _prompt(body)
    left = {name: value for name, value in body.data.items() if name not in _TAKEN and value is not None}
    given: JSONObject = {}
    for name in PLAIN:
        kind: type = _KINDS.get(name, float)
        if (told := cast("JSON", body.get(name, kind))) is not None:
            given[name] = told
    stop: JSON = body.data.get("stop")
    if stop is not None:
        given["stop"] = [stop] if isinstance(stop, str) else body.array("stop")
    return Request(model, [Message("user", [TextPart(prompt)])], options=Options(**given, extra=left))


_TAKEN: Final = {*PLAIN, "model", "prompt", "stop", "stream", "stream_options"}


def _prompt(body: Fields) -> str:
    prompt: JSON = body.data.get("prompt")
    if isinstance(prompt, list) and len(alone := cast("list[JSON]", prompt)) == 1:
        prompt = alone[0]
    if not isinstance(prompt, str):
        raise bad("a string", prompt, "prompt")
    return prompt


def _logprobs(logprobs: Iterable[Logprob]) -> JSONObject:
    listed = tuple(logprobs)
    return {
        "tokens": [one.token for one in listed],
        "token_logprobs": [one.logprob for one in listed],
        "top_logprobs": [{other.token: other.logprob for other in one.top} for one in listed],
    }


def _usage(usage: Usage) -> JSONObject:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _sse(record: JSONObject) -> bytes:
    return b"data: " + dump_bytes(record) + b"\n\n"
