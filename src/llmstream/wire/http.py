"""HTTP as values: what a codec asks to be sent, and what came before a body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from sys import intern
from urllib.parse import quote

import attrs

from llmstream.errors import ConfigError
from llmstream.values.content import tuple_of


def segment(text: str, /, *, safe: str = "") -> str:
    """A model's id, or another word of the caller's, as one segment of a path.

    Raises:
        ConfigError: when it is one that leads elsewhere however it is written.
    """
    # Servers and clients on the way take these out, also when their dots are encoded.
    if text in {"", ".", ".."}:
        raise ConfigError(f"expected a name that can stand in an address, got {text!r}")
    return quote(text, safe=safe)


@attrs.frozen
class HttpRequest:
    """A request without its origin: `path` is appended to the provider's base address."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=tuple_of)
    body: bytes = attrs.field(default=b"", repr=lambda body: f"<{len(body)} bytes>")


# Longer names are not remembered: they are nobody's, and would fill the memory.
_LONG_NAME = 64


@lru_cache(maxsize=512)
def _known(name: str) -> str:
    return intern(name.lower())


def _lower_name(name: str) -> str:
    name = str(name)
    return _known(name) if len(name) < _LONG_NAME else name.lower()


class LowerHeaders(dict[str, str]):
    """Headers whose names are in lower case already."""

    __slots__ = ()


def _lower(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    if type(headers) is LowerHeaders:
        return headers
    # The names are the same from response to response: one string each serves all streams.
    return {_lower_name(name): value for name, value in dict(headers).items()}


@attrs.frozen
class ResponseHead:
    """The status and headers of a response; header names are in lower case."""

    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=_lower)

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case; empty if there is none."""
        return self.headers.get("content-type", "").split(";", 1)[0].strip().lower()


@attrs.frozen
class HttpResponse:
    """A whole response, as the server half of a codec makes one."""

    head: ResponseHead
    body: bytes = attrs.field(default=b"", repr=lambda body: f"<{len(body)} bytes>")
