"""Attachments as data URLs, both ways."""

import pytest

from llmstream import Attachment
from llmstream.wire.dataurl import attachment_of, data_url


@pytest.mark.parametrize(
    ("url", "attachment"),
    [
        ("data:image/png;base64,aGk=", Attachment("image/png", data=b"hi")),
        ("data:;base64,", Attachment(None, data=b"")),
        ("https://x.test/a", Attachment("image/*", url="https://x.test/a")),
        ("data:image/png;base64,a", None),
        ("data:image/png;base64,é", None),
    ],
)
def test_links_and_data_urls_are_attachments(url: str, attachment: Attachment | None):
    assert attachment_of(url) == attachment


def test_data_urls_come_back():
    attachment = Attachment("image/png", data=b"hi")
    assert attachment_of(data_url(attachment)) == attachment
    assert data_url(Attachment(None, data=b"")) == "data:;base64,"
