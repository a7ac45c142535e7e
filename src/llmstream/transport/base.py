"""What a transport is: one method, a call in, an exchange out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from math import inf
from typing import Any, Protocol, TypeAlias

import attrs

from llmstream.values.redaction import redacted, without
from llmstream.values.secret import Secret
from llmstream.wire.http import HttpRequest, ResponseHead

Header: TypeAlias = tuple[str, "str | Secret"]

_USER = re.compile(r"//[^/?#]*@")
# A shorter word is found in texts that do not quote it.
_MIN_SECRET_CHARS = 4


def _names(headers: Sequence[Header]) -> str:
    return f"[{', '.join(name for name, _ in headers)}]"


def shown(url: str) -> str:
    """An address as it may be shown: without a user and without a query, where keys are sometimes put."""
    return _USER.sub("//", url).partition("?")[0]


@attrs.frozen
class HttpCall:
    """A request with its address. Secrets among the headers are revealed when they are sent, not before.

    `connect` and `pool` are seconds; None waits for ever.
    """

    method: str
    url: str = attrs.field(repr=shown)
    headers: tuple[Header, ...] = attrs.field(default=(), repr=_names)
    body: bytes = attrs.field(default=b"", repr=lambda body: f"<{len(body)} bytes>")
    connect: float | None = attrs.field(default=10.0, kw_only=True)
    pool: float | None = attrs.field(default=30.0, kw_only=True)

    @property
    def address(self) -> str:
        """The address as it may be shown."""
        return shown(self.url)

    def plain(self) -> HttpRequest:
        """The same without secrets, as a server half reads it."""
        shown = tuple((name, value) for name, value in self.headers if isinstance(value, str))
        return HttpRequest(self.method, self.url, shown, self.body)

    def secrets(self) -> tuple[str, ...]:
        """The words that must not be shown."""
        # Behind a scheme such as Bearer stands the secret itself.
        values = (value for _, value in self.headers if isinstance(value, Secret))
        words = (value.reveal().rpartition(" ")[2] for value in values)
        return tuple(word for word in words if len(word) >= _MIN_SECRET_CHARS)

    def conceal(self, text: str) -> str:
        """The text with this call's secrets, and what looks like one, starred out: a peer may repeat them."""
        for word in self.secrets():
            text = without(text, word)
        return redacted(text)


class Exchange(Protocol):
    """A response whose head has come. Whoever opened it closes it, on every way out."""

    @property
    def head(self) -> ResponseHead:
        """The status and headers."""
        ...

    def read(self, deadline: float = inf, /) -> Awaitable[bytes]:
        """Wait for more of the body, until `deadline` by the event loop's clock; empty at its end.

        Raises:
            TimeoutError: when nothing came in time; the exchange can then only be closed.
            TransportError: when the connection broke, also when another task closed the exchange.
            MalformedFrameError: when the body is not in the content encoding that its head names.
        """
        ...

    def interrupt(self) -> None:
        """Have a read that is pending fail with ConnectionLost, from another task; then close it there."""
        ...

    async def aclose(self) -> None:
        """Release the connection at once, also inside a cancelled scope; a second time does nothing."""
        ...


class Transport(Protocol):
    """A way to reach a provider."""

    async def open(self, call: HttpCall, /) -> Exchange:
        """Send a call and wait for the head of its response.

        Raises:
            TransportError: when there is no connection, or it broke.
            ConfigError: when the address or the client is none that can be used.
        """
        ...


class Unsent(Exchange, Protocol):
    """An exchange that has yet to be started; before, it can only be closed or interrupted."""

    async def start(self, deadline: float, /) -> None:
        """Send the call and wait for the head of its response, until `deadline` by the event loop's clock.

        Raises:
            TimeoutError: when it did not come in time; the exchange can then only be closed.
            LLMStreamError: as `Transport.open`.
        """
        ...


class ReadyTransport(Transport, Protocol):
    """A transport that may have a connection at hand, so that nothing need be waited for to begin a call."""

    def at_hand(self, call: HttpCall, loop: object, /) -> Unsent | None:
        """A call on such a connection of `loop`, the running one's own token; None where there is none."""
        ...


class ResponseLike(Protocol):
    """The part of an HTTP library's response that is used here.

    Any stands for the library's own types, which differ between the two.
    """

    @property
    def status_code(self) -> int:
        """The status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""
        ...

    @property
    def stream(self) -> Any:
        """The body as it comes, in its content encoding: an asynchronous iterable of bytes."""
        ...

    @property
    def is_stream_consumed(self) -> bool:
        """Whether the body was read already, by a hook of the client's."""
        ...

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        """The body without its content encoding."""
        ...

    @property
    def extensions(self) -> Mapping[str, Any]:
        """What the library says beyond HTTP: the version, and the stream under the response."""
        ...

    async def aclose(self) -> None:
        """Release the connection."""
        ...


class AsyncClientLike(Protocol):
    """The part of `httpx.AsyncClient` that is used here; that of httpx2 has it too.

    Any stands for the library's own types, which differ between the two.
    """

    def build_request(
        self,
        method: str,
        url: str,
        /,
        *,
        content: bytes,
        headers: Sequence[tuple[str, str]],
        timeout: Any,
        extensions: Any,
    ) -> Any:
        """Make a request of the library's own type."""
        ...

    async def send(self, request: Any, /, *, stream: bool, follow_redirects: bool) -> ResponseLike:
        """Send it and wait for the head of the response."""
        ...

    async def aclose(self) -> None:
        """Close the client's connections."""
        ...
