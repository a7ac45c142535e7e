"""The Messages API of Anthropic, and of those who speak it too.

https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from llmstream.errors import ProviderError
from llmstream.stage import Stage
from llmstream.values.events import Event
from llmstream.values.request import Request
from llmstream.wire.anthropic.decode import Decoder
from llmstream.wire.anthropic.encode import encode
from llmstream.wire.anthropic.error import error_of
from llmstream.wire.anthropic.quirks import Quirks as Quirks
from llmstream.wire.anthropic.turns import IDS
from llmstream.wire.codec import Ids
from llmstream.wire.framing import MAX_FRAME_BYTES, Frame
from llmstream.wire.framing.select import select
from llmstream.wire.http import HttpRequest, ResponseHead
from llmstream.wire.portable import IdShape

if TYPE_CHECKING:
    from llmstream.wire.anthropic.server import AnthropicServer


@attrs.frozen
class AnthropicCodec:
    """The Messages dialect, with the quirks of one provider."""

    provider: str = "anthropic"
    quirks: Quirks = attrs.field(factory=Quirks)

    @property
    def name(self) -> str:
        """The dialect."""
        return "anthropic"

    @property
    def call_ids(self) -> IdShape:
        """What ids of calls are taken as they are."""
        return IDS

    @property
    def server(self) -> AnthropicServer:
        """The server half, with the same quirks."""
        # Not above: who only calls models has no use for it.
        from llmstream.wire.anthropic.server import AnthropicServer

        return AnthropicServer(self.provider, self.quirks)

    def encode(self, request: Request, /) -> HttpRequest:
        """Turn a request into the wire's form; see `encode` for what becomes of each option.

        Raises:
            UnsupportedError: when the dialect cannot say an option, a part or a tool.
            ConfigError: when there is no message to send, options contradict each other, or an
                attachment cannot be sent as it is.
        """
        return encode(request, self.provider, self.quirks)

    def framer(self, head: ResponseHead, /, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> Stage[bytes, Frame]:
        """Return a fresh framer: server-sent events, or one document."""
        return select(head, max_frame_bytes=max_frame_bytes)

    def decoder(
        self, head: ResponseHead, /, *, ids: Ids | None = None, raw: bool = False
    ) -> Stage[Frame, Event]:
        """Return a fresh decoder for one response body."""
        return Decoder(self.provider, ids=ids, raw=raw)

    def error(self, head: ResponseHead, body: bytes, /) -> ProviderError:
        """Read a refusal; never raises."""
        return error_of(head, body)


CODEC = AnthropicCodec()
