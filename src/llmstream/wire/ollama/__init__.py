"""Ollama's own chat API: a line of JSON for each piece of an answer.

https://docs.ollama.com/api/chat

It has no Quirks: the local server and the cloud are known to speak it alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from llmstream.errors import ProviderError
from llmstream.stage import Stage
from llmstream.values.events import Event
from llmstream.values.request import Request
from llmstream.wire.codec import Ids
from llmstream.wire.failures import http_failure
from llmstream.wire.framing import MAX_FRAME_BYTES, Frame
from llmstream.wire.framing.ndjson import NDJSONFramer
from llmstream.wire.framing.select import select
from llmstream.wire.http import HttpRequest, ResponseHead
from llmstream.wire.ollama._names import DIALECT
from llmstream.wire.ollama.decode import OllamaDecoder
from llmstream.wire.ollama.encode import encode_request
from llmstream.wire.portable import ANY_ID, IdShape

if TYPE_CHECKING:
    from llmstream.wire.ollama.server import OllamaServer

# Said by proxies that do not know what they send: on this wire a stream is lines.
_VAGUE_TYPES = ("", "text/plain", "text/event-stream", "application/octet-stream")


@attrs.frozen
class OllamaCodec:
    """The chat API, as one provider speaks it.

    Attributes:
        provider: whose opaque data is written and sent back.
    """

    provider: str = DIALECT

    @property
    def name(self) -> str:
        """The dialect's name."""
        return DIALECT

    @property
    def call_ids(self) -> IdShape:
        """What ids of calls are taken as they are."""
        return ANY_ID

    @property
    def server(self) -> OllamaServer:
        """The server half."""
        # Not above: who only calls models has no use for it.
        from llmstream.wire.ollama.server import OllamaServer

        return OllamaServer(self.provider)

    def encode(self, request: Request, /) -> HttpRequest:
        """Turn a request into a POST of JSON that asks for a stream.

        Raises:
            UnsupportedError: when the wire cannot say an option, a part or a tool.
            ConfigError: when an attachment is a path that was not opened.
        """
        return encode_request(request, self.provider)

    def framer(self, head: ResponseHead, /, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> Stage[bytes, Frame]:
        """Return a fresh framer: lines of JSON, or a whole body.

        Raises:
            UnexpectedContentError: from what the framer gives, when the body is neither.
        """
        if head.media_type in _VAGUE_TYPES:
            return NDJSONFramer(max_frame_bytes=max_frame_bytes)
        return select(head, max_frame_bytes=max_frame_bytes)

    def decoder(
        self, head: ResponseHead, /, *, ids: Ids | None = None, raw: bool = False
    ) -> Stage[Frame, Event]:
        """Return a fresh decoder for one response body.

        Raises:
            ProviderError: from `feed`, when the server gave up inside the stream.
            WireError: from `feed` or `feed_eof`, when the body breaks the protocol or ends too early.
        """
        return OllamaDecoder(self.provider, ids=ids, raw=raw)

    def error(self, head: ResponseHead, body: bytes, /) -> ProviderError:
        """Read a refusal."""
        return http_failure(head, body)


CODEC = OllamaCodec()
