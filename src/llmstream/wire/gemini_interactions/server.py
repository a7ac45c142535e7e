"""The other side of the Interactions API, which nothing here speaks yet.

https://ai.google.dev/gemini-api/docs/interactions
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from llmstream.errors import LLMStreamError, ProviderError, UnsupportedError
from llmstream.stage import Stage
from llmstream.values.events import Event
from llmstream.values.request import Request
from llmstream.values.response import Response
from llmstream.wire.http import HttpRequest, HttpResponse, ResponseHead


def _none() -> UnsupportedError:
    return UnsupportedError("expected a dialect that can be served, got gemini-interactions")


@attrs.frozen
class InteractionsServer:
    """A server half that says of each thing that it cannot be done.

    Raises:
        UnsupportedError: from every method.
    """

    provider: str

    def request(self, http: HttpRequest, /) -> Request:
        """Refuse."""
        raise _none()

    def streams(self, http: HttpRequest, /) -> bool:
        """Refuse."""
        raise _none()

    def head(self, request: Request, /) -> ResponseHead:
        """Refuse."""
        raise _none()

    def encoder(self, request: Request, /) -> Stage[Event, bytes]:
        """Refuse."""
        raise _none()

    def whole(self, request: Request, response: Response, /) -> HttpResponse:
        """Refuse."""
        raise _none()

    def failure(self, error: LLMStreamError, /) -> bytes:
        """Refuse."""
        raise _none()

    def refuse(self, error: ProviderError, /) -> HttpResponse:
        """Refuse."""
        raise _none()

    def canonical(self, events: Iterable[Event], /) -> tuple[Event, ...]:
        """Refuse."""
        raise _none()
