"""The other side of the wire: what a server of Chat Completions does."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import msgspec

from llmstream.errors import LLMStreamError, ProviderError
from llmstream.jsontext import dump_bytes
from llmstream.unfold import unfold
from llmstream.values.events import Done, Event
from llmstream.values.request import Request
from llmstream.values.response import Response
from llmstream.wire.http import HttpRequest, HttpResponse, ResponseHead
from llmstream.wire.openai_chat._names import cannot
from llmstream.wire.openai_chat.decode import ChatDecoder
from llmstream.wire.openai_chat.frames import Chunk
from llmstream.wire.openai_chat.quirks import Quirks
from llmstream.wire.openai_chat.server.encoder import StreamEncoder, sse, whole_body
from llmstream.wire.openai_chat.server.frames import FrameWriter
from llmstream.wire.openai_chat.server.request import asks, read_request
from llmstream.wire.refusals import refusal_record, refuse

_STREAM = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
_JSON = {"content-type": "application/json"}


@attrs.frozen
class OpenAIChatServer:
    """The server half, with the quirks of one provider."""

    provider: str
    quirks: Quirks

    def request(self, http: HttpRequest, /) -> Request:
        """Read a request; what no field of ours says is in `Options.extra`.

        Not kept are whether it asks for a stream, and for usage in it: `streams` and `wants_usage` tell.

        Raises:
            InvalidRequestError: when the body is not a request; it names the field.
        """
        return read_request(http, self.provider, self.quirks)

    def streams(self, http: HttpRequest, /) -> bool:
        """Whether a request asks for a stream; if not, `whole` answers it."""
        return asks(http, "stream") is True

    def wants_usage(self, http: HttpRequest, /) -> bool:
        """Whether a request asks for usage at the end of its stream: some clients know no such frame."""
        return asks(http, "stream_options", "include_usage") is True

    def head(self, request: Request, /) -> ResponseHead:
        """The head of a stream."""
        return ResponseHead(200, _STREAM)

    def encoder(
        self, request: Request, /, *, id: str = "", model: str = "", usage: bool = True
    ) -> StreamEncoder:
        """Return a fresh encoder; without a Done the body has no end, so that a client sees it is cut.

        `id` and `model` stand in every frame; what Done says of them counts in the end.

        Raises:
            UnsupportedError: from `feed`, when the wire cannot say an event.
        """
        return StreamEncoder(FrameWriter(self.provider, self.quirks, id=id, model=model, usage=usage))

    def whole(
        self, request: Request, response: Response, /, *, id: str = "", model: str = ""
    ) -> HttpResponse:
        """The answer to a request that did not ask for a stream.

        Raises:
            UnsupportedError: when the wire cannot say a part, or the answer is not complete.
        """
        frames = FrameWriter(self.provider, self.quirks, id=id, model=model)
        events = tuple(unfold(response))
        if not events or not isinstance(events[-1], Done):
            raise cannot("an answer that is not complete")
        body = whole_body(frame for event in events for frame in frames.feed(event))
        return HttpResponse(ResponseHead(200, _JSON), dump_bytes(body))

    def failure(self, error: LLMStreamError, /) -> bytes:
        """The frame that ends a stream which failed after it began; nothing follows it."""
        return sse(refusal_record(error))

    def refuse(self, error: ProviderError, /) -> HttpResponse:
        """The answer that says that the call is refused."""
        return refuse(error)

    def canonical(self, events: Iterable[Event], /) -> tuple[Event, ...]:
        """What the decoder yields of a stream that is encoded from `events`.

        Lost are: previews of images, names of files, redaction, progress of tools, raw, unknown and
        restart events, ends of rounds, metadata of other providers and what this one's decoder does not
        read, citations' records of other providers, and a second result of one call. Neighbours of one
        kind become one part; a return to text or reasoning opens a part. Arguments end where the wire
        shows it.

        Raises:
            UnsupportedError: when the wire cannot say an event.
        """
        frames, decoder = FrameWriter(self.provider, self.quirks), ChatDecoder(self.provider, self.quirks)
        out: list[Event] = []
        for event in events:
            for frame in frames.feed(event):
                out += decoder.chunk(msgspec.convert(frame, Chunk))
            if isinstance(event, Done):
                out += decoder.end()
        return tuple(out)
