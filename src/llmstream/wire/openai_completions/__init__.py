"""OpenAI's legacy Completions: a text goes in, and what would follow it comes out.

https://platform.openai.com/docs/api-reference/completions

The wire knows no roles, tools or files: the texts of the messages follow one another, a blank line apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from llmstream.errors import ProviderError
from llmstream.stage import Stage
from llmstream.values.events import Event
from llmstream.values.request import OutputMode, Request
from llmstream.wire.codec import Ids
from llmstream.wire.failures import http_failure
from llmstream.wire.framing import MAX_FRAME_BYTES, Frame
from llmstream.wire.framing.select import select
from llmstream.wire.http import HttpRequest, ResponseHead
from llmstream.wire.openai_completions.decode import CompletionsDecoder
from llmstream.wire.openai_completions.encode import DIALECT, encode_request
from llmstream.wire.portable import ANY_ID, IdShape

if TYPE_CHECKING:
    from llmstream.wire.openai_completions.server import CompletionsServer


@attrs.frozen
class CompletionsCodec:
    """Legacy Completions, as one provider speaks them.

    Attributes:
        provider: whose metadata the answer's end has.
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
    def output_mode(self) -> OutputMode:
        """A schema can be said in the text alone."""
        return "prompt"

    @property
    def server(self) -> CompletionsServer:
        """The server half."""
        # Not above: who only calls models has no use for it.
        from llmstream.wire.openai_completions.server import CompletionsServer

        return CompletionsServer(self.provider)

    def encode(self, request: Request, /) -> HttpRequest:
        """Turn a request into a POST of JSON that asks for a stream.

        Raises:
            UnsupportedError: when the wire cannot say an option, a part or a tool.
            ConfigError: when there is no text to send.
        """
        return encode_request(request, self.provider)

    def framer(self, head: ResponseHead, /, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> Stage[bytes, Frame]:
        """Return a fresh framer: server-sent events, or a whole body.

        Raises:
            UnexpectedContentError: from what the framer gives, when the body is neither.
        """
        return select(head, max_frame_bytes=max_frame_bytes)

    def decoder(
        self, head: ResponseHead, /, *, ids: Ids | None = None, raw: bool = False
    ) -> Stage[Frame, Event]:
        """Return a fresh decoder for one response body; there are no calls that `ids` could name.

        Raises:
            ProviderError: from `feed`, when the provider gave up inside the stream.
            WireError: from `feed` or `feed_eof`, when the body breaks the protocol or ends too early.
        """
        return CompletionsDecoder(self.provider, raw=raw)

    def error(self, head: ResponseHead, body: bytes, /) -> ProviderError:
        """Read a refusal."""
        return http_failure(head, body)


CODEC = CompletionsCodec()
