"""The attachments of a request, made ready to be sent: paths opened, media types found."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

import anyio.to_thread
import attrs

from llmstream.client.media import media_type_of
from llmstream.errors import ConfigError
from llmstream.values.content import Attachment, AttachmentPart, Part, ToolResultPart
from llmstream.values.messages import Message
from llmstream.values.request import Request

MAX_FILE_BYTES = 64 * 1024 * 1024

# Without O_NONBLOCK, opening a FIFO that took a file's place would wait for its writer.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)


async def opened(request: Request, /) -> Request:
    """The request with its paths read and its attachments' media types filled in.

    A path is opened as `open` does, through symbolic links: the caller named it.

    Raises:
        ConfigError: when a path is no regular file, is too large, cannot be read, changes while it is
            read, or came out of a stored dict; or when a media type cannot be found out.
    """
    if not any(map(_attachments, request.messages)):
        return request
    messages = await anyio.to_thread.run_sync(_each, _open, request.messages, abandon_on_cancel=True)
    return attrs.evolve(request, messages=messages)


async def open_attachments(
    messages: Iterable[Message], /, *, root: str | os.PathLike[str]
) -> tuple[Message, ...]:
    """Messages that came out of a stored dict, with the files read whose paths they name.

    Such paths are not opened when the messages are sent: whoever wrote the dict chose them. Here they are,
    if they lead to regular files inside the folder `root`, also by symbolic links; relative ones are
    relative to it. Paths that the caller wrote are left for the call to open.

    Raises:
        ConfigError: when a path leads out of `root`, or for any reason for which one is not opened.
    """

    def restore(attachment: Attachment) -> Attachment:
        if attachment.path is None or not attachment.restored:
            return attachment
        path, name = _inside(attachment.path, root), attachment.name or Path(attachment.path).name
        return _open(attrs.evolve(attachment, path=path, name=name, restored=False))

    return await anyio.to_thread.run_sync(_each, restore, tuple(messages), abandon_on_cancel=True)


def _inside(path: str, root: str | os.PathLike[str]) -> str:
    try:
        folder = Path(root).resolve(strict=True)
        found = (folder / path).resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(f"expected an attachment at {path!r} under root=, got none: {error}") from None
    if not found.is_relative_to(folder):
        raise ConfigError(f"expected a path under root=, got {path!r}, which leads out of it")
    return str(found)


def _attachments(message: Message) -> bool:
    for part in message.parts:
        if isinstance(part, AttachmentPart) or (isinstance(part, ToolResultPart) and part.attachments):
            return True
    return False


def _each(change: Callable[[Attachment], Attachment], messages: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(
        attrs.evolve(message, parts=tuple(_changed(part, change) for part in message.parts))
        for message in messages
    )


def _changed(part: Part, change: Callable[[Attachment], Attachment]) -> Part:
    if isinstance(part, AttachmentPart):
        return attrs.evolve(part, attachment=change(part.attachment))
    if isinstance(part, ToolResultPart) and part.attachments:
        return attrs.evolve(part, attachments=tuple(map(change, part.attachments)))
    return part


def _open(attachment: Attachment) -> Attachment:
    if attachment.path is not None:
        name = attachment.name or Path(attachment.path).name
        attachment = attrs.evolve(attachment, data=_read(attachment), path=None, name=name)
    if attachment.media_type is not None or attachment.file_id is not None:
        return attachment
    return attrs.evolve(attachment, media_type=media_type_of(attachment))


def _read(attachment: Attachment) -> bytes:
    path = attachment.path or ""
    if attachment.restored:
        raise ConfigError(
            f"expected the caller to name {path!r} again: paths of stored messages are not opened, "
            "but by open_attachments(messages, root=...)"
        )
    try:
        # Opening alone makes some devices do something.
        _regular(os.stat(path), path)  # noqa: PTH116 - the descriptor is asked the same
        descriptor = os.open(path, _FLAGS)
    except ConfigError:
        raise
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"expected an attachment at {path!r}, got {words}") from error
    try:
        return _whole(descriptor, path)
    except OSError as error:
        raise ConfigError(f"expected a file that can be read at {path!r}, got {error.strerror}") from error
    finally:
        os.close(descriptor)


def _whole(descriptor: int, path: str) -> bytes:
    """All of a file, as it was at one moment."""
    before = os.fstat(descriptor)
    _regular(before, path)
    if before.st_size > MAX_FILE_BYTES:
        raise _too_large(path)
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise _too_large(path)
    after = os.fstat(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ConfigError(f"expected a file that stays as it is while it is read at {path!r}")
    return data


def _regular(found: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"expected a regular file at {path!r}")


def _too_large(path: str) -> ConfigError:
    return ConfigError(f"expected at most {MAX_FILE_BYTES} bytes at {path!r}, got more")
