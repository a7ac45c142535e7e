"""How much of a peer's words is taken in before it is refused."""

from __future__ import annotations

import attrs

from llmstream.errors import ConfigError
from llmstream.values.amounts import is_amount
from llmstream.wire.framing import MAX_FRAME_BYTES


@attrs.frozen(kw_only=True)
class Limits:
    """Bytes that a call takes in at most; what goes beyond is a typed error, not memory.

    Not here, because nobody needs another: 64 KiB and 200 headers of a head, and the depth and digits of
    JSON, see `llmstream.jsontext`.

    Attributes:
        frame_bytes: of one frame: FrameTooLargeError.
        output_bytes: of the whole body of an answer, unpacked: BodyTooLargeError; None is no limit.
        error_bytes: of the body of a refusal; the rest is not read.
    """

    frame_bytes: int = MAX_FRAME_BYTES
    output_bytes: int | None = None
    error_bytes: int = 64 * 1024

    def __attrs_post_init__(self) -> None:
        for name in ("frame_bytes", "output_bytes", "error_bytes"):
            size: int | None = getattr(self, name)
            absent = size is None and name == "output_bytes"
            if not absent and not is_amount(size, 1):
                raise ConfigError(f"expected at least one byte as {name}, got {size!r}")
