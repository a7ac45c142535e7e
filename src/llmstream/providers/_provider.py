"""The row that describes a provider."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs

from llmstream.values.content import tuple_of
from llmstream.values.events import Event
from llmstream.values.request import Request
from llmstream.wire.codec import Codec
from llmstream.wire.embedding import EmbedCodec
from llmstream.wire.listing import ListCodec


@attrs.frozen(kw_only=True)
class Provider:
    """Where a provider is, how it is spoken to, and how it knows who calls.

    Attributes:
        codec: the dialect, with this provider's quirks.
        base_url: what the vendor's own SDK takes; empty where every user has another.
        base_url_env: a variable that holds the base address.
        key_env: variables that may hold the key; the first that is set counts.
        key_header: the header that carries the key, after `key_prefix`.
        needs_key: False for local servers.
        headers: sent with every request.
        query: appended to every address.
        prefixes: beginnings of bare model ids that are known to be this provider's.
        local: only used by name, never chosen because it happens to be there.
        default_model: what the provider's name alone means.
        script: answers in process instead of a network, through the codec's server half.
        listing: how it lists its models, where that is not its dialect's way.
        embedding: how it embeds texts, likewise.
    """

    name: str
    codec: Codec
    base_url: str = ""
    base_url_env: str | None = None
    key_env: tuple[str, ...] = attrs.field(default=(), converter=tuple_of)
    key_header: str = "authorization"
    key_prefix: str = "Bearer "
    needs_key: bool = True
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=tuple_of)
    query: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=tuple_of)
    prefixes: tuple[str, ...] = attrs.field(default=(), converter=tuple_of)
    local: bool = False
    default_model: str | None = None
    script: Callable[[Request], Iterable[Event]] | None = None
    listing: ListCodec | None = None
    embedding: EmbedCodec | None = None
