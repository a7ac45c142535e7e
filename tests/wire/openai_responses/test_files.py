"""Files that go in."""

import pytest

from llmstream import Attachment, ConfigError, InvalidRequestError, UnsupportedError
from llmstream.wire.fields import Fields
from llmstream.wire.openai_responses._files import attachment_in, file_part


@pytest.mark.parametrize(
    ("attachment", "part"),
    [
        (
            Attachment("image/png", data=b"a"),
            {"type": "input_image", "image_url": "data:image/png;base64,YQ==", "detail": "auto"},
        ),
        (
            Attachment("image/*", url="https://x.test/a"),
            {"type": "input_image", "image_url": "https://x.test/a", "detail": "auto"},
        ),
        (
            Attachment("image/*", file_id="file_1"),
            {"type": "input_image", "file_id": "file_1", "detail": "auto"},
        ),
        (
            Attachment("application/pdf", data=b"a", name="a.pdf"),
            {
                "type": "input_file",
                "filename": "a.pdf",
                "file_data": "data:application/pdf;base64,YQ==",
            },
        ),
        (
            Attachment("application/pdf", url="https://x.test/a.pdf"),
            {"type": "input_file", "file_url": "https://x.test/a.pdf"},
        ),
        (Attachment(file_id="file_1"), {"type": "input_file", "file_id": "file_1"}),
        (
            Attachment("audio/mpeg", data=b"a"),
            {"type": "input_audio", "input_audio": {"data": "YQ==", "format": "mp3"}},
        ),
        (
            Attachment("audio/wav", data=b"a"),
            {"type": "input_audio", "input_audio": {"data": "YQ==", "format": "wav"}},
        ),
    ],
)
def test_files_go_there_and_back(attachment: Attachment, part: dict):
    assert file_part(attachment, {}) == part
    assert attachment_in(Fields(part, "x")) == attachment


def test_a_link_of_no_kind_is_an_image():
    assert file_part(Attachment(url="https://x.test/a"), {})["type"] == "input_image"


def test_bytes_need_a_name():
    assert file_part(Attachment("text/plain", data=b"a"), {})["filename"] == "file"


def test_an_image_may_be_looked_at_in_detail():
    assert file_part(Attachment("image/png", data=b"a"), {"detail": "high"})["detail"] == "high"


@pytest.mark.parametrize(
    ("attachment", "error"),
    [
        (Attachment("image/png", path="a.png"), ConfigError),
        (Attachment(data=b"a"), ConfigError),
        (Attachment("video/mp4", data=b"a"), UnsupportedError),
        (Attachment("audio/wav", url="https://x.test/a"), UnsupportedError),
    ],
)
def test_what_cannot_be_sent_is_refused(attachment: Attachment, error: type[Exception]):
    with pytest.raises(error):
        file_part(attachment, {})


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image"},
        {"type": "input_image", "image_url": "data:image/png;base64,?"},
        {"type": "input_file", "filename": 1},
        {"type": "input_audio"},
        {"type": "input_audio", "input_audio": {"data": "?"}},
    ],
)
def test_what_is_no_file_is_named(part: dict):
    with pytest.raises(InvalidRequestError, match=r"at x\."):
        attachment_in(Fields(part, "x"))
