"""One exchange whose body is one document: a listing, or vectors.

It is a call like any other, made with a codec whose answer is its body. So it has the same clocks, limits,
credentials and errors.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING

import attrs

from llmstream.client.drive import Call
from llmstream.client.retries import ONCE, Retries
from llmstream.client.retry import tried
from llmstream.errors import MalformedFrameError, ProviderError, TruncatedStreamError
from llmstream.jsontext import JSON, JSONError, loads
from llmstream.stage import Stage
from llmstream.values.events import Done, Event, Raw
from llmstream.values.request import Request
from llmstream.wire.codec import Codec, Ids, ServerHalf
from llmstream.wire.framing import MAX_FRAME_BYTES, Frame
from llmstream.wire.framing.whole import WholeFramer
from llmstream.wire.http import HttpRequest, ResponseHead
from llmstream.wire.portable import IdShape

if TYPE_CHECKING:
    from llmstream.client.limiter import RateLimiter

_EXCERPT = 200


async def fetch(call: Call, /, retries: Retries = ONCE, *, limiter: RateLimiter | None = None) -> JSON:
    """Make a call of a `DocumentCodec`, in as many attempts as it takes, and give the document.

    Raises:
        LLMStreamError: whatever ended the call before its body was complete.
    """
    document: JSON = None
    async with aclosing(tried(call, retries, limiter=limiter)) as source:
        async for batch in source:
            for event in batch:
                document = event.data if isinstance(event, Raw) else document
    return document


def payload_of(body: bytes | str, /) -> JSON:
    """Read a document.

    Raises:
        TruncatedStreamError: when there is none, or it is cut off.
        MalformedFrameError: when it is no JSON.
    """
    try:
        return loads(body)
    except JSONError as error:
        text = body if isinstance(body, str) else body.decode("utf-8", "replace")
        if not text or (text.startswith(("{", "[")) and not text.rstrip().endswith(("}", "]"))):
            raise TruncatedStreamError("expected a whole JSON body, got one that is cut off") from error
        raise MalformedFrameError(f"expected a JSON body, got {text[:_EXCERPT]!r}") from error


@attrs.frozen
class DocumentCodec:
    """A codec that asks one thing, and whose answer is its body; refusals are read as `behind` does."""

    behind: Codec
    http: HttpRequest

    @property
    def name(self) -> str:
        """The dialect that the document stands beside."""
        return self.behind.name

    @property
    def provider(self) -> str:
        """The provider of that dialect."""
        return self.behind.provider

    @property
    def call_ids(self) -> IdShape:
        """What ids of calls that dialect takes."""
        return self.behind.call_ids

    @property
    def server(self) -> ServerHalf:
        """The server half of that dialect."""
        return self.behind.server

    def encode(self, request: Request, /) -> HttpRequest:
        """What is asked, whatever the request."""
        return self.http

    def framer(self, head: ResponseHead, /, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> Stage[bytes, Frame]:
        """Return a fresh framer for the whole body, whatever its type."""
        return WholeFramer(max_frame_bytes=max_frame_bytes)

    def decoder(
        self, head: ResponseHead, /, *, ids: Ids | None = None, raw: bool = False
    ) -> Stage[Frame, Event]:
        """Return a fresh decoder, which gives the document as `Raw`.

        Raises:
            WireError: from `feed` or `feed_eof`, when there is none.
        """
        return _Document()

    def error(self, head: ResponseHead, body: bytes, /) -> ProviderError:
        """Read a refusal."""
        return self.behind.error(head, body)


class _Document:
    """A stage from the one frame of a body to its document."""

    def __init__(self) -> None:
        self._read = False

    def feed(self, frame: Frame, /) -> Iterable[Event]:
        self._read = True
        return (Raw(payload_of(frame.data)),)

    def feed_eof(self) -> Iterable[Event]:
        return (Done(),) if self._read else (Raw(payload_of("")), Done())
