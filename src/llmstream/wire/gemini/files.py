"""Attachments as the wire's bytes and addresses, and back.

https://ai.google.dev/gemini-api/docs/file-input-methods

An uploaded file is named by the address that its upload gave; it goes where addresses go. Names of files
are not said.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Final

from llmstream.errors import ConfigError
from llmstream.jsontext import JSONObject
from llmstream.values.content import Attachment
from llmstream.wire.dataurl import b64
from llmstream.wire.gemini.frames import Blob
from llmstream.wire.gemini.parts import FILE, INLINE

# The wire's JSON may have either alphabet of base64.
_STANDARD: Final = str.maketrans("-_", "+/")


def bytes_of(text: str, /) -> bytes:
    """Read base64.

    Raises:
        ValueError: when it is none.
    """
    return b64decode(text.translate(_STANDARD), validate=True)


def file_part(attachment: Attachment, /) -> JSONObject:
    """Write an attachment as a part.

    Raises:
        ConfigError: when the attachment is a path that was not opened, or bytes without a media type.
    """
    media_type = attachment.media_type
    if attachment.path is not None:
        raise ConfigError(f"expected an attachment that was opened, got the path {attachment.path!r}")
    if attachment.data is not None:
        return _inline(media_type, attachment.data)
    address = attachment.url or attachment.file_id or ""
    if address.startswith("data:"):
        head, _, payload = address.removeprefix("data:").partition(",")
        try:
            return _inline(media_type or head.partition(";")[0], b64decode(payload, validate=True))
        except (binascii.Error, ValueError) as error:
            raise ConfigError(f"expected base64 in a data address, got {error}") from error
    record: JSONObject = {"fileUri": address}
    return {FILE: record if media_type is None else {"mimeType": media_type, **record}}


def _inline(media_type: str | None, data: bytes) -> JSONObject:
    if not media_type:
        raise ConfigError("expected a media type for each attachment that is sent as bytes, got one without")
    return {INLINE: {"mimeType": media_type, "data": b64(data)}}


def attachment_of(blob: Blob, /) -> Attachment:
    """Read bytes or an address.

    Raises:
        ValueError: when the bytes are no base64.
    """
    if blob.file_uri is not None:
        return Attachment(blob.mime_type or None, url=blob.file_uri, name=blob.display_name)
    return Attachment(blob.mime_type or None, data=bytes_of(blob.data or ""), name=blob.display_name)
