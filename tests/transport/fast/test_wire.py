from typing import get_args

import pytest

from llmstream.transport.fast.wire import ExchangeError, Kind, Origin


@pytest.mark.parametrize("kind", get_args(Kind))
def test_each_kind_is_an_exception_of_the_library(library, kind):
    request = library.Request("GET", "http://x/")
    error = getattr(library, kind)("words", request=request)
    assert isinstance(error, library.TransportError)
    assert error.request is request


def test_an_error_says_its_words():
    assert str(ExchangeError("ReadError", "words")) == "words"


def test_origins_are_values():
    assert {Origin(True, "a", 1): 1}[Origin(True, "a", 1)] == 1
    assert Origin(True, "a", 1) != Origin(False, "a", 1)
