"""The attachments of a request, made ready to be sent: paths opened, media types found."""

from __future__ import annotations

import mimetypes
import os
import stat
from pathlib import Path
from urllib.parse import urlsplit

import anyio.to_thread
import attrs

from llmstream.errors import ConfigError
from llmstream.values.content import Attachment, AttachmentPart, Part, ToolResultPart
from llmstream.values.messages import Message
from llmstream.values.request import Request

MAX_FILE_BYTES = 64 * 1024 * 1024

# Magic numbers of the kinds that models take; the IANA registrations describe them.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"%PDF-", "application/pdf"),
    (8, b"WAVE", "audio/wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (4, b"ftyp", "video/mp4"),
)


async def opened(request: Request, /) -> Request:
    """The request with its paths read and its attachments' media types filled in.

    Raises:
        ConfigError: when a path is no regular file, is too large, cannot be read, or came out of a
            stored dict; or when a media type cannot be found out.
    """
    if not any(_attachments(message) for message in request.messages):
        return request
    return await anyio.to_thread.run_sync(_open_all, request, abandon_on_cancel=True)


def _attachments(message: Message) -> bool:
    return any(
        isinstance(p, AttachmentPart) or (isinstance(p, ToolResultPart) and p.attachments)
        for p in message.parts
    )


def _open_all(request: Request) -> Request:
    messages = tuple(attrs.evolve(m, parts=tuple(map(_open_part, m.parts))) for m in request.messages)
    return attrs.evolve(request, messages=messages)


def _open_part(part: Part) -> Part:
    if isinstance(part, AttachmentPart):
        return attrs.evolve(part, attachment=_open(part.attachment))
    if isinstance(part, ToolResultPart) and part.attachments:
        return attrs.evolve(part, attachments=tuple(map(_open, part.attachments)))
    return part


def _open(attachment: Attachment) -> Attachment:
    if attachment.path is not None:
        name = attachment.name or Path(attachment.path).name
        attachment = attrs.evolve(attachment, data=_read(attachment), path=None, name=name)
    if attachment.media_type is not None or attachment.file_id is not None:
        return attachment
    return attrs.evolve(attachment, media_type=_media_type(attachment))


def _read(attachment: Attachment) -> bytes:
    path = attachment.path or ""
    if attachment.restored:
        raise ConfigError(
            f"expected the caller to name {path!r} again: paths of stored messages are not opened"
        )
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for its writer before fstat can refuse it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise ConfigError(f"expected an attachment at {path!r}, got {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigError(f"expected a regular file at {path!r}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError(f"expected at most {MAX_FILE_BYTES} bytes at {path!r}, got more")
    return data


def _media_type(attachment: Attachment) -> str:
    data = attachment.data or b""
    for offset, magic, media_type in _MAGIC:
        if data[offset : offset + len(magic)] == magic:
            return media_type
    name = attachment.name or (urlsplit(attachment.url).path if attachment.url else "")
    guess = mimetypes.guess_type(name)[0]
    if guess is None:
        raise ConfigError(
            f"expected a media type for the attachment {name or '(bytes)'!r}, which cannot be told from it"
        )
    return guess
