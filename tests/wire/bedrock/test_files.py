"""Attachments as blocks, and back."""

import pytest

from llmstream import Attachment, UnsupportedError
from llmstream.errors import ConfigError
from llmstream.wire.bedrock.files import Files, attachment_of, image_format, is_file
from llmstream.wire.typed import MisfitError


def block(attachment: Attachment, **extra: object) -> dict:
    return Files().block(attachment, extra)


@pytest.mark.parametrize(
    ("media_type", "kind", "format"),
    [
        ("image/webp", "image", "webp"),
        ("application/pdf", "document", "pdf"),
        ("text/markdown", "document", "md"),
        ("video/3gpp", "video", "three_gp"),
        ("audio/mpeg", "audio", "mp3"),
    ],
)
@pytest.mark.parametrize("place", [{"data": b"x"}, {"url": "s3://b/k"}])
def test_what_is_written_is_read(media_type, kind, format, place) -> None:
    name = "a name" if kind == "document" else None
    attachment = Attachment(media_type, name=name, **place)
    written = block(attachment)
    assert written[kind]["format"] == format
    assert is_file(kind)
    assert attachment_of(kind, written[kind], "here") == attachment


def test_a_data_address_holds_the_bytes() -> None:
    assert block(Attachment(url="data:image/png;base64,cA==")) == {
        "image": {"format": "png", "source": {"bytes": "cA=="}}
    }
    with pytest.raises(ConfigError, match="base64"):
        block(Attachment("image/png", url="data:image/png;base64,?"))


def test_documents_have_names_of_their_own() -> None:
    files = Files()
    given = ["my_file.v2.pdf", "my file v2 pdf", None, None, "../../"]
    names = [
        files.block(Attachment("application/pdf", data=b"x", name=name), {})["document"]["name"]
        for name in given
    ]
    assert names == ["my file v2 pdf", "my file v2 pdf (2)", "document", "document (2)", "document (3)"]


def test_extra_fields_go_into_the_block() -> None:
    said = block(Attachment("application/pdf", data=b"x"), context="c")
    assert said["document"]["context"] == "c"


@pytest.mark.parametrize(
    ("attachment", "error", "named"),
    [
        (Attachment("image/bmp", data=b"x"), UnsupportedError, "image/bmp"),
        (Attachment("image/png", url="https://x.test/a.png"), UnsupportedError, "https://x.test/a.png"),
        (Attachment("image/png", file_id="f1"), UnsupportedError, "an uploaded file"),
        (Attachment("image/png", path="a.png"), ConfigError, "a.png"),
        (Attachment(data=b"x"), ConfigError, "a media type"),
    ],
)
def test_what_the_wire_takes_not(attachment, error, named) -> None:
    with pytest.raises(error) as caught:
        block(attachment)
    assert named in str(caught.value)


def test_only_images_come_in_answers() -> None:
    assert image_format(Attachment("image/gif", data=b"x")) == "gif"
    for media_type in ("application/pdf", "image/bmp", None):
        with pytest.raises(UnsupportedError):
            image_format(Attachment(media_type, data=b"x"))


@pytest.mark.parametrize(
    "record",
    [
        {"format": "novel", "source": {"bytes": "cA=="}},
        {"format": "png", "source": {}},
        {"format": "png", "source": {"bytes": "cA==", "more": 1}},
        {"format": "png", "source": {"s3Location": {"uri": "s3://b/k", "bucketOwner": "1"}}},
        {"format": "png", "source": {"text": "t"}},
    ],
)
def test_what_no_attachment_has_is_none(record) -> None:
    assert attachment_of("image", record, "here") is None


@pytest.mark.parametrize("source", [1, {"bytes": 1}, {"bytes": "?"}, {"s3Location": {"uri": 1}}])
def test_a_misfit_says_where(source) -> None:
    with pytest.raises(MisfitError, match="here"):
        attachment_of("image", {"format": "png", "source": source}, "here")
