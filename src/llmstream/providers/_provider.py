"""The row that describes a provider."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import attrs

from llmstream.values.content import tuple_of
from llmstream.values.events import Event
from llmstream.values.request import Request
from llmstream.values.timeouts import Timeouts
from llmstream.wire.codec import Codec
from llmstream.wire.embedding import EmbedCodec
from llmstream.wire.listing import ListCodec


@attrs.frozen
class Setting:
    """A word of a provider's address that every user has another of.

    Attributes:
        env: variables that may hold it; the first that is set counts.
        default: where none is set; without one, the address is incomplete.
        form: how it is written, with the value in place of `{}`.
        special: values that are written otherwise.
    """

    name: str
    env: tuple[str, ...] = attrs.field(converter=tuple_of)
    default: str | None = attrs.field(default=None, kw_only=True)
    form: str = attrs.field(default="{}", kw_only=True)
    special: Mapping[str, str] = attrs.field(factory=dict[str, str], kw_only=True)


@attrs.frozen(kw_only=True)
class Signing:
    """How calls without a key are signed: AWS Signature Version 4.

    Attributes:
        service: AWS's name of what is called.
        region: the name of the setting that says where.
        env: the variables of the access key, of the secret key and, where they are temporary, of the token.
    """

    service: str
    region: str = "region"
    env: tuple[str, str, str] = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@attrs.frozen(kw_only=True)
class Provider:
    """Where a provider is, how it is spoken to, and how it knows who calls.

    Attributes:
        codec: the dialect, with this provider's quirks.
        base_url: what the vendor's own SDK takes; empty where every user has another. Words in braces
            are settings.
        base_url_env: a variable that holds the base address.
        settings: the words in braces.
        addresses: a pattern of other addresses that are the provider's own, so that the key in the
            environment is for them, too.
        key_env: variables that may hold the key; the first that is set counts.
        key_header: the header that carries the key, after `key_prefix`.
        needs_key: False for local servers.
        signing: how calls are signed where there is no key.
        headers: sent with every request.
        query: appended to every address.
        prefixes: beginnings of bare model ids that are known to be this provider's.
        local: only used by name, never chosen because it happens to be there.
        default_model: what the provider's name alone means.
        script: answers in process instead of a network, through the codec's server half.
        listing: how it lists its models, where that is not its dialect's way.
        embedding: how it embeds texts, likewise.
        timeouts: what it is known to keep: one that pings may set `liveness`.
    """

    name: str
    codec: Codec
    base_url: str = ""
    base_url_env: str | None = None
    settings: tuple[Setting, ...] = attrs.field(default=(), converter=tuple_of)
    addresses: str = ""
    key_env: tuple[str, ...] = attrs.field(default=(), converter=tuple_of)
    key_header: str = "authorization"
    key_prefix: str = "Bearer "
    needs_key: bool = True
    signing: Signing | None = None
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=tuple_of)
    query: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=tuple_of)
    prefixes: tuple[str, ...] = attrs.field(default=(), converter=tuple_of)
    local: bool = False
    default_model: str | None = None
    script: Callable[[Request], Iterable[Event]] | None = None
    listing: ListCodec | None = None
    embedding: EmbedCodec | None = None
    timeouts: Timeouts | None = None
