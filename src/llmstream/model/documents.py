"""What a provider gives beside answers: the list of its models, and texts as vectors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import attrs

from llmstream.client.fetch import DocumentCodec, fetch
from llmstream.client.retries import Retries
from llmstream.client.timeouts import Timeouts
from llmstream.errors import ConfigError, MalformedFrameError, UnsupportedError
from llmstream.jsontext import JSON, JSONObject
from llmstream.model.terms import must_be_terms
from llmstream.values.embeddings import Embeddings
from llmstream.values.listed import ModelInfo
from llmstream.values.request import Request
from llmstream.wire import embedding, listing
from llmstream.wire.embedding import EmbedCodec, Vector
from llmstream.wire.http import HttpRequest
from llmstream.wire.listing import ListCodec

if TYPE_CHECKING:
    from llmstream.model.provided import Endpoint

# A listing that has more pages than this leads round in a circle.
MAX_PAGES = 100


@attrs.frozen
class Documents:
    """Asks an endpoint for documents, one exchange after the other."""

    endpoint: Endpoint
    timeouts: Timeouts | None = None
    retries: Retries | None = None

    def __attrs_post_init__(self) -> None:
        must_be_terms(timeouts=self.timeouts, retries=self.retries)

    async def models(self) -> tuple[ModelInfo, ...]:
        """All pages of the listing, in the provider's order.

        Raises:
            UnsupportedError: when the provider's wire lists no models.
            LLMStreamError: when the provider refuses, cannot be reached or says what is no listing.
        """
        codec = self._listing()
        endpoint = attrs.evolve(self.endpoint, base_url=codec.address(self.endpoint.base_url))
        models: list[ModelInfo] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = codec.page(await self._ask(endpoint, codec.request(cursor)))
            models += page.models
            cursor = page.cursor
            if cursor is None:
                return tuple(models)
        raise MalformedFrameError(f"expected a listing of at most {MAX_PAGES} pages, got one that goes on")

    async def embed(
        self,
        model: str,
        texts: Iterable[str],
        *,
        batch: int | None = None,
        dimensions: int | None = None,
        extra: JSONObject | None = None,
    ) -> Embeddings:
        """The vectors of texts, `batch` of them a call and at most as many as the wire takes.

        Raises:
            ConfigError: when `batch` is less than one.
            UnsupportedError: when the provider's wire embeds nothing, or cannot say what is asked for.
            LLMStreamError: when the provider refuses, cannot be reached or says what are no vectors.
        """
        codec, all_texts = self._embedding(), tuple(texts)
        if batch is not None and batch < 1:
            raise ConfigError(f"expected at least one text in a batch, got {batch}")
        size = min(batch or codec.most(model), codec.most(model))
        found = Embeddings()
        for start in range(0, len(all_texts), size):
            part = all_texts[start : start + size]
            http = codec.request(model, part, dimensions=dimensions, extra=extra or {})
            more = codec.read(await self._ask(self.endpoint, http))
            if len(more.vectors) != len(part):
                raise MalformedFrameError(f"expected {len(part)} vectors, got {len(more.vectors)}")
            found = _joined(found, more)
        return found

    async def _ask(self, endpoint: Endpoint, http: HttpRequest) -> JSON:
        row = endpoint.provider
        path, _, query = http.path.partition("?")
        row = attrs.evolve(
            row,
            codec=DocumentCodec(row.codec, attrs.evolve(http, path=path)),
            query=(*row.query, *parse_qsl(query)),
        )
        call = attrs.evolve(endpoint, provider=row).call(Request(""), endpoint.timeouts(self.timeouts))
        defaults = endpoint.defaults
        return await fetch(call, self.retries or defaults.retries, limiter=defaults.limiter)

    def _listing(self) -> ListCodec:
        row = self.endpoint.provider
        codec = row.listing or listing.BY_DIALECT.get(row.codec.name)
        if codec is None or row.script is not None:
            raise UnsupportedError(f"expected a provider that lists its models, got {row.name}")
        return codec

    def _embedding(self) -> EmbedCodec:
        row = self.endpoint.provider
        codec = row.embedding or embedding.BY_DIALECT.get(row.codec.name)
        if codec is None or row.script is not None:
            raise UnsupportedError(f"expected a provider that embeds texts, got {row.name}")
        return codec


def _joined(found: Embeddings, more: Embeddings) -> Embeddings:
    vectors: tuple[Vector, ...] = (*found.vectors, *more.vectors)
    usages = [usage for usage in (found.usage, more.usage) if usage is not None]
    return Embeddings(vectors, sum(usages[1:], usages[0]) if usages else None, more.model or found.model)
