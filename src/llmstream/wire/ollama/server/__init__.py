"""The other side of the wire: what a server of Ollama's chat API does."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import msgspec

from llmstream.errors import LLMStreamError, ProviderError
from llmstream.jsontext import JSONObject, dump_bytes
from llmstream.unfold import unfold
from llmstream.values.events import Done, Event
from llmstream.values.request import Request
from llmstream.values.response import Response
from llmstream.wire.http import HttpRequest, HttpResponse, ResponseHead
from llmstream.wire.ollama._names import cannot
from llmstream.wire.ollama.decode import OllamaDecoder
from llmstream.wire.ollama.frames import Line
from llmstream.wire.ollama.server.frames import LineWriter, whole_body
from llmstream.wire.ollama.server.request import read_request, streams

_LINES = {"content-type": "application/x-ndjson"}
_JSON = {"content-type": "application/json; charset=utf-8"}
_STATUSES = {
    "auth": 401,
    "quota": 402,
    "permission": 403,
    "not_found": 404,
    "rate_limit": 429,
    "overloaded": 503,
    "context_length": 400,
    "invalid_request": 400,
    "content_blocked": 400,
}


class LineEncoder:
    """A stage from events to lines of JSON; an answer without Done ends without a line that is done.

    Raises:
        UnsupportedError: from `feed`, when the wire cannot say an event.
    """

    def __init__(self, lines: LineWriter) -> None:
        self._lines = lines

    def feed(self, event: Event, /) -> Iterable[bytes]:
        """Write one event."""
        return [_line(record) for record in self._lines.feed(event)]

    def feed_eof(self) -> Iterable[bytes]:
        """Give nothing: Done was the end, and without it there is none."""
        return ()


@attrs.frozen
class OllamaServer:
    """The server half."""

    provider: str

    def request(self, http: HttpRequest, /) -> Request:
        """Read a request; what no field of ours says is in `Options.extra`.

        Raises:
            InvalidRequestError: when the body is not a request; it names the field.
        """
        return read_request(http)

    def streams(self, http: HttpRequest, /) -> bool:
        """Whether a request asks for a stream, as it does by default; if not, `whole` answers it."""
        return streams(http)

    def head(self, request: Request, /) -> ResponseHead:
        """The head of a stream."""
        return ResponseHead(200, _LINES)

    def encoder(self, request: Request, /, *, model: str = "") -> LineEncoder:
        """Return a fresh encoder; without a Done the body has no end, so that a client sees it is cut.

        `model` stands in every line; what Done says of it counts in the end.

        Raises:
            UnsupportedError: from `feed`, when the wire cannot say an event.
        """
        return LineEncoder(LineWriter(self.provider, model=model))

    def whole(self, request: Request, response: Response, /, *, model: str = "") -> HttpResponse:
        """The answer to a request that did not ask for a stream.

        Raises:
            UnsupportedError: when the wire cannot say a part, or the answer is not complete.
        """
        lines = LineWriter(self.provider, model=model)
        events = tuple(unfold(response))
        if not events or not isinstance(events[-1], Done):
            raise cannot("an answer that is not complete")
        body = whole_body(line for event in events for line in lines.feed(event))
        return HttpResponse(ResponseHead(200, _JSON), dump_bytes(body))

    def failure(self, error: LLMStreamError, /) -> bytes:
        """The line that ends a stream which failed after it began; nothing follows it."""
        return _line({"error": str(error)})

    def refuse(self, error: ProviderError, /) -> HttpResponse:
        """The answer that says that the call is refused; all that tells the kinds apart is the status."""
        own = error.status if error.status is not None and error.status >= 400 else None
        headers = dict(_JSON)
        if error.retry_after is not None:
            headers["retry-after"] = f"{error.retry_after:g}"
        head = ResponseHead(own or _STATUSES.get(error.kind, 500), headers)
        return HttpResponse(head, dump_bytes({"error": str(error)}))

    def canonical(self, events: Iterable[Event], /) -> tuple[Event, ...]:
        """What the decoder yields of a stream that is encoded from `events`.

        Lost are: that a text is a refusal, citations, previews and media types of images, redaction,
        progress of tools, raw, unknown and restart events, ends of rounds, metadata but ids of calls and
        what the last line has, the answer's id, and counts beyond input and output. Neighbours of one kind
        become one part; a return to text or reasoning opens a part. A call stands where it ended.

        Raises:
            UnsupportedError: when the wire cannot say an event.
        """
        lines, decoder = LineWriter(self.provider), OllamaDecoder(self.provider)
        out: list[Event] = []
        for event in events:
            for line in lines.feed(event):
                out += decoder.line(msgspec.convert(line, Line))
        return tuple(out)


def _line(record: JSONObject) -> bytes:
    return dump_bytes(record) + b"\n"
