"""Which framing a body has: by its content type, and by its first bytes where that is not enough."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from llmstream.errors import UnexpectedContentError
from llmstream.stage import Stage
from llmstream.wire.framing.elements import ElementFramer
from llmstream.wire.framing.eventstream import EventStreamFramer
from llmstream.wire.framing.frame import MAX_FRAME_BYTES, Frame, fail_after
from llmstream.wire.framing.ndjson import NDJSONFramer
from llmstream.wire.framing.sse import SSEFramer
from llmstream.wire.framing.whole import WholeFramer
from llmstream.wire.http import ResponseHead

Framer: TypeAlias = Stage[bytes, Frame]

_NDJSON_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
# Said by servers that do not say what they send.
_VAGUE_TYPES = ("", "text/plain", "application/octet-stream")

_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"
_FIELDS = (b":", b"data:", b"event:", b"id:", b"retry:")
# A body with more blanks before its first word is taken for an event stream: what is held back is bounded.
_MAX_BLANKS = 1024
_EXCERPT_CHARS = 200


def select(
    head: ResponseHead,
    /,
    *,
    max_frame_bytes: int = MAX_FRAME_BYTES,
    error_field: bool = False,
    unended: bool = False,
    elements: bool = False,
) -> Framer:
    """Return a fresh framer for the body that follows `head`.

    For a body that can be neither frames nor JSON it is one that raises `UnexpectedContentError`, with
    the beginning of the body in its message. `error_field` and `unended` are the SSE framer's. With
    `elements` JSON is framed by the elements of its array, also where it follows server-sent events.
    """
    kind = head.media_type
    document = ElementFramer if elements else WholeFramer
    if kind == "text/event-stream" or kind in _VAGUE_TYPES:
        sse = SSEFramer(
            max_frame_bytes=max_frame_bytes, error_field=error_field, unended=unended, bare_json=elements
        )
        whole = document(max_frame_bytes=max_frame_bytes)
        if kind == "text/event-stream":
            return _Sniffer(sse, whole, other=sse)
        fields = (*_FIELDS, b"error:") if error_field else _FIELDS
        aws = EventStreamFramer(max_frame_bytes=max_frame_bytes)
        return _Sniffer(sse, whole, other=_Unexpected(kind), fields=fields, aws=aws)
    if kind in _NDJSON_TYPES:
        return NDJSONFramer(max_frame_bytes=max_frame_bytes)
    if kind == "application/json" or kind.endswith("+json"):
        return document(max_frame_bytes=max_frame_bytes)
    if kind == "application/vnd.amazon.eventstream":
        return EventStreamFramer(max_frame_bytes=max_frame_bytes)
    return _Unexpected(kind)


class _Sniffer:
    """Holds a body back until its first bytes that are not blank say what it is.

    A body that begins with a brace or a bracket is JSON, one that begins with one of `fields` is an event
    stream, and one that begins with a zero is one in the frames of AWS, for `aws`; any other is for `other`.
    """

    __slots__ = ("_aws", "_fields", "_framer", "_head", "_other", "_sse", "_whole")

    def __init__(
        self,
        sse: Framer,
        whole: Framer,
        *,
        other: Framer,
        fields: tuple[bytes, ...] = (),
        aws: Framer | None = None,
    ) -> None:
        self._sse = sse
        self._whole = whole
        self._other = other
        self._fields = fields
        self._aws = aws
        self._head = b""
        self._framer: Framer | None = None

    @property
    def event_stream(self) -> SSEFramer | None:
        """What reads the body, once it is known to be an event stream."""
        return self._framer if isinstance(self._framer, SSEFramer) else None

    def feed(self, chunk: bytes, /) -> Iterable[Frame]:
        if self._framer is not None:
            return self._framer.feed(chunk)
        self._head += chunk
        self._framer = self._choose(self._head)
        if self._framer is None:
            return ()
        head, self._head = self._head, b""
        return self._framer.feed(head)

    def feed_eof(self) -> Iterator[Frame]:
        # A body that ends before it said what it is has no frame: the decoder calls it truncated.
        framer = self._framer or self._sse
        yield from framer.feed(self._head)
        yield from framer.feed_eof()

    def _choose(self, head: bytes) -> Framer | None:
        if _BOM.startswith(head):
            return None
        # The length of a message that is not far above any limit begins so, and no text does.
        if self._aws is not None and head.startswith(b"\0"):
            return self._aws
        body = head.removeprefix(_BOM).lstrip(_BLANKS)
        if len(head) - len(body) > _MAX_BLANKS:
            return self._sse
        # gemini: refusals are declared as event streams and are bare JSON (corpus: gemini/errors). No field
        # of an event stream begins so.
        if body.startswith((b"{", b"[")):
            return self._whole
        if body.startswith(self._fields):
            return self._sse
        undecided = not body or any(field.startswith(body) for field in self._fields)
        return None if undecided else self._other


class _Unexpected:
    """Collects the beginning of a body that nothing here reads, and raises with it."""

    __slots__ = ("_decode", "_media_type", "_text")

    def __init__(self, media_type: str) -> None:
        self._media_type = media_type
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._text = ""

    def feed(self, chunk: bytes, /) -> Iterable[Frame]:
        # No character takes more than four bytes.
        self._text += self._decode(chunk[: 4 * _EXCERPT_CHARS])
        return self._refuse() if len(self._text) >= _EXCERPT_CHARS else ()

    def feed_eof(self) -> Iterable[Frame]:
        return self._refuse()

    def _refuse(self) -> Iterable[Frame]:
        kind = self._media_type or "a body without content type"
        body = self._text[:_EXCERPT_CHARS] or "nothing in it"
        error = f"expected text/event-stream or JSON, got {kind}: {body}"
        return fail_after((), UnexpectedContentError(error))
