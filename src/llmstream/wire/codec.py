"""A Codec is all that is particular to one wire protocol, in both directions.

The client half turns a Request into an HTTP request, and a response body into events:
`framer` cuts the body into frames, `decoder` makes events of them, `error` reads a refusal. The server
half goes the other way, so that each checks the other. A codec is a value: made once with its quirks,
it holds no state of a call; the stages that it makes hold it all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from typing import Protocol, TypeAlias, runtime_checkable

from llmstream.errors import LLMStreamError, ProviderError
from llmstream.stage import Stage
from llmstream.values.events import Event
from llmstream.values.request import OutputMode, Request
from llmstream.values.response import Response
from llmstream.wire.framing import MAX_FRAME_BYTES, Frame
from llmstream.wire.http import HttpRequest, HttpResponse, ResponseHead
from llmstream.wire.portable import IdShape

Ids: TypeAlias = Callable[[], str]


def counter(prefix: str = "call_") -> Ids:
    """Make ids `prefix1`, `prefix2`, …, for calls that a wire gives none."""
    numbers = count(1)
    return lambda: f"{prefix}{next(numbers)}"


class ServerHalf(Protocol):
    """The other side of the same wire: what a server of this protocol does."""

    def request(self, http: HttpRequest, /) -> Request:
        """Read a request of this wire.

        Raises:
            InvalidRequestError: when the body is not one; it names the field.
        """
        ...

    def streams(self, http: HttpRequest, /) -> bool:
        """Whether a request asks for a stream; if not, `whole` answers it."""
        ...

    def head(self, request: Request, /) -> ResponseHead:
        """The head of a stream."""
        ...

    def encoder(self, request: Request, /) -> Stage[Event, bytes]:
        """Return a fresh encoder: events of one call in, the bytes of its body out.

        Raises:
            UnsupportedError: from `feed`, when the wire cannot say an event.
        """
        ...

    def whole(self, request: Request, response: Response, /) -> HttpResponse:
        """The answer to a request that did not ask for a stream.

        Raises:
            UnsupportedError: when the wire cannot say a part.
        """
        ...

    def failure(self, error: LLMStreamError, /) -> bytes:
        """The frame that ends a stream which failed after it began; nothing follows it."""
        ...

    def refuse(self, error: ProviderError, /) -> HttpResponse:
        """The answer that says that the call is refused, in this wire's form."""
        ...

    def canonical(self, events: Iterable[Event], /) -> tuple[Event, ...]:
        """What `decode(encode(events))` yields: the identity on what this wire's decoder yields.

        Raises:
            UnsupportedError: when the wire cannot say an event.
        """
        ...


@runtime_checkable
class Resumable(Protocol):
    """A codec whose wire can be asked again for an answer that goes on without a listener."""

    def resume(self, response_id: str, /) -> HttpRequest:
        """Ask for an answer, from its first event, as a stream."""
        ...


@runtime_checkable
class Unshaped(Protocol):
    """A codec whose wire has no word for the schema of an answer; `output_mode` is how it is asked for."""

    @property
    def output_mode(self) -> OutputMode:
        """The mode that the wire can say: "tool" or "prompt"."""
        ...


class Codec(Protocol):
    """One wire protocol, with the quirks of one provider."""

    @property
    def name(self) -> str:
        """The dialect: "openai-chat", "anthropic", …."""
        ...

    @property
    def provider(self) -> str:
        """Whose opaque data this codec writes and sends back: the key of provider metadata."""
        ...

    @property
    def call_ids(self) -> IdShape:
        """What ids of calls the wire takes; `encode` makes others fit."""
        ...

    @property
    def server(self) -> ServerHalf:
        """The server half, with the same quirks."""
        ...

    def encode(self, request: Request, /) -> HttpRequest:
        """Turn a request into the wire's form; it always asks for a stream.

        Raises:
            UnsupportedError: when the dialect cannot say an option, a part or a tool; it names both.
            ConfigError: when the request lacks something, or holds a path that was not opened.
        """
        ...

    def framer(self, head: ResponseHead, /, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> Stage[bytes, Frame]:
        """Return a fresh framer for a body with this head, by its content type.

        Raises:
            UnexpectedContentError: when the content type is none that this wire has.
        """
        ...

    def decoder(
        self, head: ResponseHead, /, *, ids: Ids | None = None, raw: bool = False
    ) -> Stage[Frame, Event]:
        """Return a fresh decoder for one response body.

        `ids` makes an id for each call that the wire gives none; `raw` adds the wire's own events.

        Raises:
            ProviderError: from `feed` or `feed_eof`, when the provider gave up inside the stream.
            WireError: likewise, when the body breaks the protocol or ends before the answer is complete.
        """
        ...

    def error(self, head: ResponseHead, body: bytes, /) -> ProviderError:
        """Read a refusal: a response with a status of 400 or more. It never raises."""
        ...
