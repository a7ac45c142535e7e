"""The events of a model call: a union of frozen records to `match` on.

`index` is the position of the event's part in the Response. The first event of an index opens its part
and fixes its kind; indices appear in the order 0, 1, 2, …; `Done` comes once, last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, cast

import attrs

from llmstream.jsontext import JSON, JSONObject
from llmstream.values.content import Attachment, Citation, Logprob
from llmstream.values.usage import Usage

FinishReason: TypeAlias = Literal[
    "stop", "length", "tool_calls", "content_filter", "refusal", "pause", "error", "budget", "other"
]
PartKind: TypeAlias = Literal["text", "reasoning", "tool_call", "tool_result", "attachment", "opaque"]


# Without weak references its layout is that of `_Unfrozen`.
@attrs.frozen(weakref_slot=False)
class TextDelta:
    """More visible text."""

    index: int
    text: str
    logprobs: tuple[Logprob, ...] = ()
    refusal: bool = False


@attrs.define(init=False, eq=False, weakref_slot=False)
class _Unfrozen:
    """A TextDelta before it is frozen: its fields can be set at half the price of going around the lock."""

    index: int
    text: str
    logprobs: tuple[Logprob, ...]
    refusal: bool

    def __init__(self, index: int, text: str, /) -> None:
        self.index = index
        self.text = text
        self.logprobs = ()
        self.refusal = False
        self.__class__ = TextDelta  # type: ignore[assignment]


text_delta = cast("Callable[[int, str], TextDelta]", _Unfrozen)
"""Make a TextDelta of nothing but text, as decoders do for each token, in half the time."""


@attrs.frozen
class ReasoningDelta:
    """More visible reasoning. `redacted`: there was some, and it was withheld."""

    index: int
    text: str
    redacted: bool = False


@attrs.frozen
class ToolCallStart:
    """The model begins a call; it is held back until the name is known."""

    index: int
    id: str = attrs.field(kw_only=True)
    name: str = attrs.field(kw_only=True)
    server_executed: bool = attrs.field(default=False, kw_only=True)
    custom: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class ToolCallArgsDelta:
    """A fragment of the text of a call's arguments, cut anywhere."""

    index: int
    json: str


@attrs.frozen
class ToolCallEnd:
    """The arguments are complete: a JSON object, parsed."""

    index: int
    arguments: JSONObject


@attrs.frozen
class ToolResultOut:
    """A result: of the provider's own tool, or of ours in a chain."""

    index: int
    tool_call_id: str
    name: str = attrs.field(default="", kw_only=True)
    output: JSON = attrs.field(default="", kw_only=True)
    attachments: tuple[Attachment, ...] = attrs.field(default=(), kw_only=True)
    error: str | None = attrs.field(default=None, kw_only=True)
    server_executed: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class ToolProgress:
    """A tool of ours reports while it runs; `index` is that of its call."""

    index: int
    tool_call_id: str
    data: JSON = attrs.field(default=None, kw_only=True)


@attrs.frozen
class ImageOut:
    """An image, or with `partial` a preview that a later one of the same index replaces."""

    index: int
    attachment: Attachment
    partial: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class AudioDelta:
    """More audio, more of its transcript, or both."""

    index: int
    data: bytes = b""
    media_type: str = attrs.field(default="audio/pcm", kw_only=True)
    transcript: str = attrs.field(default="", kw_only=True)


@attrs.frozen
class CitationOut:
    """A source for the text part at `index`."""

    index: int
    citation: Citation


@attrs.frozen
class PartMetadata:
    """Opaque data of a part, to be sent back to `provider`; the keys of `data` are merged, last wins.

    With a new index it opens an empty part of `kind`.
    """

    index: int
    provider: str
    data: JSONObject = attrs.field(factory=JSONObject)
    kind: PartKind | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class OpaqueOut:
    """An item that has no meaning here and must be sent back whole to `provider`."""

    index: int
    provider: str
    type: str = attrs.field(kw_only=True)
    data: JSONObject = attrs.field(factory=JSONObject, kw_only=True)


@attrs.frozen
class Raw:
    """The provider's own event, only when asked for."""

    data: JSON


@attrs.frozen(kw_only=True)
class RoundDone:
    """The end of one model call inside a chain."""

    finish_reason: FinishReason | None = None
    raw_finish_reason: str | None = None
    usage: Usage | None = None
    id: str | None = None
    model: str | None = None
    provider_metadata: JSONObject = attrs.field(factory=JSONObject)


@attrs.frozen
class Restarted:
    """What came before in this answer is continued by another model or attempt."""

    reason: str


@attrs.frozen(kw_only=True)
class Done:
    """The end of the answer; exactly one, last. What the wire did not say is None, never invented."""

    finish_reason: FinishReason | None = None
    raw_finish_reason: str | None = None
    usage: Usage | None = None
    id: str | None = None
    model: str | None = None
    provider_metadata: JSONObject = attrs.field(factory=JSONObject)


@attrs.frozen
class UnknownEvent:
    """An event of a newer version, kept byte-equal; `data` is its dict form, type and all.

    `text` is the JSON that it was read from. It is written again as long as it says what `data` says.
    """

    type: str
    data: JSONObject = attrs.field(factory=JSONObject)
    text: bytes | None = attrs.field(default=None, kw_only=True, eq=False, repr=False)


Event: TypeAlias = (
    TextDelta
    | ReasoningDelta
    | ToolCallStart
    | ToolCallArgsDelta
    | ToolCallEnd
    | ToolResultOut
    | ToolProgress
    | ImageOut
    | AudioDelta
    | CitationOut
    | PartMetadata
    | OpaqueOut
    | Raw
    | RoundDone
    | Restarted
    | Done
    | UnknownEvent
)
