"""The other side of the Converse API: what a server that speaks it does.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from llmstream.errors import LLMStreamError, ProviderError
from llmstream.jsontext import dump_bytes
from llmstream.stage import Pipe, Stage, run
from llmstream.unfold import unfold
from llmstream.values.events import Event
from llmstream.values.request import Request
from llmstream.values.response import Response
from llmstream.wire.bedrock.decode import Decoder
from llmstream.wire.bedrock.server.request import request_of, streams
from llmstream.wire.bedrock.server.whole import answer_of
from llmstream.wire.bedrock.server.write import Record, Writer
from llmstream.wire.exceptions import exception_message, refusal_of
from llmstream.wire.framing.eventstream import encode_message
from llmstream.wire.http import HttpRequest, HttpResponse, ResponseHead

_STREAM: Final = {"content-type": "application/vnd.amazon.eventstream"}
_JSON: Final = {"content-type": "application/json"}


class _Messages:
    """A stage from the wire's events to their bytes."""

    def feed(self, record: Record, /) -> Iterator[bytes]:
        headers = {
            ":event-type": record.type,
            ":content-type": "application/json",
            ":message-type": "event",
        }
        yield encode_message(headers, dump_bytes(record.data))

    def feed_eof(self) -> tuple[bytes, ...]:
        return ()


@attrs.frozen
class BedrockServer:
    """The server half of the Converse dialect."""

    provider: str

    def request(self, http: HttpRequest, /) -> Request:
        """Read a request of this wire.

        Raises:
            InvalidRequestError: when the body is not one; it names the field.
        """
        return request_of(http, self.provider)

    def streams(self, http: HttpRequest, /) -> bool:
        """Whether a request asks for a stream, which its path says; if not, `whole` answers it."""
        return streams(http)

    def head(self, request: Request, /) -> ResponseHead:
        """The head of a stream."""
        return ResponseHead(200, _STREAM)

    def encoder(self, request: Request, /) -> Stage[Event, bytes]:
        """Return a fresh encoder; without a Done the body has no end, so that a client sees it is cut.

        Raises:
            UnsupportedError: from `feed`, when the wire cannot say an event.
        """
        return Pipe(Writer(self.provider), _Messages())

    def whole(self, request: Request, response: Response, /) -> HttpResponse:
        """The answer to a request that did not ask for a stream.

        Raises:
            UnsupportedError: when the wire cannot say a part.
        """
        answer = answer_of(run(Writer(self.provider), unfold(response)))
        return HttpResponse(ResponseHead(200, _JSON), dump_bytes(answer))

    def refuse(self, error: ProviderError, /) -> HttpResponse:
        """The answer that says that the call is refused."""
        return refusal_of(error)

    def failure(self, error: LLMStreamError, /) -> bytes:
        """The message that ends a stream which failed after it began; nothing follows it."""
        return exception_message(error)

    def canonical(self, events: Iterable[Event], /) -> tuple[Event, ...]:
        """What the decoder yields of a stream that is encoded from `events`.

        Lost are: empty deltas, and parts with nothing else; log probabilities; that a text is a refusal;
        withheld reasoning without this provider's data; metadata and opaque items of other providers, and
        metadata that its kind of block has no place for; what comes for a part that has ended; previews
        of images and names of files; the type of a call that is not the server's; progress, ends of other
        rounds, restarts, raw and unknown events; a count of reasoning, and a usage of zeros. A signature
        comes when its reasoning has ended, a result's output is a list of texts and objects, and a foreign
        citation is one of a page of the web, without span. A refusal ends with `content_filter`, what has
        no word here with `other`.

        Raises:
            UnsupportedError: when the wire cannot say an event.
        """
        decoder = Decoder(self.provider)
        out: list[Event] = []
        for record in run(Writer(self.provider), events):
            out += decoder.take(record.type, record.data)
        return tuple(out)
