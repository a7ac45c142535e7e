"""Recorded bodies, decoded as a call would decode them."""

from __future__ import annotations

from collections.abc import Iterable

from llmstream import sync
from llmstream.model.provided import Endpoint, ProviderModel
from llmstream.model.registry import provider as find_provider
from llmstream.model.response import Response
from llmstream.providers._provider import Provider
from llmstream.testing.fakes import Answer, ScriptedTransport
from llmstream.wire import find
from llmstream.wire.http import ResponseHead


def decode(
    wire: str,
    body: bytes | Iterable[bytes],
    provider: str | None = None,
    content_type: str | None = None,
    status: int = 200,
) -> Response:
    """Decode one recorded body through the public path: transport, framer, decoder, stream, reducer.

    Args:
        wire: the dialect's name.
        body: the bytes as received, whole or in pieces.
        provider: whose quirks to use, where a row of that name speaks the wire.
        content_type: of the response; without one, the body tells.

    Raises:
        LLMStreamError: what a call would raise, with `.partial`.
    """
    headers = {} if content_type is None else {"content-type": content_type}
    pieces = (body,) if isinstance(body, bytes) else tuple(body)
    transport = ScriptedTransport([Answer(pieces, ResponseHead(status, headers))])
    endpoint = Endpoint(_row(wire, provider), "http://127.0.0.1", None, transport)
    model = sync.Model(ProviderModel("recorded", endpoint))
    return model.prompt("recorded").response().behind


def _row(wire: str, provider: str | None) -> Provider:
    """The row that speaks the wire: the provider's own, or the one for its other dialect."""
    names = (provider, f"{provider}-{wire.removeprefix('openai-')}", wire)
    for name in names:
        row = find_provider(name) if name else None
        if row is not None and wire in {row.codec.name, row.name}:
            return row
    return Provider(name=provider or wire, codec=find(wire))
