"""How a call shows who makes it: by a key, by a token that is asked for each time, or by a signature."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import TypeAlias

import anyio.to_thread

from llmstream.errors import ConfigError
from llmstream.transport.base import Header
from llmstream.values.secret import Secret
from llmstream.wire.sign import Credentials

Token: TypeAlias = str | Secret | Credentials
TokenSource: TypeAlias = Callable[[], Token | Awaitable[Token]]
Key: TypeAlias = Token | TokenSource
Clock: TypeAlias = Callable[[], datetime]


def now() -> datetime:
    """The time by the machine's clock."""
    return datetime.now(UTC)


def secret_of(token: object) -> Secret | Credentials:
    """A token that does not show itself.

    Raises:
        ConfigError: when it is empty, is none, or holds what no header may carry; it is not shown.
    """
    if isinstance(token, Credentials):
        return token
    if not isinstance(token, str | Secret):
        got = type(token).__name__
        raise ConfigError(f"expected a string, a Secret or Credentials as key=, or from it, got {got}")
    try:
        secret = token if isinstance(token, Secret) else Secret(token, name="key=")
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if not secret:
        raise ConfigError("expected a key in key=, got an empty one")
    return secret


async def asked(source: TokenSource) -> Secret | Credentials:
    """Ask for a token; a function that is not async may block, so it is called in a thread.

    Raises:
        ConfigError: when what it gives is no token; what it raises comes through as it is.
    """
    if inspect.iscoroutinefunction(source):
        return secret_of(await source())
    # In a list, for trio takes no coroutine out of a thread.
    (given,) = await anyio.to_thread.run_sync(lambda: [source()], abandon_on_cancel=True)
    return secret_of(await given if inspect.isawaitable(given) else given)


def once(headers: Iterable[Header]) -> tuple[Header, ...]:
    """Each header once: what comes later counts."""
    return tuple({name.lower(): (name, value) for name, value in headers}.values())
