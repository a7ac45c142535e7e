"""A Request made from what a caller writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias, cast

import attrs

from llmstream.errors import ConfigError
from llmstream.jsontext import JSON
from llmstream.values.content import Attachment, AttachmentPart, Part, TextPart, ToolResultPart
from llmstream.values.messages import Message
from llmstream.values.messages import system as system_message
from llmstream.values.request import AnyTool, Options, OutputSchema, Request, ServerSideTool, Tool, ToolChoice

OptionsLike: TypeAlias = Options | Mapping[str, JSON]
ChoiceLike: TypeAlias = str | ToolChoice
SchemaLike: TypeAlias = OutputSchema | Mapping[str, JSON]


@attrs.frozen(kw_only=True)
class Ask:
    """What one call adds to a history, and how it is to be answered; None is not given."""

    prompt: str | None = None
    messages: Iterable[Message] | None = None
    system: str | Message | None = None
    attachments: Iterable[Attachment] = ()
    tool_results: Iterable[ToolResultPart] = ()
    tools: Iterable[AnyTool] | None = None
    tool_choice: ChoiceLike | None = None
    schema: SchemaLike | None = None
    options: OptionsLike | None = None

    def request(self, model: str) -> Request:
        """The request for a model.

        Raises:
            ConfigError: when there is nothing to send, or a value is of the wrong kind.
        """
        messages = self._messages()
        if not messages:
            raise ConfigError("expected a prompt, messages or attachments, got none")
        return Request(
            model,
            messages,
            tools=_tools(self.tools),
            tool_choice=_choice(self.tool_choice),
            schema=_schema(self.schema),
            options=_options(self.options),
        )

    def after(self, request: Request, answer: Sequence[Message]) -> Request:
        """The request that goes on from an answer; what is not given is as in the request before."""
        history = (*request.messages, *answer)
        if self.system is not None:
            history = tuple(message for message in history if message.role != "system")
        tools = request.tools if self.tools is None else _tools(self.tools)
        return attrs.evolve(
            request,
            messages=attrs.evolve(self, messages=history)._messages(),
            tools=tools,
            tool_choice=request.tool_choice if self.tool_choice is None else _choice(self.tool_choice),
            schema=request.schema if self.schema is None else _schema(self.schema),
            options=request.options if self.options is None else _options(self.options),
        )

    def _messages(self) -> tuple[Message, ...]:
        """In the order that providers want: system, history, tool results, the new user message."""
        first = () if self.system is None else (_system(self.system),)
        results = tuple(self.tool_results)
        middle = (Message("tool", results),) if results else ()
        return (*first, *_history(self.messages), *middle, *self._user(results))

    def _user(self, results: tuple[ToolResultPart, ...]) -> tuple[Message, ...]:
        parts: list[Part] = []
        if self.prompt is not None:
            parts.append(TextPart(_string(self.prompt)))
        parts.extend(AttachmentPart(attachment) for attachment in self.attachments)
        return (Message("user", parts),) if parts else ()


def _string(prompt: object) -> str:
    if not isinstance(prompt, str):
        raise ConfigError(f"expected a string or a Request as prompt, got {type(prompt).__name__}")
    return prompt


def _history(messages: object) -> tuple[Message, ...]:
    if messages is None:
        return ()
    history = tuple(cast("Iterable[object]", messages))
    for position, message in enumerate(history):
        if not isinstance(message, Message):
            raise ConfigError(f"expected a Message at messages[{position}], got {type(message).__name__}")
    return cast("tuple[Message, ...]", history)


def _system(given: str | Message) -> Message:
    return given if isinstance(given, Message) else system_message(given)


def _tools(tools: Iterable[object] | None) -> tuple[AnyTool, ...]:
    given = tuple(tools or ())
    for position, tool in enumerate(given):
        if not isinstance(tool, Tool | ServerSideTool):
            raise ConfigError(
                f"expected a Tool or a ServerSideTool at tools[{position}], got {type(tool).__name__}"
            )
    return cast("tuple[AnyTool, ...]", given)


def _choice(choice: ChoiceLike | None) -> ToolChoice | None:
    if not isinstance(choice, str):
        return choice
    match choice:
        case "auto" | "none" | "required":
            return ToolChoice(choice)
        case name:
            return ToolChoice("required", (name,))


def _schema(schema: object) -> OutputSchema | None:
    match schema:
        case None | OutputSchema():
            return schema
        case Mapping():
            return OutputSchema(dict(cast("Mapping[str, JSON]", schema)))
        case _:
            raise ConfigError(
                f"expected a JSON Schema as a dict, or an OutputSchema, got {type(schema).__name__}"
            )


def _options(options: object) -> Options:
    match options:
        case None:
            return Options()
        case Options():
            return options
        case Mapping():
            return Options.of(dict(cast("Mapping[str, JSON]", options)))
        case _:
            raise ConfigError(f"expected Options or a dict of them, got {type(options).__name__}")
