"""The server half that there is not."""

import pytest

from llmstream import Request, ServerError, UnsupportedError
from llmstream.wire.gemini_interactions import CODEC
from llmstream.wire.http import HttpRequest

HTTP, REQUEST, ERROR = HttpRequest("POST", "/"), Request("m"), ServerError("no")
CALLS = {
    "request": (HTTP,),
    "streams": (HTTP,),
    "head": (REQUEST,),
    "encoder": (REQUEST,),
    "whole": (REQUEST, None),
    "failure": (ERROR,),
    "refuse": (ERROR,),
    "canonical": ((),),
}


@pytest.mark.parametrize("method", CALLS)
def test_everything_is_refused(method: str) -> None:
    with pytest.raises(UnsupportedError, match="gemini-interactions"):
        getattr(CODEC.server, method)(*CALLS[method])


def test_the_server_half_is_the_providers() -> None:
    assert CODEC.server.provider == "gemini-interactions"
