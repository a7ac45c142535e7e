"""One call: open, refuse or run, close.

`batches` is the call as a literal asynchronous generator, a list of events for each read that brought
any. No scope is held over a yield: a clock bounds single awaits only.
Done is given last and by itself, when the connection is free again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from math import inf
from typing import cast

import anyio
import attrs

from llmstream.client.clocks import Clocks
from llmstream.client.limits import Limits
from llmstream.client.line import Line
from llmstream.client.timeouts import Timeouts
from llmstream.errors import (
    BodyTooLargeError,
    ConnectionLost,
    LLMStreamError,
    ProviderError,
    UnexpectedContentError,
    WireError,
)
from llmstream.transport.base import Exchange, HttpCall, ReadyTransport, Transport, shown
from llmstream.values.events import Done, Event
from llmstream.wire.codec import Codec, Ids
from llmstream.wire.plain import piped

_ERROR_BODY_SECONDS = 10.0
_NOT_LOST: LLMStreamError | None = None
# The end of the body comes with the last frame; a peer that leaves it open is not waited for.
_END_SECONDS = 0.1


@attrs.frozen(kw_only=True)
class Call:
    """One call, ready to be made.

    `authorize` gives what is sent in place of `http`: it is asked each time, for tokens and signatures
    grow old.
    """

    codec: Codec
    http: HttpCall
    transport: Transport
    authorize: Callable[[HttpCall], Awaitable[HttpCall]] | None = None
    timeouts: Timeouts = attrs.field(factory=Timeouts)
    ids: Ids | None = None
    raw: bool = False
    limits: Limits = attrs.field(factory=Limits)


async def batches(call: Call, line: Line | None = None, /) -> AsyncGenerator[list[Event], None]:
    """The events of one call, in the lists that single reads brought.

    Where `line` has begun already, with an attempt before this one, `total` counts from there.

    Raises:
        LLMStreamError: whatever ended the call before its answer was complete.
    """
    line = line or Line()
    clocks = Clocks(call.timeouts, line.now, line.began())
    exchange: Exchange | None = None
    try:
        if call.authorize is not None:
            authorize, http = call.authorize, call.http
            late = partial(clocks.exceeded, "config")
            call = attrs.evolve(call, http=await line.wait(clocks.deadline, lambda: authorize(http), late))
        exchange = await _opened(call, line, clocks)
        if exchange.head.status != 200:
            await _refuse(call, exchange, clocks)
        answer = _Answer(call, exchange)
        room = call.limits.output_bytes or inf
        while answer.done is None:
            chunk, lost = b"", _NOT_LOST
            try:
                chunk = await exchange.read(clocks.deadline)
            except TimeoutError:
                lost = clocks.exceeded()
            except ConnectionLost as error:
                lost = error
            room -= len(chunk)
            if room < 0:
                lost = _too_large(call.limits)
            batch = answer.take(chunk, lost)
            clocks.read(chunk, batch)
            if batch:
                yield batch
                clocks.resume()
            # What follows Done, be it a failure, is no part of the answer, wherever the bytes were cut.
            if answer.failure is not None and answer.done is None:
                raise answer.failure
            if not chunk:
                break
        else:
            await _run_out(exchange, line.now)
    except LLMStreamError as error:
        if _conceal(error, call.http) or isinstance(error, ProviderError | WireError):
            # The frames below know what the peer said, be it a key, and so does this one.
            chunk = b""
            raise error.with_traceback(None) from _bare(error)
        raise
    finally:
        if exchange is not None:
            await exchange.aclose()
    if answer.done is not None:
        yield [answer.done]


async def _opened(call: Call, line: Line, clocks: Clocks) -> Exchange:
    """The exchange of a call whose head has come."""
    transport = cast("ReadyTransport", call.transport)
    # With a connection at hand no scope need bound the wait for one.
    unsent = transport.at_hand(call.http, line.loop) if hasattr(transport, "at_hand") else None
    exchange: Exchange | None = unsent
    if exchange is None:
        late = partial(clocks.exceeded, "headers")
        exchange = await line.wait(clocks.deadline, lambda: call.transport.open(call.http), late)
    try:
        line.read_from(exchange)
        if unsent is not None:
            await unsent.start(clocks.deadline)
    except BaseException as error:
        await exchange.aclose()
        if isinstance(error, TimeoutError):
            raise clocks.exceeded("headers") from None
        raise
    return exchange


class _Answer:
    """What the bytes of a body say.

    Attributes:
        done: the end of the answer, once it has come; it is given when the connection is free again.
        failure: what ended the body instead; what came before it is delivered first.
    """

    __slots__ = ("_pipe", "done", "failure")

    def __init__(self, call: Call, exchange: Exchange) -> None:
        self._pipe = piped(
            call.codec.framer(exchange.head, max_frame_bytes=call.limits.frame_bytes),
            call.codec.decoder(exchange.head, ids=call.ids, raw=call.raw),
        )
        self.done: Done | None = None
        self.failure: LLMStreamError | None = None

    def take(self, chunk: bytes, lost: LLMStreamError | None) -> list[Event]:
        """The events that bytes bring; a peer that is lost or silent reads as the end of the body."""
        batch: list[Event] = []
        try:
            events = self._pipe.feed(chunk) if chunk else self._pipe.feed_eof()
            if events.__class__ is list:
                batch = cast("list[Event]", events)
            else:
                batch.extend(events)
        except LLMStreamError as error:
            self.failure = error
        if lost is not None and (self.failure is None or isinstance(self.failure, WireError)):
            self.failure = lost
        if batch and type(last := batch[-1]) is Done:
            self.done = last
            batch.pop()
        return batch


def _too_large(limits: Limits) -> BodyTooLargeError:
    return BodyTooLargeError(f"expected an answer of at most {limits.output_bytes} bytes, got a longer one")


async def _run_out(exchange: Exchange, now: Callable[[], float]) -> None:
    """Read the end of the body, so that the connection can serve again."""
    deadline = now() + _END_SECONDS
    try:
        while await exchange.read(deadline) and now() < deadline:
            pass
    except (LLMStreamError, TimeoutError):
        pass


async def _refuse(call: Call, exchange: Exchange, clocks: Clocks) -> None:
    head = exchange.head
    if head.status >= 400:
        raise call.codec.error(head, await _error_body(exchange, clocks, call.limits.error_bytes))
    if not 200 <= head.status < 300:
        where = shown(head.headers.get("location", "nowhere"))
        raise UnexpectedContentError(
            f"expected an answer from {call.http.address}, got status {head.status} pointing to {where}",
            phase="headers",
        )


async def _error_body(exchange: Exchange, clocks: Clocks, most: int) -> bytes:
    """As much of a refusal's body as is worth reading: bounded in size and time."""
    body = bytearray()
    with anyio.CancelScope(deadline=min(clocks.deadline, anyio.current_time() + _ERROR_BODY_SECONDS)):
        try:
            while len(body) < most and (chunk := await exchange.read()):
                body += chunk
        except LLMStreamError:
            pass
    return bytes(body[:most])


def _bare(error: LLMStreamError) -> BaseException | None:
    """What led to an error, without frames and without what led to that."""
    for led in (error.__cause__, error.__context__):
        if led is not None:
            led.__traceback__ = led.__context__ = led.__cause__ = None
    return error.__cause__


def _conceal(error: LLMStreamError, http: HttpCall) -> bool:
    """Star out the call's secrets where the peer repeated them; whether it did."""
    args = tuple(http.conceal(arg) if isinstance(arg, str) else arg for arg in error.args)
    repeated, error.args = args != error.args, args
    if isinstance(error, ProviderError):
        body = http.conceal(error.body)
        repeated, error.body = repeated or body != error.body, body
    return repeated
