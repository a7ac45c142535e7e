"""A conversation: prompts that each go on from the answer before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from weakref import ref

from llmstream.errors import ConfigError
from llmstream.model.ask import Ask, ChoiceLike, OptionsLike
from llmstream.model.response import Response
from llmstream.model.stream import EventStream
from llmstream.output import Output, SchemaLike, T
from llmstream.values.content import Attachment, ToolResultPart
from llmstream.values.messages import Message
from llmstream.values.request import AnyTool

if TYPE_CHECKING:
    from llmstream.client.budget import Budget
    from llmstream.client.retries import Retries
    from llmstream.client.timeouts import Timeouts
    from llmstream.model.model import Model


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
        tools: Iterable[AnyTool] = (),
        options: OptionsLike | None = None,
        responses: Iterable[Response] = (),
    ) -> None:
        self._model = model
        self._system = system
        self._responses = [Response.of(response, model) for response in responses]
        last = self._responses[-1].request if self._responses else None
        self._tools = tuple(tools) or (last.tools if last else ())
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
        if self._answering():
            raise ConfigError("expected the turn before to be read or closed, got a second prompt beside it")
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
        request = ask.request(self._model.id, after=self._responses[-1] if self._responses else None)
        stream = self._model.prompt(request, timeouts=timeouts, retries=retries, budget=budget).expecting(
            None if schema is None else Output.of(schema)
        )
        stream.when_over(self._take_in)
        self._current = ref(stream)
        return stream

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

    def _take_in(self, response: Response) -> None:
        if response.state in {"complete", "budget"}:
            self._responses.append(response)
