"""Attachments as image, document, video and audio blocks, and back.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html

Bytes stand in the request, or the file lies in S3 (an address s3://bucket/key): no other address is read.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from llmstream.errors import ConfigError, UnsupportedError
from llmstream.jsontext import JSON, JSONObject
from llmstream.values.content import Attachment
from llmstream.wire.dataurl import attachment_of as read_data_url
from llmstream.wire.dataurl import b64
from llmstream.wire.typed import MisfitError, mapping, string, text

FileKind: TypeAlias = Literal["image", "document", "video", "audio"]


class _Form(NamedTuple):
    kind: FileKind
    format: str


_FORMS: Final[Mapping[str, _Form]] = {
    "image/png": _Form("image", "png"),
    "image/jpeg": _Form("image", "jpeg"),
    "image/gif": _Form("image", "gif"),
    "image/webp": _Form("image", "webp"),
    "application/pdf": _Form("document", "pdf"),
    "text/plain": _Form("document", "txt"),
    "text/markdown": _Form("document", "md"),
    "text/html": _Form("document", "html"),
    "text/csv": _Form("document", "csv"),
    "application/msword": _Form("document", "doc"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": _Form("document", "docx"),
    "application/vnd.ms-excel": _Form("document", "xls"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _Form("document", "xlsx"),
    "video/mp4": _Form("video", "mp4"),
    "video/quicktime": _Form("video", "mov"),
    "video/x-matroska": _Form("video", "mkv"),
    "video/webm": _Form("video", "webm"),
    "video/x-flv": _Form("video", "flv"),
    "video/mpeg": _Form("video", "mpeg"),
    "video/x-ms-wmv": _Form("video", "wmv"),
    "video/3gpp": _Form("video", "three_gp"),
    "audio/mpeg": _Form("audio", "mp3"),
    "audio/wav": _Form("audio", "wav"),
    "audio/opus": _Form("audio", "opus"),
    "audio/aac": _Form("audio", "aac"),
    "audio/flac": _Form("audio", "flac"),
    "audio/ogg": _Form("audio", "ogg"),
    "audio/mp4": _Form("audio", "m4a"),
    "audio/webm": _Form("audio", "webm"),
    "audio/pcm": _Form("audio", "pcm"),
}
_MEDIA_TYPES: Final[Mapping[tuple[str, str], str]] = {form: name for name, form in _FORMS.items()}
_KINDS: Final[frozenset[str]] = frozenset(form.kind for form in _FORMS.values())

_S3: Final = "s3://"
# A document's name may hold letters, digits, single blanks, hyphens, parentheses and square brackets.
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9\-()\[\]]+")
_MAX_NAME_CHARS: Final = 190


class Files:
    """Writes attachments; documents of one request need names of their own."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def block(self, attachment: Attachment, extra: JSONObject, /) -> JSONObject:
        """Write an attachment as a block, with `extra` among its fields.

        Raises:
            UnsupportedError: when the wire takes no such file, or not from there.
            ConfigError: when the attachment is a path that was not opened, or has no media type.
        """
        if attachment.url is not None and attachment.url.startswith("data:"):
            attachment = _of_data_url(attachment)
        form = _form(attachment)
        block: JSONObject = {"format": form.format}
        if form.kind == "document":
            block["name"] = self._name(attachment.name)
        block["source"] = source_of(attachment)
        return {form.kind: block | extra}

    def _name(self, given: str | None) -> str:
        name = _NOT_IN_NAMES.sub(" ", given or "").strip()[:_MAX_NAME_CHARS] or "document"
        unique, number = name, 1
        while unique in self._names:
            number += 1
            unique = f"{name} ({number})"
        self._names.add(unique)
        return unique


def _form(attachment: Attachment) -> _Form:
    media_type = attachment.media_type
    if media_type is None:
        raise ConfigError("expected a media type for each attachment, got one without")
    if media_type not in _FORMS:
        raise UnsupportedError(
            f"expected a file of a type that the bedrock dialect has, got {media_type}: "
            f"it takes {', '.join(_FORMS)}"
        )
    return _FORMS[media_type]


def image_format(attachment: Attachment, /) -> str:
    """The wire's word for the type of an image in an answer.

    Raises:
        UnsupportedError: when it has none.
    """
    form = _FORMS.get(attachment.media_type or "")
    if form is None or form.kind != "image":
        raise UnsupportedError(
            f"expected an image that the bedrock dialect has in an answer, got {attachment.media_type}"
        )
    return form.format


def source_of(attachment: Attachment, /) -> JSONObject:
    """Write where a file is: in S3, or here.

    Raises:
        UnsupportedError: when it is elsewhere.
        ConfigError: when it is a path that was not opened.
    """
    if attachment.path is not None:
        raise ConfigError(f"expected an attachment that was opened, got the path {attachment.path!r}")
    if attachment.url is not None and attachment.url.startswith(_S3):
        return {"s3Location": {"uri": attachment.url}}
    if attachment.data is None:
        where = "an uploaded file" if attachment.url is None else f"the address {attachment.url!r}"
        raise UnsupportedError(
            f"expected a file's bytes or its place in S3, got {where}: the bedrock dialect reads no other "
            "(fetch_attachment gets the bytes of an address)"
        )
    return {"bytes": b64(attachment.data)}


def _of_data_url(attachment: Attachment) -> Attachment:
    """The same file with its bytes out of the address."""
    read = read_data_url(attachment.url or "")
    if read is None:
        raise ConfigError("expected base64 in a data address, got text that is none")
    return Attachment(attachment.media_type or read.media_type, data=read.data, name=attachment.name)


def is_file(kind: str, /) -> bool:
    """Whether blocks of a kind hold a file."""
    return kind in _KINDS


def attachment_of(kind: str, block: JSONObject, where: str, /) -> Attachment | None:
    """Read a file's block; None where its format or its source is one that no attachment has.

    Raises:
        MisfitError: when a field is not of its type.
    """
    media_type = _MEDIA_TYPES.get((kind, text(block.get("format"), f"{where}.format")))
    source = mapping(block.get("source"), f"{where}.source")
    name = text(block.get("name"), f"{where}.name") or None
    if media_type is None or len(source) != 1:
        return None
    if "bytes" in source:
        return Attachment(media_type, data=bytes_of(source["bytes"], f"{where}.source.bytes"), name=name)
    location = mapping(source.get("s3Location"), f"{where}.source.s3Location")
    if location.keys() != {"uri"}:
        return None
    return Attachment(media_type, url=string(location["uri"], f"{where}.source.s3Location.uri"), name=name)


def bytes_of(value: JSON, where: str, /) -> bytes:
    """Read base64.

    Raises:
        MisfitError: when it is none.
    """
    try:
        return b64decode(string(value, where), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MisfitError("base64", where, value) from error
