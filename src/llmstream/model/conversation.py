"""A conversation: prompts that each go on from the answer before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from llmstream.errors import ConfigError
from llmstream.model.ask import ChoiceLike, OptionsLike, SchemaLike
from llmstream.model.response import Response
from llmstream.model.stream import EventStream
from llmstream.values.content import Attachment, ToolResultPart
from llmstream.values.messages import Message
from llmstream.values.request import AnyTool

if TYPE_CHECKING:
    from llmstream.client.timeouts import Timeouts
    from llmstream.model.model import Model


class Conversation:
    """Turns with one model; each request carries the whole chain before it.

    A turn that failed or was left is no part of the chain: the next prompt goes on from the last answer
    that is complete.
    """

    def __init__(
        self,
        model: Model,
        *,
        system: str | Message | None = None,
        tools: Sequence[AnyTool] = (),
        options: OptionsLike | None = None,
        responses: Iterable[Response] = (),
    ) -> None:
        self._model = model
        self._system = system
        self._tools = tuple(tools)
        self._options = options
        self._responses = list(responses)
        self._current: EventStream[Response] | None = None

    @property
    def model(self) -> Model:
        """Whom the conversation is with."""
        return self._model

    @property
    def responses(self) -> tuple[Response, ...]:
        """The complete answers so far, in order."""
        self._settle()
        return tuple(self._responses)

    def prompt(  # noqa: PLR0913 - a face
        self,
        prompt: str | None = None,
        /,
        *,
        attachments: Iterable[Attachment] = (),
        tool_results: Iterable[ToolResultPart] = (),
        tool_choice: ChoiceLike | None = None,
        schema: SchemaLike | None = None,
        options: OptionsLike | None = None,
        timeouts: Timeouts | None = None,
    ) -> EventStream[Response]:
        """Say something; the answer joins the conversation when it is complete.

        Raises:
            ConfigError: when the turn before is still being answered.
        """
        self._settle()
        if self._current is not None:
            raise ConfigError(
                "expected the turn before to have ended, got a second prompt while it is answered"
            )
        if self._responses:
            stream = self._responses[-1].reply(
                prompt,
                attachments=attachments,
                tool_results=tool_results,
                tool_choice=tool_choice,
                schema=schema,
                options=options,
                timeouts=timeouts,
            )
        else:
            stream = self._model.prompt(
                prompt,
                system=self._system,
                attachments=attachments,
                tools=self._tools,
                tool_choice=tool_choice,
                schema=schema,
                options=self._options if options is None else options,
                timeouts=timeouts,
            )
        self._current = stream
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

    def _settle(self) -> None:
        """Take in the turn before, if it has ended."""
        current = self._current
        if current is None or current.state == "open":
            return
        self._current = None
        if current.state in {"complete", "budget"}:
            self._responses.append(current.snapshot())
