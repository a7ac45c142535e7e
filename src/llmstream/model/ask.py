"""A Request made from what a caller writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from itertools import dropwhile
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast, get_args

import attrs

from llmstream.errors import ConfigError
from llmstream.jsontext import JSON
from llmstream.values.content import Attachment, AttachmentPart, Part, TextPart, ToolCallPart, ToolResultPart
from llmstream.values.messages import Message
from llmstream.values.messages import system as system_message
from llmstream.values.request import ChoiceMode, Options, Request, ToolChoice
from llmstream.values.response import Response

if TYPE_CHECKING:
    from llmstream.output import Output, SchemaLike
    from llmstream.tools.toolset import ToolLike, Toolset

T = TypeVar("T")
V = TypeVar("V")

OptionsLike: TypeAlias = Options | Mapping[str, JSON]
ChoiceLike: TypeAlias = str | ToolChoice

_MODES = {mode: ToolChoice(mode) for mode in get_args(ChoiceMode)}


def _kept(given: Any) -> Any:  # Any: the same goes for each field's type
    """An iterator is read more than once, so it is read now."""
    return tuple(cast("Iterator[object]", given)) if isinstance(given, Iterator) else given


def _toolset(tools: Iterable[ToolLike] | Toolset | None) -> Toolset | None:
    if tools is None:
        return None
    # Here and below, not above: what asks for neither tools nor a schema does without.
    from llmstream.tools.toolset import Toolset

    return Toolset.of(tools)


@attrs.frozen(kw_only=True)
class Ask:
    """What one call adds to a history, and how it is to be answered; None is not given."""

    prompt: str | None = None
    messages: Iterable[Message] | None = attrs.field(default=None, converter=_kept)
    system: str | Message | None = None
    attachments: Iterable[Attachment] = attrs.field(default=(), converter=_kept)
    tool_results: Iterable[ToolResultPart] = attrs.field(default=(), converter=_kept)
    tools: Toolset | None = attrs.field(default=None, converter=_toolset)
    tool_choice: ChoiceLike | None = None
    schema: SchemaLike | None = None
    options: OptionsLike | None = None

    def request(self, model: str, *, after: Response | None = None, open: bool = False) -> Request:
        """The request for a model; it goes on from an answer, if one is given.

        Args:
            open: whether calls of that answer may be without a result.

        Raises:
            ConfigError: when there is nothing to send, when a call of the answer has no result, or when a
                value is of the wrong kind.
        """
        added = self._added()
        messages = (*self._first(), *self._before(after), *added)
        if not messages:
            raise ConfigError("expected a prompt, messages or attachments, got none")
        if after is not None and not open:
            _check_answered(self.pending(after))
        return Request(
            model,
            messages,
            tools=self.tools.offered() if self.tools else (),
            tool_choice=_choice(self.tool_choice),
            schema=None if self.schema is None else expected(self.schema).schema,
            options=_options(self.options),
        )

    def beside(self, request: Request) -> Request:
        """A request ready made, with these tools where there are any; nothing else may stand beside one.

        Raises:
            ConfigError: when something else does.
        """
        if any((self.messages, self.system, self.attachments, self.tool_choice, self.schema, self.options)):
            raise ConfigError("expected nothing beside a Request but tools and terms, got more")
        return (
            attrs.evolve(request, tools=self.tools.offered()) if self.tools and self.tools.items else request
        )

    def inheriting(self, request: Request) -> Ask:
        """The same, with tools, schema and options as they are in a request, where none are given.

        Not the tool choice: a call that was forced once would be forced for ever.
        """
        return attrs.evolve(
            self,
            tools=_toolset(request.tools) if self.tools is None else self.tools,
            schema=request.schema if self.schema is None else self.schema,
            options=request.options if self.options is None else self.options,
        )

    def pending(self, answer: Response) -> tuple[ToolCallPart, ...]:
        """The calls of an answer that nothing here gives a result for."""
        parts = (part for message in self._added() for part in message.parts)
        given = {part.tool_call_id for part in parts if isinstance(part, ToolResultPart)}
        return tuple(call for call in answer.tool_calls() if call.id not in given)

    def _before(self, answer: Response | None) -> tuple[Message, ...]:
        """The history that an answer ends, without the system messages that new ones replace."""
        if answer is None:
            return ()
        if answer.request is None:
            raise ConfigError("expected a response that knows its request, got one without")
        asked = answer.request.messages
        if self.system is not None:
            asked = tuple(dropwhile(lambda message: message.role == "system", asked))
        return (*asked, *answer.messages())

    def _first(self) -> tuple[Message, ...]:
        match self.system:
            case None:
                return ()
            case Message():
                return (self.system,)
            case text:
                return (system_message(_string(text, "system")),)

    def _added(self) -> tuple[Message, ...]:
        """In the order that providers want: the history, tool results, the new user message."""
        history = map(_own, _items("messages", self.messages or (), Message, "a Message"))
        results = _items("tool_results", self.tool_results, ToolResultPart, "a ToolResultPart")
        return (*history, *([Message("tool", results)] if results else ()), *self._user())

    def _user(self) -> tuple[Message, ...]:
        parts: list[Part] = []
        if self.prompt is not None:
            parts.append(TextPart(_string(self.prompt, "prompt")))
        parts.extend(
            map(AttachmentPart, _items("attachments", self.attachments, Attachment, "an Attachment"))
        )
        return (Message("user", parts),) if parts else ()


def _string(given: object, where: str) -> str:
    if not isinstance(given, str):
        raise ConfigError(f"expected a string as {where}, got {type(given).__name__}")
    return given


def _items(where: str, given: object, kind: type[T], what: str) -> tuple[T, ...]:
    if given == ():
        return ()
    if not isinstance(given, Iterable):
        raise ConfigError(f"expected a list as {where}, got {type(given).__name__}")
    items = tuple(cast("Iterable[object]", given))
    for position, item in enumerate(items):
        if not isinstance(item, kind):
            raise ConfigError(f"expected {what} at {where}[{position}], got {type(item).__name__}")
    return cast("tuple[T, ...]", items)


def _own(message: Message) -> Message:
    """The message with JSON of its own, so that what the caller does to his later changes nothing here."""
    if all(
        isinstance(part, TextPart | AttachmentPart) and not part.provider_metadata for part in message.parts
    ):
        return message
    return attrs.evolve(message, parts=deepcopy(message.parts))


def _check_answered(pending: Iterable[ToolCallPart]) -> None:
    """Refuse to go on while a call of an answer has no result: every provider refuses that too."""
    if calls := list(pending):
        from llmstream.tools.result import shown

        names = ", ".join(f"{shown(call.name)} ({shown(call.id)})" for call in calls)
        raise ConfigError(
            f"expected a result for each call of the answer, or the tools in tools=, got none for {names}"
        )


def expected(schema: SchemaLike[V]) -> Output[V]:
    """What an answer is to be.

    Raises:
        ConfigError: when it is nothing that an answer can be.
    """
    from llmstream.output import Output

    return Output.of(schema)


def _choice(choice: object) -> ToolChoice | None:
    match choice:
        case None | ToolChoice():
            return choice
        case str(name):
            return _MODES.get(name) or ToolChoice("required", (name,))
        case _:
            raise ConfigError(
                f"expected auto, none, required, a tool's name or a ToolChoice, got {type(choice).__name__}"
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
