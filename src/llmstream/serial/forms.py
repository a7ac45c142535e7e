"""Values to dicts and back."""

from __future__ import annotations

from typing import TypeAlias, TypeVar, cast, get_args, overload

from llmstream.errors import ConfigError
from llmstream.jsontext import JSON, JSONObject, named, shown
from llmstream.serial import dicts
from llmstream.serial.converter import FORMS, TAGS, converter, known
from llmstream.serial.document import plain
from llmstream.serial.misfit import Misfit, has_unknown_keys, refusal
from llmstream.values.content import Attachment, Part
from llmstream.values.events import Event, UnknownEvent
from llmstream.values.messages import Message
from llmstream.values.request import AnyTool, Request
from llmstream.values.response import Response
from llmstream.values.usage import Usage

Tagged: TypeAlias = Event | Part | Request | Response | AnyTool

T = TypeVar("T")

_EVENTS: frozenset[type] = frozenset(get_args(Event))


@overload
def to_dict(value: Response, /) -> dicts.ResponseDict: ...
@overload
def to_dict(value: Request, /) -> dicts.RequestDict: ...
@overload
def to_dict(value: Message, /) -> dicts.MessageDict: ...
@overload
def to_dict(value: Usage, /) -> dicts.UsageDict: ...
@overload
def to_dict(value: Attachment, /) -> dicts.AttachmentDict: ...
@overload
def to_dict(value: Part, /) -> dicts.PartDict: ...
@overload
def to_dict(value: AnyTool, /) -> dicts.AnyToolDict: ...
@overload
def to_dict(value: UnknownEvent, /) -> JSONObject: ...
@overload
def to_dict(value: Event, /) -> dicts.EventDict | JSONObject: ...
def to_dict(value: object, /) -> object:
    """Turn a value into its dict form, which JSON can say and which shares nothing with the value.

    Raises:
        ConfigError: when it is none of the values that have a form, or holds what JSON cannot say.
    """
    if isinstance(value, UnknownEvent):
        return _unknown_dict(value)
    kind: type = type(value)
    cls = known(kind)
    if cls is None:
        raise ConfigError(f"expected a value that has a dict form, got {named(value)}")
    return plain(converter().unstructure(value, unstructure_as=cls))


@overload
def from_dict(data: object, /) -> Tagged: ...
@overload
def from_dict(data: object, cls: type[T], /) -> T: ...
def from_dict(data: object, cls: type | None = None, /) -> object:
    """Make a value from its dict form.

    Without `cls` the form's `type` says what it is; the forms that have none (messages, usage) need it.
    Nothing but values of a closed table is made: no code runs, and nothing is imported, opened or
    fetched, whatever the dict holds.

    Raises:
        ConfigError: when the dict is not of that form; it says what was expected, what came and where.
    """
    document = plain(data)
    if cls is None:
        tag = _tag(document)
        if tag not in TAGS:
            raise ConfigError(f"expected a type out of {', '.join(sorted(TAGS))}, got {shown(tag)}, at type")
        return _event(document, tag) if TAGS[tag] in _EVENTS else _read(document, TAGS[tag])
    if cls not in FORMS:
        raise ConfigError(f"expected a class that has a dict form, got {cls.__name__}")
    return _read(document, cls)


def event_from_dict(data: object, /) -> Event:
    """Make an event from its dict form; one of a newer version becomes an UnknownEvent.

    It is of a newer version when its type is unknown, or when it has a key that its type has not here.

    Raises:
        ConfigError: when it is no object with a type, or not of the form that its type names.
    """
    document = plain(data)
    return _event(document, _tag(document))


def _unknown_dict(event: UnknownEvent) -> JSON:
    if event.data.get("type") != event.type:
        raise ConfigError(
            f"expected the type {shown(event.type)} in the data of an UnknownEvent, got another"
        )
    return plain(event.data)


def _tag(document: JSON) -> str:
    if not isinstance(document, dict):
        raise ConfigError(f"expected an object, got {named(document)}, at the top")
    tag = cast("JSONObject", document).get("type")
    if not isinstance(tag, str):
        raise ConfigError(f"expected the name of a type, got {named(tag)}, at type")
    return tag


def _event(document: JSONObject, tag: str) -> Event:
    cls = TAGS.get(tag)
    if cls not in _EVENTS:
        return UnknownEvent(tag, document)
    try:
        return cast("Event", converter().structure(document, cls))
    except _failures() as error:
        if has_unknown_keys(error):
            return UnknownEvent(tag, document)
        raise refusal(error) from error


def _read(document: JSON, cls: type) -> object:
    try:
        return cast("object", converter().structure(document, cls))
    except _failures() as error:
        raise refusal(error) from error


def _failures() -> tuple[type[Exception], ...]:
    from cattrs.errors import BaseValidationError

    return BaseValidationError, Misfit, RecursionError
