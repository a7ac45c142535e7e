"""What goes wrong under a call, as errors of ours.

The library's exceptions hold the request, and with it the key. Ours are raised without them: what they
said is in the message, and the operating system's own error, where there is one, is the cause.
"""

from __future__ import annotations

import ssl

from llmstream.errors import (
    ConfigError,
    ConnectError,
    ConnectionLost,
    LLMStreamError,
    Phase,
    PoolTimeout,
    TimeoutExceeded,
    TLSError,
)
from llmstream.transport.base import HttpCall
from llmstream.transport.fast.wire import ExchangeError, bare

_LOST = {"TransportError", "StreamError", "OSError", "ClosedResourceError", "BrokenResourceError"}


def failure_of(error: Exception, call: HttpCall, phase: Phase) -> LLMStreamError | None:
    """One of ours for a library's exception, or our connections'; None for one that is no failure to talk."""
    names = {cls.__name__ for cls in type(error).__mro__}
    if isinstance(error, ExchangeError):
        names |= {error.kind, "TransportError"}
    where, words = call.address, str(error) or type(error).__name__
    failure: LLMStreamError
    if names & {"InvalidURL", "UnsupportedProtocol"}:
        failure = ConfigError(f"expected an http or https address, got {where!r}: {words}")
    elif "ConnectTimeout" in names:
        failure = TimeoutExceeded(
            f"expected a connection to {where} within {call.connect} s (connect)",
            clock="connect",
            seconds=call.connect or 0.0,
            phase="connect",
        )
    elif "PoolTimeout" in names:
        failure = PoolTimeout(f"expected a free connection of the pool within {call.pool} s, got none")
    elif names & {"ConnectError", "ProxyError"}:
        refused = _deepest(error, ssl.SSLError)
        failure = (
            TLSError(f"expected a TLS connection to {where}, got: {refused}")
            if refused
            else ConnectError(f"expected a connection to {where}, got: {words}")
        )
    elif names & _LOST:
        failure = ConnectionLost(f"the connection to {where} was lost: {words}", phase=phase)
    elif type(error) is RuntimeError:
        # Both libraries say so that the client was closed, and asyncio that it is another loop's.
        failure = ConfigError(f"expected an open HTTP client of this event loop, got: {words}")
    else:
        return None
    cause = _deepest(error, OSError)
    failure.__cause__ = None if cause is None else bare(cause)
    return failure


def _deepest(error: BaseException | None, kind: type[OSError]) -> OSError | None:
    """The last exception of a kind in the chain that led to an error: the one that came first."""
    found: OSError | None = None
    while error is not None:
        if isinstance(error, kind):
            found = error
        error = error.__cause__ or error.__context__
    return found
