"""One call: open, refuse or run, close.

`batches` is the call as a literal asynchronous generator, a list of events for each read that brought
any; `events` is the same one by one. No scope is held over a yield: a clock bounds single awaits only.
Done is given last and by itself, when the connection is free again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import TypeVar

import anyio
import anyio.lowlevel
import attrs

from llmstream.client.clocks import Clocks
from llmstream.client.timeouts import Timeouts
from llmstream.errors import (
    ConnectionLost,
    LLMStreamError,
    Phase,
    ProviderError,
    TimeoutExceeded,
    UnexpectedContentError,
    WireError,
)
from llmstream.stage import Pipe
from llmstream.transport.base import Exchange, HttpCall, Transport
from llmstream.values.events import Done, Event
from llmstream.wire.codec import Codec, Ids
from llmstream.wire.framing import MAX_FRAME_BYTES

T = TypeVar("T")

MAX_ERROR_BODY = 64 * 1024
_ERROR_BODY_SECONDS = 10.0
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
    max_frame_bytes: int = MAX_FRAME_BYTES


async def events(call: Call, /) -> AsyncGenerator[Event, None]:
    """The events of one call.

    Raises:
        LLMStreamError: whatever ended the call before its answer was complete.
    """
    async with aclosing(batches(call)) as source:
        async for batch in source:
            for event in batch:
                yield event  # noqa: ASYNC119 - aclosing is the cleanup


async def batches(call: Call, /) -> AsyncGenerator[list[Event], None]:
    """The events of one call, in the lists that single reads brought.

    Raises:
        LLMStreamError: whatever ended the call before its answer was complete.
    """
    clocks = Clocks(call.timeouts, _time())
    try:
        call = await _authorized(call, clocks)
        async with aclosing(_answer(call, clocks)) as source:
            async for batch in source:
                yield batch  # noqa: ASYNC119 - aclosing is the cleanup
    except LLMStreamError as error:
        if _conceal(error, call.http):
            # The frames below know what the peer said.
            raise error.with_traceback(None) from error.__cause__
        raise


async def _authorized(call: Call, clocks: Clocks) -> Call:
    authorize = call.authorize
    if authorize is None:
        return call
    http = await _within(clocks, lambda: authorize(call.http), "config")
    return attrs.evolve(call, http=http, authorize=None)


async def _answer(call: Call, clocks: Clocks) -> AsyncGenerator[list[Event], None]:
    end: list[Event] = []
    exchange = await _within(clocks, lambda: call.transport.open(call.http), "headers")
    try:
        await _refuse(call, exchange, clocks)
        pipe = Pipe(
            call.codec.framer(exchange.head, max_frame_bytes=call.max_frame_bytes),
            call.codec.decoder(exchange.head, ids=call.ids, raw=call.raw),
        )
        while not end:
            chunk, lost = await _read(clocks, exchange)
            batch, failure = _collect(pipe.feed(chunk) if chunk else pipe.feed_eof())
            clocks.saw(batch)
            if batch and type(batch[-1]) is Done:
                end = [batch.pop()]
            if batch:
                clocks.hold()
                yield batch
                clocks.resume()
            if lost is not None and (failure is None or isinstance(failure, WireError)):
                failure = lost
            # What follows Done, be it a failure, is no part of the answer, wherever the bytes were cut.
            if failure is not None and not end:
                raise failure
            if not chunk:
                break
        else:
            await _run_out(exchange)
    finally:
        await exchange.aclose()
    if end:
        yield end


def _collect(out: Iterable[Event]) -> tuple[list[Event], LLMStreamError | None]:
    """What a stage gives, and the failure that ended it: what came before a failure is delivered first."""
    batch: list[Event] = []
    try:
        batch.extend(out)
    except LLMStreamError as error:
        return batch, error
    return batch, None


async def _read(clocks: Clocks, exchange: Exchange) -> tuple[bytes, ConnectionLost | TimeoutExceeded | None]:
    """The next bytes; a peer that is lost or silent reads as the end: the answer may be complete."""
    try:
        chunk = await exchange.read(clocks.left())
    except TimeoutError:
        return b"", clocks.exceeded("stream")
    except ConnectionLost as error:
        return b"", error
    clocks.received()
    return chunk, None


def _time() -> Callable[[], float]:
    """The event loop's clock: asked of the loop itself where it has one, at a tenth of the price."""
    tell: Callable[[], float] | None = getattr(anyio.lowlevel.current_token().native_token, "time", None)
    return tell or anyio.current_time


async def _within(clocks: Clocks, wait: Callable[[], Awaitable[T]], phase: Phase) -> T:
    with anyio.CancelScope(deadline=clocks.deadline):
        return await wait()
    raise clocks.exceeded(phase)


async def _run_out(exchange: Exchange) -> None:
    """Read the end of the body, so that the connection can serve again."""
    with anyio.move_on_after(_END_SECONDS):
        try:
            while await exchange.read():
                pass
        except LLMStreamError:
            pass


async def _refuse(call: Call, exchange: Exchange, clocks: Clocks) -> None:
    head = exchange.head
    if head.status >= 400:
        raise call.codec.error(head, await _error_body(exchange, clocks))
    if not 200 <= head.status < 300:
        where = head.headers.get("location", "nowhere")
        raise UnexpectedContentError(
            f"expected an answer from {call.http.address}, got status {head.status} pointing to {where}",
            phase="headers",
        )


async def _error_body(exchange: Exchange, clocks: Clocks) -> bytes:
    """As much of a refusal's body as is worth reading: bounded in size and time."""
    body = bytearray()
    with anyio.CancelScope(deadline=min(clocks.deadline, anyio.current_time() + _ERROR_BODY_SECONDS)):
        try:
            while len(body) < MAX_ERROR_BODY and (chunk := await exchange.read()):
                body += chunk
        except LLMStreamError:
            pass
    return bytes(body[:MAX_ERROR_BODY])


def _conceal(error: LLMStreamError, http: HttpCall) -> bool:
    """Star out the call's secrets where the peer repeated them; whether it did."""
    args = tuple(http.conceal(arg) if isinstance(arg, str) else arg for arg in error.args)
    repeated, error.args = args != error.args, args
    if isinstance(error, ProviderError):
        body = http.conceal(error.body)
        repeated, error.body = repeated or body != error.body, body
    return repeated
