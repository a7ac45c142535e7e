"""What kind of file bytes are: told from the bytes first, then from what is said of them."""

from __future__ import annotations

import mimetypes
from urllib.parse import urlsplit

from llmstream.errors import ConfigError, UnexpectedContentError
from llmstream.values.content import Attachment

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
    (4, b"ftypavif", "image/avif"),
    (4, b"ftyphei", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftypqt  ", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
)
# Kinds whose files all begin with their magic number. (A PDF may have some bytes before it.)
_CERTAIN = {"image/png", "image/jpeg", "image/gif", "image/webp"}
_PDF_WITHIN = 1024
# What servers say when they do not know.
_UNKNOWN = {"", "application/octet-stream", "binary/octet-stream", "application/force-download"}


def sniffed(data: bytes, /) -> str | None:
    """The media type that the bytes themselves tell; None when they do not."""
    return next((kind for at, magic, kind in _MAGIC if data[at : at + len(magic)] == magic), None)


def media_type_of(attachment: Attachment, /) -> str:
    """The media type of an attachment that has none: from its bytes, its name or its address.

    Raises:
        ConfigError: when neither tells it.
    """
    name = attachment.name or (urlsplit(attachment.url).path if attachment.url else "")
    found = sniffed(attachment.data or b"") or mimetypes.guess_type(name)[0]
    if found is None:
        raise ConfigError(
            f"expected a media type for the attachment {name or '(bytes)'!r}, which cannot be told from it"
        )
    return found


def received_type(data: bytes, said: str, *, name: str = "") -> str:
    """The media type of bytes of which a peer said something: what they are counts, not what was said.

    Raises:
        UnexpectedContentError: when they are said to be of a kind that they cannot be.
        ConfigError: when nothing tells what they are.
    """
    found = sniffed(data)
    if found is not None:
        # A container of sound or pictures is what its owner says it is.
        return said if said.partition("/")[2] == found.partition("/")[2] else found
    if said in _CERTAIN or (said == "application/pdf" and b"%PDF-" not in data[:_PDF_WITHIN]):
        raise UnexpectedContentError(f"expected a file of the kind {said}, got bytes that are none")
    return media_type_of(Attachment(data=data, name=name)) if said in _UNKNOWN else said
