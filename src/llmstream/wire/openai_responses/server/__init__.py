"""The other side of the wire: what a server of Responses does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

import attrs

from llmstream.errors import LLMStreamError, ProviderError
from llmstream.jsontext import JSONObject, dump_bytes
from llmstream.unfold import unfold
from llmstream.values.events import (
    CitationOut,
    Event,
    ImageOut,
    PartKind,
    PartMetadata,
    ReasoningDelta,
    TextDelta,
)
from llmstream.values.request import Request
from llmstream.values.response import Response
from llmstream.wire.http import HttpRequest, HttpResponse, ResponseHead
from llmstream.wire.openai_responses._names import cannot
from llmstream.wire.openai_responses.decode import ResponsesDecoder
from llmstream.wire.openai_responses.quirks import Quirks
from llmstream.wire.openai_responses.server.request import read_request, streams
from llmstream.wire.openai_responses.server.write import Writer
from llmstream.wire.refusals import refusal_record, refuse

_STREAM: Final = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
_JSON: Final = {"content-type": "application/json"}

# What a response is called until its answer says its id; whoever serves many gives each its own.
_ID: Final = "resp_0"


def sse(record: JSONObject) -> bytes:
    """A record as a server-sent event; JSON has no line end outside its escapes."""
    return b"event: %s\ndata: %s\n\n" % (str(record["type"]).encode(), dump_bytes(record))


class StreamEncoder:
    """A stage from events to server-sent events; an answer without Done ends without its terminal event.

    Raises:
        UnsupportedError: from `feed`, when the wire cannot say an event.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def feed(self, event: Event, /) -> Iterable[bytes]:
        """Write one event."""
        written = b"".join(map(sse, self._writer.feed(event)))
        return (written,) if written else ()

    def feed_eof(self) -> Iterable[bytes]:
        """Give nothing: Done was the end, and without it there is none."""
        return ()


def _metadata_early(response: Response) -> Iterator[Event]:
    """The answer's events, a part's metadata before its text: it says which item the part is of."""
    for index, part in groupby(unfold(response), key=lambda event: getattr(event, "index", None)):
        events = list(part)
        kind = _KINDS.get(type(events[0]))
        if kind is not None and index is not None:
            notes = [event for event in events if isinstance(event, PartMetadata)]
            yield from (attrs.evolve(note, kind=kind) for note in notes)
            events = [event for event in events if not isinstance(event, PartMetadata)]
        yield from events


_KINDS: Final[dict[type, PartKind]] = {
    TextDelta: "text",
    CitationOut: "text",
    ReasoningDelta: "reasoning",
    ImageOut: "attachment",
}


@attrs.frozen
class OpenAIResponsesServer:
    """The server half, with the quirks of one provider."""

    provider: str
    quirks: Quirks

    def request(self, http: HttpRequest, /) -> Request:
        """Read a request; what no field of ours says is in `Options.extra`.

        Not kept is whether it asks for a stream: `streams` tells.

        Raises:
            InvalidRequestError: when the body is not a request; it names the field.
        """
        return read_request(http, self.provider, self.quirks)

    def streams(self, http: HttpRequest, /) -> bool:
        """Whether a request asks for a stream; if not, `whole` answers it."""
        return streams(http)

    def head(self, request: Request, /) -> ResponseHead:
        """The head of a stream."""
        return ResponseHead(200, _STREAM)

    def encoder(self, request: Request, /, *, id: str = _ID, model: str = "") -> StreamEncoder:
        """Return a fresh encoder; without a Done the body has no end, so that a client sees it is cut.

        `id` and `model` are those of the response in all its events; the model is by default the one asked.

        Raises:
            UnsupportedError: from `feed`, when the wire cannot say an event.
        """
        return StreamEncoder(Writer(self.provider, self.quirks, id=id, model=model or request.model))

    def whole(
        self, request: Request, response: Response, /, *, id: str = _ID, model: str = ""
    ) -> HttpResponse:
        """The answer to a request that did not ask for a stream.

        Raises:
            UnsupportedError: when the wire cannot say a part, or the answer is not complete.
        """
        id, model = response.id or id, response.model or model or request.model
        writer = Writer(self.provider, self.quirks, id=id, model=model)
        last: JSONObject = {}
        for event in _metadata_early(response):
            for record in writer.feed(event):
                last = record
        if not writer.ended:
            raise cannot("an answer that is not complete")
        return HttpResponse(ResponseHead(200, _JSON), dump_bytes(last["response"]))

    def failure(self, error: LLMStreamError, /) -> bytes:
        """The frame that ends a stream which failed after it began; nothing follows it."""
        return sse({"type": "error", **refusal_record(error)})

    def refuse(self, error: ProviderError, /) -> HttpResponse:
        """The answer that says that the call is refused."""
        return refuse(error)

    def canonical(self, events: Iterable[Event], /) -> tuple[Event, ...]:
        """What the decoder yields of a stream that is encoded from `events`; `server.write` tells the losses.

        Raises:
            UnsupportedError: when the wire cannot say an event.
        """
        writer = Writer(self.provider, self.quirks)
        decoder = ResponsesDecoder(self.provider, self.quirks)
        return tuple(
            told for event in events for record in writer.feed(event) for told in decoder.take(record)
        )
