"""Files that go in, as parts of a message's content; both ways.

https://platform.openai.com/docs/guides/images-vision, https://platform.openai.com/docs/guides/pdf-files
"""

from __future__ import annotations

import binascii
from base64 import b64decode

from llmstream.errors import ConfigError, InvalidRequestError
from llmstream.jsontext import JSONObject
from llmstream.values.content import Attachment
from llmstream.wire.dataurl import attachment_of, b64, data_url
from llmstream.wire.fields import Fields
from llmstream.wire.openai_responses._names import cannot

_AUDIO = {"audio/mpeg": "mp3", "audio/x-wav": "wav", "audio/wave": "wav"}
_IMAGE = "image/*"


def file_part(attachment: Attachment, own: JSONObject, /) -> JSONObject:
    """Write a file; `own` may have the `detail` that an image is looked at in.

    Raises:
        UnsupportedError: when the wire has no place for its kind.
        ConfigError: when it is a path that was not opened, or has no media type.
    """
    if attachment.path is not None:
        raise ConfigError(f"expected an attachment that was opened, got the path {attachment.path!r}")
    media_type = attachment.media_type or ("" if attachment.file_id is None else "file")
    family = media_type.partition("/")[0] or (attachment.url and "image")
    match family:
        case "image":
            return _image(attachment, own)
        case "audio" if attachment.data is not None:
            sort = _AUDIO.get(media_type) or media_type.partition("/")[2]
            return {"type": "input_audio", "input_audio": {"data": b64(attachment.data), "format": sort}}
        case "audio" | "video" if attachment.file_id is None:
            raise cannot(f"{media_type} as an attachment")
        case str() if family:
            return _file(attachment)
        case _:
            raise ConfigError("expected a media type for an attachment, got none")


def _image(attachment: Attachment, own: JSONObject) -> JSONObject:
    part: JSONObject = {"type": "input_image"}
    if attachment.file_id is not None:
        part["file_id"] = attachment.file_id
    else:
        part["image_url"] = attachment.url or data_url(attachment)
    return {**part, "detail": own.get("detail", "auto")}


def _file(attachment: Attachment) -> JSONObject:
    part: JSONObject = {"type": "input_file"}
    if attachment.file_id is not None:
        return {**part, "file_id": attachment.file_id}
    if attachment.url is not None:
        return {**part, "file_url": attachment.url}
    # The wire refuses bytes without a name.
    return {**part, "filename": attachment.name or "file", "file_data": data_url(attachment)}


def attachment_in(part: Fields, /) -> Attachment:
    """Read a file.

    Raises:
        InvalidRequestError: when a field is not as it should be; it names the field.
    """
    kind = part.need("type", str)
    name, file_id = part.get("filename", str), part.get("file_id", str)
    if kind == "input_audio":
        audio = part.inner("input_audio")
        sort = audio.get("format", str) or "wav"
        known = {short: long for long, short in _AUDIO.items() if short != "wav"}
        return Attachment(known.get(sort, f"audio/{sort}"), data=_bytes(audio))
    if file_id is not None:
        return Attachment(_IMAGE if kind == "input_image" else None, file_id=file_id, name=name)
    if kind == "input_image":
        return _linked(part, "image_url")
    if part.get("file_url", str) is not None:
        return Attachment("application/pdf", url=part.need("file_url", str), name=name)
    held = _linked(part, "file_data")
    return Attachment(held.media_type, data=held.data, url=held.url, name=name)


def _linked(part: Fields, name: str) -> Attachment:
    url = part.need(name, str)
    attachment = attachment_of(url)
    if attachment is None:
        raise InvalidRequestError(f"expected base64, got {url[:40]!r}, at {part.at(name)}", status=400)
    return attachment


def _bytes(audio: Fields) -> bytes:
    try:
        return b64decode(audio.need("data", str), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequestError(
            f"expected base64, got other text, at {audio.at('data')}", status=400
        ) from None
