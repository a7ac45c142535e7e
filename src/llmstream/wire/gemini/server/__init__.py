"""The other side of the wire: what a server of generated content does.

https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from llmstream.errors import LLMStreamError, ProviderError
from llmstream.jsontext import JSONObject, dump_bytes
from llmstream.stage import Pipe, Stage
from llmstream.values.events import Done, Event
from llmstream.values.request import Request
from llmstream.values.response import Response
from llmstream.wire.gemini.decode import Decoder
from llmstream.wire.gemini.quirks import Quirks
from llmstream.wire.gemini.server.refusal import refusal_record, refuse
from llmstream.wire.gemini.server.request import request_of, streams, wants_array
from llmstream.wire.gemini.server.whole import ArrayWriter, SSEWriter, sse, whole_body
from llmstream.wire.gemini.server.write import FrameWriter
from llmstream.wire.http import HttpRequest, HttpResponse, ResponseHead

_STREAM = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
_JSON = {"content-type": "application/json; charset=UTF-8"}


@attrs.frozen
class GeminiServer:
    """The server half of the dialect, with the quirks of one provider."""

    provider: str
    quirks: Quirks = attrs.field(factory=Quirks)

    def request(self, http: HttpRequest, /) -> Request:
        """Read a request; what no field of ours says is in `Options.extra`.

        Raises:
            InvalidRequestError: when the body is not one; it names the field.
        """
        return request_of(http, self.provider)

    def streams(self, http: HttpRequest, /) -> bool:
        """Whether a request asks for a stream; if not, `whole` answers it."""
        return streams(http)

    def wants_array(self, http: HttpRequest, /) -> bool:
        """Whether a request asks for its stream as a JSON array: the wire's default."""
        return wants_array(http)

    def head(self, request: Request, /, *, array: bool = False) -> ResponseHead:
        """The head of a stream."""
        return ResponseHead(200, _JSON if array else _STREAM)

    def encoder(
        self, request: Request, /, *, id: str = "", model: str = "", array: bool = False
    ) -> Stage[Event, bytes]:
        """Return a fresh encoder; without a Done the body has no finish, so that a client sees it is cut.

        `id` and `model` stand in every frame; what Done says of them counts in the end.

        Raises:
            UnsupportedError: from `feed`, when the wire cannot say an event.
        """
        frames = FrameWriter(self.provider, id=id, model=model)
        return Pipe(frames, ArrayWriter()) if array else Pipe(frames, SSEWriter())

    def whole(
        self, request: Request, response: Response, /, *, id: str = "", model: str = ""
    ) -> HttpResponse:
        """The answer to a request that did not ask for a stream.

        Raises:
            UnsupportedError: when the wire cannot say a part, or the answer is not complete.
        """
        body = whole_body(response, FrameWriter(self.provider, id=id, model=model))
        return HttpResponse(ResponseHead(200, _JSON), dump_bytes(body))

    def failure(self, error: LLMStreamError, /) -> bytes:
        """The frame that ends a stream which failed after it began; nothing follows it."""
        return sse(refusal_record(error))

    def refuse(self, error: ProviderError, /) -> HttpResponse:
        """The answer that says that the call is refused."""
        return refuse(error)

    def canonical(self, events: Iterable[Event], /) -> tuple[Event, ...]:
        """What the decoder yields of a stream that is encoded from `events`.

        Lost are: empty deltas and parts with nothing else; that a text is a refusal, or reasoning redacted;
        transcripts, previews of images; bytes of tokens; metadata and opaque items of other providers, and
        metadata that comes late for a call or a file; a citation's place where it has no span; that a
        server-side tool failed, where it runs no code; progress, ends of other rounds, restarts, raw and
        unknown events; a cache that was written; finish reasons without a word here. Neighbours of one kind
        become one part, and a return to text or reasoning opens a part; parts that are open at once come
        one after the other. Arguments come whole; the text of a call that is not complete is lost.

        Raises:
            UnsupportedError: when the wire cannot say an event: a custom call, a call without a name or an
                id of its own, one that is not complete with another behind it, a result of the caller's.
        """
        frames, decoder = FrameWriter(self.provider), Decoder(self.provider)
        out: list[Event] = []
        for event in events:
            written: list[JSONObject] = list(frames.feed(event))
            for frame in written:
                decoder.chunk(frame, out)
            if isinstance(event, Done):
                out += decoder.end()
        return tuple(out)
