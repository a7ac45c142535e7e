"""Google's Interactions API: Gemini by steps, which the provider may keep. Only the client half is there.

https://ai.google.dev/gemini-api/docs/interactions
"""

from __future__ import annotations

import attrs

from llmstream.errors import ProviderError
from llmstream.stage import Stage
from llmstream.values.events import Event
from llmstream.values.request import Request
from llmstream.wire.codec import Ids
from llmstream.wire.failures import http_failure
from llmstream.wire.framing import MAX_FRAME_BYTES, Frame
from llmstream.wire.framing.select import select
from llmstream.wire.gemini_interactions.decode import Decoder
from llmstream.wire.gemini_interactions.encode import encode
from llmstream.wire.gemini_interactions.server import InteractionsServer
from llmstream.wire.http import HttpRequest, ResponseHead
from llmstream.wire.portable import ANY_ID, IdShape


@attrs.frozen
class InteractionsCodec:
    """The dialect of interactions, as one provider speaks it."""

    provider: str = "gemini-interactions"

    @property
    def name(self) -> str:
        """The dialect."""
        return "gemini-interactions"

    @property
    def call_ids(self) -> IdShape:
        """What ids of calls are taken as they are."""
        return ANY_ID

    @property
    def server(self) -> InteractionsServer:
        """A server half that refuses everything."""
        return InteractionsServer(self.provider)

    def encode(self, request: Request, /) -> HttpRequest:
        """Turn a request into a POST of JSON that asks for a stream.

        Raises:
            UnsupportedError: when the dialect cannot say an option, a part or a tool.
            ConfigError: when there is no message to send, or an attachment cannot be sent as it is.
        """
        return encode(request, self.provider)

    def framer(self, head: ResponseHead, /, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> Stage[bytes, Frame]:
        """Return a fresh framer: server-sent events, or one document."""
        return select(head, max_frame_bytes=max_frame_bytes)

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


CODEC = InteractionsCodec()
