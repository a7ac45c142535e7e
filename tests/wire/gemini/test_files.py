"""Attachments as bytes and addresses."""

import pytest

from llmstream import Attachment, ConfigError
from llmstream.wire.gemini.files import attachment_of, bytes_of, file_part
from llmstream.wire.gemini.frames import Blob


@pytest.mark.parametrize(
    ("attachment", "part"),
    [
        (Attachment("image/png", data=b"hi"), {"inlineData": {"mimeType": "image/png", "data": "aGk="}}),
        (
            Attachment(None, url="data:audio/wav;base64,aGk="),
            {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}},
        ),
        (Attachment(None, url="https://x.test/a"), {"fileData": {"fileUri": "https://x.test/a"}}),
        (
            Attachment("video/mp4", url="https://x.test/a"),
            {"fileData": {"mimeType": "video/mp4", "fileUri": "https://x.test/a"}},
        ),
        (
            Attachment("application/pdf", file_id="files/a"),
            {"fileData": {"mimeType": "application/pdf", "fileUri": "files/a"}},
        ),
    ],
)
def test_a_file_goes_as_bytes_or_as_an_address(attachment: Attachment, part: dict) -> None:
    assert file_part(attachment) == part


@pytest.mark.parametrize(
    "attachment",
    [
        Attachment("image/png", path="a.png"),
        Attachment(None, data=b"hi"),
        Attachment(None, url="data:;base64,aGk="),
        Attachment("image/png", url="data:image/png;base64,=?"),
    ],
)
def test_what_cannot_be_sent_is_the_callers_fault(attachment: Attachment) -> None:
    with pytest.raises(ConfigError, match="expected"):
        file_part(attachment)


def test_files_are_read() -> None:
    assert attachment_of(Blob("image/png", data="aGk=")) == Attachment("image/png", data=b"hi")
    assert attachment_of(Blob(file_uri="gs://a", display_name="n")) == Attachment(
        None, url="gs://a", name="n"
    )


def test_either_alphabet_of_base64_is_read() -> None:
    assert bytes_of("-_8=") == bytes_of("+/8=")
    with pytest.raises(ValueError, match="base64"):
        bytes_of("?")
