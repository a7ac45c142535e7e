"""Recorded bodies, decoded as a call would decode them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, overload

from llmstream import sync
from llmstream.client.fetch import payload_of
from llmstream.client.retries import ONCE
from llmstream.model.provided import Endpoint, ProviderModel
from llmstream.model.registry import provider as find_provider
from llmstream.model.response import Response
from llmstream.providers._provider import Provider
from llmstream.testing.fakes import Answer, ScriptedTransport
from llmstream.values.embeddings import Embeddings
from llmstream.values.listed import ModelInfo
from llmstream.wire import find
from llmstream.wire.embedding import OpenAIEmbedding
from llmstream.wire.http import ResponseHead
from llmstream.wire.listing import Listing

# Whose way of listing and embedding an unknown provider is taken to have.
_USUAL = "openai-chat"


# The names of what stands beside the dialects are strings like theirs; no other string is one of them.
@overload
def decode(  # type: ignore[overload-overlap]  # pyright: ignore[reportOverlappingOverload]
    wire: Literal["embeddings"],
    body: bytes | Iterable[bytes],
    provider: str | None = None,
    content_type: str | None = None,
    status: int = 200,
) -> Embeddings: ...


@overload
def decode(  # type: ignore[overload-overlap]
    wire: Literal["models"],
    body: bytes | Iterable[bytes],
    provider: str | None = None,
    content_type: str | None = None,
    status: int = 200,
) -> tuple[ModelInfo, ...]: ...


@overload
def decode(
    wire: str,
    body: bytes | Iterable[bytes],
    provider: str | None = None,
    content_type: str | None = None,
    status: int = 200,
) -> Response: ...


def decode(
    wire: str,
    body: bytes | Iterable[bytes],
    provider: str | None = None,
    content_type: str | None = None,
    status: int = 200,
) -> Response | Embeddings | tuple[ModelInfo, ...]:
    """Decode one recorded body through the public path: transport, framer, decoder, stream, reducer.

    Args:
        wire: the dialect's name; or "embeddings" or "models", for what stands beside a dialect.
        body: the bytes as received, whole or in pieces.
        provider: whose quirks to use, where a row of that name speaks the wire.
        content_type: of the response; without one, the body tells.

    Raises:
        LLMStreamError: what a call would raise, with `.partial`.
    """
    headers = {} if content_type is None else {"content-type": content_type}
    pieces = (body,) if isinstance(body, bytes) else tuple(body)
    head = ResponseHead(status, headers)
    if wire in {"embeddings", "models"}:
        return _beside(wire, row_for(_USUAL, provider), head, b"".join(pieces))
    transport = ScriptedTransport([Answer(pieces, head)])
    endpoint = Endpoint(row_for(wire, provider), "http://127.0.0.1", None, transport)
    model = sync.Model(ProviderModel("recorded", endpoint))
    # There is one recorded answer, and what it says is wanted, though a call would be made again.
    return model.prompt("recorded", retries=ONCE).response().behind


def _beside(wire: str, row: Provider, head: ResponseHead, body: bytes) -> Embeddings | tuple[ModelInfo, ...]:
    if head.status >= 400:
        raise row.codec.error(head, body)
    payload = payload_of(body)
    if wire == "models":
        return (row.listing or Listing()).page(payload).models
    return (row.embedding or OpenAIEmbedding()).read(payload)


def row_for(wire: str, provider: str | None) -> Provider:
    """The row that speaks the wire: the provider's own, or the one for its other dialect."""
    names = (provider, f"{provider}-{wire.removeprefix('openai-')}", wire)
    for name in names:
        row = find_provider(name) if name else None
        if row is not None and wire in {row.codec.name, row.name}:
            return row
    return Provider(name=provider or wire, codec=find(wire))
