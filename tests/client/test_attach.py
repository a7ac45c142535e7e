"""Attachments made ready to be sent."""

import os

import pytest

from llmstream import (
    Attachment,
    AttachmentPart,
    ConfigError,
    Message,
    Request,
    TextPart,
    ToolResultPart,
    open_attachments,
    sync,
    user,
)
from llmstream.client import attach
from llmstream.client.attach import opened

pytestmark = pytest.mark.anyio
PNG = b"\x89PNG\r\n\x1a\n" + b"rest"


async def ready(attachment: Attachment) -> Attachment:
    request = await opened(Request("m", [user("look", attachment)]))
    part = request.messages[0].parts[1]
    assert isinstance(part, AttachmentPart)
    return part.attachment


async def test_a_request_without_attachments_is_the_same_object() -> None:
    request = Request("m", [user("hi")])
    assert await opened(request) is request


async def test_a_path_is_read_and_named(tmp_path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    got = await ready(Attachment(path=str(tmp_path / "a.png")))
    assert got == Attachment("image/png", data=PNG, name="a.png")


async def test_attachments_of_tool_results_are_opened_too(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("words")
    result = ToolResultPart("c", "f", attachments=[Attachment(path=str(tmp_path / "a.txt"))])
    request = await opened(Request("m", [Message("tool", [TextPart("x"), result])]))
    part = request.messages[0].parts[1]
    assert isinstance(part, ToolResultPart)
    assert part.attachments == (Attachment("text/plain", data=b"words", name="a.txt"),)


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF0000WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7", "application/pdf"),
        (b"RIFF0000WAVEfmt ", "audio/wav"),
    ],
)
async def test_the_media_type_is_told_from_the_bytes(data, media_type) -> None:
    assert (await ready(Attachment(data=data))).media_type == media_type


async def test_the_media_type_is_told_from_the_name_in_an_address() -> None:
    assert (await ready(Attachment(url="https://example.org/a/b.jpg?size=3"))).media_type == "image/jpeg"


async def test_a_given_media_type_and_an_uploaded_id_stay_as_they_are() -> None:
    for attachment in (Attachment("image/x", data=PNG), Attachment(file_id="file_1")):
        assert await ready(attachment) == attachment


async def test_what_cannot_be_told_is_an_error() -> None:
    with pytest.raises(ConfigError, match="media type"):
        await ready(Attachment(data=b"???"))


async def test_a_path_that_is_no_regular_file_is_refused_without_a_hang(tmp_path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (fifo, tmp_path, tmp_path / "missing"):
        with pytest.raises(ConfigError, match=path.name):
            await ready(Attachment("text/plain", path=str(path)))


async def test_a_path_of_a_stored_message_is_not_opened(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("secret")
    with pytest.raises(ConfigError, match="not opened"):
        await ready(Attachment("text/plain", path=str(tmp_path / "a.txt"), restored=True))


async def test_a_file_over_the_limit_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(attach, "MAX_FILE_BYTES", 10)
    (tmp_path / "a.txt").write_bytes(b"x" * 11)
    with pytest.raises(ConfigError, match="at most 10 bytes"):
        await ready(Attachment(path=str(tmp_path / "a.txt")))


async def test_a_device_is_not_even_opened(monkeypatch) -> None:
    opening: list[object] = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *more: opening.append(path) or real(path, *more))
    with pytest.raises(ConfigError, match="regular file"):
        await ready(Attachment("text/plain", path="/dev/null"))
    assert "/dev/null" not in opening


async def test_a_path_that_no_system_knows_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"null (byte|character)"):
        await ready(Attachment("text/plain", path="a\0b"))


def stored(path: object) -> Message:
    result = ToolResultPart("c", "f", attachments=[Attachment("text/plain", path=str(path), restored=True)])
    return Message("user", [AttachmentPart(Attachment(path=str(path), restored=True)), result])


async def test_stored_paths_are_read_under_a_root_that_the_caller_names(tmp_path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("words")
    own = user("x", Attachment(path="mine.txt"))
    for path in ("a.txt", tmp_path / "in" / "a.txt", "../in/a.txt"):
        read, untouched = await open_attachments([stored(path), own], root=tmp_path / "in")
        assert untouched == own
        assert read.parts[0] == AttachmentPart(Attachment("text/plain", data=b"words", name="a.txt"))
        assert not read.parts[0].attachment.restored
        assert read.parts[1].attachments[0].data == b"words"
    assert sync.open_attachments([stored("a.txt")], root=str(tmp_path / "in")) == (read,)


async def test_stored_paths_do_not_lead_out_of_the_root(tmp_path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in2").mkdir()
    (tmp_path / "in2" / "a.txt").write_text("secret")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "in2" / "a.txt")
    for path in ("../in2/a.txt", tmp_path / "in2" / "a.txt", "link", "missing", "a\0b", ".", "/etc/passwd"):
        with pytest.raises(ConfigError, match=r"root=|regular file"):
            await open_attachments([stored(path)], root=tmp_path / "in")
    with pytest.raises(ConfigError, match="root="):
        await open_attachments([stored("a.txt")], root=tmp_path / "missing")
