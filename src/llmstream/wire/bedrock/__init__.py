"""Amazon Bedrock's Converse API: one wire for the models of many vendors, in binary frames.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from llmstream.errors import ProviderError
from llmstream.stage import Stage
from llmstream.values.events import Event
from llmstream.values.request import Request
from llmstream.wire.bedrock.decode import Decoder
from llmstream.wire.bedrock.encode import encode
from llmstream.wire.bedrock.turns import IDS
from llmstream.wire.codec import Ids
from llmstream.wire.failures import http_failure
from llmstream.wire.framing import MAX_FRAME_BYTES, Frame
from llmstream.wire.framing.select import select
from llmstream.wire.http import HttpRequest, ResponseHead
from llmstream.wire.portable import IdShape

if TYPE_CHECKING:
    from llmstream.wire.bedrock.server import BedrockServer


@attrs.frozen
class BedrockCodec:
    """The Converse dialect. It has one vendor, so there are no quirks."""

    provider: str = "bedrock"

    @property
    def name(self) -> str:
        """The dialect."""
        return "bedrock"

    @property
    def call_ids(self) -> IdShape:
        """What ids of calls are taken as they are."""
        return IDS

    @property
    def server(self) -> BedrockServer:
        """The server half."""
        # Not above: who only calls models has no use for it.
        from llmstream.wire.bedrock.server import BedrockServer

        return BedrockServer(self.provider)

    def encode(self, request: Request, /) -> HttpRequest:
        """Turn a request into the wire's form; see `encode` for what becomes of each option.

        Raises:
            UnsupportedError: when the dialect cannot say an option, a part or a tool.
            ConfigError: when there is no message to send, options contradict each other, or an
                attachment cannot be sent as it is.
        """
        return encode(request, self.provider)

    def framer(self, head: ResponseHead, /, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> Stage[bytes, Frame]:
        """Return a fresh framer: AWS event stream messages, or one document."""
        return select(head, max_frame_bytes=max_frame_bytes)

    def decoder(
        self, head: ResponseHead, /, *, ids: Ids | None = None, raw: bool = False
    ) -> Stage[Frame, Event]:
        """Return a fresh decoder; the answer's id is that of the request, which the head names."""
        return Decoder(self.provider, id=head.headers.get("x-amzn-requestid") or None, ids=ids, raw=raw)

    def error(self, head: ResponseHead, body: bytes, /) -> ProviderError:
        """Read a refusal; never raises."""
        return http_failure(head, body)


CODEC = BedrockCodec()
