"""What kind of file bytes are."""

import pytest

from llmstream import Attachment, ConfigError, UnexpectedContentError
from llmstream.client.media import media_type_of, received_type, sniffed

PNG = b"\x89PNG\r\n\x1a\n" + b"rest"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\x00\x00\x00 ftypheic", "image/heic"),
        (b"\x00\x00\x00 ftypavif", "image/avif"),
        (b"\x00\x00\x00 ftypM4A ", "audio/mp4"),
        (b"\x00\x00\x00 ftypisom", "video/mp4"),
        (b"hello", None),
        (b"", None),
    ],
)
def test_bytes_tell_their_kind(data: bytes, kind: str | None) -> None:
    assert sniffed(data) == kind


def test_without_a_magic_number_the_name_or_the_address_tells() -> None:
    assert media_type_of(Attachment(data=b"x", name="a.csv")) == "text/csv"
    assert media_type_of(Attachment(url="https://example.org/a.png?b")) == "image/png"
    with pytest.raises(ConfigError, match="media type"):
        media_type_of(Attachment(data=b"x", name="a"))


@pytest.mark.parametrize(
    ("data", "said", "kind"),
    [
        (PNG, "text/html", "image/png"),
        (PNG, "image/png", "image/png"),
        (b"OggS", "video/ogg", "video/ogg"),
        (b"a,b", "text/csv", "text/csv"),
        (b"junk %PDF-1.4", "application/pdf", "application/pdf"),
    ],
)
def test_what_bytes_are_counts_more_than_what_is_said_of_them(data: bytes, said: str, kind: str) -> None:
    assert received_type(data, said) == kind


@pytest.mark.parametrize("said", ["", "application/octet-stream"])
def test_a_peer_that_does_not_know_leaves_it_to_the_name(said: str) -> None:
    assert received_type(b"a,b", said, name="a.csv") == "text/csv"


@pytest.mark.parametrize("said", ["image/png", "image/webp", "application/pdf"])
def test_bytes_that_cannot_be_what_is_said_are_refused(said: str) -> None:
    with pytest.raises(UnexpectedContentError, match=said):
        received_type(b"<html>", said)
