"""What a message holds: parts, and the attachments, citations and log probabilities inside them."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import attrs

from llmstream.errors import ConfigError
from llmstream.jsontext import JSON, JSONObject

ProviderMetadata: TypeAlias = Mapping[str, JSONObject]


def tuple_of(values: Iterable[Any]) -> tuple[Any, ...]:
    """Turn a list or another iterable into a tuple, for fields that callers fill with lists.

    Any, because no checker infers a generic converter's argument from the field's type.
    """
    return tuple(values)


def metadata_of(value: ProviderMetadata | None) -> ProviderMetadata:
    """Take None for no metadata."""
    return {} if value is None else value


def _short(data: bytes | None) -> str:
    return "None" if data is None else f"<{len(data)} bytes>"


@attrs.frozen
class Attachment:
    """A file that goes with a message or comes out of a model.

    Exactly one of `data`, `url`, `path` and `file_id` is given. A `path` is opened when the call that
    carries it is sent, and only if the caller wrote it here: one that came out of a stored dict is not.

    Raises:
        ConfigError: when none or several of the sources are given.
    """

    media_type: str | None = None
    data: bytes | None = attrs.field(default=None, kw_only=True, repr=_short)
    url: str | None = attrs.field(default=None, kw_only=True)
    path: str | None = attrs.field(default=None, kw_only=True)
    file_id: str | None = attrs.field(default=None, kw_only=True)
    name: str | None = attrs.field(default=None, kw_only=True)
    restored: bool = attrs.field(default=False, kw_only=True, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        given = [name for name in ("data", "url", "path", "file_id") if getattr(self, name) is not None]
        if len(given) != 1:
            got = " and ".join(given) or "none"
            raise ConfigError(f"expected one of data, url, path and file_id for an attachment, got {got}")


@attrs.frozen
class Citation:
    """A source for a text part.

    `start` and `end` count characters of that part; both are None where the wire gives no span.
    `data` is the provider's own record, which goes back to `provider` with the text.
    """

    url: str | None = None
    title: str | None = None
    cited_text: str | None = attrs.field(default=None, kw_only=True)
    start: int | None = attrs.field(default=None, kw_only=True)
    end: int | None = attrs.field(default=None, kw_only=True)
    provider: str = attrs.field(default="", kw_only=True)
    data: JSONObject = attrs.field(factory=JSONObject, kw_only=True)


@attrs.frozen
class Logprob:
    """The log probability of one token, with the likeliest tokens in its place."""

    token: str
    logprob: float
    bytes: builtins.bytes | None = attrs.field(default=None, kw_only=True)
    top: tuple[Logprob, ...] = attrs.field(default=(), kw_only=True, converter=tuple_of)


@attrs.frozen
class TextPart:
    """Visible text. `refusal`: the model says that it will not answer."""

    text: str
    citations: tuple[Citation, ...] = attrs.field(default=(), kw_only=True, converter=tuple_of)
    logprobs: tuple[Logprob, ...] = attrs.field(default=(), kw_only=True, converter=tuple_of)
    refusal: bool = attrs.field(default=False, kw_only=True)
    provider_metadata: ProviderMetadata = attrs.field(
        factory=dict[str, JSONObject], kw_only=True, converter=metadata_of
    )


@attrs.frozen
class ReasoningPart:
    """Visible reasoning. `redacted`: there was some, and the provider withheld it."""

    text: str = ""
    redacted: bool = attrs.field(default=False, kw_only=True)
    provider_metadata: ProviderMetadata = attrs.field(
        factory=dict[str, JSONObject], kw_only=True, converter=metadata_of
    )


@attrs.frozen
class ToolCallPart:
    """A call that the model wants made.

    `arguments` is None when `raw`, the text that the model wrote, is no complete JSON object; `error`
    then says why. A `custom` call has free text in `raw` and no arguments. `server_executed`: the
    provider runs it itself.
    """

    id: str
    name: str
    arguments: JSONObject | None = attrs.field(default=None, kw_only=True)
    raw: str = attrs.field(default="", kw_only=True)
    server_executed: bool = attrs.field(default=False, kw_only=True)
    custom: bool = attrs.field(default=False, kw_only=True)
    error: str | None = attrs.field(default=None, kw_only=True)
    provider_metadata: ProviderMetadata = attrs.field(
        factory=dict[str, JSONObject], kw_only=True, converter=metadata_of
    )


@attrs.frozen
class ToolResultPart:
    """What a call gave: text, or JSON where the provider's own tool answered with a structure."""

    tool_call_id: str
    name: str
    output: JSON = attrs.field(default="", kw_only=True)
    attachments: tuple[Attachment, ...] = attrs.field(default=(), kw_only=True, converter=tuple_of)
    error: str | None = attrs.field(default=None, kw_only=True)
    server_executed: bool = attrs.field(default=False, kw_only=True)
    provider_metadata: ProviderMetadata = attrs.field(
        factory=dict[str, JSONObject], kw_only=True, converter=metadata_of
    )


@attrs.frozen
class AttachmentPart:
    """A file between the other parts. `transcript`: the words of audio that a model spoke."""

    attachment: Attachment
    transcript: str = attrs.field(default="", kw_only=True)
    provider_metadata: ProviderMetadata = attrs.field(
        factory=dict[str, JSONObject], kw_only=True, converter=metadata_of
    )


@attrs.frozen
class OpaquePart:
    """An item that has no meaning here and must be sent back whole to its provider."""

    provider: str
    type: str
    data: JSONObject = attrs.field(factory=JSONObject)
    provider_metadata: ProviderMetadata = attrs.field(
        factory=dict[str, JSONObject], kw_only=True, converter=metadata_of
    )


Part: TypeAlias = TextPart | ReasoningPart | ToolCallPart | ToolResultPart | AttachmentPart | OpaquePart
