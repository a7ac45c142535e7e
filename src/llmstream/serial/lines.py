"""Events as JSON text, one to a line: logs, recordings, `--json`.

Writing is on the way of every token that is logged, so the three events that make up nearly all of a
stream are written straight from their fields; the text is that of their dict form.
"""

from __future__ import annotations

from llmstream.errors import ConfigError
from llmstream.jsontext import JSONError, dump_bytes, loads, loads_object
from llmstream.serial.forms import event_from_dict, to_dict
from llmstream.values.events import Event, ReasoningDelta, TextDelta, ToolCallArgsDelta, UnknownEvent


def event_to_json(event: Event, /) -> bytes:
    """Write an event as one line of JSON, without its end.

    An UnknownEvent that was read from text is written as that text.

    Raises:
        ConfigError: when the event holds what JSON cannot say.
    """
    if isinstance(event, TextDelta):
        if not event.logprobs and not event.refusal:
            return b'{"type":"text_delta","index":%d,"text":%b}' % (event.index, dump_bytes(event.text))
    elif isinstance(event, ToolCallArgsDelta):
        return b'{"type":"tool_call_args_delta","index":%d,"json":%b}' % (event.index, dump_bytes(event.json))
    elif isinstance(event, ReasoningDelta):
        if not event.redacted:
            return b'{"type":"reasoning_delta","index":%d,"text":%b}' % (event.index, dump_bytes(event.text))
    elif isinstance(event, UnknownEvent) and event.text and loads_object(event.text) == event.data:
        return event.text
    return dump_bytes(to_dict(event))


def event_from_json(line: str | bytes, /) -> Event:
    """Read an event from JSON text; an UnknownEvent keeps the text, to be written again as it came.

    Raises:
        ConfigError: when the text is no JSON, or no event's form.
    """
    try:
        event = event_from_dict(loads(line))
    except JSONError as error:
        raise ConfigError(f"expected an event as JSON, got text that is none: {error}") from error
    if isinstance(event, UnknownEvent):
        return UnknownEvent(event.type, event.data, text=_kept(line))
    return event


def _kept(line: str | bytes) -> bytes | None:
    """The text without its line end; None if it could not stand on one line again."""
    try:
        text = (line if isinstance(line, str) else line.decode()).rstrip("\r\n").encode()
    except UnicodeError:
        return None
    return None if b"\n" in text or b"\r" in text else text
