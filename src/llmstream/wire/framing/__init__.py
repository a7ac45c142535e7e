"""Framings: bytes in, frames out, cut anywhere."""

from __future__ import annotations

import attrs

MAX_FRAME_BYTES = 32 * 1024 * 1024


@attrs.define
class Frame:
    """One record of a framed body.

    SSE fills all fields by the standard's names. The other framings fill `data`, the text of the
    record; AWS event streams also `event`, from the `:event-type` or `:exception-type` header, and
    `headers`. Plain, not frozen: one is made for every token, and dies in the decoder.
    """

    event: str = ""
    data: str = ""
    id: str = ""
    retry: int | None = None
    headers: dict[str, object] | None = None
