"""One call: open, refuse or run, close.

`batches` is the call as a literal asynchronous generator, a list of events for each read that brought
any; `events` is the same one by one. No scope is held over a yield: a clock bounds single awaits only.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import TypeVar

import anyio
import attrs

from llmstream.client.clocks import Clocks
from llmstream.client.timeouts import Timeouts
from llmstream.errors import ConnectionLost, LLMStreamError, TruncatedStreamError, UnexpectedContentError
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
    """One call, ready to be made."""

    codec: Codec
    http: HttpCall
    transport: Transport
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
    clocks = Clocks(call.timeouts, anyio.current_time)
    exchange = await _within(clocks, lambda: call.transport.open(call.http))
    try:
        await _refuse(call, exchange)
        pipe = Pipe(
            call.codec.framer(exchange.head, max_frame_bytes=call.max_frame_bytes),
            call.codec.decoder(exchange.head, ids=call.ids, raw=call.raw),
        )
        done = False
        while not done:
            chunk, lost = await _read(clocks, exchange)
            batch, failure = _collect(pipe.feed(chunk) if chunk else pipe.feed_eof())
            clocks.saw(batch)
            if batch:
                done = type(batch[-1]) is Done
                yield batch
            if failure is not None:
                raise (lost or failure) if isinstance(failure, TruncatedStreamError) else failure
            if not chunk:
                return
        await _end(exchange)
    finally:
        await exchange.aclose()


def _collect(out: Iterable[Event]) -> tuple[list[Event], LLMStreamError | None]:
    """What a stage gives, and the failure that ended it: what came before a failure is delivered first."""
    batch: list[Event] = []
    try:
        batch.extend(out)
    except LLMStreamError as error:
        return batch, error
    return batch, None


async def _read(clocks: Clocks, exchange: Exchange) -> tuple[bytes, ConnectionLost | None]:
    """The next bytes; a lost connection reads as the end, which may come after the answer was complete."""
    try:
        chunk = await _within(clocks, exchange.read)
    except ConnectionLost as error:
        return b"", error
    clocks.received()
    return chunk, None


async def _within(clocks: Clocks, wait: Callable[[], Awaitable[T]]) -> T:
    with anyio.CancelScope(deadline=clocks.deadline) as scope:
        return await wait()
    if scope.cancelled_caught:
        raise clocks.exceeded()
    raise AssertionError("a scope that was left without a value was cancelled")


async def _end(exchange: Exchange) -> None:
    """Read the end of the body, so that the connection can serve again."""
    with anyio.move_on_after(_END_SECONDS):
        try:
            while await exchange.read():
                pass
        except ConnectionLost:
            pass


async def _refuse(call: Call, exchange: Exchange) -> None:
    head = exchange.head
    if head.status >= 400:
        raise call.codec.error(head, await _error_body(exchange))
    if not 200 <= head.status < 300:
        where = head.headers.get("location", "nowhere")
        raise UnexpectedContentError(
            f"expected an answer from {call.http.url}, got status {head.status} pointing to {where}",
            phase="headers",
        )


async def _error_body(exchange: Exchange) -> bytes:
    """As much of a refusal's body as is worth reading: bounded in size and time."""
    body = bytearray()
    with anyio.move_on_after(_ERROR_BODY_SECONDS):
        try:
            while len(body) < MAX_ERROR_BODY and (chunk := await exchange.read()):
                body += chunk
        except ConnectionLost:
            pass
    return bytes(body[:MAX_ERROR_BODY])
