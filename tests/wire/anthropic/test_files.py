"""Attachments as image and document blocks, and back."""

import pytest

from llmstream import Attachment, ConfigError, UnsupportedError
from llmstream.wire.anthropic.files import attachment_of, file_block
from llmstream.wire.typed import MisfitError

PNG = {"type": "base64", "media_type": "image/png", "data": "cG5n"}


@pytest.mark.parametrize(
    ("attachment", "block"),
    [
        (Attachment("image/png", data=b"png"), {"type": "image", "source": PNG}),
        (
            Attachment("image/png", url="https://a.example/x.png"),
            {"type": "image", "source": {"type": "url", "url": "https://a.example/x.png"}},
        ),
        (
            Attachment("image/*", file_id="file_1"),
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        ),
        (
            Attachment("application/pdf", data=b"pdf", name="a.pdf"),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "cGRm"},
                "title": "a.pdf",
            },
        ),
        (
            Attachment("application/pdf", url="https://a.example/x.pdf"),
            {"type": "document", "source": {"type": "url", "url": "https://a.example/x.pdf"}},
        ),
        (
            Attachment("text/plain", data="é".encode()),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "é"}},
        ),
        (
            Attachment(file_id="file_1"),
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        ),
    ],
)
def test_files_are_written_and_read(attachment, block) -> None:
    assert file_block(attachment) == block
    read = attachment_of(block, "x")
    assert read is not None
    assert file_block(read) == block


def test_the_bytes_of_a_data_address_are_sent_as_bytes() -> None:
    assert file_block(Attachment(url="data:image/png;base64,cG5n")) == {"type": "image", "source": PNG}


def test_markdown_goes_as_plain_text() -> None:
    source = file_block(Attachment("text/markdown", data=b"# a"))["source"]
    assert source == {"type": "text", "media_type": "text/plain", "data": "# a"}


@pytest.mark.parametrize(
    ("attachment", "error", "message"),
    [
        (Attachment("audio/wav", data=b"x"), UnsupportedError, "got audio/wav"),
        (Attachment("video/mp4", url="https://a.example"), UnsupportedError, "got video/mp4"),
        (Attachment("text/plain", url="https://a.example"), UnsupportedError, "the address"),
        (Attachment("image/png", path="x.png"), ConfigError, "an attachment that was opened"),
        (Attachment(data=b"x"), ConfigError, "a media type"),
        (Attachment("text/plain", data=b"\xff"), ConfigError, "UTF-8 in a text attachment"),
        (Attachment(url="data:image/png;base64,?"), ConfigError, "base64 in a data address"),
        (Attachment(url="data:text/plain,abcd"), ConfigError, "base64 in a data address"),
    ],
)
def test_what_cannot_be_sent_is_refused(attachment, error, message) -> None:
    with pytest.raises(error, match=message):
        file_block(attachment)


def test_a_source_of_another_kind_is_no_attachment() -> None:
    assert attachment_of({"type": "document", "source": {"type": "content", "content": []}}, "x") is None


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"type": "image", "source": 3}, "an object at x.source"),
        ({"type": "image", "source": {"type": "base64"}}, r"a string at x\.source\.media_type"),
        ({"type": "image", "source": {**PNG, "data": "?"}}, r"base64 at x\.source\.data"),
        ({"type": "image", "source": {**PNG, "data": 3}}, r"at x\.source\.data"),
        ({"type": "image", "source": PNG, "title": 3}, r"a string at x\.title"),
        ({"type": "document", "source": {"type": "text"}}, r"a string at x\.source\.data"),
        ({"type": "document", "source": {"type": "url"}}, r"a string at x\.source\.url"),
        ({"type": "document", "source": {"type": "file"}}, r"a string at x\.source\.file_id"),
    ],
)
def test_a_bad_block_is_a_misfit_that_says_where(block, message) -> None:
    with pytest.raises(MisfitError, match=message):
        attachment_of(block, "x")
