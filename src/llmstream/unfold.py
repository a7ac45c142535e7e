"""A Response turned back into the events that make it, one delta a part."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import assert_never

from llmstream.values.content import (
    Attachment,
    AttachmentPart,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.values.events import (
    AudioDelta,
    CitationOut,
    Done,
    Event,
    ImageOut,
    OpaqueOut,
    PartKind,
    PartMetadata,
    ReasoningDelta,
    TextDelta,
    ToolCallArgsDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResultOut,
)
from llmstream.values.response import Response


def unfold(response: Response, /) -> Iterator[Event]:
    """Give the events of a Response; Done ends them only where the answer had its end.

    `reduce` of them has the same parts, state, reason, usage, id and model.
    """
    for index, part in enumerate(response.parts):
        events = _part(index, part)
        yield from islice(events, 1)
        # Right behind the event that opens the part: a server half says a call's metadata in its start.
        for provider, data in part.provider_metadata.items():
            yield PartMetadata(index, provider, data, kind=_kind(part))
        yield from events
    if response.state in {"complete", "budget"}:
        yield Done(
            finish_reason=response.finish_reason,
            raw_finish_reason=response.raw_finish_reason,
            usage=response.usage,
            id=response.id,
            model=response.model,
            provider_metadata=response.provider_metadata,
        )


def _kind(part: Part) -> PartKind | None:
    """The kind to open an empty part with; the others are always opened by an event of their own."""
    match part:
        case TextPart(text="", citations=(), refusal=False):
            return "text"
        case ReasoningPart(text="", redacted=False):
            return "reasoning"
        case AttachmentPart() if _is_empty(part):
            return "attachment"
        case _:
            return None


def _is_empty(part: AttachmentPart) -> bool:
    """Whether it was opened and nothing came: what comes may yet be an image, or audio."""
    return part == AttachmentPart(Attachment(data=b""), provider_metadata=part.provider_metadata)


def _part(index: int, part: Part) -> Iterator[Event]:
    match part:
        case TextPart():
            yield from _text(index, part)
        case ReasoningPart():
            if part.text or part.redacted or not part.provider_metadata:
                yield ReasoningDelta(index, part.text, part.redacted)
        case ToolCallPart():
            yield from _call(index, part)
        case ToolResultPart():
            yield _result(index, part)
        case AttachmentPart():
            if not (_is_empty(part) and part.provider_metadata):
                yield _file(index, part)
        case OpaquePart():
            yield OpaqueOut(index, part.provider, type=part.type, data=part.data)
        case _:
            assert_never(part)


def _text(index: int, part: TextPart) -> Iterator[Event]:
    for citation in part.citations:
        yield CitationOut(index, citation)
    if part.text or part.refusal or part.logprobs or not (part.citations or part.provider_metadata):
        yield TextDelta(index, part.text, part.logprobs, part.refusal)


def _call(index: int, part: ToolCallPart) -> Iterator[Event]:
    yield ToolCallStart(
        index, id=part.id, name=part.name, server_executed=part.server_executed, custom=part.custom
    )
    if part.raw:
        yield ToolCallArgsDelta(index, part.raw)
    if part.arguments is not None:
        yield ToolCallEnd(index, part.arguments)


def _result(index: int, part: ToolResultPart) -> Event:
    return ToolResultOut(
        index,
        part.tool_call_id,
        name=part.name,
        output=part.output,
        attachments=part.attachments,
        error=part.error,
        server_executed=part.server_executed,
    )


def _file(index: int, part: AttachmentPart) -> Event:
    attachment = part.attachment
    if (attachment.media_type or "").startswith("audio/") and attachment.data is not None:
        media_type = attachment.media_type or ""
        return AudioDelta(index, attachment.data, media_type=media_type, transcript=part.transcript)
    return ImageOut(index, attachment)
