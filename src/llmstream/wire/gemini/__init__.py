"""Google's Gemini API: generated content, of the vendor's own service and of Vertex AI.

https://ai.google.dev/api/generate-content
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
from llmstream.wire.framing.select import select
from llmstream.wire.gemini.decode import Decoder
from llmstream.wire.gemini.encode import encode
from llmstream.wire.gemini.quirks import Quirks as Quirks
from llmstream.wire.http import HttpRequest, ResponseHead
from llmstream.wire.portable import ANY_ID, IdShape

if TYPE_CHECKING:
    from llmstream.wire.gemini.server import GeminiServer


@attrs.frozen
class GeminiCodec:
    """The dialect of generated content, with the quirks of one provider."""

    provider: str = "gemini"
    quirks: Quirks = attrs.field(factory=Quirks)

    @property
    def name(self) -> str:
        """The dialect."""
        return "gemini"

    @property
    def call_ids(self) -> IdShape:
        """What ids of calls are taken as they are."""
        return ANY_ID

    @property
    def server(self) -> GeminiServer:
        """The server half, with the same quirks."""
        # Not above: who only calls models has no use for it.
        from llmstream.wire.gemini.server import GeminiServer

        return GeminiServer(self.provider, self.quirks)

    def encode(self, request: Request, /) -> HttpRequest:
        """Turn a request into the wire's form; see `encode` for what becomes of each option.

        Raises:
            UnsupportedError: when the dialect cannot say an option, a part or a tool.
            ConfigError: when there is no message to send, or an attachment cannot be sent as it is.
        """
        return encode(request, self.provider, self.quirks)

    def framer(self, head: ResponseHead, /, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> Stage[bytes, Frame]:
        """Return a fresh framer: server-sent events, a JSON array in pieces, or one document."""
        return select(head, max_frame_bytes=max_frame_bytes, unended=True, elements=True)

    def decoder(
        self, head: ResponseHead, /, *, ids: Ids | None = None, raw: bool = False
    ) -> Stage[Frame, Event]:
        """Return a fresh decoder for one response body.

        Raises:
            ProviderError: from `feed`, when the provider gave up inside the stream.
            WireError: from `feed` or `feed_eof`, when the body breaks the protocol or ends too early.
        """
        return Decoder(self.provider, ids=ids, raw=raw)

    def error(self, head: ResponseHead, body: bytes, /) -> ProviderError:
        """Read a refusal; never raises."""
        return http_failure(head, body)


CODEC = GeminiCodec()
