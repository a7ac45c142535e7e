"""What the rows of the fault catalogue share: three faces, six wires, and the four standing assertions.

S1, bounded: a row ends within its seconds. S2, no leak: sockets, file descriptors, tasks and threads are
those of before, without the garbage collector. S3, no secret: the key is in nothing that can be read.
S4, typed: an error is one of the library's, with its partial, phase, cause and whether to ask again.
"""

import gc
import itertools
import logging
import threading
import time
import traceback
import warnings
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import attrs
import pytest

import llmstream
from llmstream import Done, Event, LLMStreamError, Request, Response, TextDelta, Timeouts, Usage, sync, user
from llmstream.client.retries import Retries
from llmstream.testing import laws
from llmstream.testing.fakes import ScriptedModel
from llmstream.testing.loopback import Handler, Server, replies, serve
from llmstream.wire import find
from llmstream.wire.codec import Codec
from llmstream.wire.framing.eventstream import encode_message

KEY = "sk-SENTINEL-5f0c1d"
ONCE = Retries(1)
DELTAS = (TextDelta(0, "one "), TextDelta(0, "two "), TextDelta(0, "three"))
END = Done(finish_reason="stop", usage=Usage(input=3, output=7), id="r", model="m")
OPEN_FILES = Path("/proc/self/fd")
WITHIN = 1.0  # seconds in which all is as before


@attrs.frozen
class Wire:
    """A dialect, spoken through its codec's server half.

    Attributes:
        word: what of the bytes says that the answer is complete.
        idle: a frame that brings no answer on.
    """

    dialect: str
    provider: str
    path: str
    word: bytes
    idle: bytes = b": still here\n\n"

    @cached_property
    def codec(self) -> Codec:
        return find(self.dialect)

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.codec.server.head(Request("m")).headers)

    def said(self, events: Iterable[Event]) -> list[bytes]:
        """The bytes of events, one piece for each of them."""
        feed = self.codec.server.encoder(Request("m", [user("hi")])).feed
        return [b"".join(feed(event)) for event in events]

    @property
    def deltas(self) -> list[bytes]:
        return self.said(DELTAS)

    @property
    def body(self) -> bytes:
        return b"".join(self.said([*DELTAS, END]))

    @property
    def frames(self) -> list[bytes]:
        """The body in frames."""
        head = self.codec.server.head(Request("m"))
        edges = [0, *laws.boundaries(self.codec, self.body, head=head)]
        return [self.body[start:end] for start, end in itertools.pairwise(edges)]

    def answer(self, pieces: bytes | Iterable[bytes], **how: Any) -> Handler:
        return replies(pieces, headers=self.headers, content_type=self.headers["content-type"], **how)


WIRES = {
    wire.dialect: wire
    for wire in (
        Wire(
            "openai-chat",
            "openai-chat",
            "/v1",
            b'"finish_reason":"stop"',
            b'data: {"choices":[{"index":0,"delta":{"content":""}}]}\n\n',
        ),
        Wire("openai-responses", "openai", "/v1", b"response.completed"),
        Wire(
            "anthropic",
            "anthropic",
            "",
            b'"stop_reason":"end_turn"',
            b'event: ping\ndata: {"type":"ping"}\n\n',
        ),
        Wire("gemini", "gemini", "", b'"finishReason"'),
        Wire(
            "ollama",
            "ollama",
            "",
            b'"done":true',
            b'{"message":{"role":"assistant","content":""},"done":false}\n',
        ),
        Wire("bedrock", "bedrock", "", b"messageStop", encode_message({":event-type": "ping"}, b"{}")),
    )
}


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> Wire:
    return WIRES[request.param]


@pytest.fixture
def chat() -> Wire:
    return WIRES["openai-chat"]


@pytest.fixture
def wires() -> dict[str, Wire]:
    return WIRES


@attrs.frozen
class Outcome:
    """What a caller saw of one call, and the Response as far as it came."""

    events: tuple[Event, ...]
    error: LLMStreamError | None
    response: Response
    seconds: float

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))


@attrs.frozen
class Face:
    """One way to call the library: on asyncio, on trio, or without await."""

    name: str

    @property
    def backend(self) -> str:
        return "asyncio" if self.name == "sync" else self.name

    def model(self, url: str, wire: Wire = WIRES["openai-chat"], **more: Any) -> Any:
        """A model of a server; of this face, and so of no common type."""
        make = sync.get_model if self.name == "sync" else llmstream.get_model
        return make(f"{wire.provider}/m", base_url=url + wire.path, key=KEY, **more)

    async def read(self, url: str, wire: Wire = WIRES["openai-chat"], **given: Any) -> Outcome:
        """Read a call event by event, to whatever end it has; then ask again, which gives the same end."""
        given = {"timeouts": Timeouts(first_event=5, stall=5), "retries": ONCE, **given}
        model = self.model(url, wire)
        if self.name == "sync":
            return await anyio.to_thread.run_sync(lambda: _read(model, given))
        return await _read_async(model, given)

    async def leave(self, model: Any, count: int = 1) -> str:
        """Leave a call after so many events; the text of these."""
        if self.name == "sync":
            return await anyio.to_thread.run_sync(lambda: _leave(model, count))
        async with model.prompt("hi", retries=ONCE) as stream:
            return "".join([getattr(await anext(stream), "text", "") for _ in range(count)])


def _leave(model: sync.Model, count: int) -> str:
    with model.prompt("hi", retries=ONCE) as stream:
        return "".join([getattr(next(stream), "text", "") for _ in range(count)])


async def _read_async(model: llmstream.Model, given: dict[str, Any]) -> Outcome:
    events: list[Event] = []
    error = again = None
    started = time.monotonic()
    stream = model.prompt("hi", **given)
    try:
        async with stream:
            async for event in stream:
                events.append(event)  # noqa: PERF401 - those before a failure are kept
    except LLMStreamError as failure:
        error = failure
    seconds = time.monotonic() - started
    try:
        await stream
    except LLMStreamError as failure:
        again = failure
    assert again is error
    return Outcome(tuple(events), error, stream.snapshot(), seconds)


def _read(model: sync.Model, given: dict[str, Any]) -> Outcome:
    events: list[Event] = []
    error = again = None
    started = time.monotonic()
    stream = model.prompt("hi", **given)
    try:
        with stream:
            for event in stream:
                events.append(event)  # noqa: PERF402 - those before a failure are kept
    except LLMStreamError as failure:
        error = failure
    seconds = time.monotonic() - started
    try:
        stream.response()
    except LLMStreamError as failure:
        again = failure
    assert again is error
    return Outcome(tuple(events), error, stream.snapshot(), seconds)


@pytest.fixture(params=["asyncio", "trio", "sync"])
def face(request: pytest.FixtureRequest) -> Face:
    return Face(request.param)


def _open_files() -> int:
    return len([*OPEN_FILES.iterdir()]) if OPEN_FILES.exists() else 0


@attrs.frozen
class Level:
    """What a process holds at one moment."""

    files: int
    tasks: int
    threads: int

    @classmethod
    def now(cls) -> "Level":
        # Asyncio's own, which look names up, stay for the next time.
        threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
        return cls(_open_files(), len(anyio.get_running_tasks()), len(threads))

    def above(self, other: "Level") -> bool:
        return self.files > other.files or self.tasks > other.tasks or self.threads > other.threads


class Standing:
    """The four assertions that every row has beyond its own."""

    @asynccontextmanager
    async def around(self, seconds: float = 2.0) -> AsyncIterator[list[int]]:
        """What happens inside takes no longer (S1) and leaves nothing behind (S2).

        What is left is what the pool keeps, of connections whose numbers are put into the list.
        """
        await _warm()
        before, started = Level.now(), time.monotonic()
        kept: list[int] = []
        yield kept
        took = time.monotonic() - started
        assert took < seconds, f"S1: expected an end within {seconds} s, got {took}"
        files = before.files + sum(kept)
        await _settled(attrs.evolve(before, files=files))

    @asynccontextmanager
    async def serving(
        self, handler: Handler, *, seconds: float = 2.0, lasting: bool = False
    ) -> AsyncIterator[Server]:
        """A server whose calls leave nothing behind; `lasting` says that connections may serve again."""
        async with self.around(seconds) as kept, serve(handler) as server:
            yield server
            if lasting:
                kept.append(server.open_connections)
            else:
                await server.wait_closed(WITHIN)

    def failed(
        self,
        outcome: Outcome,
        *kinds: type[LLMStreamError],
        text: str | None,
        phase: str = "stream",
        retryable: bool | None = False,
    ) -> Any:
        """The error of a call (S4), which is no answer and says no secret (S3); `text` is what had come.

        Whether to ask again is not asked with None. Any stands for the one of `kinds` that it is.
        """
        error, response = outcome.error, outcome.response
        assert error is not None, f"S4: expected an error, got the answer {response}"
        assert type(error) in kinds
        assert error.phase == phase
        assert retryable in {None, error.retryable}
        assert (error.partial is None) is (text is None)
        if error.partial is not None:
            assert error.partial.text() == outcome.text == text
            assert error.partial.finish_reason is None
        assert not any(isinstance(event, Done) for event in outcome.events)
        assert response.state in {"incomplete", "failed"}
        assert response.finish_reason is None
        self.hidden(error, response)
        return error

    def answered(self, outcome: Outcome, text: str) -> Response:
        """The answer of a call: Done came once and last."""
        assert outcome.error is None, f"expected an answer, got {outcome.error!r}"
        assert [isinstance(event, Done) for event in outcome.events].count(True) == 1
        assert isinstance(outcome.events[-1], Done)
        assert (outcome.response.state, outcome.text, outcome.response.text()) == ("complete", text, text)
        self.hidden(outcome.response)
        return outcome.response

    def hidden(self, *things: object) -> None:
        """The key is in nothing that can be printed of these, nor in what an error drags along."""
        for thing in things:
            assert KEY not in f"{thing} {thing!r}", "S3"
            if isinstance(thing, BaseException):
                shown = traceback.TracebackException.from_exception(thing, capture_locals=True)
                assert KEY not in "".join(shown.format()), "S3"
            if isinstance(thing, LLMStreamError):
                self.hidden(vars(thing))


async def _warm() -> None:
    """Begin what lasts: the sync face's thread and loop, and the worker threads of this loop."""
    model = sync.Model(ScriptedModel([[Done()]]))
    await anyio.to_thread.run_sync(lambda: model.prompt("x").response())
    async with serve(replies(b"")):
        pass
    await anyio.wait_all_tasks_blocked()


async def _settled(before: Level) -> None:
    """Wait until no more is held than before: the loops of other threads have turns of their own."""
    with anyio.move_on_after(WITHIN):
        while Level.now().above(before):
            await anyio.sleep(0.002)
    after = Level.now()
    assert not after.above(before), f"S2: expected {before}, got {after}"


@pytest.fixture
def standing(caplog: pytest.LogCaptureFixture) -> Iterator[Standing]:
    caplog.set_level(logging.DEBUG)
    gc.disable()
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            yield Standing()
    finally:
        gc.enable()
    assert KEY not in caplog.text, "S3: in a log"
    assert [str(one.message) for one in said] == []


@pytest.fixture
def read_frames() -> Callable[[Wire, Sequence[bytes]], laws.Decoded]:
    """What a wire's decoder makes of pieces, without sockets."""

    def read(wire: Wire, pieces: Sequence[bytes]) -> laws.Decoded:
        return laws.decode_all(wire.codec, pieces, head=wire.codec.server.head(Request("m")))

    return read
