"""OpenAI's Responses, the wire of its items and its own tools.

https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from llmstream.errors import ProviderError
from llmstream.stage import Stage
from llmstream.values.request import Request
from llmstream.wire.codec import Ids
from llmstream.wire.failures import http_failure
from llmstream.wire.framing import MAX_FRAME_BYTES, Frame
from llmstream.wire.framing.select import select
from llmstream.wire.http import HttpRequest, ResponseHead, segment
from llmstream.wire.openai_responses._names import DIALECT, PATH
from llmstream.wire.openai_responses.decode import ResponsesDecoder
from llmstream.wire.openai_responses.encode import encode_request
from llmstream.wire.openai_responses.quirks import Quirks as Quirks
from llmstream.wire.portable import IdShape

if TYPE_CHECKING:
    from llmstream.wire.openai_responses.server import OpenAIResponsesServer


@attrs.frozen
class OpenAIResponsesCodec:
    """Responses, as one provider speaks them.

    Attributes:
        provider: whose opaque data is written and sent back.
    """

    provider: str = DIALECT
    quirks: Quirks = attrs.field(factory=Quirks)

    @property
    def name(self) -> str:
        """The dialect's name."""
        return DIALECT

    @property
    def call_ids(self) -> IdShape:
        """What ids of calls are taken as they are."""
        return self.quirks.call_ids

    @property
    def server(self) -> OpenAIResponsesServer:
        """The server half, with the same quirks."""
        # Not above: who only calls models has no use for it.
        from llmstream.wire.openai_responses.server import OpenAIResponsesServer

        return OpenAIResponsesServer(self.provider, self.quirks)

    def encode(self, request: Request, /) -> HttpRequest:
        """Turn a request into a POST of JSON that asks for a stream.

        Raises:
            UnsupportedError: when the wire cannot say an option, a part or a tool.
            ConfigError: when an attachment is a path that was not opened, or has no media type.
        """
        return encode_request(request, self.provider, self.quirks)

    def resume(self, response_id: str, /, *, after: int | None = None) -> HttpRequest:
        """Ask for the rest of a response that runs in the background, as a stream.

        `after` is the number of the last event that came: the decoder's `sequence`, or `sequence_number`
        in the metadata of an error's partial Response. The decoder that was cut off goes on with the body.
        """
        since = "" if after is None else f"&starting_after={after}"
        return HttpRequest("GET", f"{PATH}/{segment(response_id)}?stream=true{since}")

    def framer(self, head: ResponseHead, /, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> Stage[bytes, Frame]:
        """Return a fresh framer: server-sent events, or a whole body.

        Raises:
            UnexpectedContentError: from what the framer gives, when the body is neither.
        """
        return select(head, max_frame_bytes=max_frame_bytes)

    def decoder(
        self, head: ResponseHead, /, *, ids: Ids | None = None, raw: bool = False
    ) -> ResponsesDecoder:
        """Return a fresh decoder for one response body.

        Raises:
            ProviderError: from `feed`, when the provider gave up inside the stream.
            WireError: from `feed` or `feed_eof`, when the body breaks the protocol or ends too early.
        """
        return ResponsesDecoder(self.provider, self.quirks, ids=ids, raw=raw)

    def error(self, head: ResponseHead, body: bytes, /) -> ProviderError:
        """Read a refusal, in any of the vendors' shapes."""
        return http_failure(head, body)


CODEC = OpenAIResponsesCodec()
