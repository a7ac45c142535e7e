"""The same names without await: for scripts, thread pools and notebooks whose loop is running.

A call is pumped in the thread that `portal` keeps: a task reads its events and puts them, in the batches
in which they came, into a bounded channel that the calling thread takes from. Ctrl-C ends the wait for the
channel, the pump is cancelled, and its connection is closed before the interrupt goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, wraps
from types import TracebackType
from typing import Any, Concatenate, Generic, NoReturn, ParamSpec, Self, TypeVar, Unpack, overload

import attrs

from llmstream.client import attach as _attach
from llmstream.client import download as _download
from llmstream.client.limiter import RateLimiter
from llmstream.client.limits import Limits
from llmstream.client.retries import Retries
from llmstream.client.timeouts import Timeouts
from llmstream.jsontext import JSON, JSONObject
from llmstream.model import bulk as _bulk
from llmstream.model import chain as _chain
from llmstream.model import connected as _connected
from llmstream.model import conversation as _conversation
from llmstream.model import model as _model
from llmstream.model import (
    registry,
)
from llmstream.model import response as _response
from llmstream.model import stream as _stream
from llmstream.model.ask import OptionsLike
from llmstream.model.credential import Key
from llmstream.output import PartialEvent, SchemaLike
from llmstream.portal import Channel as _Channel
from llmstream.portal import Task as _Task
from llmstream.portal import pump as _pump
from llmstream.portal import thread as _thread
from llmstream.portal import weight as _weight
from llmstream.serial import ResponseDict
from llmstream.tools.limits import ToolLimits
from llmstream.tools.run import AfterCall, BeforeCall
from llmstream.tools.toolset import ToolLike
from llmstream.transport.base import AsyncClientLike
from llmstream.unfold import unfold
from llmstream.values import response as pure
from llmstream.values.content import Attachment, ToolResultPart
from llmstream.values.embeddings import Embeddings
from llmstream.values.events import Event, TextDelta
from llmstream.values.listed import ModelInfo
from llmstream.values.messages import Message
from llmstream.values.request import OutputMode, Request
from llmstream.values.response import T as Parsed

P = ParamSpec("P")
T = TypeVar("T")

# How many events, and how much in them, may wait for a slow consumer before the pump stops reading.
_CHANNEL_EVENTS = 1024
_CHANNEL_BYTES = 4 * 1024 * 1024


async def _read(stream: _stream.EventStream[_response.Response], channel: _Channel[Event]) -> None:
    async with stream:
        while batch := await stream.take():
            await channel.put(batch)


class EventStream(Generic[Parsed]):
    """The events of one model call, without await; see `llmstream.EventStream`.

    Iterating gives the events, `with` closes the connection on every way out, `response` gives the
    Response. One thread reads it at a time.
    """

    def __init__(self, stream: _stream.EventStream[_response.Response[Parsed]]) -> None:
        self._stream = stream
        self._channel = _Channel[Event](_CHANNEL_EVENTS, most_bytes=_CHANNEL_BYTES, weigh=_weight)
        self._task: _Task[None] | None = None
        self._ready: Sequence[Event] = ()
        self._at = 0
        self._entered = False

    def __reduce__(self) -> NoReturn:
        raise TypeError("an EventStream is not pickled or copied: it is one call; its Response can be")

    @property
    def request(self) -> Request:
        """What was asked."""
        return self._stream.request

    @property
    def state(self) -> _stream.Phase:
        """Where the call is: new, open, or how it ended."""
        return self._stream.state

    def response(self) -> Response[Parsed]:
        """Read to the end and give the Response; asking again gives it again.

        Raises:
            LLMStreamError: what ended the call; the same again at every later asking.
        """
        if self._task is not None:
            while self._take():
                pass
        return Response.of(_Task(self._stream.response).result())

    def text(self) -> str:
        """Read to the end and give the visible text; raises as `response`."""
        return self.response().text()

    def parsed(self, *, repair: int = 0) -> Parsed:
        """Read to the end and give the answer as what was asked for; see `llmstream.EventStream.parsed`.

        Raises:
            OutputError: as that.
        """
        self.response()
        return _Task(lambda: self._stream.parsed(repair=repair)).result()

    def partials(self) -> Iterator[PartialEvent[Parsed]]:
        """The answer as it grows; see `llmstream.EventStream.partials`.

        Raises:
            ConfigError: when the stream was asked without a schema.
            OutputError: from the iteration, when the answer can never become JSON.
        """
        reader = self._stream.reader()
        return (partial for event in self for partial in reader.feed(event))

    def text_deltas(self) -> Iterator[str]:
        """The visible text as it comes, without the empty deltas."""
        for event in self:
            if type(event) is TextDelta and event.text:
                yield event.text

    def snapshot(self) -> Response[Parsed]:
        """The Response so far, whatever the call's state."""
        return Response.of(self._stream.snapshot())

    def close(self) -> None:
        """Release the connection now."""
        if _thread.stopped:
            # The loop closed all calls at its end; a generator that is collected later has nothing to do.
            return
        if self._task is not None:
            self._task.cancel()
        _Task(self._stream.aclose).result()

    def __enter__(self) -> Self:
        self._entered = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Event]:
        if self._entered and self._unread():
            return self
        return self._each()

    def __next__(self) -> Event:
        if self._at >= len(self._ready) and not self._take():
            raise StopIteration
        self._at += 1
        return self._ready[self._at - 1]

    def _each(self) -> Iterator[Event]:
        if not self._unread():
            yield from unfold(self._stream.snapshot())
            self.response()
            return
        try:
            while self._at < len(self._ready) or self._take():
                ready = self._ready
                for event in ready[self._at :] if self._at else ready:
                    self._at += 1
                    yield event
        except GeneratorExit:
            self.close()
            raise

    def _unread(self) -> bool:
        """Whether there may be events that were not handed over yet."""
        if self._task is None:
            return self._stream.state == "new"
        return self._at < len(self._ready) or not self._channel.drained()

    def _take(self) -> bool:
        """Wait for more events; an interrupt cancels the call before it goes on."""
        try:
            if self._task is None:
                self._task = _Task(lambda: _pump(partial(_read, self._stream), self._channel))
                self._task.start()
            self._ready, self._at = self._channel.take(), 0
        except Exception:
            raise
        except BaseException:
            if self._task is not None:
                self._task.cancel()
            raise
        if not self._ready:
            self._stream.raise_failure()
        return bool(self._ready)


class ChainStream(EventStream[Parsed]):
    """The events of a chain, without await; see `llmstream.ChainStream`."""

    def __init__(self, stream: _chain.ChainStream[Parsed]) -> None:
        super().__init__(stream)
        self._chain = stream

    @property
    def responses(self) -> tuple[Response[Parsed], ...]:
        """The Responses of the rounds that ended, in order."""
        return tuple(map(Response.of, self._chain.responses))


def _chaining(
    asked: Callable[Concatenate[Any, P], _chain.ChainStream[Parsed]], /
) -> Callable[Concatenate[Any, P], ChainStream[Parsed]]:
    """As `_streaming`, for chains."""

    @wraps(asked)
    def method(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> ChainStream[Parsed]:
        return ChainStream(asked(self.behind, *args, **kwargs))

    return method


def _streaming(
    asked: Callable[Concatenate[Any, P], _stream.EventStream[_response.Response[Parsed]]], /
) -> Callable[Concatenate[Any, P], EventStream[Parsed]]:
    """A method that asks the async face behind this one, and gives its stream without await.

    Any stands for self: the two faces have nothing in common but the signature, which is kept.
    """

    @wraps(asked)
    def method(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> EventStream[Parsed]:
        return EventStream(asked(self.behind, *args, **kwargs))

    return method


@attrs.frozen(kw_only=True, eq=False)
class _Behind(pure.Response):
    behind: _response.Response = attrs.field(repr=False)


class Response(_Behind, Generic[Parsed]):
    """An answer that can be replied to without await; see `llmstream.Response`."""

    __slots__ = ()

    @classmethod
    def of(cls, response: _response.Response[Parsed]) -> Response[Parsed]:
        """Take over a response of the async face."""
        return cls(
            **{f.name: getattr(response, f.name) for f in attrs.fields(pure.Response)}, behind=response
        )

    reply = _streaming(_response.Response.reply)

    @property
    def output_mode(self) -> OutputMode | None:
        """How the schema was asked for; see `llmstream.Response.output_mode`."""
        return self.behind.output_mode

    @overload
    def parsed(self, /) -> Parsed: ...

    @overload
    def parsed(self, schema: SchemaLike[T], /) -> T: ...

    def parsed(self, schema: SchemaLike[Any] | None = None, /) -> Any:
        """The answer as what was asked for; see `llmstream.Response.parsed`.

        Raises:
            OutputError: as that.
        """
        return self.behind.parsed() if schema is None else self.behind.parsed(schema)

    def execute_tool_calls(
        self,
        tools: Iterable[ToolLike] | None = None,
        *,
        before_call: BeforeCall | None = None,
        after_call: AfterCall | None = None,
        limits: ToolLimits | None = None,
    ) -> tuple[ToolResultPart, ...]:
        """Make the calls of this answer; see `llmstream.Response.execute_tool_calls`.

        Raises:
            ConfigError: as that.
        """
        execute = partial(
            self.behind.execute_tool_calls,
            tools,
            before_call=before_call,
            after_call=after_call,
            limits=limits,
        )
        return _Task(execute).result()

    def to_dict(self) -> ResponseDict:
        """The response as a JSON-safe dict; see `llmstream.Response.to_dict`."""
        return self.behind.to_dict()

    @classmethod
    def from_dict(cls, stored: JSON, /, *, model: Model | None = None) -> Response:
        """Bring a response back from its dict; see `llmstream.Response.from_dict`."""
        return cls.of(_response.Response.from_dict(stored, model=model.behind if model else None))


class Conversation:
    """Prompts that each go on from the answer before; see `llmstream.Conversation`."""

    def __init__(self, conversation: _conversation.Conversation) -> None:
        self.behind = conversation

    prompt = _streaming(_conversation.Conversation.prompt)
    chain = _chaining(_conversation.Conversation.chain)

    @property
    def responses(self) -> tuple[Response, ...]:
        """The complete answers so far, in order."""
        return tuple(map(Response.of, self.behind.responses))

    def fork(self) -> Conversation:
        """Another conversation that begins with the same turns."""
        return Conversation(self.behind.fork())


class Model:
    """What can be prompted; see `llmstream.Model`, the one that stands behind it.

    Any model can be put behind one: `Model(llmstream.fallback(a.behind, b.behind))`, a hedge, a recorder.
    """

    def __init__(self, model: _model.Model) -> None:
        self.behind = model

    prompt = _streaming(_model.Model.prompt)
    chain = _chaining(_model.Model.chain)

    @property
    def id(self) -> str:
        """What the provider calls the model."""
        return self.behind.id

    @property
    def name(self) -> str:
        """What `get_model` finds it by."""
        return self.behind.name

    def conversation(
        self,
        *,
        system: str | Message | None = None,
        tools: Iterable[ToolLike] = (),
        options: OptionsLike | None = None,
    ) -> Conversation:
        """Begin a conversation: each prompt goes on from the answer before it."""
        return Conversation(self.behind.conversation(system=system, tools=tools, options=options))

    def resume(
        self, response: Response | str, /, *, timeouts: Timeouts | None = None, keep: bool = True
    ) -> EventStream:
        """Listen again to an answer that goes on by itself; see `llmstream.Model.resume`.

        Raises:
            UnsupportedError: when the model's wire has nothing of the kind.
            ConfigError: when the response has no id.
        """
        known = response if isinstance(response, str) else response.behind
        return EventStream(self.behind.resume(known, timeouts=timeouts, keep=keep))

    def embed(
        self,
        texts: Iterable[str],
        *,
        batch: int | None = None,
        dimensions: int | None = None,
        extra: JSONObject | None = None,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
    ) -> Embeddings:
        """One vector for each text, in the order of the texts; see `llmstream.Model.embed`.

        Raises:
            LLMStreamError: as that.
        """
        embed = partial(self.behind.embed, batch=batch, dimensions=dimensions, extra=extra)
        return _Task(lambda: embed(texts, timeouts=timeouts, retries=retries)).result()

    def __repr__(self) -> str:
        return repr(self.behind)


class PromptMap:
    """The outcomes of many prompts, in their order; see `llmstream.map_prompts`."""

    def __init__(self, prompts: _bulk.PromptMap) -> None:
        # One outcome waits here, and the others where their number is bounded.
        self._channel = _Channel[_bulk.Outcome[_response.Response]](1)
        self._task = _Task(lambda: _pump(partial(_read_outcomes, prompts), self._channel))
        self._started = False

    def __iter__(self) -> Iterator[_bulk.Outcome[Response]]:
        try:
            while outcomes := self._take():
                for outcome in outcomes:
                    known = None if outcome.response is None else Response.of(outcome.response)
                    yield _bulk.Outcome(index=outcome.index, response=known, error=outcome.error)
        except GeneratorExit:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all calls now."""
        if self._started and not _thread.stopped:
            self._task.cancel()

    def _take(self) -> Sequence[_bulk.Outcome[_response.Response]]:
        """Wait for more outcomes; an interrupt cancels the calls before it goes on."""
        try:
            if not self._started:
                self._started = True
                self._task.start()
            return self._channel.take()
        except Exception:
            raise
        except BaseException:
            self.close()
            raise


async def _read_outcomes(
    prompts: _bulk.PromptMap, channel: _Channel[_bulk.Outcome[_response.Response]]
) -> None:
    async with prompts:
        async for outcome in prompts:
            await channel.put((outcome,))


def map_prompts(
    model: Model,
    prompts: Iterable[_bulk.Prompt],
    /,
    *,
    concurrency: int = 8,
    on_progress: _bulk.Report | None = None,
    **terms: Unpack[_bulk.PromptTerms],
) -> PromptMap:
    """Ask a model many prompts and give an outcome for each, in their order; see `llmstream.map_prompts`.

    The prompts are taken, and `on_progress` is called, in the thread that all calls run in.
    """
    return PromptMap(
        _bulk.map_prompts(model.behind, prompts, concurrency=concurrency, on_progress=on_progress, **terms)
    )


class ConnectedProvider:
    """A provider with an address and a key; see `llmstream.ConnectedProvider`."""

    def __init__(self, provider: _connected.ConnectedProvider) -> None:
        self.behind = provider

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.behind.name

    def model(self, id: str, /) -> Model:
        """A model of the provider's, by its id."""
        return Model(self.behind.model(id))

    def models(
        self, *, timeouts: Timeouts | None = None, retries: Retries | None = None
    ) -> tuple[ModelInfo, ...]:
        """The models that the provider lists; see `llmstream.ConnectedProvider.models`.

        Raises:
            LLMStreamError: as that.
        """
        return _Task(lambda: self.behind.models(timeouts=timeouts, retries=retries)).result()


def fetch_attachment(
    url: str,
    /,
    *,
    max_bytes: int = _attach.MAX_FILE_BYTES,
    allow_private: bool = False,
    timeouts: Timeouts | None = None,
) -> Attachment:
    """Fetch a file from an http or https address; see `llmstream.fetch_attachment`.

    Raises:
        LLMStreamError: as that.
    """
    fetch = partial(
        _download.fetch_attachment, max_bytes=max_bytes, allow_private=allow_private, timeouts=timeouts
    )
    return _Task(lambda: fetch(url)).result()


def open_attachments(messages: Iterable[Message], /, *, root: str | os.PathLike[str]) -> tuple[Message, ...]:
    """Read the files that messages of a stored dict name; see `llmstream.open_attachments`.

    Raises:
        ConfigError: as that.
    """
    return _Task(lambda: _attach.open_attachments(messages, root=root)).result()


def get_provider(  # noqa: PLR0913 - a face
    name: str,
    /,
    *,
    base_url: str | None = None,
    key: Key | None = None,
    http: AsyncClientLike | None = None,
    timeouts: Timeouts | None = None,
    retries: Retries | None = None,
    limits: Limits | None = None,
    limiter: RateLimiter | None = None,
) -> ConnectedProvider:
    """Find a provider by name; see `llmstream.get_provider`.

    Raises:
        ConfigError: when there is no such provider or key.
    """
    found = registry.get_provider(
        name,
        base_url=base_url,
        key=key,
        http=http,
        timeouts=timeouts,
        retries=retries,
        limits=limits,
        limiter=limiter,
    )
    return ConnectedProvider(found)


def get_model(  # noqa: PLR0913 - a face
    name: str | None = None,
    *,
    base_url: str | None = None,
    key: Key | None = None,
    http: AsyncClientLike | None = None,
    timeouts: Timeouts | None = None,
    retries: Retries | None = None,
    limits: Limits | None = None,
    limiter: RateLimiter | None = None,
) -> Model:
    """Find a model by name; see `llmstream.get_model`.

    Raises:
        ConfigError: when there is no such provider or key, or no name and no default.
    """
    found = registry.get_model(
        name,
        base_url=base_url,
        key=key,
        http=http,
        timeouts=timeouts,
        retries=retries,
        limits=limits,
        limiter=limiter,
    )
    return Model(found)
