"""The exceptions of llmstream, branched by whose fault it was.

LLMStreamError
├── ConfigError                 the caller's set-up or input is wrong
├── UnsupportedError            asked for what the dialect cannot say; before any I/O
├── TransportError              could not talk
│   ├── ConnectError
│   ├── TLSError
│   ├── ConnectionLost
│   ├── PoolTimeout
│   └── TimeoutExceeded         has `.clock` and `.seconds`
├── WireError                   the peer broke its own protocol
│   ├── TruncatedStreamError
│   ├── FrameTooLargeError
│   ├── BodyTooLargeError
│   ├── MalformedFrameError
│   └── UnexpectedContentError
├── ProviderError               the peer refused; has `.status .request_id .retry_after .rate_limits .body`
│   ├── AuthError
│   ├── ForbiddenError
│   ├── NotFoundError
│   ├── RateLimitError
│   ├── QuotaError
│   ├── OverloadedError
│   ├── ContextLengthError
│   ├── InvalidRequestError
│   ├── ContentBlockedError
│   └── ServerError
├── ToolError                   a tool of the caller's failed
├── SlowConsumerError           a consumer of a shared stream did not keep up
├── ChainLimitError             a chain of calls reached a limit; has `.limit .value .history`
└── OutputError                 the answer does not fit the schema that was asked for
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

if TYPE_CHECKING:
    from llmstream.schema.problems import Problem
    from llmstream.values.events import Done
    from llmstream.values.messages import Message
    from llmstream.values.ratelimits import RateLimits
    from llmstream.values.response import Response

Phase: TypeAlias = Literal["config", "encode", "connect", "headers", "stream", "parse", "consumer"]


class LLMStreamError(Exception):
    """The root of all that llmstream raises.

    Attributes:
        retryable: whether the same call may succeed later without a change.
        phase: where the call was when it failed.
        partial: the Response so far, or None before the first event.
        ending: what the wire had said by then of the answer as a whole (its id, model and usage), if it
            was a wire's body that failed; `partial` has it too.
        attempts: the errors of the attempts that the call made before this one, in order.
        failures: the errors of the models that were asked before this one, in order, in a fallback or a race.
    """

    retryable: bool = False
    phase: Phase = "consumer"
    partial: Response | None = None
    ending: Done | None = None
    attempts: tuple[LLMStreamError, ...] = ()
    failures: tuple[LLMStreamError, ...] = ()

    def __init__(self, message: str, *, phase: Phase | None = None) -> None:
        super().__init__(message)
        if phase is not None:
            self.phase = phase


class ConfigError(LLMStreamError, ValueError):
    """The caller's set-up or input is wrong; nothing was sent."""

    phase = "config"


class UnsupportedError(LLMStreamError):
    """The dialect cannot say what was asked for; raised before any I/O."""

    phase = "encode"


class TransportError(LLMStreamError):
    """The exchange with the peer failed below its protocol."""

    retryable = True
    phase: Phase = "stream"


class ConnectError(TransportError):
    """No connection could be made."""

    phase = "connect"


class TLSError(TransportError):
    """The peer's certificate or handshake was refused."""

    retryable = False
    phase = "connect"


class ConnectionLost(TransportError):  # noqa: N818 - the name that others rely on
    """The connection broke before the exchange was over."""


class PoolTimeout(TransportError):  # noqa: N818 - the name that others rely on
    """No connection of the client's own pool, or no turn of its limiter, became free in time."""

    phase = "connect"


class TimeoutExceeded(TransportError):  # noqa: N818 - the name that others rely on
    """A clock ran out.

    Attributes:
        clock: which one: a field's name of `Timeouts`.
        seconds: its value.
    """

    def __init__(
        self, message: str, *, clock: str = "total", seconds: float = 0.0, phase: Phase | None = None
    ) -> None:
        super().__init__(message, phase=phase)
        self.clock = clock
        self.seconds = seconds


class WireError(LLMStreamError):
    """The peer broke its own protocol."""

    phase: Phase = "parse"


class TruncatedStreamError(WireError):
    """The body ended before the answer was complete."""

    retryable = True
    phase = "stream"


class FrameTooLargeError(WireError):
    """One frame is larger than the limit."""


class BodyTooLargeError(WireError):
    """The body of an answer is larger than the limit that the caller set."""


class MalformedFrameError(WireError):
    """A frame is not what the protocol says."""


class UnexpectedContentError(WireError):
    """The body is of another kind than was asked for."""


class ProviderError(LLMStreamError):
    """The provider refused the call, or gave it up half-way.

    Attributes:
        kind: the refusal in one word, the same for every provider.
        status: the HTTP status; inside a stream the one that the frame names, else None.
        request_id: the provider's name for the call.
        retry_after: seconds that the provider asked to wait.
        rate_limits: what the response told of the account's limits; None when it told of none.
        body: the error as received, at most 64 KiB of it.
    """

    kind: ClassVar[str] = "other"
    phase = "headers"
    rate_limits: RateLimits | None = None

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        body: str = "",
        phase: Phase | None = None,
    ) -> None:
        super().__init__(message, phase=phase)
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        self.body = body


class AuthError(ProviderError):
    """The credential is missing or wrong."""

    kind = "auth"


class ForbiddenError(ProviderError):
    """The credential is good and does not allow this."""

    kind = "permission"


class NotFoundError(ProviderError):
    """The model or the address does not exist."""

    kind = "not_found"


class RateLimitError(ProviderError):
    """Too many requests or tokens for now."""

    kind = "rate_limit"
    retryable = True


class QuotaError(ProviderError):
    """The account has nothing left; waiting does not help."""

    kind = "quota"


class OverloadedError(ProviderError):
    """The provider has no capacity for now."""

    kind = "overloaded"
    retryable = True


class ContextLengthError(ProviderError):
    """The request is longer than the model's context."""

    kind = "context_length"


class InvalidRequestError(ProviderError):
    """The provider did not accept the request's form or values."""

    kind = "invalid_request"


class ContentBlockedError(ProviderError):
    """A content policy refused the request."""

    kind = "content_blocked"


class ServerError(ProviderError):
    """The provider failed."""

    kind = "server"
    retryable = True


class ToolError(LLMStreamError):
    """A tool of the caller's failed."""


class SlowConsumerError(LLMStreamError):
    """A consumer of a shared stream did not keep up, and was to be disconnected then."""


class ChainLimitError(LLMStreamError):
    """A chain reached a limit before the model was done.

    Attributes:
        limit: which one: a field's name of `ChainLimits`.
        value: its value.
        history: the messages so far; a chain that is given them goes on where this one stopped.
    """

    def __init__(
        self,
        message: str,
        *,
        limit: str = "rounds",
        value: float = 0,
        history: tuple[Message, ...] = (),
        phase: Phase | None = None,
    ) -> None:
        super().__init__(message, phase=phase)
        self.limit = limit
        self.value = value
        self.history = history


class OutputError(LLMStreamError):
    """The answer does not fit the schema that was asked for, or is not whole.

    Attributes:
        raw: the text of the answer.
        problems: what does not fit, each with its path; empty when the answer was cut or refused.
    """

    def __init__(
        self,
        message: str,
        *,
        raw: str = "",
        problems: tuple[Problem, ...] = (),
        phase: Phase | None = None,
    ) -> None:
        super().__init__(message, phase=phase)
        self.raw = raw
        self.problems = problems
