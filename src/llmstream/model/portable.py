"""Histories that go on with another model than the one they began with.

What only its own provider can read (metadata, reasoning, opaque items) stays in the messages, and each
dialect sets it aside when it writes; going back to that provider, nothing is missing. `ported` is for the
rest: what was said and the target has no place for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

import attrs

from llmstream.errors import ConfigError, UnsupportedError
from llmstream.jsontext import dumps
from llmstream.model.batched import BatchedModel
from llmstream.model.model import Model
from llmstream.model.provided import ProviderModel
from llmstream.model.registry import row_of
from llmstream.values.content import (
    Attachment,
    AttachmentPart,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmstream.values.messages import Message, assistant, user
from llmstream.values.request import Request
from llmstream.wire.codec import Codec
from llmstream.wire.portable import CallIds, is_foreign, is_set_aside

LossKind: TypeAlias = Literal[
    "state", "reasoning", "item", "id", "custom call", "server tool", "file id", "cache", "refused"
]
Place: TypeAlias = tuple[int, int | None]

# What `ported` has to choose about; the rest goes, or is set aside, without harm to what was said.
_CHOSEN = frozenset[LossKind]({"server tool", "file id", "cache", "refused"})


@attrs.frozen
class Loss:
    """Something that a target does not get as it stands in a history.

    Attributes:
        message: the position of the message.
        part: the position of the part in it; None for the message as a whole.
        what: "state" (another provider's metadata), "reasoning" and opaque "item" are set aside; an "id" is
            sent in another form; a "custom call" has its text in an object; for "server tool", "file id",
            "cache" and "refused" see `ported`.
        why: for people.
    """

    message: int
    part: int | None
    what: LossKind
    why: str


def portability_report(messages: Iterable[Message], target: Model | str, /) -> tuple[Loss, ...]:
    """All that would be lost or changed if a history went to a model; nothing is sent.

    `target` is a model, or the name of one or of a provider. A model without a wire takes all. A path that
    was not opened is judged when it is sent. Whose an uploaded file is, is told by the answer after it.

    Raises:
        ConfigError: when there is no such model.
    """
    codec = _codec(target)
    return () if codec is None else tuple(_losses(tuple(messages), codec))


def ported(
    messages: Iterable[Message], target: Model | str, /, *, otherwise: Literal["error", "text"] = "error"
) -> tuple[Message, ...]:
    """The history as a model takes it: what it has no place for becomes text, or is an error.

    That is: calls and results of tools that another provider ran, ids of files that lie there, and parts
    that the dialect refuses; a cache mark that it refuses is left out. All other parts are as they were.
    Keep the messages that you gave, to go back to the first provider.

    Raises:
        UnsupportedError: when there is something of that kind and it should not become text; it says where.
        ConfigError: when there is no such model.
    """
    messages, codec = tuple(messages), _codec(target)
    losses = () if codec is None else tuple(loss for loss in _losses(messages, codec) if loss.what in _CHOSEN)
    if codec is None or not losses:
        return messages
    if otherwise == "error":
        first = losses[0]
        where = "" if first.part is None else f".parts[{first.part}]"
        raise UnsupportedError(f"{first.why}, at messages[{first.message}]{where}")
    return _Rewriting(messages, codec, losses).messages()


def _codec(target: Model | str) -> Codec | None:
    if isinstance(target, str):
        row = row_of(target)
        return None if row is None else row.codec
    while isinstance(target, BatchedModel) and target.first is not None:
        target = target.first
    return target.codec if isinstance(target, ProviderModel) else None


class _Probe:
    """What a dialect does with one part, found out by letting it write that part alone."""

    def __init__(self, messages: Iterable[Message], codec: Codec) -> None:
        self._codec = codec
        calls = (part for message in messages for part in message.parts if isinstance(part, ToolCallPart))
        self._calls = {call.id: call for call in calls}

    def refusal(self, message: Message) -> str | None:
        """Why a message of one part is refused."""
        try:
            self._codec.encode(Request("m", (*self._before(message), message)))
        except UnsupportedError as error:
            return str(error)
        except ConfigError as error:
            # A user's file may yet be opened; of a model's nothing more will be known.
            return str(error) if message.role == "assistant" else None
        return None

    def leaves_out(self, message: Message) -> bool:
        """Whether a message of one part makes no difference."""
        before = self._before(message)
        return self._body(*before) == self._body(*before, message)

    def alike(self, one: Message, other: Message) -> bool:
        """Whether two messages are written the same."""
        return self._body(user("x"), one) == self._body(user("x"), other)

    def _before(self, message: Message) -> tuple[Message, ...]:
        called = [self._calls.get(p.tool_call_id) for p in message.parts if isinstance(p, ToolResultPart)]
        calls = [call for call in called if call is not None and not call.server_executed]
        return (user("x"), assistant(calls)) if calls and self._sayable(calls) else (user("x"),)

    def _sayable(self, calls: list[ToolCallPart]) -> bool:
        try:
            self._body(user("x"), assistant(calls))
        except UnsupportedError:
            return False
        return True

    def _body(self, *messages: Message) -> bytes | None:
        try:
            return self._codec.encode(Request("m", messages)).body
        except ConfigError:
            return None


def _losses(messages: tuple[Message, ...], codec: Codec) -> Iterator[Loss]:
    probe, ids = _Probe(messages, codec), CallIds(codec.provider, codec.call_ids)
    for number, message in enumerate(messages):
        elsewhere = _answered_elsewhere(messages[number:], codec.provider)
        said: list[Part] = []
        for place, part in enumerate(message.parts):
            alone = Message(message.role, [part])
            found = [*_of_part(alone, part, codec.provider, probe, elsewhere=elsewhere)]
            if isinstance(part, ToolCallPart) and not part.server_executed:
                found += _of_id(part, codec.provider, ids)
            said += [] if found and found[0][0] in _CHOSEN else [part]
            for what, why in found:
                yield Loss(number, place, what, why)
        if (reason := _of_cache(attrs.evolve(message, parts=said), probe)) is not None:
            yield Loss(number, None, "cache", reason)


_Found: TypeAlias = Iterator[tuple[LossKind, str]]


def _of_part(alone: Message, part: Part, provider: str, probe: _Probe, *, elsewhere: bool) -> _Found:
    if is_set_aside(part, provider):
        yield _kind(part), f"{type(part).__name__} of {_origin(part, provider)}, which {provider} cannot read"
        return
    if (why := probe.refusal(alone)) is not None:
        yield "refused", why
        return
    if provider not in part.provider_metadata and _may_be_left_out(part) and probe.leaves_out(alone):
        yield _kind(part), f"{type(part).__name__} for which {provider} has no place"
        return
    if elsewhere and any(file.file_id is not None for file in _files(part)):
        yield "file id", f"expected a file that {provider} has, got the id of one that lies elsewhere"
    if origin := _origin(part, provider):
        yield "state", f"metadata of {origin}, which {provider} cannot read"
    if isinstance(part, ToolCallPart) and part.custom:
        plain = attrs.evolve(part, custom=False, arguments={"input": part.raw}, raw="")
        if probe.alike(alone, assistant(plain)):
            yield "custom call", f"a call of free text, which {provider} gets as an object"


def _of_cache(message: Message, probe: _Probe) -> str | None:
    """Why the mark of a message is refused: by the dialect at all, or on what is left of the message."""
    if message.cache is None:
        return None
    role = "user" if message.role == "tool" else message.role
    return probe.refusal(Message(role, [TextPart("x")], cache=message.cache)) or probe.refusal(message)


def _of_id(part: ToolCallPart, provider: str, ids: CallIds) -> _Found:
    wire_id = ids.call(part)
    if wire_id != part.id and provider not in part.provider_metadata:
        yield "id", f"the id {part.id!r}, which {provider} gets as {wire_id!r}, as do its results"


def _kind(part: Part) -> LossKind:
    match part:
        case ReasoningPart():
            return "reasoning"
        case ToolCallPart() | ToolResultPart():
            return "server tool"
        case _:
            return "item"


def _may_be_left_out(part: Part) -> bool:
    match part:
        case ReasoningPart(text=text, redacted=redacted):
            return bool(text) or redacted
        case ToolCallPart() | ToolResultPart():
            return part.server_executed
        case _:
            return False


def _origin(part: Part, provider: str) -> str:
    """The other providers whose data a part holds; empty for none."""
    names = {*part.provider_metadata}
    if isinstance(part, OpaquePart):
        names.add(part.provider)
    if isinstance(part, TextPart):
        names |= {citation.provider for citation in part.citations if citation.data and citation.provider}
    return " and ".join(sorted(names - {provider}))


def _answered_elsewhere(messages: tuple[Message, ...], provider: str) -> bool:
    """Whether the next answer is known to be another provider's."""
    answer = next((message for message in messages if message.role == "assistant"), None)
    told = [] if answer is None else [p for p in answer.parts if p.provider_metadata]
    return bool(told) and all(is_foreign(part, provider) for part in told)


def _files(part: Part) -> tuple[Attachment, ...]:
    match part:
        case AttachmentPart(attachment=attachment):
            return (attachment,)
        case ToolResultPart(attachments=attachments):
            return attachments
        case _:
            return ()


class _Rewriting:
    """Turns into text what a target has no place for."""

    def __init__(self, messages: tuple[Message, ...], codec: Codec, losses: tuple[Loss, ...]) -> None:
        self._messages = messages
        self._losses: dict[Place, LossKind] = {(loss.message, loss.part): loss.what for loss in losses}
        self._probe = _Probe(messages, codec)
        self._told = self._told_places()

    def messages(self) -> tuple[Message, ...]:
        return tuple(self._message(number, message) for number, message in enumerate(self._messages))

    def _told_places(self) -> set[Place]:
        """Where calls and results become text: a call takes its result along, and the other way round."""
        told: set[Place] = set()
        calls: dict[str, Place] = {}
        answers: list[tuple[Place, Place]] = []
        for number, message in enumerate(self._messages):
            for position, part in enumerate(message.parts):
                place = (number, position)
                match part:
                    case ToolCallPart(id=id):
                        calls[id] = place
                        if place in self._losses:
                            told.add(place)
                    case ToolResultPart(tool_call_id=id):
                        call = calls.get(id, place)
                        answers.append((call, place))
                        if place in self._losses and self._is_refused_bare(message, part):
                            told.add(call)
                    case _:
                        pass
        return told | {answer for call, answer in answers if call in told}

    def _is_refused_bare(self, message: Message, part: ToolResultPart) -> bool:
        bare = Message(message.role, [_without_files(part)])
        return part.server_executed or self._probe.refusal(bare) is not None

    def _message(self, number: int, message: Message) -> Message:
        cache = None if (number, None) in self._losses else message.cache
        parts = [self._part((number, place), part) for place, part in enumerate(message.parts)]
        if tuple(parts) == message.parts:
            return attrs.evolve(message, cache=cache)
        bare = message.role == "tool" and not any(isinstance(part, ToolResultPart) for part in parts)
        new = Message("user" if bare else message.role, parts, cache=cache)
        return new if _of_cache(new, self._probe) is None else attrs.evolve(new, cache=None)

    def _part(self, place: Place, part: Part) -> Part:
        match part:
            case ToolCallPart() | ToolResultPart() if place in self._told:
                return TextPart(_told(part))
            case ToolResultPart() if place in self._losses:
                return _without_files(part)
            case _:
                return TextPart(_told(part)) if place in self._losses else part


def _without_files(part: ToolResultPart) -> ToolResultPart:
    said = [_output(part), *map(_shown, part.attachments)]
    return attrs.evolve(part, attachments=(), output="\n".join(text for text in said if text))


def _told(part: Part) -> str:
    match part:
        case TextPart(text=text) | ReasoningPart(text=text):
            return text
        case ToolCallPart(name=name):
            return f"[called {name}: {part.raw or dumps(part.arguments or {})}]"
        case ToolResultPart(name=name):
            files = "".join(f"\n{_shown(file)}" for file in part.attachments)
            error = f"\n{part.error}" if part.error else ""
            return f"[{name} gave: {_output(part)}{error}]{files}"
        case AttachmentPart(attachment=attachment, transcript=transcript):
            return transcript or _shown(attachment)
        case OpaquePart(type=type):
            return f"[{type}]"


def _output(part: ToolResultPart) -> str:
    return part.output if isinstance(part.output, str) else dumps(part.output)


def _shown(attachment: Attachment) -> str:
    """A text file as its text, any other as what is known of it."""
    if attachment.data is not None and (attachment.media_type or "").startswith("text/"):
        return attachment.data.decode("utf-8", "replace")
    size = None if attachment.data is None else f"{len(attachment.data)} bytes"
    known = (attachment.media_type or "a file", attachment.name, attachment.url, attachment.file_id, size)
    return f"[{', '.join(word for word in known if word)}]"
