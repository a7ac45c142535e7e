"""Other wires inside of InvokeModelWithResponseStream: each event comes in a message of AWS.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html

A message named `chunk` holds `{"bytes": …}`: in base64, an event as the model's vendor says it. Its name,
which server-sent events would give it, is its `type`; where it has none, the first of its keys is its name,
as in the events of Converse when nova says them here.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs
import msgspec

from llmstream.errors import LLMStreamError, MalformedFrameError, ProviderError
from llmstream.jsontext import dump_bytes, dumps, loads_object
from llmstream.stage import Pipe, Stage
from llmstream.values.events import Event
from llmstream.values.request import Request
from llmstream.values.response import Response
from llmstream.wire.codec import Codec, Ids, ServerHalf
from llmstream.wire.dataurl import b64
from llmstream.wire.exceptions import exception_message, exception_of, refusal_of
from llmstream.wire.failures import http_failure
from llmstream.wire.framing import MAX_FRAME_BYTES, Frame
from llmstream.wire.framing.eventstream import encode_message
from llmstream.wire.framing.select import select
from llmstream.wire.framing.sse import SSEFramer
from llmstream.wire.http import HttpRequest, HttpResponse, ResponseHead
from llmstream.wire.portable import IdShape

_CHUNK: Final = "chunk"
_STREAM: Final = {"content-type": "application/vnd.amazon.eventstream"}
_HEADERS: Final = {
    ":event-type": _CHUNK,
    ":content-type": "application/json",
    ":message-type": "event",
}
_EXCERPT: Final = 200


class _Chunk(msgspec.Struct, gc=False):
    bytes: builtins.bytes = b""


class _Named(msgspec.Struct, gc=False):
    type: str = ""


_read_chunk: Final = msgspec.json.Decoder(_Chunk).decode
_read_name: Final = msgspec.json.Decoder(_Named).decode


class Unwrap:
    """A stage from AWS's frames to those inside; a frame that is none of its own passes as it is.

    Raises:
        ProviderError: from what `feed` gives, when the frame is an exception.
        MalformedFrameError: likewise, when a chunk holds no event.
    """

    def feed(self, frame: Frame, /) -> Iterable[Frame]:
        """Take a frame and give the one inside."""
        if (exception := exception_of(frame)) is not None:
            raise exception
        return (_inside(frame) if frame.event == _CHUNK else frame,)

    def feed_eof(self) -> Iterable[Frame]:
        """Nothing is held back."""
        return ()


def _inside(frame: Frame) -> Frame:
    try:
        text = _read_chunk(frame.data).bytes.decode("utf-8", "replace")
        if type := _read_name(text).type:
            return Frame(type, text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _malformed(frame) from error
    event = loads_object(text)
    if not event:
        raise _malformed(frame)
    name = next(iter(event))
    return Frame(name, dumps(event[name]))


def _malformed(frame: Frame) -> MalformedFrameError:
    shown = f"{frame.data[:_EXCERPT]!r}"
    return MalformedFrameError(f"expected an event in base64 as bytes of a chunk, got {shown}")


class _Wrap:
    """A stage from the bytes of server-sent events to messages of AWS that hold them."""

    def __init__(self) -> None:
        self._framer = SSEFramer()

    def feed(self, piece: bytes, /) -> Iterator[bytes]:
        yield from map(_wrapped, self._framer.feed(piece))

    def feed_eof(self) -> Iterator[bytes]:
        yield from map(_wrapped, self._framer.feed_eof())


def _wrapped(frame: Frame) -> bytes:
    return encode_message(_HEADERS, dump_bytes({"bytes": b64(frame.data.encode())}))


class _Choice:
    """A decoder that is chosen by the name of the first frame."""

    def __init__(self, usual: Stage[Frame, Event], others: Mapping[str, Stage[Frame, Event]]) -> None:
        self._usual = usual
        self._others = others
        self._chosen: Stage[Frame, Event] | None = None

    def feed(self, frame: Frame, /) -> Iterable[Event]:
        if self._chosen is None:
            self._chosen = self._others.get(frame.event, self._usual)
        return self._chosen.feed(frame)

    def feed_eof(self) -> Iterable[Event]:
        return (self._chosen or self._usual).feed_eof()


@attrs.frozen
class Relayed:
    """A codec of which each event comes in a message of AWS.

    Attributes:
        codec: the wire inside, with the path and the body that InvokeModel wants.
        others: other wires that are read, by the name of the event that begins an answer there.
    """

    codec: Codec
    others: Mapping[str, Codec] = attrs.field(factory=dict[str, Codec], kw_only=True)

    @property
    def name(self) -> str:
        """The dialect inside."""
        return self.codec.name

    @property
    def provider(self) -> str:
        """Whose opaque data the codec inside writes and sends back."""
        return self.codec.provider

    @property
    def call_ids(self) -> IdShape:
        """What ids of calls are taken as they are."""
        return self.codec.call_ids

    @property
    def server(self) -> RelayedServer:
        """The server half: that of the codec inside, in messages of AWS."""
        return RelayedServer(self.codec.server)

    def encode(self, request: Request, /) -> HttpRequest:
        """Turn a request into the form of the wire inside.

        Raises:
            UnsupportedError: when the dialect cannot say an option, a part or a tool.
            ConfigError: when the request lacks something.
        """
        return self.codec.encode(request)

    def framer(self, head: ResponseHead, /, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> Stage[bytes, Frame]:
        """Return a fresh framer: what is inside of AWS's messages, or one document."""
        return Pipe(select(head, max_frame_bytes=max_frame_bytes), Unwrap())

    def decoder(
        self, head: ResponseHead, /, *, ids: Ids | None = None, raw: bool = False
    ) -> Stage[Frame, Event]:
        """Return a fresh decoder for one response body."""
        usual = self.codec.decoder(head, ids=ids, raw=raw)
        if not self.others:
            return usual
        others = {name: codec.decoder(head, ids=ids, raw=raw) for name, codec in self.others.items()}
        return _Choice(usual, others)

    def error(self, head: ResponseHead, body: bytes, /) -> ProviderError:
        """Read a refusal, which is AWS's; never raises."""
        return http_failure(head, body)


@attrs.frozen
class RelayedServer:
    """The server half of a codec, in messages of AWS."""

    inner: ServerHalf

    def request(self, http: HttpRequest, /) -> Request:
        """Read a request of the wire inside.

        Raises:
            InvalidRequestError: when it is not one; it names the field.
        """
        return self.inner.request(http)

    def streams(self, http: HttpRequest, /) -> bool:
        """Whether a request asks for a stream; if not, `whole` answers it."""
        return self.inner.streams(http)

    def head(self, request: Request, /) -> ResponseHead:
        """The head of a stream."""
        return ResponseHead(200, _STREAM)

    def encoder(self, request: Request, /) -> Stage[Event, bytes]:
        """Return a fresh encoder.

        Raises:
            UnsupportedError: from `feed`, when the wire cannot say an event.
        """
        return Pipe(self.inner.encoder(request), _Wrap())

    def whole(self, request: Request, response: Response, /) -> HttpResponse:
        """The answer to a request that did not ask for a stream: the wire inside, as it is.

        Raises:
            UnsupportedError: when the wire cannot say a part.
        """
        return self.inner.whole(request, response)

    def failure(self, error: LLMStreamError, /) -> bytes:
        """The message that ends a stream which failed after it began; nothing follows it."""
        return exception_message(error)

    def refuse(self, error: ProviderError, /) -> HttpResponse:
        """The answer that says that the call is refused."""
        return refusal_of(error)

    def canonical(self, events: Iterable[Event], /) -> tuple[Event, ...]:
        """What a client makes of events: the messages change nothing.

        Raises:
            UnsupportedError: when the wire cannot say an event.
        """
        return self.inner.canonical(events)
