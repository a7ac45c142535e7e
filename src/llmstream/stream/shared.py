"""One source for many consumers: tee."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, Iterator
from types import TracebackType
from typing import Literal, Self, TypeAlias, get_args

import anyio

from llmstream.errors import ConfigError, SlowConsumerError, TruncatedStreamError
from llmstream.reduce import Fold
from llmstream.stream.mailbox import Mailbox
from llmstream.stream.pure import Pending
from llmstream.stream.reading import Reading
from llmstream.unfold import unfold
from llmstream.values.events import Event, ToolCallEnd, ToolCallStart
from llmstream.values.response import Response

Policy: TypeAlias = Literal["block", "coalesce", "drop", "disconnect"]
# Of what cannot be joined: more parts than an answer has.
_MOST_JOINED = 65_536


class Subscription:
    """One consumer's view of a shared stream: what came before he did, in one delta a part, then all else.

    `async with` and `aclose` end it; the others go on.

    Attributes:
        missed: how many events were dropped for him; `Tee.snapshot` has what they said.
    """

    def __init__(self, hub: Tee, before: Iterator[Event], policy: Policy, buffer: int) -> None:
        self.missed = 0
        self.policy: Policy = policy
        self._hub = hub
        self._before = before
        self._buffer = buffer
        self._box = Mailbox[Event](Pending() if policy == "coalesce" else deque(), buffer)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        for event in self._before:
            return event
        return await self._box.take()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Take no more."""
        self._before = iter(())
        self.end(None)
        self._hub.leave(self)

    async def put(self, event: Event, /) -> None:
        """Be given an event, by the consumer's own policy."""
        if self.policy == "block":
            await self._box.put(event)
            return
        if self.policy == "drop" and self._box.full:
            self._box.drop()
            self.missed += 1
        elif self._is_too_slow():
            self.end(SlowConsumerError(f"expected at most {self._buffer} events to wait, got one more"))
            self._hub.leave(self)
        self._box.give(event)

    def _is_too_slow(self) -> bool:
        if self.policy == "coalesce":
            return len(self._box) >= max(self._buffer, _MOST_JOINED)
        return self.policy == "disconnect" and self._box.full

    def end(self, failure: Exception | None, /) -> None:
        """Be told that nothing more comes."""
        self._box.end(failure)


class Tee(Reading):
    """One stream, read once, for any number of consumers; see `tee`."""

    def __init__(self, stream: AsyncIterable[Event], consumers: int = 1, /) -> None:
        super().__init__(stream)
        self._stream = stream
        self._consumers = consumers
        self._fold = Fold()
        # Calls whose arguments may still go on, though they look complete.
        self._open_calls: set[int] = set()
        self._subscribed: list[Subscription] = []
        self._count = 0
        self._somebody: anyio.Event | None = None
        self._ended = False
        self._failure: Exception | None = None

    def subscribe(self, *, policy: Policy = "block", buffer: int = 256) -> Subscription:
        """Take part: what came before is given first, in one delta a part, and then what comes.

        Args:
            policy: what happens when `buffer` events wait for this consumer: "block" stops the reading,
                for all; "coalesce" joins the deltas of each part, which changes no fold; "drop" forgets
                the oldest and counts it as `missed`; "disconnect" ends this consumer with an error.

        Raises:
            ConfigError: outside `async with`.
        """
        if policy not in get_args(Policy):
            raise ConfigError(f"expected one of {', '.join(get_args(Policy))} as policy, got {policy!r}")
        if self._group is None:
            raise ConfigError("expected `async with tee(...) as hub:` around its consumers")
        subscription = Subscription(self, self._past(), policy, buffer)
        self._count += 1
        if self._ended:
            subscription.end(self._failure)
        else:
            self._subscribed.append(subscription)
            self._wake()
        if not self._readers and self._count >= self._consumers:
            self._read(self._stream, self._take, self._end)
        return subscription

    def leave(self, subscription: Subscription, /) -> None:
        """Give a consumer nothing more."""
        if subscription in self._subscribed:
            self._subscribed.remove(subscription)

    async def _close_unread(self) -> None:
        """Also those who have subscribed wait for nothing more."""
        if not self._ended:
            self._end(
                TruncatedStreamError("the stream was closed before the answer was complete", phase="consumer")
            )
        await super()._close_unread()

    def snapshot(self) -> Response:
        """The Response so far, as the source was read."""
        return self._fold.response()

    def _past(self) -> Iterator[Event]:
        """What was read, as events that the next ones can follow."""
        open_calls = set(self._open_calls)
        events = unfold(self.snapshot())
        return iter([e for e in events if not (type(e) is ToolCallEnd and e.index in open_calls)])

    async def _take(self, event: Event) -> None:
        self._fold.add(event)
        if type(event) is ToolCallStart:
            self._open_calls.add(event.index)
        elif type(event) is ToolCallEnd:
            self._open_calls.discard(event.index)
        # Those who wait for nobody are not to wait for those who do.
        for subscription in sorted(self._subscribed, key=lambda it: it.policy == "block"):
            await subscription.put(event)
        while not self._subscribed:
            self._somebody = anyio.Event()
            await self._somebody.wait()

    def _end(self, failure: Exception | None) -> None:
        self._ended, self._failure = True, failure
        for subscription in self._subscribed:
            subscription.end(failure)
        self._subscribed.clear()

    def _wake(self) -> None:
        if self._somebody is not None:
            self._somebody.set()


def tee(stream: AsyncIterable[Event], /, consumers: int = 1) -> Tee:
    """Share one stream between consumers, each with a bounded buffer and a policy of its own.

        async with tee(model.prompt("Hi")) as hub:
            async for event in hub.subscribe(policy="coalesce"): ...

    One task reads the source, from when so many consumers have subscribed, and only while there is one.
    A failure of the source reaches all of them, after what came before it. Leaving closes the source.
    """
    return Tee(stream, consumers)
