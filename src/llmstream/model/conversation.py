"""A conversation: prompts that each go on from the answer before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast
from weakref import ref

from llmstream.chain.limits import ChainLimits
from llmstream.errors import ConfigError
from llmstream.model.ask import Ask, ChoiceLike, OptionsLike
from llmstream.model.held import going_on, holding
from llmstream.model.response import Response
from llmstream.model.stream import EventStream
from llmstream.output import Output, SchemaLike
from llmstream.tools.run import AfterCall, BeforeCall, Bench
from llmstream.tools.toolset import ToolLike, Toolset
from llmstream.values.content import Attachment, ToolResultPart
from llmstream.values.messages import Message
from llmstream.values.response import T

if TYPE_CHECKING:
    from llmstream.client.budget import Budget
    from llmstream.client.retries import Retries
    from llmstream.client.timeouts import Timeouts
    from llmstream.model.chain import ChainStream
    from llmstream.model.model import Model

S = TypeVar("S", bound=EventStream[Response])


class Conversation:
    """Turns with one model; each request carries the whole chain before it.

    A turn that failed or was left is no part of the chain: the next prompt goes on from the last answer
    that is complete. What is given to a turn alone (its options, schema, tool choice) holds for that turn.
    Given the `responses` of an earlier conversation, this one goes on from the last, with its tools and
    options unless others are given.
    """

    def __init__(
        self,
        model: Model,
        *,
        system: str | Message | None = None,
        tools: Iterable[ToolLike] | Toolset = (),
        options: OptionsLike | None = None,
        responses: Iterable[Response] = (),
    ) -> None:
        self._model = model
        self._system = system
        self._responses = [Response.of(response, model) for response in responses]
        last = self._responses[-1].request if self._responses else None
        given = Toolset.of(tools)
        self._tools = given if given.items or last is None else Toolset.of(last.tools)
        self._options = options or (last.options if last else None)
        # Weak, so that a stream that nobody holds any more does not stand in the way.
        self._current: ref[EventStream[Response]] | None = None

    @property
    def model(self) -> Model:
        """Whom the conversation is with."""
        return self._model

    @property
    def responses(self) -> tuple[Response, ...]:
        """The complete answers so far, in order."""
        self._answering()
        return tuple(self._responses)

    def prompt(  # noqa: PLR0913 - a face
        self,
        prompt: str | None = None,
        /,
        *,
        attachments: Iterable[Attachment] = (),
        tool_results: Iterable[ToolResultPart] = (),
        tool_choice: ChoiceLike | None = None,
        schema: SchemaLike[T] | None = None,
        options: OptionsLike | None = None,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        budget: Budget | None = None,
    ) -> EventStream[Response[T]]:
        """Say something; the answer joins the conversation when it is complete.

        Raises:
            ConfigError: when the turn before is still being answered, or has calls without a result.
        """
        self._check_free()
        ask = Ask(
            prompt=prompt,
            system=self._system,
            attachments=attachments,
            tool_results=tool_results,
            tools=self._tools,
            tool_choice=tool_choice,
            schema=schema,
            options=self._options if options is None else options,
        )
        terms = partial(self._model.prompt, timeouts=timeouts, retries=retries, budget=budget)
        if self._responses:
            stream = going_on(ask, self._responses[-1], self._model.id, terms)
        else:
            stream = holding(terms(ask.request(self._model.id)), self._tools)
        return self._turn(stream).expecting(None if schema is None else Output.of(schema))

    def chain(  # noqa: PLR0913 - a face
        self,
        prompt: str | None = None,
        /,
        *,
        attachments: Iterable[Attachment] = (),
        tool_results: Iterable[ToolResultPart] = (),
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
        """Say something, and let the model use the conversation's tools until it is done.

        The last round's answer, whose request has the rounds before it, joins the conversation. Without a
        prompt, the calls that the last answer left open are made first; see `Model.chain`.

        Raises:
            ConfigError: when the turn before is still being answered, or there is nothing to send.
        """
        self._check_free()
        added = tuple(attachments)
        ask = Ask(
            prompt=prompt,
            system=self._system,
            attachments=added,
            tool_results=tool_results,
            tools=self._tools,
            tool_choice=tool_choice,
            schema=schema,
            options=self._options if options is None else options,
        )
        last = self._responses[-1] if self._responses else None
        chained = partial(
            self._model.chain,
            tools=self._tools.items,
            timeouts=timeouts,
            retries=retries,
            budget=budget,
            before_call=before_call,
            after_call=after_call,
            limits=limits,
            eager=eager,
        )
        if last is None or (prompt is None and not added):
            stream = chained(ask.request(self._model.id, after=last, open=True))
        else:
            known = Bench(before=before_call, after=after_call, limits=ChainLimits.of(limits).tool)
            stream = going_on(ask, last, self._model.id, chained, bench=known)
        stream.expecting(None if schema is None else Output.of(schema))
        # What is chained knows no type of the answer before this.
        return cast("ChainStream[T]", self._turn(stream))

    def fork(self) -> Conversation:
        """Another conversation that begins with the same turns."""
        return Conversation(
            self._model,
            system=self._system,
            tools=self._tools,
            options=self._options,
            responses=self.responses,
        )

    def _answering(self) -> bool:
        current = None if self._current is None else self._current()
        return current is not None and current.state in {"new", "open"}

    def _check_free(self) -> None:
        if self._answering():
            raise ConfigError("expected the turn before to be read or closed, got a second prompt beside it")

    def _turn(self, stream: S) -> S:
        """Have the answer of a stream join the conversation."""
        stream.when_over(self._take_in)
        stream.when_repairing(self._replacing(len(self._responses)))
        self._current = ref(stream)
        return stream

    def _replacing(self, turn: int) -> Callable[[EventStream[Response]], None]:
        """Have what repairs the answer of a turn take its place, unless the conversation has gone on."""

        def take(response: Response) -> None:
            if response.state == "complete" and len(self._responses) == turn + 1:
                self._responses[turn] = response

        def begin(stream: EventStream[Response]) -> None:
            if len(self._responses) == turn + 1 and not self._answering():
                stream.when_over(take)
                self._current = ref(stream)

        return begin

    def _take_in(self, response: Response) -> None:
        # Of a chain that failed, the last round may be complete.
        current = None if self._current is None else self._current()
        ended = response.state if current is None else current.state
        if ended in {"complete", "budget"}:
            self._responses.append(response)
