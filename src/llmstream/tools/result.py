"""A tool result made from what a function gave, or from why it gave nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeGuard, cast

from llmstream.errors import ToolError
from llmstream.jsontext import JSONError, dumps
from llmstream.tools.limits import ToolLimits
from llmstream.values.content import Attachment, ToolCallPart, ToolResultPart

# Of an exception's message: it may quote what it failed on.
_MOST_MESSAGE = 10_000
_MOST_NAME = 100
_MOST_DEPTH = 100


def result_of(call: ToolCallPart, value: object, limits: ToolLimits, /) -> ToolResultPart:
    """The result of a call: text as it is, other values as JSON text, attachments beside it.

    Raises:
        ToolError: when the value is too large, or none that JSON can say.
    """
    rest, files = _parted(value)
    size = sum(len(file.data or b"") for file in files)
    if size > limits.attachments:
        raise ToolError(f"expected at most {limits.attachments} bytes of attachments, got {size}")
    return ToolResultPart(call.id, call.name, output=_text(rest, limits.text), attachments=files)


def failure(call: ToolCallPart, message: str, /, *, error: str | None = None) -> ToolResultPart:
    """The result of a call that was not made, or failed; `error` is kept beside what the model is told."""
    return ToolResultPart(call.id, call.name, output=message, error=message if error is None else error)


def raised(call: ToolCallPart, error: BaseException, /) -> ToolResultPart:
    """The result of a call whose tool raised."""
    message = said(error)
    return failure(call, f"Error: {message}", error=f"{type(error).__name__}: {message}")


def said(error: BaseException, /) -> str:
    """An exception's message, cut where it is very long."""
    try:
        text = str(error) or type(error).__name__
    except Exception as failed:  # noqa: BLE001 - somebody else's __str__
        text = f"{type(error).__name__}, whose message raised {type(failed).__name__}"
    return text if len(text) <= _MOST_MESSAGE else f"{text[:_MOST_MESSAGE]}…"


def shown(name: str, /) -> str:
    """A name that a model wrote, with what a terminal would obey escaped, and cut."""
    text = "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape", "surrogatepass").decode()
        for sign in name[:_MOST_NAME]
    )
    return text if len(name) <= _MOST_NAME else f"{text}…"


def _parted(value: object) -> tuple[object, tuple[Attachment, ...]]:
    """What is text or JSON of a value, and its attachments."""
    if isinstance(value, Attachment):
        return "", (value,)
    if not isinstance(value, list | tuple):
        return value, ()
    items = cast("tuple[object, ...] | list[object]", value)
    files = tuple(item for item in items if isinstance(item, Attachment))
    if not files:
        return items, ()
    rest = [item for item in items if not isinstance(item, Attachment)]
    if _are_texts(rest):
        return "\n".join(rest), files
    return (rest[0] if len(rest) == 1 else rest), files


def _are_texts(items: list[object]) -> TypeGuard[list[str]]:
    return all(isinstance(item, str) for item in items)


def _text(value: object, most: int) -> str:
    if isinstance(value, str):
        text = value
    elif value is None:
        text = ""
    else:
        # Before it is written: a text of a gigabyte would be one in memory first.
        _measured(value, most)
        text = _json(value)
    if len(text) > most:
        raise ToolError(f"expected a result of at most {most} characters, got {len(text)}")
    return text


def _json(value: object) -> str:
    dump: Callable[..., Any] | None = getattr(value, "model_dump", None)
    plain = dump(mode="json") if dump is not None and not isinstance(value, type) else value
    try:
        return dumps(plain)
    except (JSONError, TypeError, ValueError, OverflowError) as error:
        raise ToolError(f"expected a result that JSON can say, got {type(value).__name__}: {error}") from None


def _measured(value: object, most: int) -> None:
    """Refuse what is too large, too deep, or goes in a circle; what is no container is left to be written."""
    level: list[object] = [value]
    size = depth = 0
    while level:
        depth += 1
        if depth > _MOST_DEPTH:
            raise ToolError(f"expected a result of at most {_MOST_DEPTH} levels, got more, or a circle")
        below: list[object] = []
        for item in level:
            size += len(item) if isinstance(item, str | bytes | bytearray) else 1
            inside = _inside(item)
            if size + len(below) + len(inside) > most:
                raise ToolError(f"expected a result of at most {most} characters, got more")
            below.extend(inside)
        level = below


def _inside(item: object) -> list[object] | tuple[object, ...]:
    if isinstance(item, bytes | bytearray):
        raise ToolError("expected text, JSON or attachments as a result, got bytes")
    if isinstance(item, Mapping):
        return _pairs(cast("Mapping[object, object]", item))
    if isinstance(item, list | tuple):
        return cast("list[object] | tuple[object, ...]", item)
    if isinstance(item, set | frozenset):
        return tuple(cast("Iterable[object]", item))
    return ()


def _pairs(item: Mapping[object, object]) -> list[object]:
    return [side for pair in item.items() for side in pair]
