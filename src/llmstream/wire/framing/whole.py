"""A body that is one document: an answer that was not streamed, or a refusal."""

from __future__ import annotations

from collections.abc import Iterable

from llmstream.wire.framing.frame import MAX_FRAME_BYTES, Frame, fail_after, too_large


class WholeFramer:
    """A stage that gives the whole body as one frame at its end; a blank body gives none.

    Raises:
        FrameTooLargeError: from what `feed` gives, when the body exceeds `max_frame_bytes`.
    """

    __slots__ = ("_body", "_limit")

    def __init__(self, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._limit = max_frame_bytes
        self._body = bytearray()

    def feed(self, chunk: bytes, /) -> Iterable[Frame]:
        """Take the next bytes and give nothing yet."""
        if len(self._body) + len(chunk) > self._limit:
            return fail_after((), too_large("a body", self._limit))
        self._body += chunk
        return ()

    def feed_eof(self) -> Iterable[Frame]:
        """Give the body, without its byte order mark and the blanks around it."""
        text = self._body.decode("utf-8-sig", "replace").strip()
        return (Frame("", text),) if text else ()
