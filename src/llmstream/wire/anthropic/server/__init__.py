"""The other side of the Messages API: what a server that speaks it does.

https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from llmstream.errors import LLMStreamError, ProviderError
from llmstream.jsontext import JSONObject, dump_bytes
from llmstream.stage import Pipe, Stage, run
from llmstream.values.events import Event
from llmstream.values.request import Request
from llmstream.values.response import Response
from llmstream.wire.anthropic.error import status_of, words_of
from llmstream.wire.anthropic.quirks import Quirks
from llmstream.wire.anthropic.server.canonical import Canonical
from llmstream.wire.anthropic.server.request import request_of, streams
from llmstream.wire.anthropic.server.whole import message_of
from llmstream.wire.anthropic.server.write import Writer, sse
from llmstream.wire.http import HttpRequest, HttpResponse, ResponseHead

_STREAM: Final = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
_JSON: Final = {"content-type": "application/json"}

# What a message is called until its answer says its id; whoever serves many gives each its own.
_ID: Final = "msg_0"


class _Frames:
    """A stage from the wire's events to their bytes."""

    def feed(self, event: JSONObject, /) -> Iterator[bytes]:
        yield sse(event)

    def feed_eof(self) -> tuple[bytes, ...]:
        return ()


@attrs.frozen
class AnthropicServer:
    """The server half of the Messages dialect, with the quirks of one provider."""

    provider: str
    quirks: Quirks = attrs.field(factory=Quirks)

    def request(self, http: HttpRequest, /) -> Request:
        """Read a request of this wire.

        Raises:
            InvalidRequestError: when the body is not one; it names the field.
        """
        return request_of(http, self.provider, self.quirks)

    def streams(self, http: HttpRequest, /) -> bool:
        """Whether a request asks for a stream; if not, `whole` answers it."""
        return streams(http, self.quirks)

    def head(self, request: Request, /) -> ResponseHead:
        """The head of a stream."""
        return ResponseHead(200, _STREAM)

    def encoder(self, request: Request, /, *, id: str = _ID) -> Stage[Event, bytes]:
        """Return a fresh encoder; without a Done the body has no end, so that a client sees it is cut.

        Raises:
            UnsupportedError: from `feed`, when the wire cannot say an event.
        """
        events = Pipe(Canonical(self.provider), Writer(self.provider, id=id, model=request.model))
        return Pipe(events, _Frames())

    def whole(self, request: Request, response: Response, /, *, id: str = _ID) -> HttpResponse:
        """The answer to a request that did not ask for a stream.

        Raises:
            UnsupportedError: when the wire cannot say a part.
        """
        message = message_of(response, self.provider, id=id, model=request.model)
        return HttpResponse(ResponseHead(200, _JSON), dump_bytes(message))

    def refuse(self, error: ProviderError, /) -> HttpResponse:
        """The answer that says that the call is refused."""
        headers = dict(_JSON)
        if error.request_id is not None:
            headers["request-id"] = error.request_id
        if error.retry_after is not None:
            headers["retry-after"] = f"{error.retry_after:g}"
        headers["x-should-retry"] = "true" if error.retryable else "false"
        return HttpResponse(ResponseHead(status_of(error), headers), dump_bytes(words_of(error)))

    def failure(self, error: LLMStreamError, /) -> bytes:
        """The frame that ends a stream which failed after it began; nothing follows it."""
        return sse(words_of(error))

    def canonical(self, events: Iterable[Event], /) -> tuple[Event, ...]:
        """What a client makes of events; `server.canonical` lists what is lost and what is refused.

        Raises:
            UnsupportedError: when the wire cannot say an event.
        """
        return tuple(run(Canonical(self.provider), events))
