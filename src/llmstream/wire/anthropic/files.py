"""Attachments as image and document blocks, and back.

https://platform.claude.com/docs/en/build-with-claude/files
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

import attrs

from llmstream.errors import ConfigError, UnsupportedError
from llmstream.jsontext import JSONObject
from llmstream.values.content import Attachment
from llmstream.wire.typed import MisfitError, mapping, string

_PDF: Final = "application/pdf"
_TEXT: Final = "text/plain"
# What is said of an image whose exact type the wire does not tell.
_IMAGE: Final = "image/*"


def file_block(attachment: Attachment, /) -> JSONObject:
    """Write an attachment as a block.

    Raises:
        UnsupportedError: when the wire takes no such file.
        ConfigError: when the attachment is a path that was not opened, has no media type, or is no text
            although it says so.
    """
    if attachment.url is not None and attachment.url.startswith("data:"):
        attachment = _of_data_url(attachment)
    media_type = attachment.media_type or ("" if attachment.file_id is None else _PDF)
    if media_type.startswith("image/"):
        return {"type": "image", "source": _source(attachment, media_type)}
    if media_type == _PDF or media_type.startswith("text/"):
        block: JSONObject = {"type": "document", "source": _source(attachment, media_type)}
        return block if attachment.name is None else {**block, "title": attachment.name}
    if not media_type:
        raise ConfigError("expected a media type for each attachment, got one without")
    raise UnsupportedError(
        f"expected an image, a PDF or text as attachment, got {media_type}: anthropic takes no other"
    )


def _source(attachment: Attachment, media_type: str) -> JSONObject:
    if attachment.path is not None:
        raise ConfigError(f"expected an attachment that was opened, got the path {attachment.path!r}")
    if attachment.file_id is not None:
        return {"type": "file", "file_id": attachment.file_id}
    is_text = media_type.startswith("text/")
    if attachment.url is not None:
        if is_text:
            raise UnsupportedError(
                f"expected the text itself, got the address {attachment.url!r}: "
                "the anthropic dialect takes those of images and PDFs only (fetch_attachment gets the bytes)"
            )
        return {"type": "url", "url": attachment.url}
    data = attachment.data or b""
    if is_text:
        return {"type": "text", "media_type": _TEXT, "data": _decoded(data)}
    return {"type": "base64", "media_type": media_type, "data": base64.b64encode(data).decode()}


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"expected UTF-8 in a text attachment, got {error.reason} at {error.start}"
        ) from error


def _of_data_url(attachment: Attachment) -> Attachment:
    """The same file with its bytes out of the address, which the wire does not take."""
    head, _, payload = (attachment.url or "").partition(",")
    media_type, _, coding = head.removeprefix("data:").rpartition(";")
    try:
        data = base64.b64decode(payload, validate=True)
    except binascii.Error as error:
        raise ConfigError(f"expected base64 in a data address, got {error}") from error
    if coding != "base64":
        raise ConfigError(f"expected base64 in a data address, got {head!r}")
    return attrs.evolve(attachment, url=None, data=data, media_type=attachment.media_type or media_type)


def attachment_of(block: JSONObject, where: str, /) -> Attachment | None:
    """Read an image or document block; None where its source is of a kind that no attachment has.

    Raises:
        MisfitError: when a field is not of its type.
    """
    source = mapping(block.get("source"), f"{where}.source")
    is_image = block.get("type") == "image"
    name = None if block.get("title") is None else string(block["title"], f"{where}.title")
    match source.get("type"):
        case "base64":
            media_type = string(source.get("media_type"), f"{where}.source.media_type")
            return Attachment(media_type, data=_bytes(source.get("data"), f"{where}.source.data"), name=name)
        case "text":
            return Attachment(
                _TEXT, data=string(source.get("data"), f"{where}.source.data").encode(), name=name
            )
        case "url":
            url = string(source.get("url"), f"{where}.source.url")
            return Attachment(_IMAGE if is_image else _PDF, url=url, name=name)
        case "file":
            file_id = string(source.get("file_id"), f"{where}.source.file_id")
            return Attachment(_IMAGE if is_image else None, file_id=file_id, name=name)
        case _:
            return None


def _bytes(value: object, where: str) -> bytes:
    try:
        return base64.b64decode(string(value, where), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MisfitError("base64", where, value) from error
