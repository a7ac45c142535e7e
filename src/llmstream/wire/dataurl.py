"""Data URLs: bytes inside of JSON text.

https://www.rfc-editor.org/rfc/rfc2397
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode

from llmstream.values.content import Attachment


def attachment_of(url: str) -> Attachment | None:
    """Read a data URL or a link; None for base64 that is none."""
    if not url.startswith("data:"):
        return Attachment("image/*", url=url)
    head, _, data = url[5:].partition(",")
    try:
        return Attachment(head.partition(";")[0] or None, data=b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        return None


def data_url(attachment: Attachment) -> str:
    """Write an attachment's bytes as a data URL."""
    return f"data:{attachment.media_type or ''};base64,{b64(attachment.data or b'')}"


def b64(data: bytes) -> str:
    """Base64 as text."""
    return b64encode(data).decode("ascii")
