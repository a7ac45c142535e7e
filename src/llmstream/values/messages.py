"""Messages, and the builders that make them from strings, parts and attachments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias, cast

import attrs

from llmstream.values.content import (
    Attachment,
    AttachmentPart,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    tuple_of,
)

Role: TypeAlias = Literal["user", "system", "assistant", "tool"]
CacheTime: TypeAlias = Literal["5m", "1h"]

_PARTS = (TextPart, ReasoningPart, ToolCallPart, ToolResultPart, AttachmentPart, OpaquePart)

Content: TypeAlias = str | Attachment | Part
Contents: TypeAlias = Content | Iterable[Content]


@attrs.frozen
class Message:
    """One turn of one side.

    `cache` marks the end of a prefix that the provider should keep, and for how long.
    """

    role: Role
    parts: tuple[Part, ...] = attrs.field(default=(), converter=tuple_of)
    cache: CacheTime | None = attrs.field(default=None, kw_only=True)

    def text(self) -> str:
        """The visible text of all parts, joined with nothing."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


def user(*contents: Contents, cache: CacheTime | None = None) -> Message:
    """Make a user message; lists are flattened one level.

    Raises:
        TypeError: when a content is no string, attachment or part.
    """
    return Message("user", _parts(contents), cache=cache)


def system(*contents: Contents, cache: CacheTime | None = None) -> Message:
    """Make a system message; as `user` otherwise."""
    return Message("system", _parts(contents), cache=cache)


def assistant(*contents: Contents, cache: CacheTime | None = None) -> Message:
    """Make an assistant message; as `user` otherwise."""
    return Message("assistant", _parts(contents), cache=cache)


def tool_message(*contents: Contents, cache: CacheTime | None = None) -> Message:
    """Make a message of tool results; as `user` otherwise."""
    return Message("tool", _parts(contents), cache=cache)


def _parts(contents: tuple[Contents, ...]) -> tuple[Part, ...]:
    parts: list[Part] = []
    for content in contents:
        if isinstance(content, list | tuple):
            parts.extend(_part(item) for item in cast("Iterable[object]", content))
        else:
            parts.append(_part(content))
    return tuple(parts)


def _part(content: object) -> Part:
    if isinstance(content, str):
        return TextPart(content)
    if isinstance(content, Attachment):
        return AttachmentPart(content)
    if isinstance(content, _PARTS):
        return content
    raise TypeError(f"expected a string, an attachment or a part in a message, got {type(content).__name__}")
