"""Model: what can be prompted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

import attrs

from llmstream.client.attach import opened
from llmstream.client.retry import attempts
from llmstream.errors import ConfigError, UnsupportedError
from llmstream.jsontext import JSONObject
from llmstream.model.ask import Ask, ChoiceLike, OptionsLike, expected
from llmstream.model.response import Response
from llmstream.model.stream import EventStream, Source
from llmstream.model.terms import Terms, must_be_terms
from llmstream.values import response as pure
from llmstream.values.content import Attachment
from llmstream.values.embeddings import Embeddings
from llmstream.values.events import Done, Event, TextDelta
from llmstream.values.messages import Message
from llmstream.values.request import OutputMode, Request
from llmstream.values.response import T

if TYPE_CHECKING:
    from llmstream.chain.limits import ChainLimits
    from llmstream.client.budget import Budget
    from llmstream.client.retries import Retries
    from llmstream.client.timeouts import Timeouts
    from llmstream.model.chain import ChainStream
    from llmstream.model.conversation import Conversation
    from llmstream.output import SchemaLike
    from llmstream.tools.run import AfterCall, BeforeCall
    from llmstream.tools.toolset import ToolLike


class Model(ABC):
    """A language model.

    A plugin's model is a subclass with the one method `events`.

    Attributes:
        id: what the provider calls the model.
        name: what `get_model` finds it by.
    """

    id: str
    name: str

    @abstractmethod
    def events(self, request: Request, /) -> AsyncGenerator[Event, None]:
        """The events of one call: an asynchronous generator that ends with Done.

        A generator that yields nothing but strings is taken too: each is a text delta, and Done follows.
        """
        ...

    def batches(
        self, request: Request, /, *, timeouts: Timeouts | None = None, retries: Retries | None = None
    ) -> AsyncGenerator[Sequence[Event], None]:
        """The events in lists; a model that gets several at once overrides this.

        Only where `retries` are given is a call made again: a model of its own may do so by itself.

        Raises:
            ConfigError: when `timeouts` are given to a model that has no clocks.
        """
        if timeouts is not None:
            raise ConfigError(f"expected no timeouts for {self.name}: a model of its own keeps its own time")
        if retries is None:
            return _singly(self.events(request))
        return attempts(lambda: _singly(self.events(request)), retries)

    def prompt(  # noqa: PLR0913 - a face
        self,
        prompt: str | Request | None = None,
        /,
        *,
        messages: Iterable[Message] | None = None,
        system: str | Message | None = None,
        attachments: Iterable[Attachment] = (),
        tools: Iterable[ToolLike] = (),
        tool_choice: ChoiceLike | None = None,
        schema: SchemaLike[T] | None = None,
        options: OptionsLike | None = None,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        budget: Budget | None = None,
        keep: bool = True,
    ) -> EventStream[Response[T]]:
        """Make one lazy call: nothing is sent before it is awaited or read.

        Args:
            prompt: the user's words, put after `messages`; or a Request ready made, which takes nothing
                beside it but `timeouts`, `retries`, `budget` and `keep`.
            tools: functions, `Toolbox`es, `Tool`s and `ServerSideTool`s. Functions are not run by this
                call, but by its Response's `reply` and `execute_tool_calls`, and by `chain`.
            tool_choice: "auto", "none", "required" or the name of the tool that must be called.
            schema: what the answer is to be, for `parsed` and `partials`: a type, a JSON Schema as a dict,
                the short form ("name, age int"), or an Output.
            budget: where the answer is cut; see `llmstream.budget`.
            keep: False keeps nothing of what is read, in constant memory, without a Response.

        Raises:
            ConfigError: when there is nothing to send, a value is of the wrong kind, or a budget of cost has
                no prices for the model.
        """
        terms = Terms(timeouts=timeouts, retries=retries, budget=budget, keep=keep)
        if isinstance(prompt, Request):
            given = (messages, system, attachments, tools, tool_choice, schema, options)
            if any(given):
                raise ConfigError(
                    "expected nothing beside a Request but timeouts, retries, budget and keep, got more"
                )
            return self._stream(self.moded(prompt), terms)
        output = None if schema is None else expected(schema)
        ask = Ask(
            prompt=prompt,
            messages=messages,
            system=system,
            attachments=attachments,
            tools=None if tools == () else tools,
            tool_choice=tool_choice,
            schema=output,
            options=options,
        )
        stream = self._stream(self.moded(ask.request(self.id)), terms)
        if ask.tools is not None:
            # Here and below, not above: a call without tools does without.
            from llmstream.model.held import holding

            stream = holding(stream, ask.tools)
        return stream.expecting(output)

    def chain(  # noqa: PLR0913 - a face
        self,
        prompt: str | Request | None = None,
        /,
        *,
        messages: Iterable[Message] | None = None,
        system: str | Message | None = None,
        attachments: Iterable[Attachment] = (),
        tools: Iterable[ToolLike] = (),
        tool_choice: ChoiceLike | None = None,
        schema: SchemaLike[T] | None = None,
        options: OptionsLike | None = None,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        budget: Budget | None = None,
        before_call: BeforeCall | None = None,
        after_call: AfterCall | None = None,
        limits: ChainLimits | None = None,
        eager: bool = False,
    ) -> ChainStream[T]:
        """Prompt, make the calls that the model asks for, and go on until it is done; lazy as `prompt`.

        The system prompt, tools, schema and options go with every round; `timeouts`, `retries` and
        `budget` hold for each. A tool choice that forces a call holds for the first round only. A history
        that ends in calls without results begins with those calls, if functions are given for them.

        Args:
            prompt: as for `prompt`; functions for the tools of a Request may stand beside it.
            before_call: is asked before each call, in call order, with the tool, or None where there is
                none of that name, and the call; it may raise `CancelToolCall` or `PauseChain`.
            after_call: is told the tool, the call and the result of each call that was not cancelled.
            limits: of the whole, and of single calls.
            eager: begin a call when its arguments are complete, while the model goes on; for
                `async with` and await.

        Raises:
            ConfigError: when there is nothing to send, or a value is of the wrong kind.
        """
        from llmstream.model.chain import begun
        from llmstream.tools.run import Bench
        from llmstream.tools.toolset import Toolset

        must_be_terms(timeouts=timeouts, retries=retries, budget=budget)
        output = None if schema is None else expected(schema)
        ask = Ask(
            prompt=None if isinstance(prompt, Request) else prompt,
            messages=messages,
            system=system,
            attachments=attachments,
            tools=Toolset.of(tools),
            tool_choice=tool_choice,
            schema=output,
            options=options,
        )
        request = ask.beside(prompt) if isinstance(prompt, Request) else ask.request(self.id)
        asking = partial(self.prompt, timeouts=timeouts, retries=retries, budget=budget)
        bench = Bench(tools=ask.tools or Toolset(), before=before_call, after=after_call)
        stream = begun(asking, request, bench, limits, eager=eager, wrap=self._response)
        stream.expecting(output)
        return stream

    async def embed(
        self,
        texts: Iterable[str],
        *,
        batch: int | None = None,
        dimensions: int | None = None,
        extra: JSONObject | None = None,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
    ) -> Embeddings:
        """One vector for each text, in the order of the texts.

        Args:
            batch: how many texts go in one call; by default, and at most, as many as the wire takes.
            dimensions: how long the vectors are to be.
            extra: merged into each call's body last, in the provider's words.
            timeouts: for each call.
            retries: likewise.

        Raises:
            UnsupportedError: when the model cannot embed, or its wire cannot say what is asked for.
            ConfigError: when a value is of the wrong kind.
            LLMStreamError: when the provider refuses, cannot be reached or says what are no vectors.
        """
        raise UnsupportedError(f"expected a model that embeds texts, got {self.name}")

    def resume(
        self, response: Response | str, /, *, timeouts: Timeouts | None = None, keep: bool = True
    ) -> EventStream[Response]:
        """Listen again to an answer that the provider goes on with by itself, from its first event.

        That is a background response of OpenAI's, asked for with `options={"extra": {"background": True}}`;
        `response` is what a broken stream left as its `.partial`, or the response's id.

        Raises:
            UnsupportedError: when the model's wire has nothing of the kind.
            ConfigError: when the response has no id.
        """
        raise UnsupportedError(f"expected a model whose answers can be resumed, got {self.name}")

    def conversation(
        self,
        *,
        system: str | Message | None = None,
        tools: Iterable[ToolLike] = (),
        options: OptionsLike | None = None,
    ) -> Conversation:
        """Begin a conversation: each prompt goes on from the answer before it."""
        from llmstream.model.conversation import Conversation

        return Conversation(self, system=system, tools=tools, options=options)

    @property
    def output_mode(self) -> OutputMode:
        """How a schema is asked for where it does not say."""
        return "native"

    def moded(self, request: Request, /) -> Request:
        """The request with its schema's mode, where that is not the wire's own words."""
        schema = request.schema
        if schema is None or schema.mode is not None or (mode := self.output_mode) == "native":
            return request
        return attrs.evolve(request, schema=attrs.evolve(schema, mode=mode))

    def _stream(self, request: Request, terms: Terms) -> EventStream[Response]:
        source = self._source(terms)
        if request.schema is not None and request.schema.mode is not None:
            from llmstream.output import shaped

            source = attrs.evolve(source, batches=shaped(source.batches))
        if terms.budget is not None:
            from llmstream.client.metering import metered

            source = attrs.evolve(source, batches=metered(self.name, terms.budget, source.batches))
        return EventStream(source, request, wrap=self._response, keep=terms.keep)

    def _source(self, terms: Terms) -> Source:
        """What gives the events of one call."""
        return Source(partial(self.batches, **terms.of_a_call()), prepare=opened)

    def _response(self, response: pure.Response) -> Response:
        return Response.of(response, self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


async def _singly(events: AsyncGenerator[Event | str, None]) -> AsyncGenerator[Sequence[Event], None]:
    """A generator of events in lists of one; strings become text deltas, with a Done at their end."""
    only_text = None
    async with aclosing(events):
        async for event in events:
            is_text = isinstance(event, str)
            only_text = is_text and only_text is not False
            yield (TextDelta(0, event) if isinstance(event, str) else event,)  # noqa: ASYNC119 - closed above
    if only_text:
        yield (Done(),)
